"""What a pack needs of files, where each has to be, and what the model hub says of them."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from annotator.backends import downloads_hub as hub
from annotator.backends import registry
from annotator.backends.downloads_file import Step, left_over, patiently
from annotator.backends.downloads_hub import Listed, Listing
from annotator.backends.downloads_net import NotThere, Settings
from annotator.backends.downloads_source import Source
from annotator.backends.manifest import SERVED, RoleSpec
from annotator.backends.registry import Pack
from annotator.core import program
from annotator.core.errors import AnnotatorError
from annotator.core.paths import is_folder

if TYPE_CHECKING:
    import httpx2

DEFAULT = Settings()


@dataclass(frozen=True, slots=True)
class Item:
    """A file that a role needs. ``url``: where it is had; ``name``: below the models folder, with
    forward slashes; ``path``: where it has to be; ``size`` in bytes, None for unknown; ``sha256``:
    the one that the manifest pins, or (``pinned`` False) the model hub's, "" for none; ``there``:
    whether it is there, of the right size where that is known.

    Where only the hub knows which files there are, one item stands for all of them until ``ask``:
    it has ``patterns``, ``url`` is the page that lists them, ``name`` and ``path`` the folder's.
    ``copy``: where the file is on this machine, when another folder is filled.
    """

    role: str
    url: str
    name: str
    path: Path
    size: int | None = None
    sha256: str = ""
    pinned: bool = False
    there: bool = False
    patterns: tuple[str, ...] = ()
    copy: Path | None = None
    spec: RoleSpec | None = field(default=None, repr=False, compare=False)
    source: Source = field(default_factory=Source, repr=False, compare=False)


def plan(
    pack: Pack | str | Path, roles: Iterable[str] | None = None, settings: Settings = DEFAULT
) -> tuple[Item, ...]:
    """Every file that a pack (or these roles of it) can download, each once, there or not; nothing
    for roles whose weights come with a Python package, or run on a server. Looks at the disk and
    sends nothing. Raises AnnotatorError for an unknown pack or role."""
    found: dict[Path, Item] = {}
    for spec in _specs(pack, roles):
        for source in spec.downloads:
            if source.include:
                items = [_open_item(spec, source, settings)]
            else:
                names = source.files or (source.name,)
                items = [_item(spec, source, name, settings) for name in names]
            for item in _last(spec, items):
                found.setdefault(item.path, item)
    return tuple(found.values())


def not_downloaded(pack: Pack | str | Path, roles: Iterable[str] | None = None) -> list[str]:
    """A sentence for each role of a pack whose weights ``plan`` leaves out, why and what to do."""
    return list(dict.fromkeys(_why_not(spec) for spec in _specs(pack, roles) if not spec.downloads))


def known_size(items: Iterable[Item]) -> int:
    """Bytes still to fetch: of the files whose size is known; for roles with files of unknown size
    about what their manifest says in all."""
    missing = [item for item in items if not item.there]
    unknown = {one.role: one.spec for one in missing if one.size is None}
    about = sum(spec.size_bytes for spec in unknown.values() if spec is not None)
    known = (item for item in missing if item.role not in unknown)
    return about + sum(max(0, (item.size or 0) - left_over(item.path)) for item in known)


def asked(
    client: httpx2.Client, items: Sequence[Item], settings: Settings, *, all_of_them: bool = False
) -> Generator[Step, None, tuple[Item, ...]]:
    """The items with what the hub says of them, one question for each repository of which
    something is missing (or for all of them). Raises AnnotatorError."""
    missing = {_repository(item) for item in items if all_of_them or not item.there}
    listings: dict[tuple[str, str], Listing | None] = {}
    found: dict[Path, Item] = {}
    for item in items:
        key = _repository(item)
        if not key[0] or key not in missing:
            found.setdefault(item.path, item)
            continue
        if key not in listings:
            listings[key] = yield from _listing(client, item, settings)
        for one in _told(item, listings[key], settings):
            found.setdefault(one.path, one)
    return tuple(found.values())


def _specs(pack: Pack | str | Path, roles: Iterable[str] | None) -> list[RoleSpec]:
    pack = pack if isinstance(pack, Pack) else registry.load_pack(pack)
    chosen = list(roles) if roles is not None else list(pack.roles)
    for role in chosen:
        if role not in pack.specs:
            raise AnnotatorError(
                f"The pack {pack.name} has no {role}: it has {', '.join(pack.roles)}."
            )
    return [pack.specs[role] for role in chosen]


def _why_not(spec: RoleSpec) -> str:
    if spec.kind in SERVED:
        return f"The {spec.role} runs on a server: nothing is downloaded."
    if not spec.weights:
        return f"The {spec.role} needs no weights."
    if spec.file is not None and spec.file.package is not None:
        try:
            spec.file.locate()
        except AnnotatorError as error:
            return f"The {spec.role} comes with a Python package, not as a download. {error}"
        beside = "with Annotator" if program.frozen() else f"with {spec.file.package}"
        return f"The {spec.role} came {beside} and is there."
    return f"Its manifest does not say where the {spec.role} is downloaded: {spec.source or '?'}."


def _item(
    spec: RoleSpec,
    source: Source,
    name: str,
    settings: Settings,
    commit: str = "",
    listed: Listed | None = None,
) -> Item:
    """One file of a source, looked up on the disk."""
    below = f"{source.into}/{name}" if source.into else name
    here = _base(spec, source, name) / below
    path = settings.into / below if settings.into is not None else here
    size = source.sizes.get(name) if listed is None else listed.size
    pin = _pin(spec, below)
    theirs = listed.sha256 if listed is not None else ""
    if pin and theirs and pin != theirs:
        raise AnnotatorError(
            f"{source.repository} has another {name} now (SHA-256 {theirs[:12]}…) than its "
            f"manifest names ({pin[:12]}…): get a newer Annotator, or the older file."
        )
    return Item(
        role=spec.role,
        url=source.url or hub.address(source, name, settings, commit),
        name=below,
        path=path,
        size=size,
        sha256=pin or theirs,
        pinned=bool(pin),
        there=_fits(path, size),
        copy=here if path != here and _fits(here, size) else None,
        spec=spec,
        source=source,
    )


def _open_item(spec: RoleSpec, source: Source, settings: Settings) -> Item:
    """What stands for the files of a repository that only the hub can list."""
    needs = spec.folder.needs if spec.folder is not None else ""
    path = (settings.into or _base(spec, source, needs)) / source.into
    return Item(
        role=spec.role,
        url=hub.page(source, settings),
        name=source.into,
        path=path,
        there=_is_whole(path, needs),
        patterns=source.include,
        spec=spec,
        source=source,
    )


def _is_whole(folder: Path, needs: str) -> bool:
    """Whether a folder has its settings and all of its weights: those that their index names,
    where they are in several files."""
    try:
        there = {path.name for path in folder.iterdir()}
        index = folder / "model.safetensors.index.json"
        if index.name not in there:
            return needs in there and any(name.endswith(".safetensors") for name in there)
        shards = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
        return needs in there and there.issuperset(shards)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return False


def _base(spec: RoleSpec, source: Source, name: str) -> Path:
    """The folder that a source's files are below on this machine: where they, or the first of
    them, are already; else the models folder."""
    needs = spec.folder.needs if spec.folder is not None and source.repository else name
    manifests = [one.base for one in spec.weights]
    for base in (*manifests, *registry.model_folders()):
        if (base / source.into / needs).is_file():
            return base
    for base in registry.model_folders() if source.into else ():
        if is_folder(base / source.into):
            return base
    return registry.download_folder()


def _pin(spec: RoleSpec, below: str) -> str:
    """The SHA-256 that the manifest pins of a file; "" for none."""
    if spec.file is not None and below == spec.file.file:
        return spec.file.sha256.lower()
    if spec.folder is not None:
        return spec.folder.hashes.get(below.removeprefix(f"{spec.folder.folder}/"), "").lower()
    return ""


def _fits(path: Path, size: int | None) -> bool:
    try:
        return path.is_file() and (size is None or path.stat().st_size == size)
    except OSError:
        return False


def _last(spec: RoleSpec, items: Iterable[Item]) -> list[Item]:
    """The file that makes a folder a model comes last, so that half a folder is none."""
    needs = f"{spec.folder.folder}/{spec.folder.needs}" if spec.folder is not None else ""
    return sorted(items, key=lambda item: item.name == needs)


def _repository(item: Item) -> tuple[str, str]:
    return item.source.repository, item.source.revision


def _listing(
    client: httpx2.Client, item: Item, settings: Settings
) -> Generator[Step, None, Listing | None]:
    def attempt() -> Generator[Step, None, Listing]:
        yield Step(0, f"asking for the files of {item.source.repository}")
        return hub.listing(client, item.source, settings)

    try:
        return (yield from patiently(attempt, settings))
    except NotThere:
        # A mirror without such lists still has the files that a manifest names.
        if item.patterns:
            raise
        return None


def _told(item: Item, listing: Listing | None, settings: Settings) -> list[Item]:
    """What an item is once the hub has said what the repository holds."""
    spec, source = item.spec, item.source
    if spec is None or listing is None:
        return [item]
    if item.patterns:
        names = sorted(name for name in listing.files if source.matches(name))
        if spec.folder is not None and spec.folder.needs not in names:
            raise AnnotatorError(
                f"{source.repository} has no {spec.folder.needs} at {source.revision}: its files "
                "are not those that the manifest describes."
            )
    else:
        names = [item.name.removeprefix(f"{source.into}/")]
    for name in names:
        if name not in listing.files:
            raise AnnotatorError(
                f"{source.repository} has no {name} at {source.revision} any more: get a newer "
                "Annotator, or correct the manifest."
            )
    made = (_item(spec, source, one, settings, listing.commit, listing.files[one]) for one in names)
    return _last(spec, made)
