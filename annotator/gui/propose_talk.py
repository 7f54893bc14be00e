"""The part of the propose form for models that talk: what they are asked, and how it is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QPlainTextEdit, QPushButton, QWidget

from annotator.core.records import Strategy

if TYPE_CHECKING:
    from annotator.backends.manifest import Prompt

STRATEGY_WORDS: dict[Strategy, str] = {
    "list": "a list of labels",
    "caption": "a caption: its nouns are labels",
    "vqa": "the answer to a question",
}
OWN = "own text"
_TEXT_HEIGHT = 84


class PromptText(QPlainTextEdit):
    """Plain text over some lines. Tab leaves it; Ctrl+Enter is for the form around it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTabChangesFocus(True)
        self.setFixedHeight(_TEXT_HEIGHT)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        control = event.modifiers() & Qt.KeyboardModifier.ControlModifier
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and control:
            event.ignore()
        else:
            super().keyPressEvent(event)


class TalkFields:
    """The fields; the form lays them out. What was typed for a pack is kept while it is open."""

    def __init__(self, parent: QWidget, changed: Callable[[], object]) -> None:
        self._prompts: tuple[Prompt, ...] = ()
        self._pack = ""
        self._typed: dict[str, tuple[str, str, Strategy]] = {}
        self._began = 0  # the pack's prompt that an own text began as
        self._filling = False
        self._changed = changed
        self.prompt = QComboBox(parent)
        self.reset = QPushButton("Reset", parent)
        self.reset.setToolTip("Bring the pack's own text back")
        self.text = PromptText(parent)
        self.strategy = QComboBox(parent)
        for strategy, words in STRATEGY_WORDS.items():
            self.strategy.addItem(words, strategy)
        self.choice = QHBoxLayout()
        self.choice.setSpacing(6)
        self.choice.addWidget(self.prompt, 1)
        self.choice.addWidget(self.reset)
        self.prompt.setAccessibleName("Ask")
        self.prompt.activated.connect(self._choose)
        self.reset.clicked.connect(lambda: self._choose(self._began))
        self.text.textChanged.connect(self._edited)

    def show_pack(self, pack: str, prompts: Sequence[Prompt]) -> None:
        """The prompts of another pack; what was typed for it before is there again."""
        self._keep()
        self._pack, self._prompts, self._began = pack, tuple(prompts), 0
        self._filling = True
        self.prompt.clear()
        for one in prompts:
            self.prompt.addItem(one.name, one.text)
        self.prompt.addItem(OWN, None)
        self._filling = False
        name, text, strategy = self._typed.get(pack, ("", "", "list"))
        at = next((i for i, one in enumerate(prompts) if one.name == name), -1)
        if name == OWN and text:
            self._fill(text, strategy, len(prompts))
        elif prompts:
            self._choose(max(at, 0))
            if at >= 0:
                self._set_strategy(strategy)
        self._tell()

    @property
    def chosen(self) -> Prompt | None:
        """The pack's prompt that is asked, None for the person's own text."""
        row = self.prompt.currentIndex()
        return self._prompts[row] if 0 <= row < len(self._prompts) else None

    @property
    def has_correction(self) -> bool:
        """Whether the model can be asked a second time; of an own text, by the pack's words."""
        prompt = self.chosen
        if prompt is not None:
            return bool(prompt.correction)
        return any(one.correction for one in self._prompts)

    @property
    def asked(self) -> bool:
        """There is something to ask."""
        return bool(self.text.toPlainText().strip())

    def options(self) -> dict[str, Any]:
        """As keyword arguments of ProposeOptions."""
        prompt = self.chosen
        return {
            "prompt": prompt.name if prompt is not None else self.text.toPlainText().strip(),
            "strategy": self.strategy.currentData(),
        }

    def _keep(self) -> None:
        if self._pack:
            self._typed[self._pack] = (
                self.prompt.currentText(),
                self.text.toPlainText(),
                self.strategy.currentData(),
            )

    def _choose(self, row: int) -> None:
        if 0 <= row < len(self._prompts):
            self._began, one = row, self._prompts[row]
            self._fill(one.text, one.strategy, row)
        else:
            self.text.setFocus()
        self._tell()

    def _fill(self, text: str, strategy: Strategy, row: int) -> None:
        self._filling = True
        self.prompt.setCurrentIndex(row)
        self.text.setPlainText(text)
        self._set_strategy(strategy)
        self._filling = False

    def _set_strategy(self, strategy: Strategy) -> None:
        self.strategy.setCurrentIndex(self.strategy.findData(strategy))

    def _edited(self) -> None:
        if self._filling:
            return
        text = self.text.toPlainText()
        same = (i for i, one in enumerate(self._prompts) if one.text == text)
        self.prompt.setCurrentIndex(next(same, len(self._prompts)))
        self._tell()

    def _tell(self) -> None:
        self.reset.setEnabled(self.chosen is None)
        self._changed()
