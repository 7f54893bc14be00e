"""A project: one SQLite file that holds images, proposals, tags, regions and decisions.

Any thread may read and write. There is one writer connection behind a lock, and as many reader
connections as there are reads at the same time. While the file is open it is in WAL mode, so
readers never wait for a writer; on close it is one whole file again that can be copied.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import get_args

from annotator.core.errors import AnnotatorError
from annotator.core.paths import is_folder
from annotator.core.records import Kind, Step
from annotator.project import files, journal
from annotator.project.cache import Cache
from annotator.project.migrations import alone, latest, migrate
from annotator.project.sqlite import sqlite3

_BUSY_MS = 5000
_CLOSE_WAIT_S = 5.0
_ALL_KINDS: frozenset[str] = frozenset(get_args(Kind))

Subscriber = Callable[[frozenset[str]], None]


class Project:
    """An open project file. Made by ``create`` or ``open``; a context manager that closes.

    ``path``: the file. ``folder``: the absolute folder of the images. ``cache``: derived bytes,
    in another file that can always be deleted.
    """

    def __init__(
        self, path: Path, writer: sqlite3.Connection, folder: Path, still: str = ""
    ) -> None:
        self.path = path
        self._still = still  # how it is opened for reading alone, "" for a project like any other
        self.folder = folder
        self.cache = Cache(cache_path(path))
        self._writer = writer
        self._lock = threading.RLock()
        self._readers = threading.Condition()
        self._idle: list[sqlite3.Connection] = []
        self._busy: set[sqlite3.Connection] = set()
        self._closed = False
        self._subscribers: tuple[Subscriber, ...] = ()
        # Its own lock: who subscribes must not wait for a write.
        self._subscribing = threading.Lock()
        self._data_version = self._read_data_version()

    @classmethod
    def create(cls, path: Path, folder: Path) -> Project:
        """Make the project file ``path`` for the images in ``folder`` and open it.

        Raises AnnotatorError when ``path`` exists or cannot be written, or when ``folder`` is
        missing, not a folder or unreadable; then no file is left.
        """
        path = path.absolute()
        folder = files.check_folder(folder)
        if os.path.lexists(path):
            raise AnnotatorError(f"{path} exists already; open it or choose another name.")
        if not is_folder(path.parent):
            raise AnnotatorError(
                f"{path.parent} is not a folder that can be used; make it first or choose another."
            )
        if not os.access(path.parent, os.W_OK):
            raise AnnotatorError(
                f"{path.parent} is read-only; choose another place for {path.name}."
            )
        # Made under another name, so that a kill leaves no half project under this one.
        draft = path.with_name(f".{path.name}.{os.getpid()}.new")
        try:
            draft.unlink(missing_ok=True)
            with files.translated(path):
                db = _connect(draft)
                try:
                    migrate(db, draft)
                    _remember_folder(db, path, folder)
                finally:
                    db.close()
            draft.replace(path)
        except OSError as error:
            raise AnnotatorError(f"{path} cannot be written ({error.strerror}).") from error
        finally:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> Project:
        """Open the project file ``path``.

        Runs that a dead program left as running are marked interrupted. Raises AnnotatorError
        when the file is missing, a folder, not ours, newer, damaged or read-only; a refused
        file keeps its bytes.
        """
        path = path.absolute()
        files.inspect(path)
        files.require_room(path)
        with files.translated(path):
            db = _connect(path)
            try:
                # Again: after a crash the newest header may be in the write-ahead log.
                files.refuse_newer(path, int(db.execute("PRAGMA user_version").fetchone()[0]))
                _check_content(db, path)
                migrate(db, path)
                _settle(db)
                folder = _recall_folder(db, path)
            except BaseException:
                db.close()
                raise
        return cls(path, db, folder)

    @classmethod
    def open_to_read(cls, path: Path) -> Project:
        """As ``open``, for who only reads: on a full disk it is opened without writing anything,
        and every write is refused.

        Raises AnnotatorError as ``open`` does, and on a full disk when the file alone is not all
        of the project, see ``files.still_uri``, or is of an older format.
        """
        try:
            return cls.open(path)
        except files.DiskFull:
            path = path.absolute()
            still = files.still_uri(path)
        with files.translated(path):
            db = _connect(path, still)
            try:
                if db.execute("PRAGMA user_version").fetchone()[0] < latest():
                    raise AnnotatorError(
                        f"{path} is of an older format, and its disk is too full to bring it up "
                        "to date: free some space and try again."
                    )
                _check_content(db, path)
                return cls(path, db, _recall_folder(db, path, note=False), still)
            except BaseException:
                db.close()
                raise

    def close(self) -> None:
        """Stop all reads, and make the file whole and copyable again. May be called twice.

        When another program has the project open too, the last one to close makes it whole.
        """
        with self._lock:
            with self._readers:
                if self._closed:
                    return
                self._closed = True
                self._stop_reads()
            with self._subscribing:
                self._subscribers = ()
            if not self._still:
                # Fails while another program has the file open; then that one does it.
                with contextlib.suppress(sqlite3.OperationalError):
                    self._writer.execute("PRAGMA busy_timeout = 100")
                    self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                    self._writer.execute("PRAGMA journal_mode = DELETE")
            self._writer.close()
        self.cache.close()

    def __enter__(self) -> Project:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def transact(self, label: str) -> Iterator[sqlite3.Connection]:
        """A person's decision: everything written inside is one undo step named ``label``.

        On disk (fsync) when the ``with`` ends. An exception inside rolls everything back and
        leaves no step; so does a body that changes nothing.
        """
        with self._lock, self._transaction("FULL") as db:
            step = journal.begin(db, label)
            yield db
            kinds = journal.end(db, step)
        self._tell(kinds)

    @contextmanager
    def write(self, *kinds: Kind) -> Iterator[sqlite3.Connection]:
        """A machine's write in one transaction: never in the history, never undone.

        ``kinds`` names the rows that change, for the subscribers.
        """
        with self._lock, self._transaction("NORMAL") as db:
            yield db
        self._tell(frozenset(kinds))

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A read-only connection that sees one state of the project until the ``with`` ends.

        Callable from any thread, many at once. Raises Cancelled when the project is closed
        meanwhile, AnnotatorError when it was closed before.
        """
        with files.translated(self.path):
            db = self._take_reader()
            try:
                db.execute("BEGIN")
                try:
                    yield db
                finally:
                    if not self._closed and db.in_transaction:
                        db.execute("ROLLBACK")
            finally:
                with self._readers:
                    self._busy.discard(db)
                    if self._closed:
                        db.close()
                    else:
                        self._idle.append(db)
                    self._readers.notify_all()

    def undo(self) -> Step | None:
        """Take back the newest decision that is not undone yet; None if there is none."""
        return self._travel(journal.undo)

    def redo(self) -> Step | None:
        """Do the decision again that was undone last; None if there is none."""
        return self._travel(journal.redo)

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """Call ``callback`` with the kinds of rows that changed, after each commit, on the thread
        that committed. Returns a function that ends it."""
        with self._subscribing:
            self._subscribers += (callback,)

        def unsubscribe() -> None:
            with self._subscribing:
                self._subscribers = tuple(one for one in self._subscribers if one is not callback)

        return unsubscribe

    def poll(self) -> bool:
        """Whether another program changed the file since the last call; if so, subscribers are
        told that everything may have changed. Returns at once, also while a write is going on."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            if self._closed:
                return False
            version = self._read_data_version()
            changed = version != self._data_version
            self._data_version = version
        finally:
            self._lock.release()
        if changed:
            self._tell(_ALL_KINDS)
        return changed

    def _read_data_version(self) -> int:
        return int(self._writer.execute("PRAGMA data_version").fetchone()[0])

    def _travel(
        self, direction: Callable[[sqlite3.Connection], tuple[Step, frozenset[str]] | None]
    ) -> Step | None:
        with self._lock, self._transaction("FULL") as db:
            moved = direction(db)
        if moved is None:
            return None
        self._tell(moved[1])
        return moved[0]

    @contextmanager
    def _transaction(self, synchronous: str) -> Iterator[sqlite3.Connection]:
        if self._closed:
            raise AnnotatorError(f"{self.path} is closed.")
        if self._still:
            raise files.DiskFull(self.path)
        db = self._writer
        if db.in_transaction:
            raise RuntimeError("a transaction of this project is open already on this thread")
        with files.translated(self.path):
            db.execute(f"PRAGMA synchronous = {synchronous}")
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    db.execute("ROLLBACK")
                raise

    def _stop_reads(self) -> None:
        """Interrupt all reads; one that holds on for longer closes its connection itself."""
        until = time.monotonic() + _CLOSE_WAIT_S
        while self._busy and time.monotonic() < until:
            # Again and again: an interrupt between two statements is lost.
            for reader in self._busy:
                reader.interrupt()
            self._readers.wait(timeout=0.02)
        for reader in self._idle:
            reader.close()
        self._idle.clear()

    def _take_reader(self) -> sqlite3.Connection:
        with self._readers:
            if self._closed:
                raise AnnotatorError(f"{self.path} is closed.")
            db = self._idle.pop() if self._idle else None
            if db is None:
                db = _connect(self.path, self._still)
                db.execute("PRAGMA query_only = ON")
            self._busy.add(db)
            return db

    def _tell(self, kinds: frozenset[str]) -> None:
        if kinds:
            for callback in self._subscribers:
                callback(kinds)


def cache_path(path: Path) -> Path:
    """Where the cache of the project ``path`` is: ``my.annot`` has ``my.annot-cache``."""
    tail = "-cache" if path.suffix == ".annot" else ".annot-cache"
    return path.with_name(path.name + tail)


def _connect(path: Path, still: str = "") -> sqlite3.Connection:
    db = sqlite3.connect(
        still or path,
        timeout=_BUSY_MS / 1000,
        isolation_level=None,
        check_same_thread=False,
        uri=bool(still),
    )
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA recursive_triggers = ON")  # else REPLACE escapes the journal
    db.execute("PRAGMA temp_store = MEMORY")
    db.execute("PRAGMA cache_size = -32000")
    return db


def _check_content(db: sqlite3.Connection, path: Path) -> None:
    """A cheap look at the schema and one row; a full check takes as long as reading the file."""
    try:
        db.execute("SELECT value FROM meta WHERE key = 'folder'").fetchone()
        db.execute("SELECT max(id) FROM images").fetchone()
        db.execute("SELECT max(id) FROM steps").fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):
            raise
        raise files.damaged(path, "tables are missing") from error


def _settle(db: sqlite3.Connection) -> None:
    """Enter WAL mode; mark runs of dead programs as interrupted when nobody else is here: then a
    run that claims to be running is not."""
    if alone(db) and db.execute("SELECT 1 FROM runs WHERE status = 'running'").fetchone():
        db.execute(
            "UPDATE runs SET status = 'interrupted', ended = ? WHERE status = 'running'",
            (journal.now(),),
        )
    db.execute("PRAGMA journal_mode = WAL")


def _remember_folder(db: sqlite3.Connection, path: Path, folder: Path) -> None:
    """Store the folder absolute, and relative to the project for when both are moved."""
    try:
        relative = os.path.relpath(folder, path.parent.resolve())
    except ValueError:  # on Windows: another drive
        relative = str(folder)
    rows = (("folder", str(folder)), ("folder_relative", Path(relative).as_posix()))
    db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", (*rows, ("made", journal.now())))


def _recall_folder(db: sqlite3.Connection, path: Path, *, note: bool = True) -> Path:
    """The folder, or where it is relative to the project when both were moved together, which is
    written down with ``note``."""
    values: dict[str, str] = dict(db.execute("SELECT key, value FROM meta").fetchall())
    if "folder" not in values:
        raise files.damaged(path, "it does not say where its images are")
    folder = Path(values["folder"])
    if not is_folder(folder) and "folder_relative" in values:
        moved = (path.parent / values["folder_relative"]).resolve()
        if is_folder(moved):
            if note:
                db.execute("UPDATE meta SET value = ? WHERE key = 'folder'", (str(moved),))
            return moved
    return folder
