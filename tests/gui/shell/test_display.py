"""A window that cannot be opened: one sentence instead of Qt's end of the program."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from annotator.gui import display

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Linux leaves these libraries to the person"
)


@pytest.fixture(autouse=True)
def x11(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ordinary desktop with X11."""
    for name in ("QT_QPA_PLATFORM", "WAYLAND_DISPLAY", "XDG_SESSION_TYPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", ":0")


@pytest.fixture
def lacking(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A system without these libraries; plugins of Qt say so as the loader does."""

    def lack(*names: str, wayland: bool = True) -> None:
        def load(name: str) -> object:
            path = Path(name)
            plugin = path.parent.name == "platforms"
            if plugin and names and not (wayland and path.stem == "libqwayland"):
                raise OSError(f"{names[0]}: cannot open shared object file: No such file")
            if path.name in names:
                raise OSError(f"{name}: cannot open shared object file: No such file")
            return object()

        monkeypatch.setattr(ctypes, "CDLL", load)
        monkeypatch.setattr(display, "_answers", lambda: True)

    return lack


def test_every_missing_library_is_named_with_what_to_install(lacking: Callable[..., None]) -> None:
    lacking("libxcb-cursor.so.0")
    assert display.trouble() == (
        "The window cannot be opened, because a system library is not installed: "
        "libxcb-cursor.so.0. Install what brings it (Debian, Ubuntu: sudo apt install "
        "libxcb-cursor0); the commands work without."
    )
    lacking("libxcb-icccm.so.4", "libxcb-cursor.so.0")
    assert "libraries are not installed: libxcb-cursor.so.0, libxcb-icccm.so.4" in display.trouble()


def test_one_that_nobody_expected_is_named_too(lacking: Callable[..., None]) -> None:
    lacking("libxcb-new.so.1")
    assert "libxcb-new.so.1" in display.trouble()


def test_where_all_is_there_nothing_is_said(lacking: Callable[..., None]) -> None:
    lacking()
    assert display.trouble() == ""


def test_another_way_to_show_a_window_is_enough(
    lacking: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    lacking("libxcb-cursor.so.0")
    assert display.trouble() == ""
    lacking("libxcb-cursor.so.0", wayland=False)
    assert "libxcb-cursor0" in display.trouble()


@pytest.mark.parametrize("way", ["offscreen", "minimal", "vnc:size=800x600"])
def test_what_needs_no_such_library_is_not_asked_about(
    lacking: Callable[..., None], monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", way)
    lacking("libxcb-cursor.so.0")
    assert display.trouble() == ""


def test_a_display_that_is_not_there_is_one_sentence_and_no_crash(tmp_path: Path) -> None:
    """The real program; on a system without Qt's libraries it names these instead."""
    environ = {key: value for key, value in os.environ.items() if key != "QT_QPA_PLATFORM"}
    done = subprocess.run(
        [sys.executable, "-m", "annotator"],
        capture_output=True,
        text=True,
        env=environ | {"DISPLAY": ":4711", "PATH": str(tmp_path)},
    )
    assert done.returncode == 1
    assert done.stderr.startswith("annotator: error: The ")
    assert len(done.stderr.splitlines()) == 1
    assert ":4711" in done.stderr or "not installed" in done.stderr


def test_without_a_terminal_it_is_shown_by_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started: list[list[str]] = []
    board = tmp_path / "kdialog"
    board.write_text("")
    board.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(subprocess, "Popen", lambda words, **_: started.append(words))
    display.tell("No window.")
    assert started == [[str(board), "--error", "No window."]]
    assert capsys.readouterr().err == "annotator: error: No window.\n"


def test_nothing_of_qt_is_imported_for_it() -> None:
    words = "import sys; from annotator.gui import display; print('PySide6' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True)
    assert done.stdout == "False\n"
