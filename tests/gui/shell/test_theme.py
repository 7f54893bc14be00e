from __future__ import annotations

from dataclasses import fields
from itertools import combinations, pairwise

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QColor, QIcon, QPalette, QPixmap
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel, QToolButton
from pytestqt.qtbot import QtBot

from annotator.gui import icons, theme
from annotator.gui.app import make_application
from annotator.gui.theme import DARK, LIGHT, Tokens


def lightness(colour: int) -> float:
    """OKLab lightness of 0xffrrggbb, computed from the colour back."""

    def linear(channel: int) -> float:
        c = channel / 255
        return c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4

    r, g, b = (linear(colour >> shift & 0xFF) for shift in (16, 8, 0))
    long = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)
    middle = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
    short = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
    return 0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short


@pytest.mark.parametrize("t", [DARK, LIGHT], ids=["dark", "light"])
@pytest.mark.parametrize("ink", ["text", "muted", "yes", "no", "doubt", "accent"])
def test_text_reads_on_every_ground(t: Tokens, ink: str) -> None:
    for ground in ("ground", "panel", "raised", "selected"):
        assert theme.contrast(getattr(t, ink), getattr(t, ground)) >= 4.5, ground


@pytest.mark.parametrize("t", [DARK, LIGHT], ids=["dark", "light"])
def test_text_reads_on_the_accent(t: Tokens) -> None:
    assert theme.contrast(t.on_accent, t.accent) >= 4.5


@pytest.mark.parametrize("t", [DARK, LIGHT], ids=["dark", "light"])
def test_the_style_sheet_uses_only_colours_of_the_tokens(t: Tokens, qapp: QApplication) -> None:
    sheet = theme.style_sheet(t)
    known = {getattr(t, f.name) for f in fields(t) if f.name != "dark"}
    found = {word.rstrip(";,") for word in sheet.split() if word.startswith("#")}
    colours = {word for word in found if QColor.isValidColorName(word)}
    assert colours
    assert colours <= known
    qapp.setStyleSheet(sheet)
    label = QLabel("x")
    label.setObjectName("hint")
    label.ensurePolished()
    assert label.palette().color(QPalette.ColorRole.WindowText) == QColor(t.muted)
    qapp.setStyleSheet("")


def test_heat_is_even_in_lightness(qapp: QApplication) -> None:
    values = [lightness(colour) for colour in theme.heat_lut()]
    assert len(values) == 256
    steps = [b - a for a, b in pairwise(values)]
    assert min(steps) > 0
    assert max(steps) / (sum(steps) / len(steps)) < 2.0
    assert values[0] < 0.25
    assert values[-1] > 0.9


def test_heat_keeps_its_order_without_red_green_vision(qapp: QApplication) -> None:
    """Luminance alone tells hot from cold, so no kind of colour blindness mixes them up."""
    luminance = [
        0.2126 * (c >> 16 & 255) ** 2.2 + 0.7152 * (c >> 8 & 255) ** 2.2 + 0.0722 * (c & 255) ** 2.2
        for c in theme.heat_lut()[::8]
    ]
    assert luminance == sorted(luminance)


def test_synsets_keep_their_colour_and_neighbours_differ() -> None:
    assert theme.synset_colour(5) == theme.synset_colour(5)
    first = [theme.synset_colour(i) for i in range(16)]
    assert len(set(first)) == 16
    for one, other in combinations([QColor(c) for c in first], 2):
        apart = sum(
            (a - b) ** 2
            for a, b in (
                (one.red(), other.red()),
                (one.green(), other.green()),
                (one.blue(), other.blue()),
            )
        )
        assert apart > 30**2, (one.name(), other.name())
    for colour in first:
        assert theme.contrast(colour, DARK.panel) >= 2.5
        assert theme.contrast(colour, LIGHT.panel) >= 2.0


@pytest.mark.parametrize(("mode", "expected"), [("dark", DARK), ("light", LIGHT)])
def test_a_chosen_theme_is_in_force(qapp: QApplication, mode: theme.Mode, expected: Tokens) -> None:
    theme.set_mode(mode)
    assert theme.mode() == mode
    assert theme.tokens() is expected
    assert theme.verdict_colour("rejected") == expected.no
    theme.apply(qapp)
    assert qapp.palette().color(QPalette.ColorRole.Window) == QColor(expected.ground)


def test_the_system_decides_unless_the_person_did(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    class System:
        """What the desktop says; the offscreen platform has no colour scheme of its own."""

        scheme = Qt.ColorScheme.Unknown

        @classmethod
        def styleHints(cls) -> type[System]:
            return cls

        @classmethod
        def colorScheme(cls) -> Qt.ColorScheme:
            return cls.scheme

    theme.set_mode("system")
    monkeypatch.setattr(theme, "QGuiApplication", System)
    schemes = Qt.ColorScheme
    for scheme, expected in (
        (schemes.Dark, DARK),
        (schemes.Light, LIGHT),
        (schemes.Unknown, LIGHT),
    ):
        System.scheme = scheme
        assert theme.tokens() is expected
    monkeypatch.undo()


def test_a_verdict_is_a_sign_and_a_word_too() -> None:
    assert theme.VERDICT_SIGN["accepted"] != theme.VERDICT_SIGN["rejected"]
    assert theme.VERDICT_WORD["accepted"] != theme.VERDICT_WORD["rejected"]
    assert theme.VERDICT_SIGN.keys() == theme.VERDICT_WORD.keys()


@pytest.mark.parametrize(("stored", "expected"), [("dark", "dark"), ("mauve", "system")])
def test_the_program_starts_in_the_theme_chosen_before(
    qtbot: QtBot, stored: str, expected: str
) -> None:
    application = QApplication.instance()
    assert application is not None
    name = application.applicationName()
    application.setApplicationName("Annotator")
    QSettings().setValue("theme", stored)
    made = make_application()
    assert made is application
    assert theme.mode() == expected
    assert not made.windowIcon().isNull()
    made.setStyleSheet("")
    application.setApplicationName(name)


def test_the_buttons_of_a_file_dialog_leave_room_for_their_icons(qtbot: QtBot) -> None:
    dialog = QFileDialog()
    qtbot.addWidget(dialog)
    dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
    dialog.setStyleSheet(theme.style_sheet(LIGHT))
    dialog.show()
    button = dialog.findChild(QToolButton, "listModeButton")
    assert button is not None
    red = QPixmap(16, 16)
    red.fill(Qt.GlobalColor.red)
    button.setIcon(QIcon(red))
    picture = button.grab().toImage()
    points = ((x, y) for x in range(picture.width()) for y in range(picture.height()))
    assert sum(picture.pixelColor(*point) == QColor("#ff0000") for point in points) >= 14 * 14


def test_the_icons_are_drawn(qapp: QApplication) -> None:
    picture = icons.logo(64).toImage()
    assert picture.pixelColor(0, 0).alpha() == 0
    assert picture.pixelColor(32, 6) == QColor("#1668d6")
    assert not icons.theme_icon("#ff0000").isNull()
