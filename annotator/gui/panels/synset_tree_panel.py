"""The left column: search box, chips with counts, the tree, and what to do when it is empty."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from annotator.gui.item_models.vocabulary_forest import CHIPS, Chip, Forest
from annotator.gui.panels.evidence_widgets import Flow
from annotator.gui.panels.synset_tree import SynsetTree


class SynsetTreePanel(QWidget):
    """Search and chips narrow the tree beneath them."""

    propose_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("column")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.tree = SynsetTree(self)
        self.search = QLineEdit(self)
        self.search.setObjectName("search")
        self.search.setPlaceholderText("Search names, synonyms, raw words")
        self.search.setAccessibleName("Search the vocabulary")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        self.search.installEventFilter(self)
        key = QLabel("/", self.search)
        key.setObjectName("key")
        key.setAlignment(Qt.AlignmentFlag.AlignCenter)
        inside = QHBoxLayout(self.search)
        inside.setContentsMargins(0, 0, 6, 0)
        inside.addStretch(1)
        inside.addWidget(key, 0, Qt.AlignmentFlag.AlignVCenter)
        key.setFixedHeight(18)
        self._key = key
        self.search.textChanged.connect(lambda text: key.setVisible(not text))
        self.chips = Flow(self)
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        self.chip_buttons: dict[Chip, QPushButton] = {}
        for name in CHIPS:
            button = QPushButton(name)
            button.setObjectName("chip")
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.setCursor(Qt.CursorShape.PointingHandCursor)
            self._group.addButton(button)
            self.chips.add(button)
            self.chip_buttons[name] = button
        self.chip_buttons["all"].setChecked(True)
        self._group.buttonToggled.connect(self._chip_toggled)
        self.nothing = QLabel(self)
        self.nothing.setObjectName("hint")
        self.nothing.setWordWrap(True)
        self.nothing.setTextFormat(Qt.TextFormat.PlainText)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.clear_button = QPushButton("Show all synsets", self)
        self.clear_button.clicked.connect(self.clear_filter)
        top = QVBoxLayout()
        top.setContentsMargins(10, 10, 10, 8)
        top.setSpacing(8)
        top.addWidget(self.search)
        top.addWidget(self.chips)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addLayout(top)
        box.addWidget(self.tree, 1)
        box.addStretch(0)
        box.addWidget(self.nothing)
        box.addWidget(self.clear_button, 0, Qt.AlignmentFlag.AlignHCenter)
        box.addStretch(0)
        self._stretches = (box.indexOf(self.nothing) - 1, box.indexOf(self.clear_button) + 1)
        self._box = box
        self._counts()

    @property
    def chip(self) -> Chip:
        """The chip that is on."""
        return next((n for n, b in self.chip_buttons.items() if b.isChecked()), "all")

    def load(self, forest: Forest) -> None:
        """Show a newly read vocabulary under the filter that is set."""
        self.tree.load(forest)
        self._counts()

    def clear_filter(self) -> None:
        """Show everything."""
        self.search.blockSignals(True)
        self.search.clear()
        self.search.blockSignals(False)
        self._key.show()
        self.chip_buttons["all"].setChecked(True)
        self._filter()
        self.tree.setFocus()

    def focus_search(self) -> None:
        """Put the keyboard into the search box."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def _chip_toggled(self, _button: object, on: bool) -> None:
        if on:
            self._filter()

    def _filter(self) -> None:
        self.tree.set_filter(self.search.text().strip(), self.chip)
        self._counts()

    def _counts(self) -> None:
        forest, text = self.tree.vocabulary.forest, self.search.text()
        for name, count in forest.counts(text).items():
            self.chip_buttons[name].setText(f"{name} {count:,}")
        self.chips.refresh()
        missing = bool(forest.synsets) and not self.tree.vocabulary.shown.rows
        if missing:
            what = f"Nothing matches ‘{text.strip()}’" if text.strip() else "Nothing here"
            where = f" among {self.chip}." if self.chip != "all" else "."
            self.nothing.setText(what + where)
        self.nothing.setVisible(missing)
        self.clear_button.setVisible(missing)
        self.tree.setVisible(not missing)
        for stretch in self._stretches:
            self._box.setStretch(stretch, int(missing))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.search and event.type() == QEvent.Type.KeyPress:
            assert isinstance(event, QKeyEvent)
            if event.key() == Qt.Key.Key_Escape:
                self.clear_filter()
                return True
            if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._into_tree()
                return True
        return super().eventFilter(watched, event)

    def _into_tree(self) -> None:
        """From the search box to the first match."""
        shown = self.tree.vocabulary.shown
        if self.tree.current_id() not in shown.matches:
            first = next((i for i in shown.order() if i in shown.matches), None)
            if first is not None:
                self.tree.select(first)
        self.tree.setFocus(Qt.FocusReason.OtherFocusReason)
