"""?: the sheet of all keys."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from annotator.gui.commands import Commands
from annotator.gui.main_window import MainWindow
from annotator.gui.shortcuts_sheet import groups, rows

Press = Callable[..., None]


def words(window: MainWindow) -> set[str]:
    return {label.text() for label in window.sheet.findChildren(QLabel)}


def test_actions_without_a_key_are_left_out(window: MainWindow) -> None:
    commands = Commands(window)
    commands.add("tags.accept", "Accept tag", "Y", group="Tags")
    commands.add("theme.system", "Follow the system's theme", group="Window")
    assert [c.id for c in groups(commands)["Tags"]] == ["tags.accept"]
    assert "Window" not in groups(commands)


def test_digits_are_one_line(window: MainWindow) -> None:
    commands = Commands(window)
    for i in range(1, 10):
        commands.add(f"tags.{i}", f"Select tag {i}", str(i), group="Tags")
    commands.add("tags.accept", "Accept tag", "Y", group="Tags")
    assert rows(commands) == [("Select tag by number", "1 – 9"), ("Accept tag", "Y")]


def test_the_question_mark_shows_every_key_of_the_window(window: MainWindow, press: Press) -> None:
    press(window, Qt.Key.Key_Question, Qt.KeyboardModifier.ShiftModifier)
    assert window.sheet.isVisible()
    shown = words(window)
    for command in window.commands:
        if command.keys:
            assert command.title in shown, command.id


def test_what_is_registered_later_is_there_at_the_next_opening(
    window: MainWindow, press: Press
) -> None:
    window.commands.run("shortcuts")
    assert "Frobnicate" not in words(window)
    press(window, Qt.Key.Key_Escape)
    assert not window.sheet.isVisible()
    window.commands.add("late", "Frobnicate", "Ctrl+J")
    window.commands.run("shortcuts")
    assert "Frobnicate" in words(window)


def test_it_fits_a_small_window(window: MainWindow) -> None:
    window.resize(900, 600)
    window.commands.run("shortcuts")
    assert window.rect().contains(window.sheet.geometry())
