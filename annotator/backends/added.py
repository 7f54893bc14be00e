"""Packs of models that a person has on disk: `annotator models add`.

    for progress in add("grounder", Path("clip-vit-base-patch16")): ...
    progress.result    {"pack": "clip-vit-base-patch16", "path": "...", "role": "grounder", ...}

``NAME.toml`` in the person's folder of models; with ``copy`` the files too, in ``NAME/``. Free of
Qt; closing the generator stops it and leaves nothing behind."""

from __future__ import annotations

import re
import shutil
import tomllib
import unicodedata
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from annotator.backends import (
    added_base,
    added_files,
    added_try,
    own_manifests,
    registry,
    tuned,
    weights,
)
from annotator.backends.identify import Found, absolute, cached_name, identify
from annotator.backends.identify_found import UNKNOWN_LICENCE, clean
from annotator.backends.identify_tensors import files
from annotator.backends.manifest import RoleSpec
from annotator.backends.own_manifests import NAME, toml
from annotator.backends.registry import Pack
from annotator.backends.weights import WeightFile, WeightFolder
from annotator.core.errors import AnnotatorError
from annotator.core.paths import is_folder, shipped, there
from annotator.core.records import Progress

#: First line of the manifests that this module wrote and may delete.
MARK = "# A model that was added, written by Annotator: `annotator models remove` deletes it."
#: What a model's file or folder is called when it has no name of its own.
_NO_NAMES = frozenset(("", "model", "models", "weights", "checkpoint", "main", "final", "adapter"))
_KEYS = ("file", "folder", "adapter")
_KEPT = "nothing was left behind"


def add(
    role: str,
    path: Path,
    *,
    name: str = "",
    extends: str = "starter",
    base: str = "",
    copy: bool = False,
    attempt: bool = False,
) -> Iterator[Progress]:
    """Makes a pack of the model at ``path`` in a ``role`` ("" for the one that it fits); what it
    has not comes from the pack ``extends``.

    ``name``: of the pack, "" to make one from that of the file or folder. ``base``: for what works
    on top of another model, a pack or a folder. ``copy``: into the person's folder of models, else
    the model stays where it is. ``attempt``: it is loaded and asked once before a pack is made.
    The result: "pack", "path", "role", "kind", "model", "title", "size_bytes", "memory_mb",
    "licence", "sha256" (of a file), "copied", "answered" and "remarks".

    Raises AnnotatorError that says what the model is when it does not fit, for a name that is
    taken or is none, and for what cannot be read or written; nothing is left behind then.
    """
    found = identify(path)
    role = check_role(found, role)
    name = name or default_name(found)
    check_name(name)
    below = registry.load_pack(extends)
    if extends not in registry.list_packs():
        raise AnnotatorError(f"{extends} is not among the packs: name one of them to extend.")
    spec = added_base.spec(found, role, slug(_own_name(found.path)) or role, base)
    said = ""
    if attempt:
        yield Progress("load", 0, None, message="and ask it once")
        trial = Pack(name, name, "", _manifest(name), {**below.specs, role: spec})
        said = added_try.answer(trial, role)
    if spec.file is not None and not spec.file.sha256:
        spec = yield from _pinned(spec)
    if copy:
        yield from _copied(found, spec, name, extends, said)
    else:
        _write(name, spec, found, extends)
        yield _done(name, spec, found, said, copied=False)


def check_role(found: Found, role: str) -> str:
    """The role, or the only one there is for "". Raises AnnotatorError that says what it is."""
    if found.reason:
        raise AnnotatorError(found.reason)
    fits = "the role" if len(found.roles) == 1 else "the roles"
    says = f"{found.path} is {found.title}: it fits {fits} {_and(found.roles)}"
    if not role and len(found.roles) == 1:
        return found.roles[0]
    if not role:
        raise AnnotatorError(f"{says}; say which one.")
    if role not in found.fits:
        raise AnnotatorError(f"{says}, not {role}.")
    return role


def check_name(name: str) -> None:
    """Raises AnnotatorError for what is no name of a pack, and for one that is taken."""
    own_manifests.check_name(name)
    taken = _manifest(name)
    if name in registry.list_packs() or there(taken):
        raise AnnotatorError(f"There is a pack {name} already: choose another name with --name.")


def default_name(found: Found) -> str:
    """A name for the pack, out of that of the file or folder; "my-" before one that a shipped
    pack has."""
    made = slug(_own_name(found.path))
    made = made if made not in _NO_NAMES else slug(found.label) or "model"
    mine = any(one.stem == made for one in shipped("models").glob("*.toml"))
    return f"{'my-' if mine else ''}{made}"[:64].rstrip("-_")


def slug(text: str) -> str:
    """Small letters, digits, - and _, as names of packs and models have them."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_")


def delete(name: str) -> list[Path]:
    """Deletes a pack that was added, and its files where they were copied; what was deleted. A
    model that stayed where it was stays there. ``tuned.remove`` has checked that nothing extends
    it. Raises AnnotatorError when something cannot be deleted."""
    path, home = _manifest(name), tuned.home(name)
    own = [home / part for part in _copies(path, name)]
    gone = []
    try:
        for one in (path, *own, *added_files.stale(home.parent, name)):
            if not there(one) and not one.is_symlink():
                continue
            if is_folder(one) and not one.is_symlink():
                shutil.rmtree(one)
            else:
                one.unlink()
            gone.append(one)
        if own and is_folder(home) and not home.is_symlink() and not any(home.iterdir()):
            home.rmdir()
    except OSError as error:
        raise AnnotatorError(
            f"{error.filename} could not be deleted ({error.strerror}): see to its permissions "
            "and try again."
        ) from error
    return gone


def _copies(path: Path, name: str) -> list[str]:
    """Names of the files and folders in ``NAME/`` that the manifest owns: no others are deleted,
    whatever somebody wrote into it since."""
    found = []
    try:
        roles = tomllib.loads(path.read_text(encoding="utf-8")).get("roles", {})
    except (OSError, ValueError):
        return []
    for facts in roles.values():
        places = [str(facts[key]) for key in _KEYS if key in facts]
        parts = [Path(place).parts for place in places]
        found += [one[1] for one in parts if len(one) == 2 and one[0] == name and one[1] != ".."]
    return list(dict.fromkeys(found))


def _pinned(spec: RoleSpec) -> Generator[Progress, None, RoleSpec]:
    """The spec with the SHA-256 of its file; licence and source too where it is a published one."""
    assert spec.file is not None
    path = spec.file.locate()
    digest = yield from added_files.sha256(path)
    weights.remember(path, digest)
    spec = replace(spec, file=replace(spec.file, sha256=digest))
    for one in shipped("models").glob("*.toml"):
        for other in registry.load_pack(one.stem).specs.values():
            if other.file is not None and other.file.sha256 == digest:
                return replace(spec, licence=other.licence, source=other.source)
    return spec


def _copied(found: Found, spec: RoleSpec, name: str, extends: str, said: str) -> Iterator[Progress]:
    home = tuned.home(name)
    if there(home) or home.is_symlink():
        raise AnnotatorError(f"There is a folder {home} already: choose another name with --name.")
    new: dict[str, str] = {}
    wanted: list[tuple[Path, Path]] = []
    for key in _KEYS:
        one = getattr(spec, key)
        if one is None or _below(one.locate()) is not None:
            continue
        path = one.locate()
        inner = path.name if path.is_file() else slug(_own_name(path)) or key
        wanted += (
            [(path, Path(inner))]
            if path.is_file()
            else [(each, inner / place) for each, place in files(path)]
        )
        new[key] = f"{name}/{inner}"
    if not new:
        raise AnnotatorError(f"{found.path} is in the folder of models already: leave --copy out.")
    with added_files.whole(home) as part:
        yield from added_files.copy(wanted, part)
    try:
        changed = {
            key: replace(getattr(spec, key), **_named(key, place)) for key, place in new.items()
        }
        spec = replace(spec, **changed)
        _write(name, spec, found, extends)
    except BaseException:
        shutil.rmtree(home, ignore_errors=True)
        raise
    yield _done(name, spec, found, said, copied=True)


def _named(key: str, place: str) -> dict[str, Any]:
    return {"file" if key == "file" else "folder": place, "base": registry.user_models()}


def _write(name: str, spec: RoleSpec, found: Found, extends: str) -> None:
    text = "\n".join(_lines(name, spec, found, extends)) + "\n"
    own_manifests.write(_manifest(name), text, tuned.known_packs(), _KEPT)


def _lines(name: str, spec: RoleSpec, found: Found, extends: str) -> Iterator[str]:
    says = (
        f"{found.title[0].upper()}{found.title[1:]}, added by hand; the rest is that of {extends}."
    )
    yield from (MARK, "", f"name = {toml(name)}", f"title = {toml(f'{found.label}: {spec.model}')}")
    yield from (f"description = {toml(says)}", f"extends = {toml(extends)}", "")
    values: dict[str, Any] = {"kind": spec.kind, "model": spec.model}
    for key in _KEYS:
        one = getattr(spec, key)
        if one is not None:
            values[key] = _place(one)
    if spec.file is not None:
        values["sha256"] = spec.file.sha256
    values |= {
        "licence": spec.licence,
        "size_bytes": spec.size_bytes,
        "memory_mb": spec.memory_mb,
        "source": spec.source,
    }
    yield f"[roles.{spec.role}]"
    yield from (f"{key} = {toml(value)}" for key, value in values.items())
    if spec.options:
        yield from ("", f"[roles.{spec.role}.options]")
        yield from (f"{toml(key)} = {toml(value)}" for key, value in spec.options.items())
    for prompt in spec.prompts:
        yield from ("", f"[[roles.{spec.role}.prompts]]")
        yield from (f"name = {toml(prompt.name)}", f"text = {toml(prompt.text)}")
        yield f"strategy = {toml(prompt.strategy)}"
        if prompt.correction:
            yield f"correction = {toml(prompt.correction)}"


def _place(one: WeightFile | WeightFolder) -> str:
    """As a manifest names it: below a folder of models, or absolute."""
    path = one.locate()
    return _below(path) or str(path)


def _below(path: Path) -> str | None:
    """The path in one of the folders of models; None for one that is elsewhere."""
    for folder in registry.model_folders():
        home = absolute(folder)
        if path.is_relative_to(home):
            return path.relative_to(home).as_posix()
    return None


def _done(name: str, spec: RoleSpec, found: Found, said: str, *, copied: bool) -> Progress:
    result: Mapping[str, Any] = {
        "pack": name,
        "path": str(_manifest(name)),
        "role": spec.role,
        "kind": spec.kind,
        "model": spec.model,
        "title": found.title,
        "size_bytes": spec.size_bytes,
        "memory_mb": spec.memory_mb,
        "licence": spec.licence or UNKNOWN_LICENCE,
        "sha256": spec.file.sha256 if spec.file is not None else None,
        "copied": copied,
        "answered": said,
        "remarks": list(found.remarks),
    }
    return Progress("add", 1, 1, result=result)


def _manifest(name: str) -> Path:
    return registry.user_models() / f"{name}.toml"


def _own_name(path: Path) -> str:
    """What a model is called: a folder of Hugging Face's cache by its repository."""
    cached = cached_name(path)
    if cached and path.is_dir():
        return clean(cached.rpartition("/")[2])
    return path.stem if path.is_file() else path.name


def _and(words: tuple[str, ...]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


__all__ = ["MARK", "NAME", "add", "check_name", "check_role", "default_name", "delete"]
