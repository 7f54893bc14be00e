"""The Tags tab: the tags of the image, a word to add, and what is known of the selected one."""

from __future__ import annotations

from collections.abc import Container, Sequence

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from annotator.core.records import Image, Tag
from annotator.gui.item_models.tags import TagsModel, next_undecided
from annotator.gui.panels.image_vocabulary import Branch, EvidenceStrip, VocabularyTree
from annotator.gui.panels.regions import scrolling
from annotator.gui.panels.row_delegates import ROW, TagDelegate
from annotator.gui.panels.row_list import RowList
from annotator.gui.panels.tags_word import WordEntry
from annotator.gui.panels.thumbnail_store import ThumbnailStore
from annotator.gui.panels.verdict_bar import VerdictBar
from annotator.gui.session import Session


class TagsPanel(QWidget):
    """Shows tags and says what a person wants; the view tells the project."""

    selected = Signal(int)  # synset id
    decided = Signal(str)
    word_entered = Signal(str)
    word_left = Signal()
    image_wanted = Signal(int)
    synset_opened = Signal(int)

    def __init__(self, session: Session, store: ThumbnailStore) -> None:
        super().__init__()
        self.model = TagsModel(self)
        self._tags: list[Tag] = []
        self._selected: int | None = None
        self._show_dropped = False
        self.verdicts = VerdictBar()
        self.verdicts.decided.connect(self.decided)
        self.rows = RowList(self.model, TagDelegate(), "Tags of this image")
        self.rows.row_clicked.connect(self._row_clicked)
        self._empty = QLabel()
        self._empty.setWordWrap(True)
        self._empty.setTextFormat(Qt.TextFormat.PlainText)
        self._empty.setObjectName("muted")
        self._empty.setContentsMargins(12, 16, 12, 16)
        self.word = WordEntry(session)
        self.word.entered.connect(self.word_entered)
        self.word.left.connect(self.word_left)
        self.dropped = QPushButton()
        self.dropped.setObjectName("linkButton")
        self.dropped.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.dropped.setCursor(Qt.CursorShape.PointingHandCursor)
        self.dropped.clicked.connect(self.toggle_dropped)
        self._tree_title = _title("Vocabulary of this image")
        self.tree = VocabularyTree()
        self.tree.clicked.connect(self.selected)
        self.tree.opened.connect(self.synset_opened)
        self._evidence_title = _title("")
        self.evidence = EvidenceStrip(store)
        self.evidence.clicked.connect(self.image_wanted)

        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 8)
        column.setSpacing(0)
        column.addWidget(self._empty)
        column.addWidget(self.rows)
        column.addWidget(self.word)
        column.addWidget(self.dropped, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self._tree_title)
        column.addWidget(self.tree)
        column.addWidget(self._evidence_title)
        column.addWidget(self.evidence)
        column.addStretch(1)
        self._area = scrolling(inner)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(self.verdicts)
        outer.addWidget(self._area, 1)
        self.set_tags([], "")
        self.set_branches([])
        self.set_evidence("", [], None)

    # ---- tags ----------------------------------------------------------------------------

    @property
    def tag(self) -> Tag | None:
        """The selected tag."""
        return self.model.record(self.model.row_of(self._selected))

    @property
    def shown(self) -> Sequence[Tag]:
        return self.model.records

    @property
    def count(self) -> int:
        """Tags that were not dropped by a filter."""
        return sum(_counts(tag) for tag in self._tags)

    def set_tags(self, tags: Sequence[Tag], why_none: str) -> None:
        """Tags of the image, dropped ones among them; ``why_none`` is said when there are none."""
        self._tags = list(tags)
        self._empty.setText(why_none)
        self._fill()

    def select(self, synset_id: int | None) -> None:
        """Mark a tag; says nothing to listeners."""
        self._selected = synset_id
        row = self.model.row_of(synset_id)
        self.rows.select_row(row)
        self.tree.set_selected(synset_id)
        tag = self.tag
        self.verdicts.set_verdict(None if tag is None else tag.verdict)
        if row >= 0:
            self._area.ensureVisible(0, self.rows.y() + row * ROW + ROW // 2, 0, ROW)

    def next_undecided(self, decided: Container[int] = ()) -> int | None:
        """Synset id of the next tag that waits for a decision, ``decided`` ones left out."""
        row = next_undecided(self.shown, self.model.row_of(self._selected), decided)
        return None if row is None else self.shown[row].synset_id

    def toggle_dropped(self) -> None:
        """Show or hide what the filters dropped."""
        self._show_dropped = not self._show_dropped
        self._fill()

    def _fill(self) -> None:
        kept = [tag for tag in self._tags if _counts(tag)]
        gone = [tag for tag in self._tags if not _counts(tag)]
        self.model.set_records([*kept, *gone] if self._show_dropped else kept)
        self.rows.updateGeometry()
        self._empty.setVisible(not kept and bool(self._empty.text()))
        self.dropped.setVisible(bool(gone))
        words = "1 word" if len(gone) == 1 else f"{len(gone)} words"
        said = (
            f"Hide {words} that the filters dropped"
            if self._show_dropped
            else (f"Show {words} that the filters dropped")
        )
        self.dropped.setText(said)
        self.select(self._selected)

    def _row_clicked(self, row: int) -> None:
        tag = self.model.record(row)
        if tag is not None:
            self.selected.emit(tag.synset_id)

    # ---- what is below -------------------------------------------------------------------

    def set_branches(self, lines: list[Branch]) -> None:
        self.tree.set_lines(lines)
        self._tree_title.setVisible(bool(lines))
        self.tree.setVisible(bool(lines))

    def set_evidence(self, name: str, shown: list[tuple[Image, Tag]], current: int | None) -> None:
        self._evidence_title.setText(f"Evidence · {name}".upper())
        self.evidence.set_evidence(shown, current)
        self._evidence_title.setVisible(bool(shown))
        self.evidence.setVisible(bool(shown))

    def begin_word(self) -> None:
        """Put the keyboard into the box that adds a word."""
        page = self._area.widget()
        if page is not None:
            self._area.ensureVisible(0, self.word.mapTo(page, QPoint(0, 0)).y() + ROW)
        self.word.begin()


def _counts(tag: Tag) -> bool:
    """A dropped tag that a person decided about is shown with the kept ones."""
    return tag.kept or tag.verdict != "unknown"


def _title(text: str) -> QLabel:
    label = QLabel(text.upper())
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setObjectName("heading")
    label.setContentsMargins(12, 14, 12, 6)
    return label
