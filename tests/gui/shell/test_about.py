"""About Annotator: what it says, what it copies, what it opens, and that it loads no model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QUrl, qVersion
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from annotator.core import program
from annotator.gui import about
from annotator.gui.about_sheet import AboutSheet
from annotator.gui.main_window import MainWindow
from annotator.project import sqlite

NO_MODEL = """
import sys
from annotator.gui import about
text = about.read().text
assert "PyTorch " in text, text
print(sorted({"torch", "transformers", "cv2", "httpx"} & set(sys.modules)))
"""


def shown(qtbot: QtBot, window: MainWindow) -> AboutSheet:
    qtbot.waitUntil(lambda: window.about.isVisible(), timeout=10_000)
    return window.about


def test_it_opens_from_the_start_page_and_copies_the_versions(
    qtbot: QtBot, window: MainWindow
) -> None:
    window.start.about.click()
    sheet = shown(qtbot, window)
    words = [label.text() for label in sheet.findChildren(QLabel)]
    assert sqlite.VERSION in words
    assert any(word.startswith(qVersion()) for word in words)
    sheet.copy.click()
    copied = QGuiApplication.clipboard().text().splitlines()
    assert copied[0] == f"Annotator {program.own_version()} (from source)"
    assert f"SQLite {sqlite.VERSION}" in copied
    assert any(line.startswith("PyTorch 2") for line in copied)
    assert not any(str(Path.home()) in line for line in copied)  # nothing of the person
    assert sheet.says.text() == "Copied."


def test_it_opens_from_the_sheet_of_keys(qtbot: QtBot, window: MainWindow) -> None:
    window.commands.run("shortcuts")
    window.sheet.about.click()
    shown(qtbot, window)
    assert not window.sheet.isVisible()


def test_the_licence_is_opened_and_when_it_cannot_be_the_place_is_said(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[QUrl] = []

    def note(url: QUrl) -> bool:
        opened.append(url)
        return len(opened) == 1

    monkeypatch.setattr(QDesktopServices, "openUrl", note)
    window.commands.run("about")
    sheet = shown(qtbot, window)
    sheet.notices.click()
    licence = Path(opened[0].toLocalFile())
    assert "Apache License" in licence.read_text()
    # A desktop says yes before it looks for a program: the place is named then too.
    assert sheet.says.text() == f"This computer was asked to open {licence}."
    assert sheet.says.objectName() == "hint"
    sheet.notices.click()
    assert sheet.says.text().startswith("No program here opens it")
    assert sheet.says.text().endswith(str(licence))
    assert sheet.says.objectName() == "error"
    assert sheet.says.textInteractionFlags() & Qt.TextInteractionFlag.TextSelectableByMouse
    assert sheet.rect().contains(sheet.says.geometry())
    assert sheet.says.height() >= sheet.says.heightForWidth(sheet.says.width())


def test_packaged_the_notices_of_all_parts_are_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "frozen", lambda: True)
    monkeypatch.setattr(program, "home", lambda: tmp_path)
    assert about.read().notices is None
    (tmp_path / "LICENCES").mkdir()
    facts = about.read()
    assert facts.notices == tmp_path / "LICENCES"
    assert "(packaged)" in facts.text
    assert dict(facts.places)["Program"] == tmp_path


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(about._LIBRARIES, "Nothing", ("no-such-distribution-anywhere",))
    assert "Nothing not installed" in about.read().text


def test_no_model_library_is_loaded_for_it() -> None:
    done = subprocess.run([sys.executable, "-c", NO_MODEL], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
