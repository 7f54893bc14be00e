"""Derived bytes (thumbnails, heatmaps, embeddings, encodings) in a file of their own.

Deleting the file loses time, never facts. A damaged one is made again; where it cannot be
written, a temporary one serves until the program ends.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from annotator.project.sqlite import sqlite3

_LIMIT = 2 * 1024**3
#: Encodings of a Refiner are megabytes each: they have room of their own, so that they never drive
#: out the thumbnails, nor the thumbnails them.
_ENCODE_LIMIT = 4 * 1024**3
#: Uses that are noted at once: reading a thumbnail is not worth a write.
_NOTED = 256
_VERSION = 1
_POOL = "CASE {}.kind WHEN 'encode' THEN 'encode' ELSE '' END"
_TABLES = (
    """CREATE TABLE IF NOT EXISTS blobs (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        data BLOB NOT NULL,
        UNIQUE (kind, key))""",
    # Beside the blobs: to change one column of a row is to write all of it again.
    """CREATE TABLE IF NOT EXISTS uses (
        id INTEGER PRIMARY KEY,
        pool TEXT NOT NULL,
        used INTEGER NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS uses_order ON uses (pool, used, id)",
    # The totals are kept by triggers: summing 100,000 thumbnails reads the whole file.
    "CREATE TABLE IF NOT EXISTS totals (pool TEXT PRIMARY KEY, bytes INTEGER NOT NULL)",
    "INSERT OR IGNORE INTO totals VALUES ('', 0), ('encode', 0)",
    f"""CREATE TRIGGER IF NOT EXISTS blobs_put AFTER INSERT ON blobs BEGIN
        UPDATE totals SET bytes = bytes + NEW.bytes WHERE pool = {_POOL.format("NEW")};
        INSERT OR REPLACE INTO uses VALUES (NEW.id, {_POOL.format("NEW")}, 0); END""",
    f"""CREATE TRIGGER IF NOT EXISTS blobs_gone AFTER DELETE ON blobs BEGIN
        UPDATE totals SET bytes = bytes - OLD.bytes WHERE pool = {_POOL.format("OLD")};
        DELETE FROM uses WHERE id = OLD.id; END""",
)
#: From files that knew one limit and forgot the oldest entries, whenever they were used.
_UPGRADE = (
    "DROP TRIGGER IF EXISTS blobs_in",
    "DROP TRIGGER IF EXISTS blobs_out",
    "DROP TABLE IF EXISTS total",
    f"INSERT OR IGNORE INTO uses SELECT id, {_POOL.format('blobs')}, 0 FROM blobs",
    f"""UPDATE totals SET bytes = (SELECT coalesce(sum(bytes), 0) FROM blobs
        WHERE {_POOL.format("blobs")} = totals.pool)""",
    f"PRAGMA user_version = {_VERSION}",
)


class Cache:
    """Bytes by kind ("thumb", "heat", "embed", "encode") and key. Callable from any thread.

    A key holds everything its bytes depend on: content hash, model id, parameters. The file is
    opened at the first use. When the entries of "encode" grow beyond ``encode_limit`` bytes, or
    the others together beyond ``limit``, those of them go that were not used for the longest.
    """

    def __init__(
        self, path: Path, *, limit: int = _LIMIT, encode_limit: int = _ENCODE_LIMIT
    ) -> None:
        self.path = path
        self._limits = {"": limit, "encode": encode_limit}
        self._clock = 0
        #: Entries that were read since uses were last written, with the time.
        self._used: dict[int, int] = {}
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
        return sum(self.size_beside(pool) for pool in self._limits)

    def size_beside(self, kind: str) -> int:
        """Bytes stored of this kind and those that share its limit."""
        with self._lock:
            db = self._connection()
            try:
                return 0 if db is None else _total(db, _pool(kind))
            except sqlite3.OperationalError:  # another program is busy with it
                return 0
            except sqlite3.DatabaseError:
                self._discard()
                return 0

    def has(self, kind: str, key: str) -> bool:
        """Whether something is stored; does not count as a use."""
        with self._lock:
            db = self._connection()
            if db is None:
                return False
            try:
                found = db.execute(
                    "SELECT 1 FROM blobs WHERE kind = ? AND key = ?", (kind, key)
                ).fetchone()
            except sqlite3.OperationalError:
                return False
            except sqlite3.DatabaseError:
                self._discard()
                return False
            return found is not None

    def get(self, kind: str, key: str) -> bytes | None:
        """The bytes, or None where nothing is stored."""
        with self._lock:
            db = self._connection()
            if db is None:
                return None
            try:
                row = db.execute(
                    "SELECT id, data FROM blobs WHERE kind = ? AND key = ?", (kind, key)
                ).fetchone()
                if row is not None:
                    self._used[row[0]] = self._now()
                    if len(self._used) >= _NOTED:
                        self._note(db)
            except sqlite3.OperationalError:  # another program is busy with it: a miss
                return None
            except sqlite3.DatabaseError:
                self._discard()
                return None
            return None if row is None else bytes(row[1])

    def put(self, kind: str, key: str, data: bytes) -> None:
        """Store the bytes, replacing what was there; kept only if the disk lets us and they do
        not take the whole limit."""
        pool = _pool(kind)
        if len(data) > self._limits[pool]:
            return
        with self._lock:
            db = self._connection()
            if db is None:
                return
            try:
                with _transaction(db):
                    made = db.execute(
                        "INSERT OR REPLACE INTO blobs (kind, key, bytes, data) VALUES (?, ?, ?, ?)",
                        (kind, key, len(data), data),
                    ).lastrowid
                    self._used[int(made or 0)] = self._now()
                    self._write_uses(db)
                    _evict(db, pool, self._limits[pool], int(made or 0))
                self._used.clear()
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
            except sqlite3.OperationalError:  # another program is busy with it: all stays
                return
            except sqlite3.DatabaseError:
                self._discard()

    def close(self) -> None:
        """Close the file; later calls find nothing and store nothing."""
        with self._lock:
            self._closed = True
            if self._db is not None:
                with contextlib.suppress(sqlite3.DatabaseError):
                    self._note(self._db)
                    self._db.execute("PRAGMA journal_mode = DELETE")
                self._db.close()
                self._db = None
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)

    def _now(self) -> int:
        """A time that only grows, to put uses in order."""
        self._clock = max(self._clock + 1, time.time_ns())
        return self._clock

    def _note(self, db: sqlite3.Connection) -> None:
        """Write down what was used, or if another program is writing, forget it."""
        try:
            with _transaction(db):
                self._write_uses(db)
        except sqlite3.OperationalError:
            pass
        finally:
            self._used.clear()

    def _write_uses(self, db: sqlite3.Connection) -> None:
        db.executemany(
            "UPDATE uses SET used = ? WHERE id = ?", [(at, id) for id, at in self._used.items()]
        )

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
        self._used.clear()
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
        if _version(db) < _VERSION:
            with _transaction(db):
                if _version(db) < _VERSION:  # another program may have been first
                    for statement in _UPGRADE:
                        db.execute(statement)
        _total(db, "")
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


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _pool(kind: str) -> str:
    """The kinds that share a limit, as in the triggers."""
    return "encode" if kind == "encode" else ""


def _total(db: sqlite3.Connection, pool: str) -> int:
    return int(db.execute("SELECT bytes FROM totals WHERE pool = ?", (pool,)).fetchone()[0])


def _evict(db: sqlite3.Connection, pool: str, limit: int, new: int) -> None:
    """Drop what was not used for the longest until a tenth below the limit, so that it does not
    run each time; not the entry ``new``."""
    total = _total(db, pool)
    if total <= limit:
        return
    while total > limit * 0.9:
        oldest = db.execute(
            "SELECT u.id, b.bytes FROM uses u JOIN blobs b ON b.id = u.id "
            "WHERE u.pool = ? AND u.id != ? ORDER BY u.used, u.id LIMIT 64",
            (pool, new),
        ).fetchall()
        if not oldest:
            return
        for id, size in oldest:
            db.execute("DELETE FROM blobs WHERE id = ?", (id,))
            total -= size
            if total <= limit * 0.9:
                break
