"""A model that a person has on disk: looked at, tried, made into a pack, and chosen."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from annotator.backends.registry import load_pack, user_models
from annotator.gui.add_popover import AddPopover, in_form
from annotator.gui.main_window import MainWindow
from annotator.gui.models_popover import ModelsPopover
from annotator.gui.session import Session

sys.path.insert(0, str(Path(__file__).parents[2] / "backends"))
import tiny_clip

Opened = Callable[[Path], Session]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "Mein CLIP"
    folder.mkdir()
    tiny_clip.clip(folder)
    return folder


@pytest.fixture
def form(qtbot: QtBot, window: MainWindow, photos: Path, opened: Opened) -> AddPopover:
    """Opened as a person does."""
    opened(photos)
    window.commands.run("models")
    qtbot.waitUntil(lambda: bool(window.findChildren(ModelsPopover)), timeout=20_000)
    (chooser,) = window.findChildren(ModelsPopover)
    qtbot.waitUntil(chooser.isVisible, timeout=20_000)
    chooser.add.click()
    (made,) = window.findChildren(AddPopover)
    assert made.isVisible()
    return made


def test_a_folder_is_recognised_tried_and_chosen(
    qtbot: QtBot,
    window: MainWindow,
    clip: Path,
    form: AddPopover,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not form.go.isEnabled()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(clip))
    form.folder.click()
    qtbot.waitUntil(form.go.isEnabled, timeout=30_000)
    assert form.what.text().startswith("This is a CLIP model, ")
    assert form.name.text() == "mein-clip"
    assert form.rest.currentData() == "starter"
    assert not form.role.isVisible()  # there is only one
    form.go.click()
    assert form.go.text() == "Stop"
    session = window.session
    assert session is not None
    qtbot.waitUntil(lambda: session.models.name == "mein-clip", timeout=30_000)
    assert not form.isVisible()
    assert "mein-clip" in window.messages.text.text()
    assert Path(str(load_pack("mein-clip").specs["grounder"].folder.locate())) == clip


def test_it_is_found_among_the_actions(
    qtbot: QtBot, window: MainWindow, photos: Path, opened: Opened
) -> None:
    assert not window.commands.run("add")  # a pack is chosen for a project
    opened(photos)
    assert window.commands.run("add")
    (made,) = window.findChildren(AddPopover)
    assert made.isVisible()


def test_what_is_no_model_is_said_in_the_form(qtbot: QtBot, photos: Path, form: AddPopover) -> None:
    form.path.setText(str(photos))
    QTest.keyClick(form.path, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: form.says.objectName() == "error", timeout=30_000)
    assert "holds no model" in form.says.text()
    assert not form.go.isEnabled()
    form.path.setText(str(photos / "gone"))
    QTest.keyClick(form.path, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "gone" in form.says.text(), timeout=30_000)
    assert not user_models().exists()


def test_a_name_that_is_taken_can_be_corrected(
    qtbot: QtBot, window: MainWindow, clip: Path, form: AddPopover
) -> None:
    form.look_at(str(clip))
    qtbot.waitUntil(form.go.isEnabled, timeout=30_000)
    form.attempt.setChecked(False)
    form.name.setText("clip")
    form.go.click()
    qtbot.waitUntil(lambda: form.says.objectName() == "error", timeout=30_000)
    assert "choose another name" in form.says.text()
    assert "--" not in form.says.text()
    form.name.setText("clip-of-mine")
    form.copy.setChecked(True)
    form.go.click()
    session = window.session
    assert session is not None
    qtbot.waitUntil(lambda: session.models.name == "clip-of-mine", timeout=30_000)
    copied = load_pack("clip-of-mine").specs["grounder"].folder.locate()
    assert copied.is_relative_to(user_models())
    assert {p.name for p in copied.iterdir()} >= {"config.json", "model.safetensors"}


def test_options_of_the_command_are_not_named_in_a_form() -> None:
    said = "There is a pack x already: choose another name with --name."
    assert in_form(said) == "There is a pack x already: choose another name."
    assert in_form("It is there already: leave --copy out.").endswith("leave “copy” out.")
