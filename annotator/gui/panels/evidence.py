"""Why a synset is in the vocabulary: its words, its place, and its images in three rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from annotator.core.errors import AnnotatorError
from annotator.core.records import Evidence, RawWord, Synset, Tag
from annotator.gui.item_models.vocabulary_forest import Forest
from annotator.gui.key_button import KeyButton
from annotator.gui.panels import synset_tree_rows as rows
from annotator.gui.panels.evidence_row import (
    FEWEST,
    GAP,
    MOST,
    EvidenceRow,
    line_height,
    most_columns,
)
from annotator.gui.panels.evidence_tile import EvidenceTile, Thumbs
from annotator.gui.panels.evidence_widgets import Flow, PathLine, chip
from annotator.gui.session import Session
from annotator.gui.words import plural
from annotator.project.sqlite import sqlite3

#: Raw words and lemmas listed at most; the rest is counted.
MOST_WORDS = 14
#: Pixels between lines of the head, and between sections.
HEAD_GAP = 8
SECTION_GAP = 16
_NO_IMAGE = "No image has it, and nothing below it has one."
_NO_SCORE = "No machine found it on an image."
_HIDDEN = "Rejected: its tags and masks are hidden, not deleted. U takes the decision back."
_NO_DOUBT = "None: no undecided score is in between."
_NO_WEAK = "None: every image is shown above."


@dataclass(frozen=True, slots=True)
class Found:
    """What one read brings. ``below``: for a synset that only groups others, the strongest tag
    of each of the best synsets below it."""

    evidence: Evidence
    below: tuple[Tag, ...] = ()


def word_chips(words: Sequence[RawWord]) -> tuple[list[str], list[str]]:
    """Texts for what was kept ("sofa 61") and for what the filters dropped ("settee 2")."""
    kept = [f"{w.text} {w.count - w.dropped:,}" for w in words if w.count > w.dropped]
    dropped = [f"{w.text} {w.dropped:,}" for w in words if w.dropped]
    return kept, dropped


class VerdictLabel(QWidget):
    """The verdict of the shown synset: colour, sign and word, or "to decide"."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.synset: Synset | None = None
        self.setFixedSize(90, 18)

    def show_synset(self, synset: Synset) -> None:
        """Show this one's verdict."""
        self.synset = synset
        self.setAccessibleName(synset.verdict)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.synset is None or self.synset.verdict == "unknown":
            return
        painter = QPainter(self)
        painter.setFont(rows.small(self.font()))
        rows.paint_verdict(painter, self.rect(), self.synset.verdict)


class EvidencePanel(QScrollArea):
    """The centre column. It shows the synset it is told to and asks for actions by name."""

    action = Signal(str)  # "accept", "reject", "rename", "merge", "move"
    tag_judged = Signal(str, int, int)  # verb, image id, synset id
    image_wanted = Signal(int)
    synset_wanted = Signal(int)

    def __init__(self, session: Session, thumbs: Thumbs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._forest = Forest()
        self.synset_id: int | None = None
        self.found: Found | None = None
        self._keys = True  # letters mean the synset
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.body = QWidget(self)
        self.body.setObjectName("column")
        self.setWidget(self.body)
        self.heading = QLabel(self.body)
        self.heading.setObjectName("heading")
        self.heading.setWordWrap(True)
        self.heading.setTextFormat(Qt.TextFormat.PlainText)
        self.verdict = VerdictLabel(self.body)
        self.path = PathLine(self.body, 4)
        self.lemmas = Flow(self.body)
        self.words = Flow(self.body)
        self.strongest = EvidenceRow("Strongest", thumbs, self.body)
        self.doubtful = EvidenceRow("Doubtful", thumbs, self.body)
        self.weakest = EvidenceRow("Weakest", thumbs, self.body)
        self.action_row = Flow(self.body)
        self.accept_button = KeyButton("Accept", "Y", primary=True)
        self.reject_button = KeyButton("Reject", "X")
        self.buttons = {
            "accept": self.accept_button,
            "reject": self.reject_button,
            "rename": KeyButton("Rename", "F2"),
            "merge": KeyButton("Merge into…", "M"),
            "move": KeyButton("Move under…", "P"),
        }
        for name, button in self.buttons.items():
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.clicked.connect(lambda _on=False, n=name: self.action.emit(n))
            self.action_row.add(button)
        box = QVBoxLayout(self.body)
        box.setContentsMargins(12, 12, 12, 12)
        box.setSpacing(SECTION_GAP)
        head = QVBoxLayout()
        head.setSpacing(HEAD_GAP)
        first = QHBoxLayout()
        first.setSpacing(HEAD_GAP)
        first.addWidget(self.heading, 1)
        first.addWidget(self.verdict, 0, Qt.AlignmentFlag.AlignTop)
        head.addLayout(first)
        for part in (self.path, self.lemmas, self.words):
            head.addWidget(part)
        box.addLayout(head)
        self.sections = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self.sections.setSpacing(SECTION_GAP)
        box.addLayout(self.sections)
        for row in self.rows():
            self.sections.addWidget(row, 1, Qt.AlignmentFlag.AlignTop)
            row.strip.opened.connect(self.image_wanted)
            row.strip.judged.connect(self.tag_judged)
            row.strip.left_by.connect(lambda step, col, r=row: self._leave_row(r, step, col))
        box.addWidget(self.action_row)
        box.addStretch(1)
        self.path.wanted.connect(self.synset_wanted)
        self.clear()

    def rows(self) -> tuple[EvidenceRow, EvidenceRow, EvidenceRow]:
        """The three rows from top to bottom."""
        return self.strongest, self.doubtful, self.weakest

    def tiles(self) -> list[EvidenceTile]:
        """Every tile that is shown."""
        return [tile for row in self.rows() if row.isVisibleTo(self) for tile in row.strip.shown()]

    def clear(self) -> None:
        """Show nothing."""
        self.synset_id, self.found = None, None
        self.body.hide()

    def set_selected(self, count: int) -> None:
        """Say on the buttons how many synsets they are for."""
        for name, word in (("accept", "Accept"), ("reject", "Reject")):
            button = self.buttons[name]
            button.set_text(f"{word} {count}" if count > 1 else word, button.key)
        self.buttons["rename"].setEnabled(count == 1)
        self.action_row.refresh()

    def set_forest(self, forest: Forest) -> None:
        """The vocabulary was read anew."""
        self._forest = forest

    def show_synset(self, synset_id: int | None) -> None:
        """Read and show a synset; the old one stays until the answer is there."""
        self.synset_id = synset_id
        if synset_id is None:
            self.clear()
            return
        forest = self._forest

        def read(db: sqlite3.Connection) -> Found | None:
            from annotator.project import queries

            try:
                found = queries.evidence(db, synset_id, MOST)
            except AnnotatorError:
                return None  # gone meanwhile: the reload of the tree selects another
            if found.strongest or found.doubtful or found.weakest or not found.synset.inner:
                return Found(found)
            below = sorted(forest.below(synset_id), key=lambda i: -forest.synsets[i].score)
            best: list[Tag] = []
            for member in below[:MOST]:
                best += queries.evidence(db, member, 1).strongest[:1]
            return Found(found, tuple(best))

        self._session.read(read, self._show, key="evidence")

    def _show(self, found: Found | None) -> None:
        if found is None or found.evidence.synset.id != self.synset_id:
            return
        self.found = found
        evidence, synset = found.evidence, found.evidence.synset
        self.heading.setText(heading(synset, self._forest))
        known = synset.id in self._forest.synsets
        self.path.show_path(self._forest.path(synset.id) if known else [])
        others = [lemma for lemma in synset.lemmas if lemma != synset.name]
        self.lemmas.fill(_capped("also", others, "lemmaPill"))
        kept, dropped = word_chips(evidence.words)
        reasons = {f"{w.text} {w.count - w.dropped:,}": w.reason for w in evidence.words}
        said = _capped("said", kept, "pill", reasons)
        if dropped:
            said.append(chip("dropped by filter: " + ", ".join(dropped[:6]), "droppedPill"))
        self.words.fill(said)
        self._show_rows(found)
        self.body.show()
        self._fit()
        self.verdict.show_synset(synset)
        self._mark()

    def show_keys(self, here: bool) -> None:
        """Whether the letters on the buttons press them now."""
        self._keys = here
        self._mark()

    def _mark(self) -> None:
        accepted = self.found is not None and self.found.evidence.synset.verdict == "accepted"
        self.accept_button.set_primary(self._keys and not accepted)

    def _show_rows(self, found: Found) -> None:
        evidence = found.evidence
        grouping = not (evidence.strongest or evidence.doubtful or evidence.weakest)
        if grouping and not evidence.synset.inner:
            reason = _HIDDEN if evidence.synset.verdict == "rejected" else _NO_SCORE
            self.strongest.caption.setText("IMAGES")
            self.strongest.show_tags((), reason)
            self.doubtful.hide()
            self.weakest.hide()
            return
        if grouping:
            names = [t.synset for t in found.below]
            self.strongest.caption.setText("STRONGEST OF EACH BELOW IT")
            self.strongest.show_tags(found.below, _NO_IMAGE, names)
            self.doubtful.hide()
            self.weakest.hide()
            return
        self.strongest.caption.setText("STRONGEST")
        self.strongest.show_tags(evidence.strongest, _NO_SCORE)
        self.doubtful.show()
        self.doubtful.show_tags(evidence.doubtful, _NO_DOUBT)
        self.weakest.show()
        self.weakest.show_tags(evidence.weakest, _NO_WEAK)

    def _fit(self) -> None:
        """Give the rows as many columns and lines as fill the panel: few images are large, many
        are small, all of one size, and nothing scrolls unless the panel is very low."""
        used = [row for row in self.rows() if row.strip.tags and not row.isHidden()]
        box = self.body.layout()
        if not used or box is None or self.found is None:
            return
        # The panel's own size: the viewport's depends on the scroll bar, which depends on this.
        room = self.size()
        margins = box.contentsMargins()
        width = room.width() - margins.left() - margins.right()
        most = most_columns(width)
        longest = max(len(row.strip.tags) for row in used)
        # One image each: side by side, or two thirds of the panel would be empty.
        beside = longest == 1 and not self.doubtful.isHidden()
        self.sections.setDirection(
            QBoxLayout.Direction.LeftToRight if beside else QBoxLayout.Direction.TopToBottom
        )
        if beside:
            third = (width - 2 * self.sections.spacing()) // 3
            for row in used:
                row.set_grid(third, 1, 1)
            self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
            return
        columns = min(max(longest, FEWEST), most)
        free = room.height() - margins.top() - margins.bottom() - self._height_of_words(width)
        while columns < most and len(used) * line_height(width, columns) > free:
            columns += 1
        spare = free - len(used) * line_height(width, columns)
        lines = dict.fromkeys(used, 1)
        step = line_height(width, columns) + GAP
        while spare >= step:
            hidden = {r: len(r.strip.tags) - lines[r] * columns for r in used}
            row = max(used, key=lambda r: hidden[r])
            if hidden[row] <= 0:
                break
            lines[row] += 1
            spare -= step
        for row in used:
            row.set_grid(width, columns, lines[row])
        policy = Qt.ScrollBarPolicy
        self.setVerticalScrollBarPolicy(
            policy.ScrollBarAlwaysOff if spare >= 0 else policy.ScrollBarAsNeeded
        )

    def _height_of_words(self, width: int) -> int:
        """What everything but the images needs. The layout would know, but only later."""
        first = self.heading.heightForWidth(width - self.verdict.width() - HEAD_GAP)
        head = [max(first, self.verdict.height())]
        below = (self.path, self.lemmas, self.words)
        head += [part.heightForWidth(width) for part in below if not part.isHidden()]
        total = sum(head) + HEAD_GAP * (len(head) - 1) + self.action_row.heightForWidth(width)
        for row in self.rows():
            if not row.isHidden():
                total += SECTION_GAP + row.height_of_words(width)
        return total + SECTION_GAP

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _leave_row(self, row: EvidenceRow, step: int, column: int) -> None:
        order = [r for r in self.rows() if r.isVisibleTo(self)]
        at = order.index(row) + step
        while 0 <= at < len(order):
            if order[at].strip.focus(column):
                return
            at += step


def heading(synset: Synset, forest: Forest) -> str:
    """SOFA · N04256520 · IN 97 IMAGES."""
    parts = [synset.name, synset.wordnet_id or "no WordNet id"]
    if synset.inner:
        members = sum(not forest.synsets[i].inner for i in forest.below(synset.id))
        parts.append(f"groups {plural(members, 'synset')}")
        parts.append(f"{plural(synset.subtree_support, 'image')} below")
    else:
        parts.append(f"in {plural(synset.support, 'image')}")
    return " · ".join(parts).upper()


def _capped(
    label: str, texts: Sequence[str], kind: str, tips: dict[str, str] | None = None
) -> list[QWidget]:
    if not texts:
        return []
    shown: list[QWidget] = [chip(label, "hint")]
    shown += [chip(text, kind, (tips or {}).get(text, "")) for text in texts[:MOST_WORDS]]
    if len(texts) > MOST_WORDS:
        shown.append(chip(f"and {len(texts) - MOST_WORDS} more", "hint"))
    return shown
