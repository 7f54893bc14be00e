"""Above the canvas: a sentence to find in the image, and which of its maps is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from annotator.gui.canvas.grounding import TEXT, UNION
from annotator.gui.item_models.tags import number_words
from annotator.gui.words import on_button, one_line, plain_tip, word_for_word

if TYPE_CHECKING:
    from annotator.pipeline.text_maps import TextMap

#: So many words are shown at first, the best ones; pixels that a long one may take.
_WORDS, _WIDEST = 24, 140
_GAP, _ROWS = 6, 3
_LETTERS = 20_000


class FindBar(QFrame):
    """Enter asks, Esc goes back to the selected tag."""

    asked = Signal(str)
    map_chosen = Signal(str)  # TEXT, UNION or a word
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("findBar")
        key = QLabel("I")
        key.setObjectName("keyHint")
        key.setFixedSize(20, 20)
        key.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.box = _SentenceBox()
        self.box.returnPressed.connect(self._ask)
        self.box.left.connect(self.leave)
        self.clear = QPushButton("Back to the tag")
        self.clear.setObjectName("inline")
        self.clear.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.clear.setToolTip("Show the selected tag's heatmap again (Esc)")
        self.clear.clicked.connect(self.leave)
        self.clear.hide()
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(key)
        row.addWidget(self.box, 1)
        row.addWidget(self.clear)
        self._maps = _Flow()
        self._area = QScrollArea()
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setWidgetResizable(True)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setWidget(self._maps)
        self._area.hide()
        rows = QVBoxLayout(self)
        rows.setContentsMargins(12, 4, 12, 4)
        rows.setSpacing(4)
        rows.addLayout(row)
        rows.addWidget(self._area)
        self.chips: dict[str, QPushButton] = {}
        self.which = TEXT
        self._found: TextMap | None = None
        self._all = False

    def begin(self) -> None:
        """Put the keyboard into the field."""
        self.box.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.box.selectAll()

    def leave(self) -> None:
        """Back to the selected tag."""
        self.box.clear()
        self.clear.hide()
        self.set_map(None)
        self.asked.emit("")
        self.left.emit()

    def set_map(self, found: TextMap | None) -> None:
        """The maps of the sentence that was asked; None while there are none."""
        if found is self._found and found is not None:
            return
        keep = found is not None and self._found is not None and found.text == self._found.text
        self._found, self._all = found, False
        self.which = self.which if keep else TEXT
        self._fill()

    def choose(self, which: str) -> None:
        """Another of the maps."""
        self.which = which
        for name, chip in self.chips.items():
            chip.setChecked(name == which)
        self.map_chosen.emit(which)

    def _ask(self) -> None:
        text = one_line(self.box.text())
        self.clear.setVisible(bool(text))
        if not text:
            self.leave()
            return
        self.asked.emit(text)
        self.left.emit()

    def _fill(self) -> None:
        self._maps.clear()
        self.chips = {}
        found = self._found
        self._area.setVisible(found is not None)
        if found is None:
            return
        selected = sum(word.selected for word in found.words)
        self._chip(TEXT, "The text", "How similar each pixel is to the whole text")
        if selected:
            tip = "The highest of the normalised maps of the words with ✓ at every pixel"
            self._chip(UNION, f"✓ words together ({selected})", tip)
        ranked = sorted(found.words, key=lambda word: (not word.selected, -word.score))
        shown = ranked if self._all else ranked[:_WORDS]
        for word in shown:
            seen = word_for_word(word.text)
            words = f"{'✓ ' if word.selected else ''}{{}} {number_words(word.score)}"
            tip = f"{seen}: highest similarity {number_words(word.score, 3)}"
            tip += ", selected by the largest gap" if word.selected else ", not selected"
            self._chip(word.text, words, tip, seen, word.selected)
        more = len(ranked) - len(shown)
        if more:
            chip = self._chip("", f"{more} more…", "Show all words", add=False)
            chip.setCheckable(False)
            chip.clicked.connect(self._show_all)
        self._area.setFixedHeight(self._maps.height_for(_ROWS))

    def _chip(
        self,
        which: str,
        words: str,
        tip: str,
        name: str = "",
        good: bool = False,
        *,
        add: bool = True,
    ) -> QPushButton:
        chip = QPushButton()
        metrics = chip.fontMetrics()
        short = metrics.elidedText(name, Qt.TextElideMode.ElideRight, _WIDEST)
        chip.setText(on_button(words.replace("{}", short)))
        chip.setObjectName("chip")
        chip.setProperty("good", good)
        chip.setCheckable(True)
        chip.setToolTip(plain_tip(tip))
        chip.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        chip.setCursor(Qt.CursorShape.PointingHandCursor)
        if add:
            chip.setChecked(which == self.which)
            chip.clicked.connect(lambda: self.choose(which))
            self.chips[which] = chip
        self._maps.add(chip)
        return chip

    def _show_all(self) -> None:
        self._all = True
        self._fill()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._found is not None:
            self._area.setFixedHeight(self._maps.height_for(_ROWS))


class _Flow(QWidget):
    """Chips in as many lines as they need."""

    def __init__(self) -> None:
        super().__init__()
        self._chips: list[QPushButton] = []
        self._line = 0
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def clear(self) -> None:
        for chip in self._chips:
            chip.hide()
            chip.deleteLater()
        self._chips.clear()

    def add(self, chip: QPushButton) -> None:
        chip.setParent(self)
        chip.show()
        self._chips.append(chip)

    def height_for(self, rows: int) -> int:
        """Pixels for all lines, at most ``rows`` of them."""
        self._arrange()
        return min(self.height(), rows * (self._line + _GAP) - _GAP)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._arrange()

    def _arrange(self) -> None:
        at = QPoint(0, 0)
        for chip in self._chips:
            size = chip.sizeHint()
            self._line = size.height()
            if at.x() and at.x() + size.width() > self.width():
                at = QPoint(0, at.y() + self._line + _GAP)
            chip.setGeometry(at.x(), at.y(), size.width(), size.height())
            at.setX(at.x() + size.width() + _GAP)
        self.setFixedHeight(at.y() + self._line)


class _SentenceBox(QLineEdit):
    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("wordBox")
        self.setPlaceholderText("Find in the image: a word, a sentence, a criterion…")
        self.setAccessibleName("Find in the image")
        self.setMaxLength(_LETTERS)
        self.setFrame(False)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)
