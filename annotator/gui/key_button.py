"""A button that says its key: "Accept  Y"."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QPushButton, QSizePolicy, QWidget

from annotator.gui import theme

_GAP = 6


class KeyButton(QPushButton):
    """Clicking it never takes the keyboard from the view, so the next key works at once.

    ``primary``: the one thing to do here, filled with the accent. ``tone`` names the colour of
    its word: "text", "yes" or "no".
    """

    def __init__(
        self,
        text: str,
        key: str = "",
        *,
        primary: bool = False,
        checkable: bool = False,
        small: bool = False,
        tone: str = "text",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._word, self._key, self._primary = "", "", primary
        self._small, self._tone = small, tone
        self.setCheckable(checkable)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.set_text(text, key)

    @property
    def key(self) -> str:
        """The key as it is shown."""
        return self._key

    def set_text(self, text: str, key: str) -> None:
        """Change word and key."""
        self._word, self._key = text, key
        said = f"{text} ({key})" if key else text
        self.setAccessibleName(said)
        self.setToolTip(said)
        self.updateGeometry()
        self.update()

    @property
    def primary(self) -> bool:
        """Whether it is the one thing to do here."""
        return self._primary

    def set_primary(self, primary: bool) -> None:
        """Whether it is the one thing to do here."""
        self._primary = primary
        self.update()

    def sizeHint(self) -> QSize:
        pad = 7 if self._small else 9
        return QSize(sum(self._widths()) + 2 * pad, 20 if self._small else 28)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def _fonts(self) -> tuple[QFont, QFont]:
        word, key = QFont(self.font()), QFont(self.font())
        word.setPixelSize(11 if self._small else 13)
        key.setPixelSize(10 if self._small else 11)
        return word, key

    def _widths(self) -> tuple[int, int]:
        """Pixels of the word, and of the key with the gap before it."""
        word, key = self._fonts()
        after = QFontMetrics(key).horizontalAdvance(self._key) + _GAP if self._key else 0
        return QFontMetrics(word).horizontalAdvance(self._word), after

    def paintEvent(self, event: QPaintEvent) -> None:
        t = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        enabled, down = self.isEnabled(), self.isDown()
        hot = enabled and (self.underMouse() or down)
        filled = enabled and (self._primary or self.isChecked())
        fill, edge = QColor(t.line if hot else t.raised), QColor(t.line)
        if filled:
            fill = edge = QColor(t.accent).darker(112 if down else 106 if hot else 100)
        ring = self.hasFocus()
        painter.setPen(QPen(QColor(t.text if filled else t.accent) if ring else edge, 1))
        painter.setBrush(fill)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        word_font, key_font = self._fonts()
        word, after = self._widths()
        left = (self.width() - word - after) // 2
        middle = Qt.AlignmentFlag.AlignVCenter
        colour = t.on_accent if filled else getattr(t, self._tone) if enabled else t.muted
        painter.setFont(word_font)
        painter.setPen(QColor(colour))
        painter.drawText(self.rect().adjusted(left, 0, 0, 0), middle, self._word)
        painter.setFont(key_font)
        painter.setPen(QColor(t.on_accent if filled else t.muted))
        room = self.rect().adjusted(left + word + _GAP, 0, 0, 0)
        painter.drawText(room, middle, self._key)
