"""A project on a full disk: read as it is, never written, and nothing is lost or left behind.

The limit of this process on the size of a file stands in for the disk: SQLite and Python are
refused by the system in the same calls.
"""

from __future__ import annotations

import shutil
from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from annotator.core.errors import AnnotatorError
from annotator.operations import history, synsets
from annotator.project import files, queries
from annotator.project.backup import backup
from annotator.project.check import check
from annotator.project.project import Project

resource = pytest.importorskip("resource", reason="Windows has no such limit")

#: Enough to change the header of a file, not for the index that comes after it.
SOME = 16 * 1024


@contextmanager
def full(free: int = 0) -> Iterator[None]:
    """No file of this process can be written beyond its first ``free`` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def beside(path: Path) -> dict[str, bytes]:
    """All that is beside a project and the project itself."""
    return {one.name: one.read_bytes() for one in path.parent.iterdir() if one.is_file()}


@pytest.fixture
def closed(made, tmp_path: Path) -> Path:
    """A project that was closed, with one decision: dog is accepted."""
    synsets.accept(made.project, made.dog)
    made.project.close()
    return made.project.path


def test_it_is_read_as_it_is(closed: Path, made, digest: Callable[[Project], str]) -> None:
    before = beside(closed)
    with full(), Project.open_to_read(closed) as project:
        with project.read() as db, project.read() as other:
            assert queries.status(db)["accepted"]["synsets"] == 1
            assert [step.label for step in queries.history(other, 5)] == ["Accept dog"]
            assert len(queries.tags(db, made.images[0])) == 2
        assert check(project)  # the photos are not there
        seen = digest(project)
    assert beside(closed) == before
    with Project.open(closed) as project:
        assert digest(project) == seen


def test_every_write_is_refused_in_one_sentence(closed: Path, made) -> None:
    before = beside(closed)
    with full():
        with pytest.raises(AnnotatorError, match=rf"disk with {closed} is full: free some space"):
            Project.open(closed)
        assert beside(closed) == before
        with Project.open_to_read(closed) as project:
            for act in (
                lambda: synsets.reject(project, [made.sofa]),
                lambda: history.undo(project),
                lambda: project.write("images").__enter__(),
            ):
                with pytest.raises(files.DiskFull):
                    act()
    assert beside(closed) == before


def test_with_room_it_is_opened_like_any_other(closed: Path, made) -> None:
    with Project.open_to_read(closed) as project:
        synsets.reject(project, [made.sofa])
        step = project.undo()
        assert step is not None
        assert step.label == "Reject sofa"


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk says that it has some room left."""
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1 << 30, 1 << 30, SOME))


def test_a_little_room_is_left_alone(closed: Path, little: None) -> None:
    """Else opening would take it all, and leave the file in another mode."""
    before = beside(closed)
    with full(SOME), pytest.raises(files.DiskFull):
        Project.open(closed)
    assert beside(closed) == before
    Project.open(closed).close()  # a disk may have more room for some than it says


def test_what_opening_left_half_way_is_read_too(closed: Path) -> None:
    """Under a quota the disk itself has room, so SQLite begins and is stopped."""
    with full(SOME):
        with pytest.raises(files.DiskFull):
            Project.open(closed)
        left = beside(closed)
        assert left["my.annot"][18] == 2  # of a file with a log beside it
        assert len(left["my.annot-shm"]) < 32 * 1024
    with full(), Project.open_to_read(closed) as project, project.read() as db:
        assert queries.status(db)["accepted"]["synsets"] == 1
    # The index holds nothing; SQLite may cut it once it is sure that nobody else has it open.
    assert {**beside(closed), "my.annot-shm": b""} == {**left, "my.annot-shm": b""}
    with Project.open(closed) as project:
        assert project.undo() is not None
    assert closed.read_bytes()[18] == 1


def test_what_is_in_a_log_beside_it_is_not_left_out(made, tmp_path: Path) -> None:
    """A program that died leaves its last writes there."""
    synsets.accept(made.project, made.dog)
    died = tmp_path / "died"
    died.mkdir()
    for ending in ("", "-wal"):
        shutil.copy(f"{made.project.path}{ending}", died)
    path = died / "my.annot"
    before = beside(path)
    assert before["my.annot-wal"]
    with full(), pytest.raises(AnnotatorError, match=r"still in my\.annot-wal beside it: keep"):
        Project.open_to_read(path)
    assert beside(path)["my.annot"] == before["my.annot"]
    assert beside(path)["my.annot-wal"] == before["my.annot-wal"]
    with Project.open(path) as project, project.read() as db:
        assert queries.status(db)["accepted"]["synsets"] == 1


def test_who_has_it_open_is_not_read_past(made) -> None:
    """Another program may write at any moment: it is read through its log, or not at all."""
    path = made.project.path
    made.project._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert not path.with_name("my.annot-wal").read_bytes()
    with pytest.raises(AnnotatorError, match="another program has the project open"):
        files.still_uri(path)
    with full(), Project.open_to_read(path) as project, project.read() as db:
        assert queries.status(db)["images"] == 4


def test_a_project_that_was_moved_with_its_photos(closed: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "ü ? # %41"
    elsewhere.mkdir()
    for one in (closed, tmp_path / "photos"):
        shutil.move(one, elsewhere)
    before = beside(elsewhere / "my.annot")
    with full(), Project.open_to_read(elsewhere / "my.annot") as project:
        assert project.folder == elsewhere / "photos"
    assert beside(elsewhere / "my.annot") == before


def test_an_older_format_waits_for_room(closed: Path, little: None) -> None:
    whole = bytearray(closed.read_bytes())
    whole[60:64] = (1).to_bytes(4, "big")
    closed.write_bytes(whole)
    with full(), pytest.raises(AnnotatorError, match="older format, and its disk is too full"):
        Project.open_to_read(closed)
    assert closed.read_bytes() == whole


def test_a_copy_goes_to_another_disk(closed: Path, tmp_path: Path) -> None:
    with full():
        project = Project.open_to_read(closed)
    with project:  # and from here there is room, as on another disk
        copy = backup(project, tmp_path / "copy.annot")
    with Project.open(copy) as project:
        assert project.undo() is not None
