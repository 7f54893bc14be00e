"""The row that adds a word: type-ahead over the project's words and WordNet's nouns."""

from __future__ import annotations

from PySide6.QtCore import QStringListModel, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCompleter, QHBoxLayout, QLabel, QLineEdit, QWidget

from annotator.gui.session import Session
from annotator.project import queries

_TYPING = 80
_SUGGESTED = 8


class WordEntry(QWidget):
    """Enter adds what is typed, or the suggestion that is marked; Esc leaves."""

    entered = Signal(str)
    left = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("wordEntry")
        self._session = session
        key = QLabel("+")
        key.setObjectName("keyHint")
        key.setFixedSize(20, 20)
        key.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.box = _WordBox()
        self.box.left.connect(self._leave)
        self.box.returnPressed.connect(lambda: self._enter(self.box.text()))
        self.box.textEdited.connect(self._edited)
        self.words = QStringListModel(self)
        self._completer = QCompleter(self.words, self)
        self._completer.setCompletionMode(QCompleter.CompletionMode.UnfilteredPopupCompletion)
        self._completer.setMaxVisibleItems(_SUGGESTED)
        self._completer.activated.connect(self._enter)
        self.box.setCompleter(self._completer)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 5, 12, 5)
        row.setSpacing(8)
        row.addWidget(key)
        row.addWidget(self.box, 1)
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(_TYPING)
        self._typing.timeout.connect(self._suggest)

    def _hide_words(self) -> None:
        popup = self._completer.popup()
        if popup is not None:
            popup.hide()

    def begin(self) -> None:
        self.box.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _edited(self, text: str) -> None:
        self._hide_words()
        if text.strip():
            self._typing.start()
        else:
            self._typing.stop()

    def _suggest(self) -> None:
        prefix = self.box.text().strip()
        if prefix:
            self._session.work(
                lambda: (prefix, self._matches(prefix)), self._suggested, key="words", priority=8
            )

    def _matches(self, prefix: str) -> list[str]:
        """In a worker: words of the project first, then nouns of WordNet."""
        from annotator.core.wordnet import wordnet

        with self._session.project.read() as db:
            known = queries.suggest_words(db, prefix, _SUGGESTED)
        nouns = wordnet().prefix(prefix, _SUGGESTED)
        return list(dict.fromkeys([*known, *nouns]))[:_SUGGESTED]

    def _suggested(self, answer: tuple[str, list[str]]) -> None:
        prefix, words = answer
        if prefix != self.box.text().strip() or not self.box.hasFocus():
            return
        self.words.setStringList(words)
        if words:
            self._completer.complete()

    def _enter(self, text: str) -> None:
        text = text.strip()
        if not text:
            return
        self._typing.stop()
        self._hide_words()
        self.entered.emit(text)
        # The completer writes the chosen word into the box after this; so clear it later.
        QTimer.singleShot(0, self.box, self.box.clear)

    def _leave(self) -> None:
        self._typing.stop()
        self.box.clear()
        self.left.emit()


class _WordBox(QLineEdit):
    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("wordBox")
        self.setPlaceholderText("add a word…")
        self.setAccessibleName("Add a word to this image")
        self.setFrame(False)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        elif event.text() == "+" and not self.text():
            event.accept()  # the key that leads here, pressed again for the next word
        else:
            super().keyPressEvent(event)
