"""One SQLite library for all, and one that is safe with several connections."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest
from sqlite_utils.utils import sqlite3 as theirs

from annotator.project import sqlite

CARRIED = {("linux", "x86_64"), ("darwin", "arm64"), ("win32", "AMD64")}


@pytest.mark.skipif(
    (sys.platform, platform.machine()) not in CARRIED,
    reason="no build of pysqlite3 for this machine",
)
def test_the_library_has_no_fault_with_several_connections() -> None:
    assert tuple(int(part) for part in sqlite.VERSION.split(".")) >= sqlite.SAFE


def test_sqlite_utils_uses_the_same_library() -> None:
    assert theirs.connect(":memory:").__class__ is sqlite.sqlite3.Connection


def test_no_second_library_is_loaded_with_a_project(tmp_path) -> None:
    script = (
        "import sys; from pathlib import Path; from annotator.project.project import Project\n"
        "folder = Path(sys.argv[1]); (folder / 'photos').mkdir()\n"
        "Project.create(folder / 'p.annot', folder / 'photos').close()\n"
        "print(sorted({'_sqlite3', 'pysqlite3._sqlite3'} & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == str([sqlite.sqlite3.connect.__module__])
