"""Copying and hashing files of models: many gigabytes, so in steps that can be stopped."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from annotator.core.errors import AnnotatorError
from annotator.core.records import Progress

_CHUNK = 8 * 2**20
#: What is left free on a disk, in bytes.
_SPARE = 100 * 2**20


def sha256(path: Path) -> Generator[Progress, None, str]:
    """SHA-256 of a file as hex. Raises AnnotatorError when it cannot be read."""
    total, done, found = path.stat().st_size, 0, hashlib.sha256()
    try:
        with path.open("rb") as file:
            while data := file.read(_CHUNK):
                found.update(data)
                done += len(data)
                yield _step("hash", done, total)
    except OSError as error:
        raise AnnotatorError(
            f"{path} cannot be read ({error.strerror}): see to its permissions and its disk."
        ) from error
    return found.hexdigest()


def stale(home: Path, name: str) -> list[Path]:
    """What copies that were broken off left behind."""
    return sorted(home.glob(f".{name}-*.part")) if home.is_dir() else []


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """A hidden folder to fill beside ``target``; it takes that name when the ``with`` ends, and is
    deleted when that ends early."""
    part = target.parent / f".{target.name}-{secrets.token_hex(4)}.part"
    try:
        part.mkdir(parents=True)
        yield part
        part.rename(target)
        _settle(target.parent)
    except OSError as error:
        raise _failed(target, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def copy(files: Iterable[tuple[Path, Path]], folder: Path) -> Iterator[Progress]:
    """Copies (file, its path below ``folder``) and puts each on the disk. Raises AnnotatorError
    when the disk has no room for them, or one cannot be read or written."""
    wanted = list(files)
    total = sum(path.stat().st_size for path, _ in wanted)
    free = shutil.disk_usage(folder).free
    if total + _SPARE > free:
        raise AnnotatorError(
            f"The disk of {folder.parent} has {free / 1e9:.1f} GB left and the copy needs "
            f"{(total + _SPARE) / 1e9:.1f} GB: make room, or add the model without --copy."
        )
    done = 0
    for path, place in wanted:
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        with path.open("rb") as source, target.open("xb") as written:
            while data := source.read(_CHUNK):
                written.write(data)
                done += len(data)
                yield _step("copy", done, total)
            written.flush()
            os.fsync(written.fileno())


def _settle(folder: Path) -> None:
    """Puts the names in a folder on the disk, where the system knows how."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _failed(target: Path, error: OSError) -> AnnotatorError:
    where = error.filename or target
    if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
        return AnnotatorError(f"There is something at {target} already: choose another name.")
    return AnnotatorError(
        f"The copy to {target} failed at {where} ({error.strerror}): see to the disk and its "
        "permissions; nothing was left behind."
    )


def _step(what: str, done: int, total: int) -> Progress:
    """In megabytes, begun ones counted, so that the numbers can be read."""
    here, whole = -(-done // 10**6), -(-total // 10**6)
    return Progress(what, here, max(whole, here), message="MB")
