"""Files and folders that appear whole or not at all.

Everything is written under a hidden temporary name beside the target and renamed at the end, so
a full disk, a crash or a person who stops the work never leaves a half-written export, and never
damages the one that was there before.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from annotator.core.errors import AnnotatorError
from annotator.core.paths import is_folder, there

_FULL = {errno.ENOSPC, errno.EFBIG, *((errno.EDQUOT,) if hasattr(errno, "EDQUOT") else ())}


def why(error: OSError) -> str:
    """What went wrong while writing, in words, without the file's name."""
    if error.errno in _FULL:
        return "the disk is full; free some space and try again"
    if error.errno == errno.EROFS:
        return "the disk is read-only; choose another place"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "you have no permission to write there; choose another place"
    if error.errno == errno.ENAMETOOLONG:
        return "its name is too long for this disk; choose a shorter one"
    return (error.strerror or str(error)) + "; choose another place"


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """A binary file that becomes ``path`` when the with ends well, and vanishes otherwise.

    An existing file is replaced; a link's target is replaced, not the link. Raises
    AnnotatorError when it cannot be written, also for an OSError that the body lets out.
    """
    target = _target(path)
    if there(target) and not stat.S_ISREG(target.stat().st_mode):
        raise AnnotatorError(f"{path} is not a file that can be written; choose another name.")
    temporary = target.parent / _hidden("part")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        raise _failure(path, error) from error
    finally:
        # After the rename there is nothing left to remove.
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A new, empty folder that becomes ``path`` when the with ends well, and vanishes otherwise.

    A folder that is there already is replaced as a whole: the caller has made sure that it may
    be. Raises AnnotatorError like ``atomic_file``.
    """
    target = _target(path)
    if there(target) and not target.is_dir():
        raise AnnotatorError(f"{path} is a file, not a folder; choose another name.")
    temporary = target.parent / _hidden("part")
    try:
        temporary.mkdir()
        yield temporary
        _swap(temporary, target)
        _sync_folder(target.parent)
    except OSError as error:
        raise _failure(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _swap(new: Path, target: Path) -> None:
    old = target.parent / _hidden("old")
    had_one = target.exists()
    if had_one:
        target.rename(old)
    try:
        new.rename(target)
    except OSError:
        if had_one:
            old.rename(target)
        raise
    if had_one:
        shutil.rmtree(old, ignore_errors=True)


def _target(path: Path) -> Path:
    target = Path(os.path.realpath(path))
    if not is_folder(target.parent):
        raise AnnotatorError(f"{path.parent} is not a folder; make it first or choose another.")
    return target


def _hidden(ending: str) -> str:
    return f".annotator-{secrets.token_hex(6)}.{ending}"


def _failure(path: Path, error: OSError) -> AnnotatorError:
    return AnnotatorError(f"{path} could not be written: {why(error)}. Nothing was left behind.")


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable; Windows has no such call."""
    if os.name == "nt":
        return
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
