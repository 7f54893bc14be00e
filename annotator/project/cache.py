"""Derived bytes (thumbnails, heatmaps, embeddings) in a file of their own.

Deleting the file loses time, never facts. A damaged one is made again; where it cannot be
written, a temporary one serves until the program ends.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

_LIMIT = 2 * 1024**3
_TABLES = (
    """CREATE TABLE IF NOT EXISTS blobs (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        data BLOB NOT NULL,
        UNIQUE (kind, key))""",
    # The total is kept by triggers: summing 100,000 thumbnails reads the whole file.
    "CREATE TABLE IF NOT EXISTS total (id INTEGER PRIMARY KEY CHECK (id = 1), bytes INTEGER)",
    "INSERT OR IGNORE INTO total VALUES (1, 0)",
    """CREATE TRIGGER IF NOT EXISTS blobs_in AFTER INSERT ON blobs
        BEGIN UPDATE total SET bytes = bytes + NEW.bytes; END""",
    """CREATE TRIGGER IF NOT EXISTS blobs_out AFTER DELETE ON blobs
        BEGIN UPDATE total SET bytes = bytes - OLD.bytes; END""",
)


class Cache:
    """Bytes by kind ("thumb", "heat", "embed") and key. Callable from any thread.

    A key holds everything its bytes depend on: content hash, model id, parameters. The file is
    opened at the first use. When it grows beyond ``limit`` bytes, the oldest entries go.
    """

    def __init__(self, path: Path, *, limit: int = _LIMIT) -> None:
        self.path = path
        self._limit = limit
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._folder: Path | None = None
        self._closed = False

    @property
    def temporary(self) -> bool:
        """Whether ``path`` could not be written, so that what is cached is lost on close."""
        with self._lock:
            self._connection()
            return self._folder is not None

    @property
    def size(self) -> int:
        """Bytes stored."""
        with self._lock:
            db = self._connection()
            try:
                return 0 if db is None else _total(db)
            except sqlite3.DatabaseError:
                self._discard()
                return 0

    def get(self, kind: str, key: str) -> bytes | None:
        """The bytes, or None where nothing is stored."""
        with self._lock:
            db = self._connection()
            if db is None:
                return None
            try:
                row = db.execute(
                    "SELECT data FROM blobs WHERE kind = ? AND key = ?", (kind, key)
                ).fetchone()
            except sqlite3.OperationalError:  # another program is busy with it: a miss
                return None
            except sqlite3.DatabaseError:
                self._discard()
                return None
            return None if row is None else bytes(row[0])

    def put(self, kind: str, key: str, data: bytes) -> None:
        """Store the bytes, replacing what was there; kept only if the disk lets us."""
        with self._lock:
            db = self._connection()
            if db is None:
                return
            try:
                with _transaction(db):
                    db.execute(
                        "INSERT OR REPLACE INTO blobs (kind, key, bytes, data) VALUES (?, ?, ?, ?)",
                        (kind, key, len(data), data),
                    )
                    _evict(db, self._limit)
            except sqlite3.OperationalError:  # busy or full disk: not stored
                return
            except sqlite3.DatabaseError:
                self._discard()

    def clear(self, kind: str | None = None) -> None:
        """Forget everything, or everything of one kind."""
        with self._lock:
            db = self._connection()
            if db is None:
                return
            try:
                with _transaction(db):
                    db.execute("DELETE FROM blobs WHERE ?1 IS NULL OR kind = ?1", (kind,))
            except sqlite3.DatabaseError:
                self._discard()

    def close(self) -> None:
        """Close the file; later calls find nothing and store nothing."""
        with self._lock:
            self._closed = True
            if self._db is not None:
                with contextlib.suppress(sqlite3.DatabaseError):
                    self._db.execute("PRAGMA journal_mode = DELETE")
                self._db.close()
                self._db = None
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)

    def _connection(self) -> sqlite3.Connection | None:
        if self._closed:
            return None
        if self._db is None:
            try:
                self._db = _open(self.path)
            except sqlite3.OperationalError:
                self._db = self._open_temporary()
            except sqlite3.DatabaseError:
                self._discard()
        return self._db

    def _discard(self) -> None:
        """Replace a damaged file by an empty one."""
        if self._db is not None:
            self._db.close()
            self._db = None
        try:
            for tail in ("", "-wal", "-shm", "-journal"):
                self.path.with_name(self.path.name + tail).unlink(missing_ok=True)
            self._db = _open(self.path)
        except (OSError, sqlite3.DatabaseError):
            self._db = self._open_temporary()

    def _open_temporary(self) -> sqlite3.Connection | None:
        try:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="annotator-cache-"))
            return _open(self._folder / "cache")
        except (OSError, sqlite3.DatabaseError):
            return None  # nowhere to write: everything is computed again each time


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=1.0, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = OFF")  # nothing here is worth waiting for a disk
        db.execute("PRAGMA recursive_triggers = ON")  # else REPLACE escapes the total
        for statement in _TABLES:
            db.execute(statement)
        _total(db)
    except BaseException:
        db.close()
        raise
    return db


@contextlib.contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _total(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT bytes FROM total").fetchone()[0])


def _evict(db: sqlite3.Connection, limit: int) -> None:
    """Drop the oldest entries until a tenth below the limit, so that it does not run each time."""
    if _total(db) <= limit:
        return
    while _total(db) > limit * 0.9:
        db.execute("DELETE FROM blobs WHERE id IN (SELECT id FROM blobs ORDER BY id LIMIT 64)")
