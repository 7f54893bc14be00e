"""A panel that floats over the window: popovers under a button, the palette, the shortcut sheet."""

from __future__ import annotations

import shiboken6
from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QApplication, QFrame, QGraphicsDropShadowEffect, QWidget

from annotator.gui.commands import OWNS_KEYS


class Overlay(QFrame):
    """Hidden until ``open_at``. Esc or a click elsewhere closes it and gives the focus back."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setObjectName("popover")
        self.setProperty(OWNS_KEYS, True)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        shadow = QGraphicsDropShadowEffect(self)
        shadow.setBlurRadius(32)
        shadow.setOffset(0, 8)
        shadow.setColor(QColor(0, 0, 0, 90))
        self.setGraphicsEffect(shadow)
        self._before: QWidget | None = None
        self._under: QWidget | None = None
        self.hide()

    def open_at(self, under: QWidget | None = None) -> None:
        """Show under a widget, inside the window; without one, centred near the top."""
        window = self.window()
        for other in window.findChildren(Overlay):
            if other is not self:
                other.close_it()
        focus = QApplication.focusWidget()
        if focus is None or not self.isAncestorOf(focus):
            self._before = focus
        self._under = under
        self.place()
        self.show()
        # Words that wrap know their height only once they are shown.
        self.place()
        self.raise_()
        application = QApplication.instance()
        if application is not None:
            application.installEventFilter(self)

    def place(self) -> None:
        """Take the size of what is inside, and a place within the window."""
        window, under = self.window(), self._under
        layout = self.layout()
        if layout is not None:
            layout.activate()
        self.adjustSize()
        if layout is not None and layout.hasHeightForWidth():
            # Words that wrap: the size hint knows their height only for a width of its own choice.
            self.resize(self.width(), layout.totalHeightForWidth(self.width()))
        if under is not None and shiboken6.isValid(under):
            corner = under.mapTo(window, QPoint(under.width(), under.height() + 6))
            left = corner.x() - self.width()
            top = corner.y()
        else:
            left, top = (window.width() - self.width()) // 2, 72
        self.move(
            max(8, min(left, window.width() - self.width() - 8)),
            max(8, min(top, window.height() - self.height() - 8)),
        )

    def close_it(self) -> None:
        if not self.isVisible():
            return
        application = QApplication.instance()
        if application is not None:
            application.removeEventFilter(self)
        self.hide()
        before, self._before = self._before, None
        # It may be gone by now, with its project or with the row that was being renamed.
        if before is not None and shiboken6.isValid(before) and before.isVisible():
            before.setFocus()

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab goes round in what floats here, and never to the window behind it."""
        focus = self.focusWidget()
        at: QWidget = focus if focus is not None and self.isAncestorOf(focus) else self
        after: QWidget | None = at
        while after is not None:
            after = after.nextInFocusChain() if forward else after.previousInFocusChain()
            if after is None or after is at:
                break  # Nothing else takes the keyboard here.
            takes = after.focusPolicy() & Qt.FocusPolicy.TabFocus and after.focusProxy() is None
            if takes and self.isAncestorOf(after) and after.isEnabled() and after.isVisible():
                reason = Qt.FocusReason
                after.setFocus(reason.TabFocusReason if forward else reason.BacktabFocusReason)
                break
        return True

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close_it()
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        # Ignored, it would go on to the window behind us, as a click elsewhere.
        event.accept()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if (
            event.type() == QEvent.Type.MouseButtonPress
            and isinstance(watched, QWidget)
            and watched.window() is self.window()
            and watched is not self
            and not self.isAncestorOf(watched)
        ):
            self.close_it()
        return False
