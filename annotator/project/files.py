"""What can be wrong with a project file, in words for a person; looks only, changes nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from annotator.core.errors import AnnotatorError, Cancelled
from annotator.core.paths import is_folder
from annotator.project.migrations import APPLICATION_ID, latest
from annotator.project.sqlite import sqlite3

_MAGIC = b"SQLite format 3\x00"
#: Bytes that SQLite's index of a write-ahead log takes at least, and those that opening a project
#: takes in all: the index, a page or two of a journal.
_INDEX = 32 * 1024
_ROOM = 2 * _INDEX
#: Where the header says how the file is written: 2 with a write-ahead log, 1 without.
_WRITE_VERSION = 18


class DiskFull(AnnotatorError):
    """The disk of a project has no room for what SQLite keeps beside an open file."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"The disk with {path} is full: free some space and try again. What was saved before "
            "is kept."
        )


def inspect(path: Path) -> None:
    """Raise AnnotatorError unless ``path`` is a project that this program can open and write.

    Reads the first 100 bytes only (the SQLite header), so a refused file keeps its bytes.
    """
    if is_folder(path):
        raise AnnotatorError(
            f"{path} is a folder, not an Annotator project; name the .annot file, or make one "
            "with: annotator create PROJECT FOLDER"
        )
    try:
        with path.open("rb") as file:
            header = file.read(100)
            size = file.seek(0, os.SEEK_END)
    except FileNotFoundError:
        raise AnnotatorError(
            f"{path} does not exist; make it with: annotator create PROJECT FOLDER"
        ) from None
    except OSError as error:
        raise AnnotatorError(
            f"{path} cannot be read ({error.strerror}); look at its permissions and its disk."
        ) from error
    if (
        len(header) < 100
        or not header.startswith(_MAGIC)
        or int.from_bytes(header[68:72], "big") != APPLICATION_ID
    ):
        raise AnnotatorError(f"{path} is not an Annotator project; choose another file.")
    refuse_newer(path, int.from_bytes(header[60:64], "big"))
    page = int.from_bytes(header[16:18], "big")
    pages = int.from_bytes(header[28:32], "big")
    # With a write-ahead log beside it the file may rightly be shorter than its header says.
    if size < pages * (65536 if page == 1 else page) and not wal(path).exists():
        raise damaged(path, "it is shorter than it should be")
    if not os.access(path, os.W_OK):
        raise AnnotatorError(
            f"{path} is read-only; allow writing to it or copy it to another place."
        )
    if not os.access(path.parent, os.W_OK):
        raise AnnotatorError(
            f"{path.parent} is read-only, and a project needs to write beside itself; "
            f"copy {path.name} to another place."
        )


def wal(path: Path) -> Path:
    """The write-ahead log that SQLite keeps beside ``path`` while it is open."""
    return path.with_name(path.name + "-wal")


def require_room(path: Path) -> None:
    """Raise DiskFull where SQLite has no room beside ``path``. It would notice half way, and leave
    the file in another mode and the rest of the disk filled; or the system ends the program that
    writes into an index without blocks on the disk."""
    if shutil.disk_usage(path.parent).free < _ROOM and not has_room(path):
        raise DiskFull(path)


def has_room(path: Path) -> bool:
    """Whether what an open project needs can be written beside ``path``, which is tried: who may
    write how much is not what the disk says is free. Leaves nothing."""
    try:
        with tempfile.TemporaryFile(dir=path.parent) as file:
            file.write(bytes(_ROOM))
            file.flush()
    except OSError:
        return False
    return True


def still_uri(path: Path) -> str:
    """How SQLite opens ``path`` where nothing can be written beside it, for reading alone.

    Raises AnnotatorError when the file alone is not all: something that was saved is in a log
    beside it, or another program has it open.
    """
    for ending in ("-wal", "-journal"):
        if _size(path, ending):
            raise AnnotatorError(
                f"The disk with {path} is full, and part of what was saved is still in "
                f"{path.name}{ending} beside it: keep both files, free some space and open it "
                "again."
            )
    with path.open("rb") as file:
        logged = file.read(100)[_WRITE_VERSION] == 2
    if not logged:
        return f"{path.as_uri()}?mode=ro"
    # Closed without being made one file again. Who has it open has an index of full size.
    if _size(path, "-shm") >= _INDEX:
        raise AnnotatorError(
            f"The disk with {path} is full, and another program has the project open or died with "
            "it open: free some space, or close it there, and try again."
        )
    return f"{path.as_uri()}?mode=ro&immutable=1"


def _size(path: Path, ending: str) -> int:
    """Bytes of the file beside ``path``, 0 for none."""
    try:
        return path.with_name(path.name + ending).stat().st_size
    except OSError:
        return 0


def refuse_newer(path: Path, version: int) -> None:
    """Raise AnnotatorError when ``version`` is a format that this program does not know."""
    if version > latest():
        raise AnnotatorError(
            f"{path} was made by a newer Annotator (format {version}, this one knows "
            f"{latest()}); update Annotator."
        )


def damaged(path: Path, how: str) -> AnnotatorError:
    """The error for a project file with broken content."""
    return AnnotatorError(f"{path} is damaged ({how}); go back to a copy of it.")


def check_folder(folder: Path) -> Path:
    """``folder`` made absolute; AnnotatorError unless it is a folder that can be read."""
    try:
        with os.scandir(folder) as entries:
            next(entries, None)
    except FileNotFoundError:
        raise AnnotatorError(
            f"{folder} does not exist; name the folder with your images."
        ) from None
    except NotADirectoryError:
        raise AnnotatorError(
            f"{folder} is a file, not a folder; name the folder with your images."
        ) from None
    except OSError as error:
        raise AnnotatorError(
            f"{folder} cannot be read ({error.strerror}); allow reading it or name another folder."
        ) from error
    return folder.resolve()


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite says of the file ``path`` into one sentence for a person.

    Errors in our own statements (constraints, syntax, wrong use) stay what they are.
    """
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError):
        raise
    except UnicodeDecodeError as error:
        # SQLite does not look into text; Python finds the broken letters when it reads them.
        raise damaged(path, "some of its text is unreadable") from error
    except sqlite3.DatabaseError as error:
        sentence = _sentence(path, error)
        if sentence is None:
            raise
        try:
            raise sentence from error
        finally:
            # It refers to this frame, and to the connection that failed: without the name here,
            # both go with it at once, and with them the locks on the file.
            del sentence


def _sentence(path: Path, error: sqlite3.DatabaseError) -> AnnotatorError | None:
    # The low byte is the primary code; the rest says where it happened.
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return AnnotatorError(
                f"Another program is writing to {path}; wait until it has finished and try again."
            )
        case sqlite3.SQLITE_FULL:
            return DiskFull(path)
        case sqlite3.SQLITE_READONLY:
            return AnnotatorError(f"{path} is read-only; allow writing to it or copy it elsewhere.")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return damaged(path, str(error))
        case sqlite3.SQLITE_IOERR if not has_room(path):  # a quota, or no room for the index
            return DiskFull(path)
        case sqlite3.SQLITE_IOERR | sqlite3.SQLITE_CANTOPEN:
            return AnnotatorError(
                f"{path} cannot be read or written ({error}); look at its disk and try again."
            )
        case sqlite3.SQLITE_INTERRUPT:
            return Cancelled(f"{path} was closed.")
        case _ if "Could not decode to UTF-8" in str(error):
            return damaged(path, "some of its text is unreadable")
        case _:
            return None
