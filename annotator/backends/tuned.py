"""Packs whose grounder was fine-tuned here: a manifest of the person's, and a folder beside it.

``NAME.toml`` and ``NAME/`` in the person's folder of models; in the folder the LoRA
(``adapter``), the losses, and checkpoints while a training is not at its end.
"""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from annotator.backends import own_manifests, registry
from annotator.backends.manifest import RoleSpec
from annotator.backends.own_manifests import NAME, marked, toml
from annotator.backends.registry import Pack
from annotator.backends.weights import WeightFile, WeightFolder
from annotator.core.errors import AnnotatorError
from annotator.core.paths import there

#: First line of the manifests that this module wrote and may delete.
_OURS = "# A fine-tuned grounder, written by Annotator: `annotator models remove` deletes it."
ADAPTER, CHECKPOINTS, LOSSES, PLOT = "adapter", "checkpoints", "losses.csv", "losses.png"
_TUNED = ", fine-tuned"
_CONTENT = frozenset({ADAPTER, CHECKPOINTS, LOSSES, PLOT})


def home(name: str) -> Path:
    """The folder of a pack of that name; it need not exist."""
    return registry.user_models() / name


def check_name(name: str) -> None:
    """Raises AnnotatorError for what is no name of a pack, and for one that is taken."""
    own_manifests.check_name(name)
    path = registry.user_models() / f"{name}.toml"
    if there(path):
        remedy = f", or first: annotator models remove {name}" if marked(path, _OURS) else ""
        raise AnnotatorError(f"There is a pack {name} already: choose another name{remedy}.")
    _check_folder(home(name))


def extended(pack: Pack) -> str:
    """The name of the pack that a fine-tuned one extends: ``pack``, or, when that is fine-tuned
    itself, the one below it, so that it can be removed. Raises AnnotatorError for a manifest that
    is not among the packs."""
    base = pack.path.stem
    if known_packs().get(base) != pack.path:
        raise AnnotatorError(
            f"The manifest {pack.path} is not among the packs: move it into "
            f"{registry.user_models()} first."
        )
    return str(_facts(pack.path)["extends"]) if marked(pack.path, _OURS) else base


def write_pack(base: Pack, name: str, adapter: Path, facts: Mapping[str, Any]) -> Path:
    """The manifest of ``base`` with the LoRA in ``adapter`` on its grounder.

    ``facts``: what it was trained on, for its description: "pairs", "images", "steps", "text"
    and "date". Raises AnnotatorError for a name that is taken or is none, an adapter that is not
    there, and when the file cannot be written.
    """
    check_name(name)
    below, spec = extended(base), base.specs["grounder"]
    if not (adapter / "adapter_config.json").is_file():
        raise AnnotatorError(f"There is no adapter in {adapter}: train it again.")
    says = (
        f"Fine-tuned by text-tag self-distillation on {facts['pairs']} pairs of text and image "
        f"({facts['images']} images, {facts['text']}) in {facts['steps']} steps, {facts['date']}."
    )
    lines = [
        _OURS,
        "",
        f"name = {toml(name)}",
        f"title = {toml(base.title.removesuffix(_TUNED) + _TUNED)}",
        f"description = {toml(says)}",
        f"extends = {toml(below)}",
        "",
        *_role(spec, adapter),
    ]
    path = registry.user_models() / f"{name}.toml"
    text = "\n".join(lines) + "\n"
    own_manifests.write(path, text, known_packs(), "the training is kept")
    return path


def remove(name: str) -> list[Path]:
    """Deletes a fine-tuned pack of the person's with its folder, also one whose training was not
    at its end, a pack that was added, or one of a server; what was deleted. Files in that folder
    that are not of a training stay, and a model that was added from elsewhere. Raises
    AnnotatorError for any other pack, one that another pack extends, and when something cannot be
    deleted."""
    from annotator.backends import added, servers

    path, folder = registry.user_models() / f"{name}.toml", home(name)
    if not NAME.match(name) or not (there(path) or (folder / CHECKPOINTS).is_dir()):
        if name in registry.list_packs():
            raise AnnotatorError(f"The pack {name} comes with Annotator and stays.")
        raise AnnotatorError(f"There is no pack {name[:64]} that was made here in {path.parent}.")
    marks = (_OURS, added.MARK, servers.MARK)
    if there(path) and not any(marked(path, mark) for mark in marks):
        raise AnnotatorError(
            f"The pack {name} was not made by Annotator: delete {path} yourself if you want to."
        )
    for other, where in known_packs().items():
        bases = _facts(where).get("extends", [])
        if other != name and name in ([bases] if isinstance(bases, str) else bases):
            raise AnnotatorError(f"The pack {other} extends {name}: delete {where} first.")
    if there(path) and marked(path, added.MARK):
        return added.delete(name)
    if there(path) and marked(path, servers.MARK):
        return servers.delete(path)
    if folder.is_symlink():
        raise AnnotatorError(f"{folder} is a link to another folder: delete it yourself.")
    gone = []
    try:
        # What a program that died was writing is hidden there.
        rest = sorted(one for one in folder.glob(".*") if one.suffix in (".part", ".old"))
        for one in (path, *(folder / part for part in sorted(_CONTENT)), *rest):
            if not there(one) and not one.is_symlink():
                continue
            if one.is_dir() and not one.is_symlink():
                shutil.rmtree(one)
            else:
                one.unlink()
            gone.append(one)
    except OSError as error:
        raise AnnotatorError(
            f"{error.filename} could not be deleted ({error.strerror}): see to its permissions "
            "and try again."
        ) from error
    with suppress(OSError):
        folder.rmdir()  # only when nothing else is in it
    return gone


def _check_folder(folder: Path) -> None:
    """Raises AnnotatorError when a training would write into a folder of something else."""
    try:
        others = {one.name for one in folder.iterdir() if not one.name.startswith(".")} - _CONTENT
    except FileNotFoundError:
        return
    except OSError as error:
        raise AnnotatorError(
            f"{folder} is no folder that can be used ({error.strerror}): choose another name."
        ) from error
    if others or folder.is_symlink():
        raise AnnotatorError(f"There is another folder at {folder}: choose another name.")


def _role(spec: RoleSpec, adapter: Path) -> Iterator[str]:
    home = registry.user_models()
    assert spec.folder is not None
    inside = adapter.is_relative_to(home)
    # One that was fine-tuned before has its own LoRA counted in; this one takes its place.
    before = _size(spec.adapter.locate()) if spec.adapter is not None else 0
    values: dict[str, Any] = {
        "kind": spec.kind,
        "model": spec.model,
        "folder": _place(spec.folder),
        "adapter": adapter.relative_to(home).as_posix() if inside else str(adapter),
        "licence": spec.licence,
        "size_bytes": spec.size_bytes - before + _size(adapter),
        "memory_mb": spec.memory_mb,
        "source": spec.source,
    }
    if spec.file is not None:
        values["file"] = _place(spec.file)
        if spec.file.sha256:
            values["sha256"] = spec.file.sha256
    yield "[roles.grounder]"
    yield from (f"{key} = {toml(value)}" for key, value in values.items())
    for table, rows in (("hashes", spec.folder.hashes), ("options", spec.options)):
        if rows:
            yield from ("", f"[roles.grounder.{table}]")
            yield from (f"{toml(key)} = {toml(value)}" for key, value in rows.items())


def _size(folder: Path) -> int:
    return sum(one.stat().st_size for one in folder.iterdir())


def _place(weights: WeightFile | WeightFolder) -> str:
    """Where they are: as it was written, where that is found from the person's folder too."""
    path = weights.locate()
    return weights.name if path == registry.user_models() / weights.name else str(path)


def known_packs() -> dict[str, Path]:
    """Name -> manifest of all packs that can be read."""
    found = {}
    for name in registry.list_packs():
        with suppress(AnnotatorError):
            found[name] = registry.load_pack(name).path
    return found


def _facts(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))
