"""The cache loses time, never facts: damaged, full, read-only or busy, the caller sees a miss."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from annotator.project.cache import Cache
from annotator.project.sqlite import sqlite3


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "my.annot-cache"


def test_what_was_put_is_there_also_later(path: Path) -> None:
    cache = Cache(path)
    assert not path.exists()  # opening a project does not wait for it
    assert cache.get("thumb", "a") is None
    cache.put("thumb", "a", b"one")
    cache.put("heat", "a", b"two")
    cache.put("thumb", "a", b"three")
    assert cache.get("thumb", "a") == b"three"
    assert cache.get("heat", "a") == b"two"
    assert cache.size == 8
    assert not cache.temporary
    cache.close()
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    again = Cache(path)
    assert again.get("thumb", "a") == b"three"
    again.clear("thumb")
    assert (again.get("thumb", "a"), again.get("heat", "a"), again.size) == (None, b"two", 3)
    again.clear()
    assert again.size == 0
    again.close()
    assert again.get("heat", "a") is None
    again.put("heat", "a", b"x")


@pytest.mark.parametrize("content", [b"garbage" * 1000, b"SQLite format 3\x00" + b"\xff" * 9000])
def test_a_damaged_file_is_made_again(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    cache = Cache(path)
    assert cache.get("thumb", "a") is None
    cache.put("thumb", "a", b"x")
    assert cache.get("thumb", "a") == b"x"
    assert not cache.temporary
    cache.close()


def test_damage_inside_is_a_miss_and_then_gone(path: Path) -> None:
    cache = Cache(path)
    for i in range(200):
        cache.put("thumb", str(i), os.urandom(3000))
    cache.close()
    whole = bytearray(path.read_bytes())
    for page in range(8, len(whole) // 4096):
        whole[page * 4096 : page * 4096 + 2000] = b"\xff" * 2000
    path.write_bytes(whole)
    cache = Cache(path)
    found = [cache.get("thumb", str(i)) for i in range(200)]
    assert None in found
    cache.put("thumb", "new", b"x")
    assert cache.get("thumb", "new") == b"x"
    cache.close()


def test_where_nothing_can_be_written_a_temporary_one_serves(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "no such folder" / "my.annot-cache")
    cache.put("thumb", "a", b"x")
    assert cache.get("thumb", "a") == b"x"
    assert cache.temporary
    folder = cache._folder
    assert folder is not None
    assert folder.exists()
    cache.close()
    assert not folder.exists()
    (tmp_path / "folder").mkdir()
    cache = Cache(tmp_path / "folder")
    cache.put("thumb", "a", b"x")
    assert cache.temporary
    assert cache.get("thumb", "a") == b"x"
    cache.close()
    assert (tmp_path / "folder").is_dir()


def test_the_oldest_go_when_it_is_full(path: Path) -> None:
    cache = Cache(path, limit=300_000)
    for i in range(400):
        cache.put("thumb", str(i), bytes(1000))
    assert cache.size <= 300_000
    assert cache.get("thumb", "0") is None
    assert cache.get("thumb", "399") == bytes(1000)
    cache.close()


def test_what_is_used_stays_and_what_is_not_goes(path: Path) -> None:
    cache = Cache(path, limit=100_000)
    for i in range(100):
        cache.put("thumb", str(i), bytes(1000))
    cache.close()
    cache = Cache(path, limit=100_000)
    assert cache.get("thumb", "0") == cache.get("thumb", "1") == bytes(1000)
    cache.close()  # what was used is remembered over a restart
    cache = Cache(path, limit=100_000)
    cache.put("heat", "new", bytes(5000))
    assert cache.size <= 90_000
    there = [i for i in range(100) if cache.has("thumb", str(i))]
    assert there == [0, 1, *range(17, 100)]
    assert cache.has("heat", "new")
    cache.close()


def test_encodings_have_a_limit_of_their_own(path: Path) -> None:
    cache = Cache(path, limit=10_000, encode_limit=50_000)
    for i in range(9):
        cache.put("thumb", str(i), bytes(1000))
    for i in range(20):
        cache.put("encode", str(i), bytes(10_000))
        assert cache.get("encode", "0") == bytes(10_000)  # used all the time
    assert [cache.has("thumb", str(i)) for i in range(9)] == [True] * 9
    assert [i for i in range(20) if cache.has("encode", str(i))] == [0, 17, 18, 19]
    for i in range(100):
        cache.put("heat", str(i), bytes(1000))
    assert cache.size_beside("encode") == 40_000
    assert cache.size_beside("thumb") <= 10_000
    assert cache.size == cache.size_beside("encode") + cache.size_beside("heat")
    cache.put("encode", "too large", bytes(50_001))
    assert not cache.has("encode", "too large")
    assert cache.size_beside("encode") == 40_000
    cache.clear("encode")
    assert cache.size_beside("encode") == 0
    cache.close()


def test_reading_writes_only_now_and_then(path: Path) -> None:
    cache = Cache(path)
    for i in range(300):
        cache.put("thumb", str(i), b"x")
    assert cache._db is not None
    before = cache._db.total_changes
    for i in range(255):
        cache.get("thumb", str(i))
    assert cache._db.total_changes == before
    cache.get("thumb", "255")
    assert cache._db.total_changes == before + 256
    cache.close()


def old_file(path: Path, count: int) -> None:
    """A cache as versions without use order wrote it."""
    db = sqlite3.connect(path)
    db.executescript(
        """CREATE TABLE blobs (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL,
            bytes INTEGER NOT NULL, data BLOB NOT NULL, UNIQUE (kind, key));
        CREATE TABLE total (id INTEGER PRIMARY KEY CHECK (id = 1), bytes INTEGER);
        INSERT INTO total VALUES (1, 0);
        CREATE TRIGGER blobs_in AFTER INSERT ON blobs
            BEGIN UPDATE total SET bytes = bytes + NEW.bytes; END;
        CREATE TRIGGER blobs_out AFTER DELETE ON blobs
            BEGIN UPDATE total SET bytes = bytes - OLD.bytes; END;"""
    )
    rows = [("thumb", str(i), 1000, bytes(1000)) for i in range(count)]
    db.executemany("INSERT INTO blobs (kind, key, bytes, data) VALUES (?, ?, ?, ?)", rows)
    db.commit()
    db.close()


def test_an_older_file_goes_on(path: Path) -> None:
    old_file(path, 50)
    cache = Cache(path, limit=50_000)
    assert cache.size == 50_000
    assert cache.get("thumb", "0") == bytes(1000)
    cache.put("thumb", "new", bytes(1000))
    assert cache.size <= 45_000
    assert cache.has("thumb", "0")
    assert not cache.has("thumb", "1")
    assert not cache.temporary
    cache.close()
    again = Cache(path)
    assert again.size == 45_000
    again.close()


def test_a_busy_file_is_a_miss(path: Path) -> None:
    cache = Cache(path)
    cache.put("thumb", "a", b"x")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    cache._db.execute("PRAGMA busy_timeout = 1")
    cache.put("thumb", "b", b"y")
    assert cache.get("thumb", "b") is None
    assert cache.get("thumb", "a") == b"x"
    cache.clear()
    assert cache.has("thumb", "a")
    other.execute("ROLLBACK")
    other.close()
    cache.put("thumb", "b", b"y")
    assert cache.get("thumb", "b") == b"y"
    cache.close()


def test_threads_share_it(path: Path) -> None:
    cache = Cache(path)
    problems: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for i in range(50):
                cache.put("thumb", f"{name}{i}", name.encode() * i)
                assert cache.get("thumb", f"{name}{i}") == name.encode() * i
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert cache.size == 4 * sum(range(50))
    cache.close()
