from __future__ import annotations

from collections.abc import Callable

import pytest
import shiboken6
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QComboBox,
    QLineEdit,
    QMainWindow,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from pytestqt.qtbot import QtBot

from annotator.gui.commands import Commands, shown, takes_text
from annotator.gui.overlay import Overlay
from annotator.gui.palette import Palette

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
Press = Callable[..., None]


class Bench:
    """A window with a field, a button and actions that write down that they were done."""

    def __init__(self, qtbot: QtBot) -> None:
        self.window = QMainWindow()
        qtbot.addWidget(self.window)
        self.window.resize(900, 700)
        page = QWidget()
        self.field, self.button, self.plain = QLineEdit(), QPushButton("Do it"), QWidget()
        self.spin, self.combo = QSpinBox(), QComboBox()
        self.combo.addItems(["apple", "yew"])
        self.plain.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        column = QVBoxLayout(page)
        for widget in (self.field, self.button, self.plain, self.spin, self.combo):
            column.addWidget(widget)
        self.window.setCentralWidget(page)
        self.done: list[str] = []
        self.commands = Commands(self.window)
        for id, keys in (
            ("accept", "Y"),
            ("keep", ("Return", "Enter")),
            ("next", ("D", "PgDown")),
            ("find", "/"),
            ("help", "?"),
            ("export", "Ctrl+E"),
            ("undo", "Ctrl+Z"),
            ("full", "F11"),
            ("drop", "Esc"),
        ):
            self.add(id, keys)
        self.window.show()
        self.window.activateWindow()
        qtbot.waitUntil(self.window.isActiveWindow)
        self.plain.setFocus()

    def add(
        self,
        id: str,
        keys: str | tuple[str, ...],
        *,
        scope: QWidget | None = None,
        enabled: Callable[[], bool] | None = None,
    ) -> None:
        title = id.capitalize()
        self.commands.add(
            id, title, keys, lambda: self.done.append(id), scope=scope, enabled=enabled
        )


@pytest.fixture
def bench(qtbot: QtBot) -> Bench:
    return Bench(qtbot)


@pytest.mark.parametrize(
    ("key", "modifiers", "id"),
    [
        (Qt.Key.Key_Y, Qt.KeyboardModifier.NoModifier, "accept"),
        (Qt.Key.Key_D, Qt.KeyboardModifier.NoModifier, "next"),
        (Qt.Key.Key_PageDown, Qt.KeyboardModifier.NoModifier, "next"),
        (Qt.Key.Key_E, CTRL, "export"),
        (Qt.Key.Key_F11, Qt.KeyboardModifier.NoModifier, "full"),
        (Qt.Key.Key_Enter, Qt.KeyboardModifier.KeypadModifier, "keep"),
        (Qt.Key.Key_Escape, Qt.KeyboardModifier.NoModifier, "drop"),
    ],
)
def test_a_key_does_its_action(
    bench: Bench, key: Qt.Key, modifiers: Qt.KeyboardModifier, id: str
) -> None:
    QTest.keyClick(bench.plain, key, modifiers)
    assert bench.done == [id]


@pytest.mark.parametrize(("sign", "id"), [("?", "help"), ("/", "find")])
def test_a_sign_works_on_every_keyboard_layout(bench: Bench, sign: str, id: str) -> None:
    QTest.keyClicks(bench.plain, sign)  # Shift+ß on a German keyboard, Shift+/ on an American one
    QTest.keyClick(bench.plain, Qt.Key.Key_Y, CTRL | SHIFT)
    assert bench.done == [id]


def test_letters_go_into_a_text_field(bench: Bench) -> None:
    bench.field.setFocus()
    QTest.keyClicks(bench.field, "dry?/")
    assert bench.field.text() == "dry?/"
    assert bench.done == []


def test_keys_that_edit_no_text_work_in_a_text_field(bench: Bench) -> None:
    bench.field.setFocus()
    QTest.keyClick(bench.field, Qt.Key.Key_E, CTRL)
    QTest.keyClick(bench.field, Qt.Key.Key_F11)
    assert bench.done == ["export", "full"]


def test_undo_in_a_text_field_undoes_typing(bench: Bench) -> None:
    bench.field.setFocus()
    QTest.keyClicks(bench.field, "sofa")
    QTest.keyClick(bench.field, Qt.Key.Key_Z, CTRL)
    assert bench.done == []
    assert bench.field.text() == ""


def test_enter_and_space_press_the_button_that_has_the_focus(bench: Bench) -> None:
    pressed: list[bool] = []
    bench.button.clicked.connect(lambda: pressed.append(True))
    bench.button.setFocus()
    QTest.keyClick(bench.button, Qt.Key.Key_Space)
    QTest.keyClick(bench.button, Qt.Key.Key_Return)
    assert pressed == [True]
    assert bench.done == []
    QTest.keyClick(bench.button, Qt.Key.Key_Y)
    assert bench.done == ["accept"]


def test_plain_keys_in_a_popover_stay_there(bench: Bench) -> None:
    overlay = Overlay(bench.window)
    combo = QComboBox(overlay)
    combo.addItems(["apple", "yew"])
    overlay.resize(200, 100)
    overlay.open_at()
    combo.setFocus()
    QTest.keyClick(combo, Qt.Key.Key_Y)
    assert combo.currentText() == "yew"
    QTest.keyClick(combo, Qt.Key.Key_E, CTRL)
    assert bench.done == ["export"]
    QTest.keyClick(combo, Qt.Key.Key_Escape)
    assert not overlay.isVisible()
    assert bench.done == ["export"]


def test_an_overlay_closes_when_what_had_the_keyboard_is_gone(bench: Bench) -> None:
    overlay = Overlay(bench.window)
    row = QLineEdit(bench.window)
    row.show()
    row.setFocus()
    overlay.open_at(row)
    shiboken6.delete(row)
    overlay.place()
    overlay.close_it()
    assert not overlay.isVisible()


def test_a_view_comes_before_the_window_and_only_while_it_is_seen(bench: Bench) -> None:
    view = QWidget(bench.window)
    bench.add("view.accept", "Y", scope=view)
    view.show()
    QTest.keyClick(bench.plain, Qt.Key.Key_Y)
    view.hide()
    QTest.keyClick(bench.plain, Qt.Key.Key_Y)
    assert bench.done == ["view.accept", "accept"]
    assert not bench.commands.run("view.accept")


def test_what_cannot_be_done_now_is_not_done(bench: Bench) -> None:
    able = [False]
    bench.add("merge", "M", enabled=lambda: able[0])
    QTest.keyClick(bench.plain, Qt.Key.Key_M)
    assert bench.done == []
    able[0] = True
    QTest.keyClick(bench.plain, Qt.Key.Key_M)
    assert bench.done == ["merge"]


def test_ids_are_unique_and_views_can_be_forgotten(bench: Bench) -> None:
    kept = bench.commands.keep()
    with pytest.raises(ValueError, match="accept"):
        bench.add("accept", "Q")
    bench.add("other", "Q")
    bench.commands.drop_others(kept)
    QTest.keyClick(bench.plain, Qt.Key.Key_Q)
    assert bench.done == []
    with pytest.raises(KeyError):
        bench.commands.get("other")


def test_an_action_for_a_menu_does_the_same(bench: Bench) -> None:
    bench.commands.action("accept", bench.window).trigger()
    assert bench.done == ["accept"]
    assert bench.commands.key_text("export") == shown("Ctrl+E")


def test_which_widgets_take_text(bench: Bench) -> None:
    assert takes_text(bench.field)
    assert takes_text(bench.spin)
    assert not takes_text(bench.combo)
    bench.combo.setEditable(True)
    assert takes_text(bench.combo)
    bench.field.setReadOnly(True)
    assert not takes_text(bench.field)
    assert not takes_text(None)


# --- popovers


def test_a_click_elsewhere_closes_a_popover_and_one_closes_the_other(bench: Bench) -> None:
    palette, other = Palette(bench.commands, bench.window), Overlay(bench.window)
    palette.open()
    other.resize(50, 50)
    other.open_at(bench.button)
    assert not palette.isVisible()
    QTest.mouseClick(other, Qt.MouseButton.LeftButton)
    assert other.isVisible()
    QTest.mouseClick(bench.plain, Qt.MouseButton.LeftButton)
    assert not other.isVisible()


def test_the_palette_opened_twice_gives_the_focus_back_to_the_view(bench: Bench) -> None:
    palette = Palette(bench.commands, bench.window)
    palette.open()
    palette.open()
    palette.close_it()
    assert bench.plain.hasFocus()
