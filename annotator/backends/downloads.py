"""Fetching what is missing of a pack: for the command and for the window.

``plan`` says what a pack needs and where each file has to be, and sends nothing; ``ask`` adds what
the model hub knows (the files of a repository, sizes, hashes); ``download`` fetches what is
missing. The same files can be carried there on a stick: ``Settings.into`` fills a folder for one.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from annotator.backends import downloads_hub as hub
from annotator.backends import downloads_stick, weights
from annotator.backends.downloads_file import Step, Wanted, fetch, left_over
from annotator.backends.downloads_net import Settings, connected
from annotator.backends.downloads_plan import (
    DEFAULT,
    Item,
    asked,
    known_size,
    not_downloaded,
    plan,
)
from annotator.backends.downloads_stick import carry_manifest
from annotator.core.errors import AnnotatorError
from annotator.core.records import Progress

__all__ = [
    "Item",
    "Settings",
    "ask",
    "carry_manifest",
    "download",
    "known_size",
    "not_downloaded",
    "plan",
]

T = TypeVar("T")
#: Between two reports: bytes, or seconds on a slow line.
_BYTES, _SECONDS = 2**20, 0.2


def ask(items: Sequence[Item], settings: Settings = DEFAULT) -> tuple[Item, ...]:
    """The items with what the model hub says of them, one question for each repository. Raises
    AnnotatorError when it cannot be asked."""
    with connected(settings) as client:
        asking = asked(client, items, settings, all_of_them=True)
        while True:
            try:
                next(asking)
            except StopIteration as end:
                found: tuple[Item, ...] = end.value
                return found


def download(items: Sequence[Item], settings: Settings = DEFAULT) -> Iterator[Progress]:
    """Fetch the missing items; nothing that is there and right is fetched again.

    ``done`` and ``total`` of a Progress are bytes of all items, ``total`` None while a size is not
    known; ``message`` names the file. It may be closed at any moment, and goes on the next time
    where it was. The last Progress has ``result``: "files" (each with "role", "file" below the
    models folder, "path", "size", "sha256", and "compared": "manifest", "server" or None, whose
    hash it was compared with), "downloaded" and "bytes" of those that were missing, "folder" (the
    one that was filled for another machine, or None).

    Raises AnnotatorError: one sentence that says what to do. What was fetched is kept, except for
    a file that is not what it should be.
    """
    with connected(settings) as client:
        items = yield from _told(asked(client, items, settings), 0, None, "")
        rows: dict[Path, dict[str, Any]] = {}
        missing: list[Item] = []
        for item in items:
            if item.there and not item.patterns:
                yield Progress("download", 0, None, message=f"{item.name}, comparing its hash")
                found = weights.sha256(item.path)
                if item.sha256 in ("", found):
                    rows[item.path] = _row(item, found, bool(item.sha256))
                    continue
            if not (item.there and item.patterns):
                missing.append(item)
        _check_room(missing)
        sizes = [row["size"] for row in rows.values()] + [item.size for item in missing]
        total = None if None in sizes else sum(size or 0 for size in sizes)
        before = done = sum(row["size"] for row in rows.values())
        for number, item in enumerate(missing):
            fetching = fetch(client, _wanted(item), settings, reached=number > 0)
            got = yield from _told(fetching, done, total, item.name)
            rows[item.path] = _row(item, got.sha256, got.compared)
            done += rows[item.path]["size"]
    files = [rows[item.path] for item in items if item.path in rows]
    if settings.into is not None:
        downloads_stick.write_list(settings.into, files)
    result = {
        "files": files,
        "downloaded": len(missing),
        "bytes": done - before,
        "folder": str(settings.into) if settings.into is not None else None,
    }
    yield Progress("download", done, done, result=result)


def _told(
    steps: Generator[Step, None, T], done: int, total: int | None, name: str
) -> Generator[Progress, None, T]:
    """The steps of one file (or question) as Progress, not more often than somebody can read."""
    told, when = -_BYTES, time.monotonic()
    try:
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                found: T = end.value
                return found
            now = time.monotonic()
            if step.doing or step.done - told >= _BYTES or now - when >= _SECONDS:
                told, when = step.done, now
                message = ", ".join(part for part in (name, step.doing) if part)
                yield Progress("download", done + step.done, total, message=message)
    finally:
        steps.close()


def _wanted(item: Item) -> Wanted:
    copy = item.copy
    if copy is not None and item.sha256 not in ("", weights.sha256(copy)):
        copy = None
    heads = hub.headers(item.url) if item.source.repository and copy is None else {}
    if item.source.repository and copy is None:
        hub.check_online()
    return Wanted(item.url, item.path, item.size, item.sha256, heads, copy)


def _row(item: Item, sha256: str, compared: bool) -> dict[str, Any]:
    return {
        "role": item.role,
        "file": item.name,
        "path": str(item.path),
        "size": item.path.stat().st_size,
        "sha256": sha256,
        "compared": ("manifest" if item.pinned else "server") if compared else None,
    }


def _check_room(items: Sequence[Item]) -> None:
    """Raises AnnotatorError when what is known to come does not fit on a disk."""
    needed: dict[int, int] = {}
    folders: dict[int, Path] = {}
    for item in items:
        folder = next(one for one in item.path.parents if one.is_dir())
        disk = folder.stat().st_dev
        folders.setdefault(disk, folder)
        left = max(0, (item.size or 0) - left_over(item.path))
        needed[disk] = needed.get(disk, 0) + left
    for disk, folder in folders.items():
        free = shutil.disk_usage(folder).free
        if needed[disk] > free:
            raise AnnotatorError(
                f"{needed[disk] / 1e9:.1f} GB are to come, and the disk of {folder} has "
                f"{free / 1e9:.1f} GB free: make room, or choose another folder."
            )
