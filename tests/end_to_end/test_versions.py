"""Two versions of the program side by side: a project goes forward, with a copy of what it was, and
never back. Real processes of the real program; an older or newer one knows fewer or more formats.

Installing, updating or removing the program runs none of its code on a project: what is shown here
is all that ever happens to one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from annotator.project import journal, migrations
from annotator.project.check import check
from annotator.project.project import Project
from annotator.project.sqlite import sqlite3

FORMAT = migrations.latest()

#: The program that knows one format fewer, or one more, than this one.
OLDER = """
import sys
from annotator.project import migrations
migrations.MIGRATIONS = migrations.MIGRATIONS[:-1]
"""
NEWER = """
import sys
from annotator.project import migrations

def later(db):
    db.execute("CREATE TABLE later (id INTEGER PRIMARY KEY)")

migrations.MIGRATIONS = (*migrations.MIGRATIONS, later)
"""
COMMAND = "from annotator import cli\nsys.exit(cli.main(sys.argv[1:]))\n"
#: Opens a project and says what is in its format's own tables.
COUNT = """
from pathlib import Path
from annotator.project.project import Project
with Project.open(Path(sys.argv[1])) as project, project.read() as db:
    print(db.execute("SELECT count(*) FROM tag_decisions").fetchone()[0])
"""
#: Opens a project and holds it open until its stdin ends.
HOLD = """
from pathlib import Path
from annotator.project.project import Project
with Project.open(Path(sys.argv[1])) as project:
    print("open", flush=True)
    sys.stdin.read()
"""
#: Decides something in a project and is gone without closing it.
DIE = """
import os
from pathlib import Path
from annotator.operations import synsets
from annotator.project.project import Project
project = Project.open(Path(sys.argv[1]))
synsets.add(project, "sofa")
os._exit(9)
"""
#: Opens a project with a connection that dies at the statement of a number.
DIE_AT = """
import os
from pathlib import Path
from annotator.project import project as module

connect, left = module._connect, int(sys.argv[2])

def count(statement):
    global left
    left -= 1
    if left == 0:
        os._exit(9)

def counted(path):
    db = connect(path)
    db.set_trace_callback(count)
    return db

module._connect = counted
module.Project.open(Path(sys.argv[1])).close()
"""


def python(code: str, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )


def annotator(*words: object) -> subprocess.CompletedProcess[str]:
    """This program as the shell runs it."""
    return python("import sys\n" + COMMAND, *words)


@contextmanager
def held(code: str, path: Path) -> Iterator[None]:
    """Another process has the project open."""
    with subprocess.Popen(
        [sys.executable, "-c", code + HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield
        process.stdin.close()
        assert process.wait(60) == 0


def project_of(format: int, path: Path) -> Path:
    """A project as the program of that format left it: a photo, a word, a decision."""
    folder = path.parent / "photos"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 255, (40, 60, 3)).astype(np.uint8)
    photo = folder / "é.png"
    photo.write_bytes(cv2.imencode(".png", noise)[1].tobytes())
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for migration in migrations.MIGRATIONS[:format]:
            migration(db)
        db.execute(f"PRAGMA application_id = {migrations.APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {format}")
        db.execute("INSERT INTO meta VALUES ('folder', ?)", (str(folder),))
        db.execute(
            "INSERT INTO images VALUES (1, 'é.png', ?, 1, 'h', 60, 40, 'PNG', NULL, 0)",
            (photo.stat().st_size,),
        )
        db.execute(
            "INSERT INTO synsets VALUES (1, 'dog', 'dog', 'n02084071', NULL, 'machine', 0, 2.0)"
        )
        db.execute("INSERT INTO lemmas VALUES (1, 'dog', 0, 'machine')")
        step = journal.begin(db, "Accept dog on é.png")
        db.execute("INSERT INTO tag_decisions VALUES (1, 1, 'accepted', '2025-01-01')")
        journal.end(db, step)
    return path


def folder_of(path: Path) -> dict[str, bytes]:
    """All files beside the project, but for the cache, which may always be deleted."""
    return {
        one.name: one.read_bytes()
        for one in path.parent.iterdir()
        if one.is_file() and "annot-cache" not in one.name
    }


def is_copy(copy: bytes, original: bytes) -> bool:
    """Whether they are the same, byte for byte, but for SQLite's own counters in the header: of
    changes (24-27 and 92-95) and of changes to the tables (40-43)."""

    def without(data: bytes) -> bytes:
        blank = bytes(4)
        return data[:24] + blank + data[28:40] + blank + data[44:92] + blank + data[96:]

    return len(copy) == len(original) and without(copy) == without(original)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A project of this program's format."""
    return project_of(FORMAT, tmp_path / "my é.annot")


@pytest.mark.parametrize("format", range(1, FORMAT))
def test_an_older_project_goes_forward_with_a_copy(format: int, tmp_path: Path) -> None:
    path = project_of(format, tmp_path / "my é.annot")
    before = path.read_bytes()
    done = annotator("status", path, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["accepted"]["tags"] == 1
    files = folder_of(path)
    assert set(files) == {path.name, f"{path.name}.backup-{format}"}
    assert is_copy(files[f"{path.name}.backup-{format}"], before)
    assert files[path.name] != before
    # Once is enough, and what was decided before can be undone after.
    done = annotator("undo", path)
    assert done.returncode == 0, done.stderr
    assert set(folder_of(path)) == set(files)
    assert folder_of(path)[f"{path.name}.backup-{format}"] == files[f"{path.name}.backup-{format}"]
    with Project.open(path) as project:
        assert check(project) == []


COMMANDS = {
    "status": ("status",),
    "vocabulary": ("vocabulary",),
    "tags": ("tags", "é.png"),
    "history": ("history",),
    "check": ("check",),
    "backup": ("backup",),
    "scan": ("scan",),
    "propose": ("propose",),
    "undo": ("undo",),
    "accept": ("synset accept", "dog"),
    "export": ("export coco", "out.json"),
}


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that a newer program has opened, and closed."""
    path = project_of(FORMAT, tmp_path_factory.mktemp("newer") / "my é.annot")
    done = python(NEWER + COMMAND, "status", path)
    assert done.returncode == 0, done.stderr
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_touches_a_newer_project(
    command: str, newer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from annotator import cli

    before = folder_of(newer)
    verb, *more = COMMANDS[command]
    assert cli.main([*verb.split(), str(newer), *more]) == 1
    said = capsys.readouterr()
    # Not an error of the command check, but what it found.
    assert (
        f"{newer} was made by a newer Annotator (format {FORMAT + 1}, this one knows {FORMAT}); "
        "update Annotator."
    ) in (said.err if command != "check" else said.out)
    assert folder_of(newer) == before


def test_what_a_newer_program_left_when_it_died_is_not_touched(path: Path) -> None:
    assert python(NEWER + DIE, path).returncode == 9
    before = folder_of(path)
    # The decision is in the log only, which SQLite would put into the file at a close.
    assert len(before[f"{path.name}-wal"]) > 0
    done = annotator("status", path)
    assert done.returncode == 1
    assert "was made by a newer Annotator" in done.stderr
    assert folder_of(path) == before
    done = python(NEWER + COMMAND, "status", path, "--json")
    assert json.loads(done.stdout)["accepted"]["synsets"] == 1


def test_a_project_that_a_newer_program_has_open_is_not_touched(path: Path) -> None:
    with held(NEWER, path):
        before = folder_of(path)
        done = annotator("undo", path)
        assert "was made by a newer Annotator" in done.stderr
        assert folder_of(path) == before


def test_a_project_that_an_older_program_has_open_is_not_taken_forward(tmp_path: Path) -> None:
    path = project_of(FORMAT - 1, tmp_path / "my é.annot")
    with held(OLDER, path):
        before = folder_of(path)
        done = annotator("status", path)
        assert done.returncode == 1
        assert done.stderr == (
            f"annotator: error: {path} is of an older format and open in another program, perhaps "
            "an older Annotator; close it there, then open it again.\n"
        )
        assert {name: data for name, data in folder_of(path).items() if "-shm" not in name} == {
            name: data for name, data in before.items() if "-shm" not in name
        }
    assert annotator("status", path).returncode == 0
    assert set(folder_of(path)) == {path.name, f"{path.name}.backup-{FORMAT - 1}"}


def test_an_older_program_refuses_what_went_forward_and_opens_the_copy(tmp_path: Path) -> None:
    path = project_of(FORMAT - 1, tmp_path / "my é.annot")
    assert python(OLDER + COUNT, path).stdout == "1\n"
    assert annotator("tag", "clear", path, "é.png", "dog").returncode == 0
    before = folder_of(path)
    done = python(OLDER + COMMAND, "status", path)
    assert done.returncode == 1
    assert f"newer Annotator (format {FORMAT}, this one knows {FORMAT - 1})" in done.stderr
    assert folder_of(path) == before
    # What was decided after the copy was made is not in it.
    copy = path.with_name(f"{path.name}.backup-{FORMAT - 1}")
    assert python(OLDER + COUNT, copy).stdout == "1\n"
    assert python("import sys\n" + COUNT, path).stdout == "0\n"


def test_a_kill_on_the_way_forward_leaves_the_old_or_the_new_project(tmp_path: Path) -> None:
    started = project_of(FORMAT - 1, tmp_path / "start.annot")
    seen = set()
    for number in (3, 8, 11, 14, 17, 20):
        path = tmp_path / f"killed {number}.annot"
        path.write_bytes(started.read_bytes())
        assert python("import sys\n" + DIE_AT, path, number).returncode == 9
        with closing(sqlite3.connect(path)) as db:
            seen.add(db.execute("PRAGMA user_version").fetchone()[0])
        for copy in tmp_path.glob(f"{path.name}.backup-*"):
            # No half copy by the name of a whole one.
            assert is_copy(copy.read_bytes(), started.read_bytes())
        with Project.open(path) as project, project.read() as db:
            assert db.execute("SELECT count(*) FROM tag_decisions").fetchone() == (1,)
            assert check(project) == []
        assert list(tmp_path.glob(f"{path.name}.backup-*"))
    assert seen == {FORMAT - 1, FORMAT}


def test_two_that_go_forward_at_once_do_it_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = project_of(FORMAT - 1, tmp_path / "my é.annot")
    backup = migrations._backup

    def overtaken(*about: object) -> Path:
        monkeypatch.setattr(migrations, "_backup", backup)
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            migrations.migrate(db, path)
        return backup(*about)

    monkeypatch.setattr(migrations, "_backup", overtaken)
    with Project.open(path) as project:
        assert check(project) == []
    assert set(folder_of(path)) >= {path.name, f"{path.name}.backup-{FORMAT - 1}"}
