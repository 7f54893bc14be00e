from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from annotator.core.errors import AnnotatorError
from annotator.project import queries, store
from annotator.project.backup import backup
from annotator.project.check import check
from annotator.project.project import Project
from annotator.project.sqlite import sqlite3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "photos"
    made.mkdir()
    (made / "a.jpg").write_bytes(b"12345")
    return made


def test_a_copy_is_one_whole_file_while_work_goes_on(tmp_path: Path, folder: Path) -> None:
    with Project.create(tmp_path / "my.annot", folder) as project:
        with project.write("images") as db:
            store.upsert_images(db, [store.FileSeen("a.jpg", 5, 1)])
        with project.write("images") as db:
            store.upsert_images(db, [store.FileSeen("half.jpg", 5, 1)])
            copy = backup(project, tmp_path / "copy.annot")
    assert copy == tmp_path / "copy.annot"
    with sqlite3.connect(f"file:{copy}?immutable=1", uri=True) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert db.execute("SELECT path FROM images").fetchall() == [("a.jpg",)]
    db.close()
    with Project.open(copy) as project:
        assert check(project) == []


def test_without_a_name_it_gets_the_date(tmp_path: Path, folder: Path) -> None:
    with Project.create(tmp_path / "my.annot", folder) as project:
        copy = backup(project)
        assert copy.parent == tmp_path
        assert copy.name.startswith("my-2")
        assert copy.suffix == ".annot"
        (tmp_path / "safe").mkdir()
        assert backup(project, tmp_path / "safe").parent == tmp_path / "safe"


def test_nothing_is_overwritten(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "copy.annot").write_text("mine")
    with Project.create(tmp_path / "my.annot", folder) as project:
        with pytest.raises(AnnotatorError, match="exists already"):
            backup(project, tmp_path / "copy.annot")
        with pytest.raises(AnnotatorError, match="nowhere is not a folder"):
            backup(project, tmp_path / "nowhere" / "copy.annot")
    assert (tmp_path / "copy.annot").read_text() == "mine"


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_full_disk_leaves_nothing(tmp_path: Path, folder: Path) -> None:
    with Project.create(tmp_path / "my.annot", folder) as project, project.read() as db:
        assert queries.image_ids(db) == []
    (tmp_path / "out").mkdir()
    script = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from annotator.core.errors import AnnotatorError\n"
        "from annotator.project.backup import backup\n"
        "from annotator.project.project import Project\n"
        "with Project.open(Path(sys.argv[1])) as project:\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))\n"
        "    try:\n"
        "        backup(project, Path(sys.argv[2]))\n"
        "    except AnnotatorError as error:\n"
        "        print(error)\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "my.annot", tmp_path / "out" / "copy.annot"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "copy.annot could not be written" in done.stdout
    assert list((tmp_path / "out").iterdir()) == []
