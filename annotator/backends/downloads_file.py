"""One file, fetched so that it can be stopped at any moment and gone on with later.

The bytes go to ``<file>.part`` beside the place of the file, what the server said of them to
``<file>.part.json``. Only what is whole and right gets the file's own name.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple, TypeVar

from annotator.backends.downloads_hub import sha256_of
from annotator.backends.downloads_net import Passing, Settings, answer, pause, writing
from annotator.backends.weights import remember
from annotator.core.errors import AnnotatorError

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")
_BLOCK = 2**20
#: Seconds slept at once, so that who waits can be stopped.
_NAP = 0.5
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)\Z")
_NONE = re.compile(r"bytes \*/(\d+)\Z")


class Step(NamedTuple):
    """How far a file is: its bytes that are here, and what is being done ("" for fetching)."""

    done: int
    doing: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to fetch: where from, where to, and what is known of it. ``sha256``: the pinned one,
    or the server's; "" for none. ``copy``: the same file on this machine, taken instead."""

    url: str
    path: Path
    size: int | None = None
    sha256: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    copy: Path | None = None


class Got(NamedTuple):
    """A file that is in its place: its SHA-256, and whether that was compared with one."""

    sha256: str
    compared: bool


class _Changed(Exception):
    """What is here is not of what the server has now: begin again."""


def fetch(
    client: httpx2.Client, wanted: Wanted, settings: Settings, reached: bool = False
) -> Generator[Step, None, Got]:
    """Bring a file to its place, going on with what is there of it. Closed at any moment, it
    leaves what it has for the next time. ``reached``: servers have answered in this run.

    Raises AnnotatorError: the sentence names the server or the file, and what to do.
    """
    part = _Part(wanted.path)
    with part.locked():
        yield from part.read_back()
        if wanted.copy is not None:
            yield from part.take(wanted.copy)
        else:
            yield from patiently(
                lambda: _go_on(client, wanted, part, settings),
                settings,
                lambda: part.size,
                reached,
            )
        expected = wanted.sha256 or sha256_of(part.facts.linked)
        found = part.hash.hexdigest()
        if expected and found != expected.lower():
            part.drop()
            raise AnnotatorError(
                f"What came as {wanted.path.name} is not that file (SHA-256 {found[:12]}…, "
                f"expected {expected[:12]}…) and is deleted: download again, or from another "
                "mirror."
            )
        part.place()
        remember(wanted.path, found)
    return Got(found, bool(expected))


def patiently(
    attempt: Callable[[], Generator[Step, None, T]],
    settings: Settings,
    size: Callable[[], int] = lambda: 0,
    reached: bool = False,
) -> Generator[Step, None, T]:
    """Try until it works: after a passing trouble again, later each time, until ``settings.tries``
    in a row brought no new byte. Who was never reached is not waited for."""
    tried, most = 0, size()
    while True:
        try:
            return (yield from attempt())
        except (Passing, _Changed) as trouble:
            if size() > most:
                tried, most, reached = 0, size(), True
            tried += 1
            if isinstance(trouble, _Changed):
                if tried >= settings.tries:
                    raise AnnotatorError("The server changes the file all the time.") from trouble
                continue
            if tried >= settings.tries or (trouble.connecting and not reached):
                raise
            left = pause(trouble, tried)
        while left > 0:
            yield Step(size(), f"trying again in {left:.0f} s")
            settings.wait(min(_NAP, left))
            left -= _NAP


def _go_on(
    client: httpx2.Client, wanted: Wanted, part: _Part, settings: Settings
) -> Generator[Step, None, None]:
    """One request for what is missing, and its bytes."""
    # What no hash will tell from another file is gone on with only if the server can tell.
    if part.size and not (part.facts.known or wanted.sha256):
        part.drop()
    asked = {"Accept-Encoding": "identity", **part.asked(), **wanted.headers}
    with answer(client, wanted.url, asked, settings) as (response, linked):
        facts = _Facts.of(response, linked)
        if response.status_code == 416:
            if part.size and facts.size == part.size and facts.same(part.facts):
                return
            part.drop()
            raise _Changed
        if response.status_code == 206:
            begins = _RANGE.match(response.headers.get("Content-Range", ""))
            if not begins or int(begins[1]) != part.size or not facts.same(part.facts):
                part.drop()
                raise _Changed
        else:
            _check_kind(wanted, response, facts)
            part.begin(facts)
        yield Step(part.size)
        with part.opened() as file:
            for chunk in response.iter_bytes():
                part.add(file, chunk)
                yield Step(part.size)
    total = part.facts.size if wanted.size is None else wanted.size
    if total is not None and part.size < total:
        raise Passing(
            f"{wanted.path.name} broke off after {part.size} of {total} bytes: download again to "
            "go on, what is there is kept."
        )
    if total is not None and part.size > total:
        part.drop()
        raise AnnotatorError(
            f"What came as {wanted.path.name} is longer than that file and is deleted: download "
            "again, or from another mirror."
        )


def _check_kind(wanted: Wanted, response: httpx2.Response, facts: _Facts) -> None:
    """Raises AnnotatorError for what cannot be the file, before a byte of it is written."""
    kind = response.headers.get("Content-Type", "")
    if kind.startswith("text/html") and wanted.path.suffix != ".html":
        raise AnnotatorError(
            f"For {wanted.path.name} came a web page: log in to the network that you are in, or "
            "correct the mirror."
        )
    if wanted.size is not None and facts.size is not None and facts.size != wanted.size:
        raise AnnotatorError(
            f"The server has {facts.size} bytes as {wanted.path.name}, which should be "
            f"{wanted.size}: it is another file; choose another mirror."
        )


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a server says of the whole file that its bytes are of: ETag, date, size, and the ETag
    that the hub names it by. "" and None for what it does not say."""

    etag: str = ""
    modified: str = ""
    size: int | None = None
    linked: str = ""

    @classmethod
    def of(cls, response: httpx2.Response, linked: str) -> _Facts:
        heads = response.headers
        size: int | None = None
        if response.status_code in (206, 416):
            form = _RANGE if response.status_code == 206 else _NONE
            found = form.match(heads.get("Content-Range", ""))
            last = found[found.re.groups] if found else "*"
            size = int(last) if last != "*" else None
        elif "Content-Encoding" not in heads and heads.get("Content-Length", "").isdigit():
            size = int(heads["Content-Length"])
        return cls(heads.get("ETag", ""), heads.get("Last-Modified", ""), size, linked)

    @classmethod
    def kept(cls, path: Path) -> _Facts:
        """What was written down; nothing of it where that cannot be read."""
        try:
            rows = json.loads(path.read_text(encoding="utf-8"))
            size = rows["size"]
            return cls(
                str(rows["etag"]),
                str(rows["modified"]),
                size if isinstance(size, int) else None,
                str(rows["linked"]),
            )
        except (OSError, ValueError, TypeError, KeyError):
            return cls()

    @property
    def known(self) -> bool:
        """Whether a change of the file would be seen."""
        return bool(self.etag or self.modified)

    def same(self, other: _Facts) -> bool:
        """Whether nothing that both say is different."""
        pairs = (
            (self.etag, other.etag),
            (self.modified, other.modified),
            (self.size, other.size),
            (self.linked, other.linked),
        )
        return all(a == b for a, b in pairs if a not in ("", None) and b not in ("", None))

    def as_json(self) -> str:
        rows = {"etag": self.etag, "modified": self.modified, "size": self.size}
        return json.dumps({**rows, "linked": self.linked})


class _Part:
    """What is there of a file, with the hash of its bytes so far."""

    def __init__(self, path: Path) -> None:
        self._whole = path
        self._path = path.with_name(f"{path.name}.part")
        self._side = path.with_name(f"{path.name}.part.json")
        self.facts = _Facts.kept(self._side)
        self.hash = hashlib.sha256()
        self.size = 0

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else fetches this file meanwhile. Raises AnnotatorError where somebody does."""
        from filelock import FileLock, Timeout

        with writing(self._whole):
            self._whole.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{self._path}.lock", timeout=0)
        with writing(self._whole):
            try:
                lock.acquire()
            except Timeout:  # an OSError too
                raise AnnotatorError(
                    f"{self._whole.name} is being downloaded by another Annotator: wait for it."
                ) from None
        try:
            yield
        finally:
            # Where a file in use cannot be deleted (Windows), it is when nobody uses it.
            for _ in range(2):
                with suppress(OSError):
                    Path(lock.lock_file).unlink(missing_ok=True)
                lock.release()

    def read_back(self) -> Iterator[Step]:
        """Take up what an earlier run left."""
        if not self._path.is_file():
            return
        with writing(self._path), self._path.open("rb") as file:
            while block := file.read(_BLOCK):
                self.hash.update(block)
                self.size += len(block)
                yield Step(self.size, "reading what is there")

    def asked(self) -> dict[str, str]:
        """Headers that ask for the rest, if the file is still the same."""
        if not self.size:
            return {}
        asked = {"Range": f"bytes={self.size}-"}
        strong = self.facts.etag if not self.facts.etag.startswith("W/") else ""
        if strong or self.facts.modified:
            asked["If-Range"] = strong or self.facts.modified
        return asked

    def begin(self, facts: _Facts) -> None:
        """From the first byte, of the file that the server describes so."""
        with writing(self._path):
            self._path.open("wb").close()
            self._side.write_text(facts.as_json(), encoding="utf-8")
        self.facts, self.hash, self.size = facts, hashlib.sha256(), 0

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        with writing(self._path):
            file = self._path.open("ab", buffering=0)
        with file:
            yield file

    def add(self, file: IO[bytes], chunk: bytes) -> None:
        with writing(self._path):
            written = 0
            while written < len(chunk):
                written += file.write(chunk[written:])
        self.hash.update(chunk)
        self.size += len(chunk)

    def take(self, copy: Path) -> Iterator[Step]:
        """The bytes of a file that is on this machine."""
        self.begin(_Facts())
        with writing(copy), copy.open("rb") as source, self.opened() as file:
            while block := source.read(_BLOCK):
                self.add(file, block)
                yield Step(self.size, "copying")

    def drop(self) -> None:
        for path in (self._path, self._side):
            with writing(path):
                path.unlink(missing_ok=True)
        self.facts, self.hash, self.size = _Facts(), hashlib.sha256(), 0

    def place(self) -> None:
        """Give it the file's own name, once it is on the disk."""
        with writing(self._whole):
            with self._path.open("rb+") as file:
                os.fsync(file.fileno())
            self._path.replace(self._whole)
            self._side.unlink(missing_ok=True)


def left_over(path: Path) -> int:
    """Bytes that are there of a file that is not whole yet."""
    try:
        return path.with_name(f"{path.name}.part").stat().st_size
    except OSError:
        return 0
