"""The program as the shell sees it: real processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from annotator import __main__


def python(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from annotator.__main__ import main\n"
        "main(['--help'])\n"
        "heavy = {'torch', 'numpy', 'cv2', 'PIL', 'PySide6', 'sqlite3', 'sqlite_utils'}\n"
        "print('heavy:', sorted(heavy & set(sys.modules)))\n"
    )
    done = python("-c", code)
    assert "first steps:" in done.stdout
    assert done.stdout.splitlines()[-1] == "heavy: []"


def test_the_way_to_the_window_loads_no_parser() -> None:
    code = (
        "import sys\n"
        "from annotator import __main__\n"
        "__main__.open_window = lambda path: 0\n"
        "__main__.main([])\n"
        "print('argparse' in sys.modules, 'annotator.cli' in sys.modules)\n"
    )
    assert python("-c", code).stdout.split() == ["False", "False"]


def test_an_error_has_status_1_and_no_traceback(tmp_path: Path) -> None:
    done = python("-m", "annotator", "status", str(tmp_path / "no.annot"))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("annotator: error: ")
    assert len(done.stderr.splitlines()) == 1


def test_wrong_usage_has_status_2() -> None:
    assert python("-m", "annotator", "status").returncode == 2


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of a POSIX shell")
def test_a_reader_that_stops_early_is_no_error(project: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "annotator", "vocabulary", str(project)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 141


def shell(redirected: str, project: Path) -> subprocess.CompletedProcess[str]:
    command = f'"$0" -m annotator status --json "$1" {redirected}'
    words = ["sh", "-c", command, sys.executable, str(project)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_an_answer_that_finds_no_room_is_one_sentence(project: Path) -> None:
    done = shell(">/dev/full", project)
    assert done.returncode == 1
    assert done.stderr.startswith("annotator: error: The answer could not be written")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="closed streams of a POSIX shell")
def test_a_closed_stream_is_no_error(project: Path) -> None:
    for closed in (">&-", "2>&-"):
        done = shell(closed, project)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "opened"),
    [
        ([], None),
        (["my.annot"], "my.annot"),
        (["./scan"], "scan"),
        (["."], "."),
        (["some/folder"], "some/folder"),
    ],
)
def test_what_opens_the_window(
    words: list[str], opened: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Path | None] = []
    monkeypatch.setattr(__main__, "open_window", lambda path: seen.append(path) or 7)
    assert __main__.main(words) == 7
    assert seen == [None if opened is None else Path(opened)]


@pytest.mark.parametrize("words", [["--version"], ["status", "my.annot"], ["scan"], ["nonsense"]])
def test_what_is_a_command(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from annotator import cli

    seen: list[list[str]] = []
    monkeypatch.setattr(cli, "main", lambda argv, window: seen.append(list(argv)) or 5)
    monkeypatch.setattr(__main__, "open_window", lambda path: pytest.fail("a window"))
    assert __main__.main(words) == 5
    assert seen == [words]


def test_without_a_display_the_window_says_so(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert __main__.main([]) == 1
    assert capsys.readouterr().err.startswith("annotator: error: There is no display")
