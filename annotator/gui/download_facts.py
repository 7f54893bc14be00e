"""What a form says before models are fetched: which, how large, from where, to where, and under
which licence. Read on a worker; nothing is sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from annotator.gui.words import plural, size_words

if TYPE_CHECKING:
    from annotator.backends.downloads import Item
    from annotator.backends.manifest import RoleSpec

#: What each role does, for a person who does not know its name.
ROLE_WORDS = {
    "tagger": "Tags",
    "language_model": "Groups of words",
    "embedder": "Meanings of words",
    "grounder": "Heatmaps",
    "refiner": "Masks",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One role with something to fetch. ``bytes``: still to come, about where not ``exact``;
    ``wanted``: needed for what the person was about to do."""

    role: str
    model: str
    licence: str
    hosts: tuple[str, ...]
    items: tuple[Item, ...]
    bytes: int
    exact: bool
    wanted: bool

    @property
    def title(self) -> str:
        about = "" if self.exact else "about "
        return f"{ROLE_WORDS[self.role]}: {self.model}, {about}{size_words(self.bytes)}"

    @property
    def details(self) -> str:
        """Which files from where, and the licence."""
        missing = [item for item in self.items if not item.there]
        names = [item.name.rpartition("/")[2] for item in missing if not item.patterns]
        kinds = [pattern for item in missing for pattern in item.patterns]
        files = [", ".join(names)] if len(names) <= 3 else [plural(len(names), "file")]
        files += ["the files " + ", ".join(kinds)] if kinds else []
        place = " and ".join(self.hosts)
        return f"{' and '.join(filter(None, files))} from {place}. Licence: {self.licence}."


@dataclass(frozen=True, slots=True)
class Plan:
    """``parts``: empty when nothing of the pack is missing that can be fetched. ``folder``: where
    it goes to. ``signed``: a key of the model hub that is set up here is sent along."""

    pack: str
    title: str
    parts: tuple[Part, ...]
    folder: Path
    signed: bool


def read_plan(pack: str, wanted: Iterable[str]) -> Plan:
    """What is missing of a pack; ``wanted``: the roles that are needed now."""
    from annotator.backends import downloads, downloads_hub, registry

    found = registry.load_pack(pack)
    needed = set(wanted)
    parts = []
    for role, spec in found.specs.items():
        if not spec.downloads:
            continue
        items = downloads.plan(found, (role,))
        if any(not item.there for item in items):
            parts.append(_part(spec, items, downloads.known_size(items), role in needed))
    urls = [item.url for part in parts for item in part.items]
    signed = any("Authorization" in downloads_hub.headers(url) for url in urls)
    return Plan(pack, found.title or pack, tuple(parts), registry.download_folder(), signed)


def ask_files(parts: Sequence[Part]) -> list[Item]:
    """The files of these parts with what the model hub says of them: it is asked."""
    from annotator.backends import downloads

    return list(downloads.ask(items_of(parts)))


def items_of(parts: Sequence[Part]) -> tuple[Item, ...]:
    """The files of several parts, each once."""
    return tuple({item.path: item for part in parts for item in part.items}.values())


def file_list(items: Iterable[Item]) -> str:
    """For a person who carries the files here: address, size, hash and place of each."""
    blocks = []
    for item in items:
        if item.there:
            continue
        if item.patterns:
            kinds = ", ".join(item.patterns)
            blocks.append(f"{item.url}\n  the files {kinds}\n  into the folder {item.path}")
            continue
        size = f"{item.size:,} bytes" if item.size is not None else "size not known yet"
        proof = f"SHA-256 {item.sha256}" if item.sha256 else "no SHA-256 known"
        blocks.append(f"{item.url}\n  {size}, {proof}\n  to {item.path}")
    return "\n\n".join(blocks)


def is_open(items: Iterable[Item]) -> bool:
    """Whether more could be said of the files by asking for their list."""
    return any(not item.there and (item.patterns or item.size is None) for item in items)


def _part(spec: RoleSpec, items: tuple[Item, ...], size: int, wanted: bool) -> Part:
    missing = [item for item in items if not item.there]
    hosts = tuple(dict.fromkeys(_host(item) for item in missing))
    exact = all(item.size is not None for item in missing)
    return Part(spec.role, spec.model, spec.licence, hosts, items, size, exact, wanted)


def _host(item: Item) -> str:
    host = urlsplit(item.url).netloc.rpartition("@")[2]
    return f"{host}/{item.source.repository}" if item.source.repository else host
