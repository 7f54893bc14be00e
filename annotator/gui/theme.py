"""Colours, sizes and the style sheet, from a few tokens; dark and light follow the system."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Literal

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from annotator.core.paths import shipped
from annotator.core.records import Verdict

Mode = Literal["system", "light", "dark"]
MODES: tuple[Mode, ...] = ("system", "light", "dark")


@dataclass(frozen=True, slots=True)
class Tokens:
    """Colours as "#rrggbb". ``ground`` is behind everything, ``panel`` a column on it, ``raised``
    a field or button on a panel; text in ``text`` or ``muted`` reads at 4.5:1 on all three."""

    dark: bool
    ground: str
    panel: str
    raised: str
    line: str
    text: str
    muted: str
    accent: str
    on_accent: str
    selected: str
    yes: str
    no: str
    doubt: str


DARK = Tokens(
    dark=True,
    ground="#16181d",
    panel="#1d2026",
    raised="#262a32",
    line="#31363f",
    text="#e8eaee",
    muted="#9aa3b0",
    accent="#4f9dff",
    on_accent="#0b1320",
    selected="#1e2e49",
    yes="#3fb27f",
    no="#ee7a6f",
    doubt="#e0a33e",
)
LIGHT = Tokens(
    dark=False,
    ground="#f3f4f6",
    panel="#ffffff",
    raised="#eceef2",
    line="#d8dce3",
    text="#1b1f26",
    muted="#5d6673",
    accent="#1565d1",
    on_accent="#ffffff",
    selected="#e0ebfc",
    yes="#146b46",
    no="#b0382e",
    doubt="#86570a",
)

_mode: Mode = "system"

#: Sign and word of each verdict: a verdict is never a colour alone.
VERDICT_SIGN: dict[Verdict, str] = {"accepted": "✓", "rejected": "✕", "unknown": ""}
VERDICT_WORD: dict[Verdict, str] = {"accepted": "accepted", "rejected": "rejected", "unknown": ""}


def mode() -> Mode:
    """What the person chose."""
    return _mode


def set_mode(mode: Mode) -> None:
    """Choose, and let Qt's own widgets (dialogs, menus) follow."""
    global _mode
    _mode = mode
    hints = QGuiApplication.styleHints()
    hints.setColorScheme(
        {
            "system": Qt.ColorScheme.Unknown,
            "light": Qt.ColorScheme.Light,
            "dark": Qt.ColorScheme.Dark,
        }[mode]
    )


def tokens() -> Tokens:
    """The colours in force now."""
    if _mode == "system":
        scheme = QGuiApplication.styleHints().colorScheme()
        return DARK if scheme == Qt.ColorScheme.Dark else LIGHT
    return DARK if _mode == "dark" else LIGHT


def verdict_colour(verdict: Verdict) -> str:
    """ "#rrggbb" of a verdict in the theme in force."""
    t = tokens()
    return {"accepted": t.yes, "rejected": t.no, "unknown": t.muted}[verdict]


# Okabe and Ito's palette for all kinds of colour vision, without black and its palest yellow, and
# then hues between them at other lightnesses.
_DISTINCT = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#d55e00",
    "#56b4e9",
    "#b8a800",
    "#7b5ea7",
    "#2f8f9d",
    "#c2574b",
    "#6d8c2f",
    "#8c6d46",
    "#4b6fd6",
    "#b0507f",
    "#3a9d5d",
    "#9a7bd0",
)


def synset_colour(synset_id: int) -> str:
    """ "#rrggbb" that a synset has in every view and both themes; neighbours in id differ most."""
    return _DISTINCT[synset_id % len(_DISTINCT)]


@cache
def heat_lut() -> tuple[int, ...]:
    """256 colours as 0xffrrggbb, low to high.

    Lightness rises evenly in OKLab from 0.18 to 0.96 while the hue goes from blue through rose to
    yellow, so equal steps look equal and the order survives every kind of colour blindness.
    """
    anchors = (
        (0.00, 0.18, 0.045, 285.0),
        (0.30, 0.41, 0.165, 315.0),
        (0.55, 0.61, 0.180, 10.0),
        (0.78, 0.79, 0.145, 55.0),
        (1.00, 0.96, 0.100, 102.0),
    )
    colours = []
    for i in range(256):
        at = i / 255
        low, high = next((a, b) for a, b in pairwise(anchors) if at <= b[0])
        f = (at - low[0]) / (high[0] - low[0])
        lightness = 0.18 + (0.96 - 0.18) * at
        chroma = low[2] + (high[2] - low[2]) * f
        turn = (high[3] - low[3] + 180) % 360 - 180
        colours.append(_oklch(lightness, chroma, low[3] + turn * f))
    return tuple(colours)


def _oklch(lightness: float, chroma: float, hue: float) -> int:
    """OKLCh to 0xffrrggbb (B. Ottosson, "A perceptual color space for image processing", 2020)."""
    a = chroma * math.cos(math.radians(hue))
    b = chroma * math.sin(math.radians(hue))
    l_ = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    m_ = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    s_ = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * l_ - 3.3077115913 * m_ + 0.2309699292 * s_,
        -1.2684380046 * l_ + 2.6097574011 * m_ - 0.3413193965 * s_,
        -0.0041960863 * l_ - 0.7034186147 * m_ + 1.7076147010 * s_,
    )
    value = 0xFF
    for channel in linear:
        c = min(1.0, max(0.0, channel))
        c = 12.92 * c if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055
        value = value << 8 | round(c * 255)
    return value


def contrast(one: str, other: str) -> float:
    """WCAG 2.2 contrast ratio of two colours, 1 to 21."""

    def luminance(name: str) -> float:
        colour = QColor(name)
        parts = (colour.redF(), colour.greenF(), colour.blueF())
        r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def apply(app: QApplication) -> None:
    """Put palette and style sheet of the tokens in force on the application."""
    t = tokens()
    palette = QPalette()
    roles = QPalette.ColorRole
    for role, colour in (
        (roles.Window, t.ground),
        (roles.Base, t.panel),
        (roles.AlternateBase, t.raised),
        (roles.Button, t.raised),
        (roles.ToolTipBase, t.raised),
        (roles.WindowText, t.text),
        (roles.Text, t.text),
        (roles.ButtonText, t.text),
        (roles.ToolTipText, t.text),
        (roles.PlaceholderText, t.muted),
        (roles.Highlight, t.selected),
        (roles.HighlightedText, t.text),
        (roles.Accent, t.accent),
        (roles.Link, t.accent),
        (roles.Mid, t.line),
    ):
        palette.setColor(role, QColor(colour))
    for role in (roles.WindowText, roles.Text, roles.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(t.muted))
    app.setPalette(palette)
    app.setStyleSheet(style_sheet(t))


def style_sheet(t: Tokens) -> str:
    """The application's style sheet: 4 px grid, 13 px text, radius 6."""
    chevron = shipped("resources", "icons", "chevron.svg").as_posix()
    tick = "tick-dark.svg" if t.dark else "tick-light.svg"
    tick = shipped("resources", "icons", tick).as_posix()
    return f"""
* {{ font-size: 13px; }}
QMainWindow, QWidget#ground {{ background: {t.ground}; }}
QWidget#bar[edge="bottom"] {{ border-bottom: 1px solid {t.line}; }}
QWidget#bar[edge="top"] {{ border-top: 1px solid {t.line}; }}
QWidget#column, QFrame#column, QWidget#bar {{ background: {t.panel}; }}
QLabel {{ background: transparent; }}
QLabel#hint, QLabel#muted {{ color: {t.muted}; }}
QLabel#heading {{ color: {t.muted}; font-size: 11px; letter-spacing: 1px; }}
QLabel#title {{ font-weight: 600; }}
QLabel#error {{ color: {t.no}; }}
QLabel#doubt {{ color: {t.doubt}; }}
QLineEdit, QPlainTextEdit {{ placeholder-text-color: {t.muted}; }}
QLineEdit {{
  background: {t.raised}; border: 1px solid {t.raised}; border-radius: 6px; padding: 5px 8px;
  color: {t.text}; selection-background-color: {t.accent}; selection-color: {t.on_accent}; }}
QLineEdit:focus {{ border-color: {t.accent}; }}
QPlainTextEdit {{
  background: {t.raised}; border: 1px solid {t.raised}; border-radius: 6px; padding: 2px 4px;
  color: {t.text}; selection-background-color: {t.accent}; selection-color: {t.on_accent}; }}
QPlainTextEdit:focus {{ border-color: {t.accent}; }}
QComboBox QLineEdit {{ background: transparent; border: none; padding: 0; }}
QComboBox, QDoubleSpinBox, QSpinBox {{
  background: {t.raised}; border: 1px solid {t.raised}; border-radius: 6px; padding: 4px 8px;
  min-height: 20px; color: {t.text}; selection-background-color: {t.accent};
  selection-color: {t.on_accent}; }}
QComboBox:hover, QDoubleSpinBox:hover, QSpinBox:hover {{ border-color: {t.muted}; }}
QComboBox:focus, QComboBox:on, QDoubleSpinBox:focus, QSpinBox:focus {{ border-color: {t.accent}; }}
QComboBox:disabled, QDoubleSpinBox:disabled, QSpinBox:disabled {{
  color: {t.muted}; background: transparent; }}
QDoubleSpinBox, QSpinBox {{ padding: 2px 0; }}
QAbstractSpinBox QLineEdit {{ background: transparent; border: none; padding: 0; }}
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {{ width: 0; border: none; }}
QComboBox::drop-down {{ border: none; width: 24px; }}
QComboBox::down-arrow {{ image: url("{chevron}"); width: 12px; height: 12px; }}
QComboBox QAbstractItemView {{ background: {t.raised}; border: 1px solid {t.line}; outline: none; }}
QCheckBox {{ spacing: 8px; }}
QCheckBox:disabled {{ color: {t.muted}; }}
QCheckBox::indicator {{ width: 14px; height: 14px; border: 1px solid {t.muted};
  border-radius: 4px; background: {t.raised}; }}
QCheckBox::indicator:hover, QCheckBox::indicator:focus {{ border-color: {t.accent}; }}
QCheckBox::indicator:checked {{ background: {t.accent}; border-color: {t.accent};
  image: url("{tick}"); }}
QCheckBox::indicator:disabled {{ background: transparent; border-color: {t.line}; image: none; }}
QCheckBox:focus {{ color: {t.accent}; }}
QPushButton, QToolButton {{
  background: {t.raised}; color: {t.text}; border: 1px solid {t.line if not t.dark else t.raised};
  border-radius: 6px; padding: 5px 12px; }}
/* Those of a file dialog are 24 pixels wide, all of it for the icon. */
QFileDialog QToolButton {{ padding: 2px; }}
QPushButton:hover, QToolButton:hover {{ border-color: {t.muted}; }}
QPushButton:focus, QToolButton:focus {{ border-color: {t.accent}; }}
QPushButton:pressed, QToolButton:pressed {{ background: {t.line}; }}
QPushButton:disabled, QToolButton:disabled {{ color: {t.muted}; background: transparent; }}
QPushButton#primary {{ background: {t.accent}; color: {t.on_accent}; border-color: {t.accent}; }}
QPushButton#primary:hover {{ border-color: {t.text}; }}
QPushButton#primary:focus {{ border: 2px solid {t.text}; padding: 4px 11px; }}
QPushButton#primary:disabled {{
  background: {t.raised}; color: {t.muted}; border-color: {t.raised}; }}
QPushButton#quiet, QToolButton#quiet {{ background: transparent; border-color: transparent; }}
QPushButton#quiet:hover, QToolButton#quiet:hover {{ background: {t.raised}; }}
QPushButton#quiet:focus, QToolButton#quiet:focus {{ border-color: {t.accent}; }}
QPushButton#switch {{ background: {t.raised}; border-radius: 0; border: none; padding: 6px 14px; }}
QPushButton#switch:checked {{ background: {t.accent}; color: {t.on_accent}; }}
QPushButton#chip {{ border-radius: 10px; padding: 2px 8px; font-size: 12px; color: {t.muted};
  background: {t.raised}; border: 1px solid {t.raised}; }}
QPushButton#chip:checked {{ background: {t.selected}; color: {t.text}; border-color: {t.accent}; }}
QAbstractItemView {{ background: {t.panel}; border: none; outline: none;
  selection-background-color: {t.selected}; selection-color: {t.text}; }}
QPushButton#chip:focus {{ border-color: {t.accent}; }}
QTabBar::tab {{ background: transparent; color: {t.muted}; padding: 8px 12px; border: none; }}
QTabBar::tab:selected {{ color: {t.text}; border-bottom: 2px solid {t.accent}; }}
QTabWidget::pane {{ border: none; }}
QSplitter::handle {{ background: {t.line}; }}
QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0; }}
QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 0; }}
QScrollBar::handle {{ background: {t.line}; border-radius: 3px; margin: 2px; min-height: 24px;
  min-width: 24px; }}
QScrollBar::handle:hover {{ background: {t.muted}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
QProgressBar {{ background: {t.raised}; border: none; border-radius: 2px; max-height: 4px;
  min-height: 4px; }}
QProgressBar::chunk {{ background: {t.accent}; border-radius: 2px; }}
QSlider::groove:horizontal {{ background: {t.line}; height: 4px; border-radius: 2px; }}
QSlider::handle:horizontal {{ background: {t.accent}; width: 14px; height: 14px; margin: -5px 0;
  border-radius: 7px; }}
QSlider::handle:horizontal:focus {{ border: 2px solid {t.text}; }}
QToolTip {{
  background: {t.raised}; color: {t.text}; border: 1px solid {t.line}; padding: 4px 8px; }}
QMenu {{ background: {t.raised}; border: 1px solid {t.line}; padding: 4px; }}
QMenu::item {{ padding: 6px 24px 6px 12px; border-radius: 4px; }}
QMenu::item:selected {{ background: {t.selected}; }}
QPushButton#switch[end="left"] {{ border-top-left-radius: 6px; border-bottom-left-radius: 6px; }}
QPushButton#switch[end="right"] {{
  border-top-right-radius: 6px; border-bottom-right-radius: 6px; }}
QPushButton#inline {{ background: transparent; border: none; color: {t.accent}; padding: 2px 6px; }}
QPushButton#inline:hover, QPushButton#inline:focus {{ text-decoration: underline; }}
QPushButton#inline:disabled {{ color: {t.muted}; text-decoration: none; }}
QPushButton#link {{ background: transparent; border: none; padding: 0; font-weight: 600;
  text-align: left; }}
QPushButton#link:hover, QPushButton#link:focus {{ color: {t.accent}; }}
QPushButton#link:disabled {{ color: {t.muted}; }}
QLabel#pill {{ background: {t.raised}; color: {t.muted}; border-radius: 6px; padding: 4px 10px; }}
QWidget#message {{ background: {t.raised}; border: 1px solid {t.muted}; border-radius: 8px; }}
QWidget#message[level="error"] {{ border-color: {t.no}; }}
QWidget#message[level="error"] QLabel {{ color: {t.no}; }}
QWidget#message QLabel {{ color: {t.text}; }}
QFrame#card {{ background: {t.raised}; border: 1px solid {t.line}; border-radius: 6px; }}
QFrame#popover {{ background: {t.panel}; border: 1px solid {t.line}; border-radius: 8px; }}
"""
