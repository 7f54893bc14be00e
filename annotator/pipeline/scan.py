"""Finds the images of the folder, and reads what is new or changed.

First the files are listed by name, size and time, so that they can be shown at once; then each
new or changed one is read: its content hash, its size, and whether all of it decodes (JPEGs at an
eighth of their size), so a file that is cut off is known before anything works with it. Both
parts write in batches: a scan that was stopped goes on where it was, and a scan of an unchanged
folder only looks at names, sizes and times. Images that failed are tried again every time: a
permission or a decoder may have been the reason.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from annotator.core import images
from annotator.core.errors import AnnotatorError
from annotator.core.records import Failure, Image, Progress
from annotator.pipeline.ahead import ahead
from annotator.pipeline.files import image_path, require_folder
from annotator.pipeline.listing import Listed, Listing
from annotator.pipeline.pages import Pace, drained
from annotator.project import queries, store
from annotator.project.project import Project
from annotator.project.sqlite import sqlite3

#: The first batch is small: a window shows it while the rest is listed.
FIRST_BATCH = 64
LIST_BATCH = 2000
READ_BATCH = 256


@dataclass(slots=True)
class _Changes:
    """What a scan found. ``lost``: content hash -> number of images whose path is gone."""

    added: int = 0
    changed: set[int] = field(default_factory=set)
    moved: int = 0
    missing: int = 0
    lost: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Read:
    """What reading a file gave: a hash and a probe, or a reason (and perhaps still a hash)."""

    image: Image
    file: store.FileSeen | None
    hash: str | None
    probe: images.Probe | None
    reason: str | None


def scan(project: Project) -> Iterator[Progress]:
    """Brings the project's images up to date with its folder; yields "list", then "read".

    The last Progress has ``done`` (images read now), ``failed``, ``added``, ``changed``,
    ``moved``, ``missing``, ``images`` and ``seconds``. A file that cannot be read is a Failure
    and gets its reason in the project; so is a subfolder, whose images stay as they are. A moved
    file keeps its image: its content is known again where its old path is gone. Raises
    AnnotatorError, with nothing marked as missing, when the folder is gone or holds no images.
    """
    start = time.monotonic()
    changes = _Changes()
    closed = yield from _list(project, changes)
    pace = yield from _read_all(project, changes)
    with project.read() as db:
        count = queries.status_counts(db)["all"]
    done = pace.done - len(pace.failures)
    pace.failures.extend(closed)
    yield pace.last(
        done=done,
        images=count,
        added=changes.added - changes.moved,
        changed=len(changes.changed),
        moved=changes.moved,
        missing=max(0, changes.missing - changes.moved),
        seconds=time.monotonic() - start,
    )


def _list(project: Project, changes: _Changes) -> Generator[Progress, None, list[Failure]]:
    """Returns the failures of the listing itself."""
    listing = Listing(project.folder)
    with project.read() as db:
        known = store.known_files(db)
    had_images = bool(known)
    pace = Pace("list", None)
    for batch in _batches(listing):
        new: list[store.FileSeen] = []
        for file in batch:
            before = known.pop(file.path, None)
            same = before is not None and (before.bytes, before.mtime_ns) == (
                file.bytes,
                file.mtime_ns,
            )
            if before is not None and same and not before.missing:
                continue
            new.append(store.FileSeen(file.path, file.bytes, file.mtime_ns))
            if before is None:
                changes.added += 1
            elif not same:
                changes.changed.add(before.id)
        if new:
            with project.write("images") as db:
                store.upsert_images(db, new)
        pace.step(count=len(batch))
        yield pace.progress(batch[-1].path)
    if pace.done == 0:
        raise _no_images(project, had_images, listing.failed)
    require_folder(project)
    gone = []
    for path, row in known.items():
        if any(path.startswith(shut) for shut in listing.closed):
            continue  # its folder could not be read: nobody knows
        if row.hash is not None:
            changes.lost[row.hash] += 1
        if not row.missing:
            gone.append(row.id)
    for start in range(0, len(gone), LIST_BATCH):
        with project.write("images") as db:
            store.mark_missing(db, gone[start : start + LIST_BATCH])
    changes.missing = len(gone)
    yield Progress("list", pace.done, pace.done, tuple(listing.failed))
    return listing.failed


def _no_images(project: Project, had_images: bool, failed: list[Failure]) -> AnnotatorError:
    if failed:
        return AnnotatorError(
            f"No image in {project.folder} can be read: {failed[0].image}: {failed[0].reason}."
        )
    if had_images:
        return AnnotatorError(
            f"The folder {project.folder} holds no images any more: connect its disk or put them "
            "back; nothing was changed."
        )
    return AnnotatorError(
        f"The folder {project.folder} holds no images: put JPEG, PNG, WebP, BMP, GIF, TIFF, HEIC "
        "or AVIF files there and scan again."
    )


def _read_all(project: Project, changes: _Changes) -> Generator[Progress, None, Pace]:
    """Returns the Pace, which holds the failures."""
    with project.read() as db:
        waiting = store.unread_images(db)
        waiting += queries.images(db, queries.image_ids(db, status="unreadable"))
    pace = Pace("read", len(waiting))
    yield pace.progress()
    batch: list[_Read] = []
    for result in ahead(lambda image: _read(project, image), drained(waiting), depth=READ_BATCH):
        batch.append(result)
        pace.step(None if result.reason is None else Failure(result.image.path, result.reason))
        if len(batch) >= READ_BATCH or pace.due():
            _write(project, batch, changes)
            batch = []
            yield pace.progress(result.image.path)
    _write(project, batch, changes)
    return pace


def _read(project: Project, image: Image) -> _Read:
    """Runs in a thread, many at once; touches files only."""
    path = image_path(project, image)
    seen, digest = None, None
    try:
        facts = path.stat()
        seen = store.FileSeen(image.path, facts.st_size, facts.st_mtime_ns)
        digest = images.content_hash(path)
        return _Read(image, seen, digest, images.check(path), None)
    except OSError as error:
        return _Read(image, seen, digest, None, f"the file cannot be read: {error.strerror}")
    except images.ImageUnreadable as error:
        return _Read(image, seen, digest, None, error.reason)


def _write(project: Project, batch: list[_Read], changes: _Changes) -> None:
    # A failure that was tried again and stays as it was is nothing to tell the views.
    news = [read for read in batch if read.reason is None or read.reason != read.image.error]
    if not news:
        return
    with project.write("images") as db:
        for read in news:
            if _moved(db, read, changes):
                continue
            if read.probe is None or read.hash is None:
                store.set_image_error(db, read.image.id, str(read.reason), hash=read.hash)
                continue
            store.set_image_read(
                db,
                read.image.id,
                hash=read.hash,
                width=read.probe.width,
                height=read.probe.height,
                format=read.probe.format,
            )


def _moved(db: sqlite3.Connection, read: _Read, changes: _Changes) -> bool:
    """Whether this new file is one whose old path is gone; its image then takes the new path."""
    if read.hash is None or read.file is None or read.image.id in changes.changed:
        return False
    if changes.lost[read.hash] <= 0:
        return False
    found = store.missing_by_hash(db, read.hash)
    if not found:
        return False
    store.move_image(db, found[0].id, read.file)
    changes.lost[read.hash] -= 1
    changes.moved += 1
    return True


def _batches(listing: Iterable[Listed]) -> Iterator[list[Listed]]:
    files = iter(listing)
    size = FIRST_BATCH
    while batch := list(islice(files, size)):
        yield batch
        size = LIST_BATCH
