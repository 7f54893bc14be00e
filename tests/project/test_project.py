"""The life of a project file: made, opened, shared, refused, closed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from annotator.core.errors import AnnotatorError, Cancelled
from annotator.operations import synsets, tags
from annotator.project import queries, store
from annotator.project.migrations import latest
from annotator.project.project import Project, cache_path
from annotator.project.sqlite import sqlite3


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def refused(path: Path, words: str) -> None:
    """Opening says ``words``, in one line that names the file, and changes nothing."""
    before = sha(path)
    beside = sorted(path.parent.iterdir())
    with pytest.raises(AnnotatorError) as error:
        Project.open(path)
    assert words in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    assert sha(path) == before
    assert sorted(path.parent.iterdir()) == beside


def test_a_closed_project_is_one_file(made, tmp_path: Path) -> None:
    path = made.project.path
    assert path.with_name("my.annot-wal").exists()
    synsets.accept(made.project, made.dog)
    made.project.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["my.annot", "photos"]
    with Project.open(Path(shutil.copy(path, tmp_path / "copy.annot"))) as copy, copy.read() as db:
        assert queries.synset(db, made.dog).verdict == "accepted"


def test_create_refuses_what_cannot_work(tmp_path: Path, folder: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    for path, images, words in (
        (tmp_path / "a.annot", tmp_path / "nowhere", "does not exist"),
        (tmp_path / "a.annot", file, "is a file, not a folder"),
        (file, folder, "exists already"),
        (tmp_path / "no" / "a.annot", folder, "no is not a folder"),
        (file / "a.annot", folder, "file is not a folder"),
        (tmp_path / ("x" * 300), folder, "cannot be written"),
        (tmp_path / "a.annot", tmp_path / ("x" * 300), "cannot be read"),
    ):
        with pytest.raises(AnnotatorError, match=words):
            Project.create(path, images)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "photos"]
    assert file.read_text() == "x"


def test_open_refuses_what_is_not_a_project(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(AnnotatorError, match="does not exist"):
        Project.open(tmp_path / "none.annot")
    assert not (tmp_path / "none.annot").exists()
    with pytest.raises(AnnotatorError, match="is a folder"):
        Project.open(folder)
    with pytest.raises(AnnotatorError, match="cannot be read"):
        Project.open(tmp_path / ("x" * 300))
    text = tmp_path / "text.annot"
    for content in (b"", b"hello", b"SQLite format 3\x00", os.urandom(5000)):
        text.write_bytes(content)
        refused(text, "is not an Annotator project")
    foreign = tmp_path / "foreign.annot"
    db = sqlite3.connect(foreign)
    db.execute("CREATE TABLE bookmarks (url TEXT)")
    db.close()
    refused(foreign, "is not an Annotator project")


def test_open_refuses_a_newer_project(project: Project) -> None:
    project.close()
    db = sqlite3.connect(project.path)
    db.execute("PRAGMA user_version = 7")
    db.close()
    refused(
        project.path, f"made by a newer Annotator (format 7, this one knows {latest()}); update"
    )


def test_open_says_when_a_project_is_damaged(made) -> None:
    path = made.project.path
    made.project.close()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused(path, "is damaged (it is shorter than it should be)")
    path.write_bytes(whole[:100] + b"\xff" * 3900 + whole[4000:])
    refused(path, "is damaged")


def test_damage_found_later_is_said_too(made) -> None:
    path = made.project.path
    with made.project.read() as db:
        pages = dict(db.execute("SELECT name, rootpage FROM sqlite_master"))
        size = db.execute("PRAGMA page_size").fetchone()[0]
    made.project.close()
    whole = bytearray(path.read_bytes())
    at = (pages["tags"] - 1) * size
    whole[at : at + size] = b"\xff" * size
    path.write_bytes(whole)
    damage = pytest.raises(AnnotatorError, match=r"my\.annot is damaged")
    with Project.open(path) as project, damage, project.read() as db:
        queries.tags(db, made.images[0])


def test_broken_letters_are_damage(made) -> None:
    """SQLite itself sees nothing wrong with them."""
    with made.project.write("synsets") as db:
        db.execute("UPDATE synsets SET name = CAST(x'66ff6f' AS TEXT) WHERE id = ?", (made.dog,))
    damage = pytest.raises(AnnotatorError, match=r"my\.annot is damaged")
    with damage, made.project.read() as db:
        queries.vocabulary(db)


def test_a_broken_schema_is_damage(made) -> None:
    path = made.project.path
    made.project.close()
    whole = path.read_bytes()
    assert b"CREATE TABLE images" in whole  # twice, where a page was rewritten
    path.write_bytes(whole.replace(b"CREATE TABLE images", b"CREATE TABLE \xff\xfeages"))
    refused(path, "is damaged")


OPEN = """
import os
import sys
from pathlib import Path
from annotator.core.errors import AnnotatorError
from annotator.project.project import Project
if os.geteuid() == 0:  # root may write anywhere, so become nobody
    os.setgid(65534)
    os.setuid(65534)
try:
    Project.open(Path(sys.argv[1]))
except AnnotatorError as error:
    print(error)
"""


@pytest.mark.parametrize("what", ["file", "folder"])
def test_open_refuses_a_read_only_place(project: Project, what: str) -> None:
    project.close()
    # Not below tmp_path, which only its owner may enter.
    place = Path(tempfile.mkdtemp())
    try:
        path = Path(shutil.copy(project.path, place / "my.annot"))
        path.chmod(0o444 if what == "file" else 0o666)
        place.chmod(0o777 if what == "file" else 0o555)
        before = sha(path)
        done = subprocess.run(
            [sys.executable, "-c", OPEN, str(path)], capture_output=True, text=True, check=False
        )
        assert "is read-only" in done.stdout, done.stderr
        assert str(place) in done.stdout
        assert sha(path) == before
        assert [p.name for p in place.iterdir()] == ["my.annot"]
    finally:
        place.chmod(0o700)
        shutil.rmtree(place)


def test_the_folder_is_found_after_moving_both(project: Project, tmp_path: Path) -> None:
    project.close()
    other = tmp_path / "elsewhere"
    other.mkdir()
    shutil.move(project.path, other / "my.annot")
    shutil.move(project.folder, other / "photos")
    with Project.open(other / "my.annot") as moved, moved.read() as db:
        assert moved.folder == other / "photos"
        assert queries.status(db)["folder"] == str(other / "photos")


def test_a_failed_decision_leaves_nothing(made, digest) -> None:
    before = digest(made.project)

    def fail() -> None:
        with made.project.transact("Fail") as db:
            db.execute("INSERT INTO synset_decisions (synset_id, verdict) VALUES (1, 'accepted')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert digest(made.project) == before
    with made.project.read() as db:
        assert queries.history(db) == []
    synsets.accept(made.project, made.dog)  # and the next one is journaled as ever
    assert made.project.undo().label == "Accept dog"


def test_a_full_disk_is_one_sentence_and_loses_nothing(made, digest) -> None:
    synsets.accept(made.project, made.dog)
    before = digest(made.project)
    writer = made.project._writer
    pages = writer.execute("PRAGMA page_count").fetchone()[0]
    writer.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(AnnotatorError, match="is full"), made.project.write("images") as db:
        store.upsert_images(db, [store.FileSeen("x" * 3000 + str(i), 1, 1) for i in range(100)])
    assert digest(made.project) == before
    writer.execute("PRAGMA max_page_count = 1000000")
    assert made.project.undo().label == "Accept dog"


def test_transactions_do_not_nest(project: Project) -> None:
    with pytest.raises(RuntimeError), project.transact("A"), project.write("tags"):
        pass


def test_a_reader_cannot_write_and_sees_one_moment(made) -> None:
    with made.project.read() as db:
        with pytest.raises(AnnotatorError, match="read-only"), made.project.read() as inner:
            inner.execute("DELETE FROM tags")
        before = queries.vocabulary(db)
        synsets.rename(made.project, made.dog, "hound")
        assert queries.vocabulary(db) == before
    with made.project.read() as db:
        assert queries.synset(db, made.dog).name == "hound"


def test_subscribers_hear_of_commits_only(made) -> None:
    heard: list[frozenset[str]] = []
    stop = made.project.subscribe(heard.append)
    synsets.accept(made.project, made.dog)
    assert heard == [{"synsets", "tags", "regions", "suggestions", "history"}]
    tags.accept(made.project, made.images[0], made.dog)
    assert {"tags", "history"} <= heard.pop()
    heard.clear()
    synsets.accept(made.project, made.dog)  # changes nothing
    with pytest.raises(ValueError, match="x"), made.project.write("images"):
        raise ValueError("x")
    assert heard == []
    with made.project.write("images", "runs"):
        pass
    made.project.undo()
    assert heard[0] == {"images", "runs"}
    assert "tags" in heard[1]
    stop()
    made.project.redo()
    assert len(heard) == 2


def test_two_programs_share_a_project(made) -> None:
    one = made.project
    heard: list[frozenset[str]] = []
    one.subscribe(heard.append)
    with Project.open(one.path) as two:
        assert not one.poll()
        synsets.rename(two, made.dog, "hound")
        assert heard == []
        assert one.poll()
        assert "tags" in heard[0]
        assert not one.poll()
        synsets.accept(one, made.dog)
        assert two.undo().label == "Accept hound"
        assert one.undo().label == "Rename dog to hound"
        one.close()
        assert one.path.with_name("my.annot-wal").exists()  # two still needs it
        with two.read() as db:
            assert queries.synset(db, made.dog).name == "dog"
    assert not one.path.with_name("my.annot-wal").exists()


def test_one_writes_at_a_time(made) -> None:
    one = made.project
    with Project.open(one.path) as two:
        two._writer.execute("PRAGMA busy_timeout = 0")
        with one.write("synsets") as db:
            before = len(queries.vocabulary(db))
            with pytest.raises(AnnotatorError, match="Another program is writing to"):
                synsets.add(two, "lamp")
            store.ensure_synset(db, "vase")
        assert synsets.add(two, "lamp") > before
        with one.read() as db:
            assert len(queries.vocabulary(db)) == before + 1


def test_a_run_is_interrupted_only_when_nobody_can_be_running_it(made) -> None:
    project = made.project
    with project.write("runs") as db:
        run = store.start_run(db, "propose", total=4)
    with Project.open(project.path) as second, second.read() as db:
        assert queries.run(db, run).status == "running"
    project.close()
    with Project.open(project.path) as later, later.read() as db:
        found = queries.run(db, run)
        assert found.status == "interrupted"
        assert found.ended is not None


def test_a_closed_project_says_so(made) -> None:
    made.project.close()
    made.project.close()
    with pytest.raises(AnnotatorError, match="is closed"), made.project.read():
        pass
    with pytest.raises(AnnotatorError, match="is closed"):
        made.project.undo()
    assert made.project.poll() is False
    assert made.project.cache.get("thumb", "x") is None


def test_closing_ends_a_long_read(made) -> None:
    started = threading.Event()
    ended: list[BaseException] = []

    def count() -> None:
        try:
            with made.project.read() as db:
                started.set()
                db.execute(
                    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                    "SELECT count(*) FROM n"
                ).fetchone()
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=count)
    thread.start()
    assert started.wait(10)
    made.project.close()
    thread.join(10)
    assert [type(error) for error in ended] == [Cancelled]


def test_many_threads_read_while_one_writes(made) -> None:
    problems: list[BaseException] = []
    done = threading.Event()

    def look() -> None:
        try:
            while not done.is_set():
                with made.project.read() as db:
                    for found in queries.vocabulary(db):
                        assert queries.synset(db, found.id) == found
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for i in range(30):
        synsets.rename(made.project, made.dog, f"dog {i}")
    done.set()
    for thread in threads:
        thread.join()
    assert problems == []


def test_where_the_cache_is() -> None:
    assert cache_path(Path("a/my.annot")).name == "my.annot-cache"
    assert cache_path(Path("a/my.project")).name == "my.project.annot-cache"
