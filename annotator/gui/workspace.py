"""The views of an open project, and what the bars say about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from PySide6.QtCore import QSettings, QTimer, Signal
from PySide6.QtWidgets import QSplitter, QStackedLayout, QWidget

from annotator.gui import steps
from annotator.gui.commands import Commands
from annotator.gui.forms import MODELS, Forms
from annotator.gui.images_view import ImagesView
from annotator.gui.messages import Over
from annotator.gui.session import Session
from annotator.gui.words import plural
from annotator.project import queries
from annotator.project.sqlite import sqlite3

if TYPE_CHECKING:
    from annotator.gui.item_models.vocabulary_forest import Chip, Forest

#: What the bars say waits for the first image at most so long, in milliseconds.
_FIRST_MS = 1000


class _Facts(NamedTuple):
    status: dict[str, Any]
    marks: dict[str, int]
    undo: str | None


class Workspace(QWidget):
    """Images first; the Vocabulary is built when it is first looked at."""

    counted = Signal(str, str)  # name, counts: for the top bar
    saved = Signal(str, str, str)  # what is saved, what undo would undo, where: for the status line

    ahead = Signal(str)  # what is made ready for later: for the status line

    def __init__(self, session: Session, commands: Commands, parent: QWidget) -> None:
        super().__init__(parent)
        self.image_count: int | None = None
        self._session = session
        self._commands = commands
        self._facts: _Facts | None = None
        self._words: dict[Chip, int] | None = None
        self._begun = False
        self.images = ImagesView(session, commands, self)
        self.images.desk.encodings.ahead_changed.connect(self._tell_ahead)
        self.vocabulary: QWidget | None = None
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self.images)
        self._forms = Forms(session, self.window)
        session.use_models(str(QSettings().value(MODELS) or session.models.name))
        session.view_changed.connect(self._show_view)
        session.changed.connect(self._changed)
        session.jobs.started.connect(self._follow_scan)
        session.jobs.ended.connect(self._follow_scan)
        self._follow_scan()
        # The first image on screen comes before what the bars say.
        self.images.first_image_painted.connect(self._begin)
        QTimer.singleShot(_FIRST_MS, self, self._begin)

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._read()

    def _follow_scan(self, _: object = None) -> None:
        self.images.left.set_scanning(self._session.jobs.get("scan") is not None)

    @property
    def middle(self) -> Over:
        """The column between the lists, of the view that is shown; of the images, the canvas
        beside its tools."""
        view = self._stack.currentWidget() or self.images
        if view is self.images:
            return Over(self.images.canvas, self.images.tools.geometry().right())
        pages = view.layout()
        page = pages.currentWidget() if isinstance(pages, QStackedLayout) else None
        middle = page.widget(1) if isinstance(page, QSplitter) else page
        return Over(middle or view)

    def _tell_ahead(self, left: int) -> None:
        self.ahead.emit(f"Getting the next {plural(left, 'image')} ready" if left else "")

    def dismiss(self) -> None:
        """Before it goes: the forms belong to the window."""
        self._forms.dismiss()

    def scan(self) -> None:
        """Look at the folder again."""
        steps.scan(self._session)

    def ask(self, what: str, under: QWidget | None) -> None:
        """Open a form, see ``Forms.ask``."""
        self._forms.ask(what, under)

    def _show_view(self, view: str) -> None:
        if view == "vocabulary":
            if self.vocabulary is None:
                from annotator.gui.vocabulary_view import VocabularyView

                vocabulary = VocabularyView(self._session, self._commands, self)
                vocabulary.loader.loaded.connect(self._count_words)
                self.vocabulary = vocabulary
                self._stack.addWidget(vocabulary)
            self._stack.setCurrentWidget(self.vocabulary)
            self.vocabulary.setFocus()
        else:
            self._stack.setCurrentWidget(self.images)
            self.images.setFocus()
        self._tell()

    def _count_words(self, forest: Forest) -> None:
        self._words = forest.counts()
        self._tell()

    def _changed(self, kinds: frozenset[str]) -> None:
        if self._begun:
            self._read()

    def _read(self) -> None:
        def read(db: sqlite3.Connection) -> _Facts:
            return _Facts(queries.status(db), queries.status_counts(db), queries.undo_label(db))

        self._session.read(read, self._show, key="bars")

    def _show(self, facts: _Facts) -> None:
        self._facts = facts
        self.image_count = int(facts.status["images"])
        self._tell()

    def _tell(self) -> None:
        facts = self._facts
        if facts is None:
            return
        status = facts.status
        decided = status["accepted"]
        if self._session.view == "vocabulary":
            # The same numbers as on the chips below.
            words = self._words
            counts = (
                f"{plural(words['all'], 'synset')} · {words['accepted']:,} accepted"
                if words is not None
                else ""
            )
        else:
            counts = f"{plural(status['images'], 'image')} · {facts.marks['reviewed']:,} reviewed"
        self.counted.emit(self._session.project.path.name, counts)
        path, folder = self._session.project.path, self._session.project.folder
        # A project that is not beside its photos is named in full: nobody would look for it there.
        place = path.name if path.parent in (folder, folder.parent) else str(path)
        self.saved.emit(
            f"{plural(decided['tags'], 'tag')}, {plural(decided['regions'], 'mask')} accepted"
            f" · saved in {place}",
            facts.undo or "",
            str(path),
        )
