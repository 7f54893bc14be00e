"""Reads the vocabulary off the UI thread, never twice at once and not too often."""

from __future__ import annotations

from collections.abc import Collection

from PySide6.QtCore import QElapsedTimer, QObject, QTimer, Signal

from annotator.gui.item_models.vocabulary_forest import Forest, grow
from annotator.gui.session import Session
from annotator.project.sqlite import sqlite3

#: While a run writes without pause, the tree is read anew at most this often (milliseconds).
PAUSE_MS = 400


class VocabularyLoader(QObject):
    """``ask`` as often as you like: each burst ends in one reading of the newest state."""

    loaded = Signal(object)  # Forest

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._words: dict[int, list[str]] = {}
        self._words_old = True
        self._reading = False
        self._again = False
        self._since = QElapsedTimer()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._read)
        session.settled.connect(self._settled)

    @property
    def idle(self) -> bool:
        """Nothing is being read and nothing is waiting to be read."""
        return not (self._reading or self._again or self._timer.isActive())

    def ask(self, kinds: Collection[str] = ("proposals",)) -> None:
        """Something changed. Raw words are read again only when proposals or synsets did."""
        self._words_old |= not {"proposals", "synsets"}.isdisjoint(kinds)
        if self._reading:
            self._again = True
        elif not self._timer.isActive():
            passed = self._since.elapsed() if self._since.isValid() else PAUSE_MS
            machine = "proposals" in kinds
            self._timer.start(max(0, PAUSE_MS - passed) if machine else 0)

    def _read(self) -> None:
        self._reading, self._again = True, False
        old_words = None if self._words_old else self._words
        self._words_old = False

        def read(db: sqlite3.Connection) -> tuple[Forest, dict[int, list[str]]]:
            from annotator.project import queries

            words = _raw_words(db) if old_words is None else old_words
            return grow(queries.vocabulary(db), words), words

        self._session.read(read, self._done, key="vocabulary")

    def _settled(self) -> None:
        # All reads are through and ours brought nothing: it failed, and the session said so.
        if self._reading:
            self._reading = self._again = False

    def _done(self, answer: tuple[Forest, dict[int, list[str]]]) -> None:
        self._reading = False
        forest, self._words = answer
        self._since.start()
        self.loaded.emit(forest)
        if self._again:
            self._again = False
            self._timer.start(0 if self._words_old is False else PAUSE_MS)


def _raw_words(db: sqlite3.Connection) -> dict[int, list[str]]:
    """Raw strings by the synset they belong to now, merges followed."""
    from annotator.project import queries
    from annotator.project.words import Words

    roots = Words(db)
    words: dict[int, list[str]] = {}
    for label in queries.labels(db):
        if label.synset_id is not None:
            words.setdefault(roots.root(label.synset_id), []).append(label.text)
    return words
