"""Ctrl+K: actions found by their words."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QMainWindow
from pytestqt.qtbot import QtBot

from annotator.gui.commands import Commands
from annotator.gui.palette import Palette, matches

Press = Callable[..., None]


class Bench:
    """A window with a few actions; ``done`` says which were carried out."""

    def __init__(self, qtbot: QtBot) -> None:
        self.done: list[str] = []
        self.window = QMainWindow()
        self.window.resize(900, 600)
        self.field = QLineEdit(self.window)
        self.window.setCentralWidget(self.field)
        qtbot.addWidget(self.window)
        self.commands = Commands(self.window)
        self.able = True
        for id, title, group in (
            ("propose", "Propose tags and vocabulary…", "Project"),
            ("export", "Export…", "Project"),
            ("tags.accept", "Accept tag", "Tags"),
            ("tags.reject", "Reject tag", "Tags"),
        ):
            self.commands.add(id, title, "", partial(self.done.append, id), group=group)
        self.commands.add("undo", "Undo", "Ctrl+Z", enabled=lambda: self.able)
        self.commands.add("palette", "Search actions", "Ctrl+K", lambda: self.palette.open())
        self.palette = Palette(self.commands, self.window)
        self.window.show()
        self.window.activateWindow()
        qtbot.waitUntil(self.window.isActiveWindow)


@pytest.fixture
def bench(qtbot: QtBot) -> Bench:
    return Bench(qtbot)


def found(bench: Bench, text: str) -> list[str]:
    return [command.id for command in matches(bench.commands, text)]


def test_every_word_must_be_in_the_title_or_the_group(bench: Bench) -> None:
    assert found(bench, "tag accept") == ["tags.accept"]
    assert found(bench, "project export") == ["export"]
    assert found(bench, "accept export") == []


def test_titles_that_begin_with_it_come_first(bench: Bench) -> None:
    bench.commands.add("sheet", "Show all keys of an export", "")
    assert found(bench, "export") == ["export", "sheet"]


def test_letters_in_order_are_enough(bench: Bench) -> None:
    assert "tags.reject" in found(bench, "rjtg")


def test_without_words_everything_is_listed(bench: Bench) -> None:
    assert len(found(bench, "  ")) == len(list(bench.commands))


def test_only_what_can_be_done_now_is_offered(bench: Bench) -> None:
    bench.able = False
    bench.palette.open()
    assert "Undo" not in bench.palette.titles()
    assert "Search actions" not in bench.palette.titles()  # that is where we are
    assert "Export…" in bench.palette.titles()


def test_typing_arrows_and_enter_do_it_and_give_the_keyboard_back(
    bench: Bench, press: Press
) -> None:
    bench.field.setFocus()
    QTest.keyClick(bench.field, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    assert QApplication.focusWidget() is bench.palette.field
    QTest.keyClicks(bench.palette.field, "tag")
    assert bench.palette.titles()[-2:] == ["Accept tag", "Reject tag"]
    press(bench.window, Qt.Key.Key_Up)  # from the first, round to the last
    press(bench.window, Qt.Key.Key_Return)
    assert bench.done == ["tags.reject"]
    assert not bench.palette.isVisible()
    assert QApplication.focusWidget() is bench.field


def test_esc_closes_it_and_does_nothing(bench: Bench, press: Press) -> None:
    bench.field.setFocus()
    bench.palette.open()
    press(bench.window, Qt.Key.Key_Escape)
    assert not bench.palette.isVisible()
    assert bench.done == []
    assert QApplication.focusWidget() is bench.field


def test_a_click_elsewhere_closes_it_and_one_inside_does_not(bench: Bench) -> None:
    bench.palette.open()
    QTest.mouseClick(bench.palette.list.viewport(), Qt.MouseButton.RightButton)
    assert bench.palette.isVisible()
    QTest.mouseClick(bench.field, Qt.MouseButton.LeftButton)
    assert not bench.palette.isVisible()


def test_words_of_nothing_say_so(bench: Bench, press: Press) -> None:
    bench.palette.open()
    QTest.keyClicks(bench.palette.field, "zebra crossing")
    assert bench.palette.titles() == []
    assert bench.palette.nothing.isVisible()
    press(bench.window, Qt.Key.Key_Return)
    assert bench.done == []


def test_the_list_is_as_tall_as_what_it_holds(bench: Bench) -> None:
    palette = bench.palette
    palette.open()
    all_of_them = palette.list.height()
    palette.field.setText(palette.titles()[0])
    assert len(palette.titles()) == 1
    assert palette.list.height() < all_of_them
    assert palette.list.viewport().height() >= palette.list.sizeHintForRow(0)


def test_what_was_listed_can_go(bench: Bench) -> None:
    class View:
        def go(self) -> None:
            pass

    view = View()
    left = weakref.ref(view)
    own = bench.commands.keep()
    bench.commands.add("view", "Something of a view", "", view.go)
    bench.palette.open()
    assert "Something of a view" in bench.palette.titles()
    bench.palette.close_it()
    bench.commands.drop_others(own)
    del view
    assert left() is None
