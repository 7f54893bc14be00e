"""What can be wrong with a project file, in words for a person; looks only, changes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from annotator.core.errors import AnnotatorError, Cancelled
from annotator.core.paths import is_folder
from annotator.project.migrations import APPLICATION_ID, latest
from annotator.project.sqlite import sqlite3

_MAGIC = b"SQLite format 3\x00"


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
        raise sentence from error


def _sentence(path: Path, error: sqlite3.DatabaseError) -> AnnotatorError | None:
    # The low byte is the primary code; the rest says where it happened.
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return AnnotatorError(
                f"Another program is writing to {path}; wait until it has finished and try again."
            )
        case sqlite3.SQLITE_FULL:
            return AnnotatorError(
                f"The disk with {path} is full: free some space and try again. What was saved "
                "before is kept."
            )
        case sqlite3.SQLITE_READONLY:
            return AnnotatorError(f"{path} is read-only; allow writing to it or copy it elsewhere.")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return damaged(path, str(error))
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
