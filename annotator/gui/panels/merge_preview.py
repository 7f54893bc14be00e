"""The card of a merge under way: what it touches, both sides in pictures, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QVBoxLayout, QWidget

from annotator.core.records import MergePreview, Synset, Tag
from annotator.gui.key_button import KeyButton
from annotator.gui.panels.evidence_row import TileStrip
from annotator.gui.panels.evidence_tile import Thumbs
from annotator.gui.panels.evidence_widgets import Flow, chip
from annotator.gui.words import plural

Mode = Literal["merge", "move"]
#: Lemmas of the target that are named; a word that many were merged into has hundreds.
MOST_LEMMAS = 12


@dataclass(frozen=True, slots=True)
class Plan:
    """What is being prepared. ``target`` None (only when moving): to the top level."""

    mode: Mode
    sources: tuple[Synset, ...]
    target: Synset | None

    @property
    def target_id(self) -> int | None:
        """The target's id, None for the top level."""
        return None if self.target is None else self.target.id

    @property
    def can_swap(self) -> bool:
        """One source and one target, neither of them the top of the tree."""
        return len(self.sources) == 1 and self.target is not None

    def swapped(self) -> Plan:
        """The same with source and target exchanged."""
        assert self.target is not None
        return replace(self, sources=(self.target,), target=self.sources[0])


def touches(preview: MergePreview) -> str:
    """What a merge would do to the data, in one line."""
    text = f"touches {plural(preview.tags, 'tag')} in {plural(preview.images, 'image')}"
    both = {0: "no image has both", 1: "1 image has both"}
    text += ", " + both.get(preview.both, f"{preview.both:,} images have both")
    return text + (f", {plural(preview.regions, 'region')}" if preview.regions else "")


class MergeCard(QFrame):
    """Shows one Plan. Enter does it, S swaps, Esc cancels, and P or M does the other thing."""

    confirmed = Signal(object)  # Plan
    swapped = Signal()
    cancelled = Signal()
    opened = Signal(int)  # image id

    def __init__(self, thumbs: Thumbs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Merge under way")
        self.plan: Plan | None = None
        self.title = QLabel(self)
        self.title.setObjectName("cardTitle")
        self.title.setWordWrap(True)
        self.pictures = QWidget(self)
        self.from_name = QLabel(self.pictures)
        self.into_name = QLabel(self.pictures)
        self.from_strip = TileStrip(thumbs, "merge-from", self.pictures)
        self.into_strip = TileStrip(thumbs, "merge-into", self.pictures)
        arrow = QLabel("→", self.pictures)
        sides = QGridLayout(self.pictures)
        sides.setContentsMargins(0, 0, 0, 0)
        sides.setHorizontalSpacing(8)
        sides.setVerticalSpacing(4)
        for column, name, strip in (
            (0, self.from_name, self.from_strip),
            (2, self.into_name, self.into_strip),
        ):
            name.setObjectName("hint")
            name.setTextFormat(Qt.TextFormat.PlainText)
            strip.setFixedHeight(84)
            sides.addWidget(name, 0, column)
            sides.addWidget(strip, 1, column)
            sides.setColumnStretch(column, 1)
        arrow.setObjectName("hint")
        sides.addWidget(arrow, 1, 1)
        for strip in (self.from_strip, self.into_strip):
            strip.opened.connect(self.opened)
        self.counts = QLabel(self)
        self.counts.setObjectName("hint")
        self.counts.setWordWrap(True)
        self.counts.setTextFormat(Qt.TextFormat.PlainText)
        self.lemmas = Flow(self, 4)
        self.error = QLabel(self)
        self.error.setObjectName("error")
        self.error.setWordWrap(True)
        self.error.setTextFormat(Qt.TextFormat.PlainText)
        self.merge_button = KeyButton("Merge", "Enter", parent=self)
        self.move_button = KeyButton("Move under", "P", parent=self)
        self.swap_button = KeyButton("Swap", "S", parent=self)
        self.cancel_button = KeyButton("Cancel", "Esc", parent=self)
        self.merge_button.clicked.connect(lambda: self._confirm("merge"))
        self.move_button.clicked.connect(lambda: self._confirm("move"))
        self.swap_button.clicked.connect(self.swapped)
        self.cancel_button.clicked.connect(self.cancelled)
        self.buttons = Flow(self, 4)
        for button in (self.merge_button, self.move_button, self.swap_button, self.cancel_button):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            self.buttons.add(button)
        box = QVBoxLayout(self)
        box.setContentsMargins(12, 12, 12, 12)
        box.setSpacing(10)
        for part in (
            self.title,
            self.pictures,
            self.counts,
            self.lemmas,
            self.error,
            self.buttons,
        ):
            box.addWidget(part)

    def show_plan(self, plan: Plan, *, preview: bool = False) -> None:
        """Show who goes where; counts and pictures follow when they are read. A ``preview`` has
        no buttons and leaves the keyboard where it is."""
        self.plan = plan
        self.buttons.setVisible(not preview)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus if preview else Qt.FocusPolicy.StrongFocus)
        names = ", ".join(s.name for s in plan.sources[:4])
        if len(plan.sources) > 4:
            names += f" and {len(plan.sources) - 4} more"
        goal = plan.target.name if plan.target is not None else "the top level"
        link = "→" if plan.mode == "merge" else "to go under"
        if plan.target is None:
            link = "to go to"
        self.title.setText(f"<b>{as_html(names)} {link} {as_html(goal)}</b>")
        self.title.setTextFormat(Qt.TextFormat.RichText)
        merging = plan.mode == "merge"
        self.merge_button.set_text("Merge", "Enter" if merging else "M")
        self.move_button.set_text("Move under", "P" if merging else "Enter")
        if plan.target is None:
            self.move_button.set_text("Move", "Enter")
        self.merge_button.set_primary(merging)
        self.move_button.set_primary(not merging)
        self.merge_button.setVisible(plan.target is not None)
        self.swap_button.setVisible(plan.can_swap)
        self.merge_button.setEnabled(True)
        self.move_button.setEnabled(True)
        self.buttons.refresh()
        self.counts.setText("counting …")
        self.lemmas.fill([])
        self.error.hide()
        if not preview:
            self.pictures.hide()
            self.setFocus(Qt.FocusReason.OtherFocusReason)

    def show_counts(self, text: str, lemmas: Sequence[str]) -> None:
        """What it touches, and the lemmas the target has afterwards."""
        self.counts.setText(text)
        more = len(lemmas) - MOST_LEMMAS
        self.lemmas.fill(
            [chip("lemmas after:", "hint"), *(chip(word) for word in lemmas[:MOST_LEMMAS])]
            + ([chip(f"and {more:,} more", "hint")] if more > 0 else [])
            if lemmas
            else []
        )

    def show_pictures(self, sources: Sequence[Tag], target: Sequence[Tag]) -> None:
        """The strongest images of both sides."""
        self.pictures.setVisible(bool(sources) or bool(target))
        for name, strip, tags in (
            (self.from_name, self.from_strip, sources),
            (self.into_name, self.into_strip, target),
        ):
            name.setText(", ".join(dict.fromkeys(t.synset for t in tags)) or "no image")
            strip.set_grid(max(1, len(tags)), 1)
            strip.show_tags(tags)

    def show_error(self, text: str) -> None:
        """Why it cannot be done, inside the card."""
        self.counts.clear()
        self.error.setText(text)
        self.error.show()
        if self.plan is not None:
            self._button(self.plan.mode).setEnabled(False)

    def _button(self, mode: Mode) -> KeyButton:
        return self.merge_button if mode == "merge" else self.move_button

    def _confirm(self, mode: Mode) -> None:
        if not self._button(mode).isEnabled():
            return
        if self.plan is not None and (mode == "move" or self.plan.target is not None):
            self.confirmed.emit(replace(self.plan, mode=mode))

    # --- keys: the view's commands leave them to the card while it has the keyboard

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, plan = event.key(), self.plan
        if plan is None:
            super().keyPressEvent(event)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._confirm(plan.mode)
        elif key == Qt.Key.Key_Escape:
            self.cancelled.emit()
        elif key == Qt.Key.Key_S and plan.can_swap:
            self.swapped.emit()
        elif key == Qt.Key.Key_P:
            self._confirm("move")
        elif key == Qt.Key.Key_M:
            self._confirm("merge")
        else:
            super().keyPressEvent(event)

    def pictures_loaded(self) -> bool:
        """Whether every thumbnail of the card has come."""
        tiles = [*self.from_strip.shown(), *self.into_strip.shown()]
        return all(tile.loaded for tile in tiles)


def as_html(text: str) -> str:
    """``text`` for a label that shows HTML, letter by letter."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
