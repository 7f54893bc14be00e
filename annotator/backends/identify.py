"""What a file or a folder is, and which roles it fits: nothing in it runs, and no weights are read.

    found = identify(Path("clip-vit-base-patch16"))
    found.title    "a CLIP model"
    found.fits     {"grounder": "clip-grounder"}: role -> kind of adapter; empty when nothing fits
    found.reason   then, a sentence that says why, and what to do

Free of Qt; takes a fraction of a second, and some seconds where a library has to be imported first:
a window calls it in a worker thread."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from annotator.backends import identify_checkpoints, identify_folders, identify_looks, registry
from annotator.backends.clip_lora import CONFIG, WEIGHTS
from annotator.backends.identify_found import WHAT_FITS, Found, Unfit, is_regular, start_of
from annotator.backends.identify_tensors import listed
from annotator.core.errors import AnnotatorError
from annotator.core.paths import is_folder, there

__all__ = ["Found", "identify"]

#: Folders looked into for a model, and how deep: those of Hugging Face's cache are three deep.
_MOST_FOLDERS, _DEEPEST = 300, 4
_PARTS = frozenset(
    ("config.json", CONFIG, WEIGHTS, "pytorch_model.bin", "tokenizer.json", "model_index.json")
)
_WEIGHTS = ("model.safetensors", "pytorch_model.bin", WEIGHTS)
_ONE_FILE = (".pth", ".pt", ".gguf", ".safetensors", ".ckpt")
_CACHED = "models--"


def identify(path: Path) -> Found:
    """What is at ``path``. Raises AnnotatorError when nothing is there or it cannot be looked at;
    what is there and fits nothing is a Found with a ``reason``."""
    path = _reachable(path)
    path = _whole(path)
    try:
        found = _look(path)
    except AnnotatorError as error:
        return Found(path, label="", title="not a model that is used here", reason=str(error))
    return replace(found, source=found.source or _source(path))


def _reachable(path: Path) -> Path:
    """The absolute path of a file or folder that is there."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        raise AnnotatorError(f"The name {str(path)!a} is not Unicode: rename it.") from None
    path = absolute(path)
    if path.is_symlink() and not there(path):
        raise AnnotatorError(
            f"{path} is a link to {path.readlink()}, which is not there: correct the link."
        )
    try:
        path.stat()
        if path.is_dir():
            next(path.iterdir(), None)
    except OSError as error:
        raise AnnotatorError(
            f"{path} cannot be looked at ({error.strerror}): check the path and its permissions."
        ) from error
    if not path.is_dir() and not is_regular(path):
        raise AnnotatorError(f"{path} is neither a file nor a folder: choose another.")
    return path


def absolute(path: Path) -> Path:
    """Without ".." in it, and with its links as they are: a cache is made of them."""
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - it follows links otherwise


def _whole(path: Path) -> Path:
    """The folder of a model whose part was named."""
    home = path.parent
    part = path.name in _PARTS or (path.name.startswith("model") and path.suffix == ".safetensors")
    if part and path.is_file() and any(is_regular(home / one) for one in ("config.json", CONFIG)):
        return home
    return path


def _look(path: Path) -> Found:
    if not path.is_dir():
        start = identify_looks.check(path)
        if path.suffix == ".toml" and b"[roles." in start_of(path, 64 * 1024):
            raise Unfit(f"{path} is the manifest of a pack: put it into {registry.user_models()}.")
        return identify_checkpoints.look(path, start)
    if is_regular(path / "config.json") or is_regular(path / CONFIG):
        return identify_folders.look(path)
    if is_regular(path / "model_index.json"):
        raise Unfit(f"{path} is a pipeline that draws images, and fits no role: {WHAT_FITS}.")
    if any(is_regular(path / one) for one in _WEIGHTS) or any(path.glob("model-*.safetensors")):
        raise Unfit(f"{path} has the weights of a model and lacks its config.json: get it too.")
    inner = [str(one.relative_to(path)) for one in _inside(path, _DEEPEST, [_MOST_FOLDERS])]
    if len(inner) == 1:
        raise Unfit(f"{path} is no model, but {path / inner[0]} in it may be one: add that.")
    if inner:
        raise Unfit(f"{path} holds several models ({listed(inner)}): add one of them.")
    raise Unfit(
        f"{path} holds no model: a folder of one has a config.json, and weights as safetensors."
    )


def _inside(folder: Path, depth: int, left: list[int]) -> Iterator[Path]:
    """Models below a folder, links to folders not followed; ``left``: how many folders are still
    looked into."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for one in entries:
        if is_regular(one):
            if one.suffix in _ONE_FILE and one.stat().st_size > 0:
                yield one
        elif is_folder(one) and not one.is_symlink() and not one.name.startswith(".") and left[0]:
            left[0] -= 1
            if is_regular(one / "config.json") or is_regular(one / CONFIG):
                yield one
            elif depth > 1:
                yield from _inside(one, depth - 1, left)


def cached_name(path: Path) -> str:
    """ "owner/name" of a folder or file in Hugging Face's cache, else ""."""
    for part in path.parts:
        if part.startswith(_CACHED):
            return "/".join(part.removeprefix(_CACHED).split("--", 1))
    return ""


def _source(path: Path) -> str:
    name = cached_name(path)
    return f"Hugging Face {name}" if name else str(path)
