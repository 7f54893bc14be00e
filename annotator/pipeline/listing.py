"""The image files below a folder, in path order, without reading any of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import merge, nsmallest
from itertools import islice
from operator import itemgetter
from pathlib import Path

from annotator.core.errors import AnnotatorError
from annotator.core.images import is_image_name
from annotator.core.records import Failure
from annotator.pipeline.pages import drained

#: So many names of a folder come at once; so many are sorted in one go.
_FIRST, _RUN = 64, 5000
#: A name, with a slash at the end when it is a folder's, and what it stands for.
_Named = tuple[str, os.DirEntry[str]]
_by_name = itemgetter(0)


@dataclass(frozen=True, slots=True)
class Listed:
    """A file as the folder shows it. ``path`` is relative, with forward slashes."""

    path: str
    bytes: int
    mtime_ns: int


@dataclass
class Listing:
    """Walks ``folder``; iterate it once. After that ``failed`` and ``closed`` are complete.

    Strings come in strictly rising order of the whole relative path, so that they can be merged
    with rows that a database sorts. Hidden files and folders are left out. A linked folder is
    followed once, and only when it leads out of ``folder``: what lies inside is listed anyway,
    and a loop ends. A folder that cannot be read is one Failure; ``closed`` holds its path with a
    slash at the end, because nothing is known of the files below it.
    """

    folder: Path
    failed: list[Failure] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    _entered: set[tuple[int, int]] = field(default_factory=set)
    _root: str = ""

    def __iter__(self) -> Iterator[Listed]:
        self._root = os.path.realpath(self.folder)
        try:
            names = _names(str(self.folder))
        except FileNotFoundError as error:
            raise AnnotatorError(
                f"The folder {self.folder} is not there any more: connect its disk or move it "
                "back; nothing was changed."
            ) from error
        except NotADirectoryError as error:
            raise AnnotatorError(
                f"{self.folder} is a file, not a folder: choose the folder that holds the images."
            ) from error
        except OSError as error:
            raise AnnotatorError(
                f"The folder {self.folder} cannot be read ({error.strerror}): check its "
                "permissions; nothing was changed."
            ) from error
        # A stack, not recursion: a deep tree must not meet Python's recursion limit.
        stack = [("", names, False)]
        while stack:
            prefix, rest, followed = stack[-1]
            name, entry = next(rest, ("", None))
            if entry is None:
                stack.pop()
            elif name.startswith("."):
                continue
            elif name.endswith("/"):
                below = self._enter(prefix + name, entry, followed)
                if below is not None:
                    stack.append((prefix + name, *below))
            elif is_image_name(name) and _is_file(entry):
                listed = self._file(prefix + name, entry)
                if listed is not None:
                    yield listed

    def _file(self, path: str, entry: os.DirEntry[str]) -> Listed | None:
        if _unnameable(path):
            self.failed.append(Failure(_printable(path), "its name is not Unicode: rename it"))
            return None
        try:
            facts = entry.stat()
        except FileNotFoundError:
            return None  # deleted, or a link to nothing: not a file of this folder
        except OSError as error:
            self.failed.append(Failure(path, f"cannot be read: {error.strerror}"))
            self.closed.append(path)
            return None
        return Listed(path, facts.st_size, facts.st_mtime_ns)

    def _enter(
        self, path: str, entry: os.DirEntry[str], followed: bool
    ) -> tuple[Iterator[tuple[str, os.DirEntry[str]]], bool] | None:
        """What is in a subfolder, and whether a link led there; None when it is not to be seen."""
        try:
            link = entry.is_symlink()
            if link and self._inside(os.path.realpath(entry.path)):
                return None
            if link or followed:
                facts = entry.stat()
                if (facts.st_dev, facts.st_ino) in self._entered:
                    return None
                self._entered.add((facts.st_dev, facts.st_ino))
            return _names(entry.path), followed or link
        except FileNotFoundError:
            return None  # deleted while we looked: its images are missing now
        except OSError as error:
            reason = f"this folder cannot be read: {error.strerror}"
            self.failed.append(Failure(_printable(path), reason))
            self.closed.append(path)
            return None

    def _inside(self, real: str) -> bool:
        """Whether a link's target is in the listed folder, or around it (a loop)."""
        root = self._root.rstrip(os.sep) + os.sep
        target = real.rstrip(os.sep) + os.sep
        return target.startswith(root) or root.startswith(target)


def _names(folder: str) -> Iterator[_Named]:
    """Everything in path order; a folder's name ends with a slash, which is how it sorts in the
    paths of its files. What is no image is left out by the walk, so that the first images of a
    huge folder come soon."""
    with os.scandir(folder) as entries:
        found = [(entry.name + "/" if _is_dir(entry) else entry.name, entry) for entry in entries]
    return _in_order(found)


def _in_order(found: list[_Named]) -> Iterator[_Named]:
    """Sorted by name. Of a huge folder the first ones come before the rest is sorted, and that is
    done in runs: one long sort would hold the interpreter, and a window with it."""
    first = nsmallest(_FIRST, found, key=_by_name) if len(found) > _RUN else []
    yield from first
    runs = [found[i : i + _RUN] for i in range(0, len(found), _RUN)]
    found.clear()
    for run in runs:
        run.sort(key=_by_name)
    yield from islice(merge(*map(drained, runs), key=_by_name), len(first), None)


def _is_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # by its name it may be an image: the walk asks again, and reports it


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return True  # the same


def _unnameable(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return True
    return False


def _printable(path: str) -> str:
    return path.encode("utf-8", "backslashreplace").decode()
