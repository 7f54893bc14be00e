"""A button that says its key: "Accept  Y"."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from annotator.gui import theme


class KeyButton(QAbstractButton):
    """Clicking it never takes the keyboard from the view, so the next key works at once.

    ``tone`` names the colour of its label: "text", "yes" or "no".
    """

    def __init__(
        self,
        text: str,
        key: str,
        *,
        checkable: bool = False,
        small: bool = False,
        tone: str = "text",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setText(text)
        self._key, self._small, self._tone = key, small, tone
        self.setCheckable(checkable)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(f"{text} ({key})")

    def _fonts(self) -> tuple[QFont, QFont]:
        label, key = QFont(self.font()), QFont(self.font())
        label.setPixelSize(11 if self._small else 13)
        key.setPixelSize(10 if self._small else 11)
        return label, key

    def sizeHint(self) -> QSize:
        label, key = self._fonts()
        width = QFontMetricsF(label).horizontalAdvance(self.text())
        width += QFontMetricsF(key).horizontalAdvance(self._key)
        return QSize(round(width) + (22 if self._small else 28), 20 if self._small else 28)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        on, hot = self.isChecked(), self.underMouse() and self.isEnabled()
        box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        fill = tokens.accent if on else tokens.line if hot or self.isDown() else tokens.raised
        painter.setBrush(QColor(fill))
        painter.setPen(QPen(QColor(tokens.accent if self.hasFocus() or on else tokens.line), 1))
        painter.drawRoundedRect(box, 6, 6)
        label, key = self._fonts()
        pad = 7.0 if self._small else 10.0
        text = tokens.on_accent if on else getattr(tokens, self._tone)
        painter.setFont(label)
        painter.setPen(QColor(text if self.isEnabled() else tokens.muted))
        middle = Qt.AlignmentFlag.AlignVCenter
        room = box.adjusted(pad, 0, -pad, 0)
        painter.drawText(room, middle | Qt.AlignmentFlag.AlignLeft, self.text())
        painter.setFont(key)
        painter.setPen(QColor(tokens.on_accent if on else tokens.muted))
        painter.drawText(room, middle | Qt.AlignmentFlag.AlignRight, self._key)
