"""The right-hand pane: how to merge, the choice of a target, and the merge under way."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import shiboken6
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from annotator.core.errors import AnnotatorError
from annotator.core.records import MergePreview, Synset, Tag
from annotator.gui.item_models.vocabulary_forest import Forest
from annotator.gui.panels.evidence_tile import Thumbs
from annotator.gui.panels.merge_preview import MergeCard, Mode, Plan, as_html, touches
from annotator.gui.panels.merge_target import Target, TargetChooser
from annotator.gui.session import Session
from annotator.gui.words import plural
from annotator.project.sqlite import sqlite3

_HINT = (
    "Two names for one thing? Select a synset and press <b>M</b>, or drag it onto another: "
    "what the merge touches is shown here before anything is done. "
    "<b>P</b>, or Shift while dropping, moves it below the other instead."
)
#: Images on each side of a merge, and how many of each kind of evidence they are chosen from.
_SIDE = 2
_POOL = 4


class MergePane(QWidget):
    """Prepares merges and moves. It asks for them with ``confirmed`` and waits for
    ``done`` or ``show_error``; it never changes anything itself."""

    confirmed = Signal(object)  # Plan
    closed = Signal()
    opened = Signal(int)  # image id

    def __init__(self, session: Session, thumbs: Thumbs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._forest = Forest()
        self._mode: Mode = "merge"
        self._sources: tuple[Synset, ...] = ()
        self.previewing = False
        self.caption = QLabel(self)
        self.caption.setObjectName("heading")
        self.hint = QLabel(_HINT, self)
        self.hint.setObjectName("hint")
        self.hint.setWordWrap(True)
        self.chooser = TargetChooser(self)
        self.card = MergeCard(thumbs, self)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(10)
        for part in (self.caption, self.hint, self.chooser, self.card):
            box.addWidget(part)
        self.chooser.chosen.connect(self._target_chosen)
        self.chooser.cancelled.connect(self.close_plan)
        self.card.confirmed.connect(self.confirmed)
        self.card.swapped.connect(self._swap)
        self.card.cancelled.connect(self.close_plan)
        self.card.opened.connect(self.opened)
        self._show("hint")

    @property
    def plan(self) -> Plan | None:
        """The merge or move that is shown, None when there is none."""
        return self.card.plan if self.card.isVisibleTo(self) else None

    @property
    def idle(self) -> bool:
        """The plan that is shown, if any, has its pictures."""
        return self.plan is None or self.card.pictures_loaded()

    def set_forest(self, forest: Forest) -> None:
        """The vocabulary was read anew: a plan with a synset that is gone is dropped, the others
        are counted again."""
        self._forest = forest
        plan = self.plan
        if plan is not None:
            ids = [*(s.id for s in plan.sources), *([plan.target.id] if plan.target else [])]
            if all(i in forest.synsets for i in ids):
                self._read(plan)
            else:
                self.close_plan()
        elif any(s.id not in forest.synsets for s in self._sources):
            self.close_plan()

    def choose(self, mode: Mode, sources: Sequence[Synset]) -> None:
        """Ask what to merge these into, or move them under."""
        self._mode, self._sources, self.previewing = mode, tuple(sources), False
        names = ", ".join(as_html(s.name) for s in sources[:3])
        names += " …" if len(sources) > 3 else ""
        verb = "Merge" if mode == "merge" else "Move"
        where = "into" if mode == "merge" else "under"
        self._show("choose")
        self.chooser.ask(
            f"{verb} <b>{names}</b> {where} …", "Type a name or a synonym", self._targets
        )

    def propose(self, mode: Mode, sources: Sequence[Synset], target: Synset | None) -> None:
        """Show a merge or a move for confirmation."""
        self._open(Plan(mode, tuple(sources), target), preview=False)

    def preview(self, mode: Mode, source: Synset, target: Synset) -> None:
        """Show what a suggestion would do; it is taken or rejected elsewhere."""
        self._open(Plan(mode, (source,), target), preview=True)

    def end_preview(self) -> None:
        """Back to the hint, if it is a suggestion that is shown."""
        if self.previewing:
            self.close_plan()

    def _open(self, plan: Plan, *, preview: bool) -> None:
        self._mode, self._sources, self.previewing = plan.mode, plan.sources, preview
        self._show("plan")
        self.card.show_plan(plan, preview=preview)
        self._read(plan)

    def close_plan(self) -> None:
        """Back to the hint."""
        was_open = not self.hint.isVisibleTo(self) and not self.previewing
        self.card.plan, self.previewing = None, False
        self._sources = ()
        self._show("hint")
        if was_open:
            self.closed.emit()

    def show_error(self, text: str) -> None:
        """The operation refused: say why inside the pane."""
        if self.plan is not None:
            self.card.show_error(text)

    def _show(self, what: str) -> None:
        self.hint.setVisible(what == "hint")
        self.chooser.setVisible(what == "choose")
        self.card.setVisible(what == "plan")
        state = "what it would do" if self.previewing else f"{self._mode} under way"
        self.caption.setText(("how to merge" if what == "hint" else state).upper())

    def _targets(self, text: str) -> list[Target]:
        exclude = {s.id for s in self._sources}
        for source in self._sources:
            exclude.update(self._forest.below(source.id))
            if self._mode == "merge":
                exclude.update(self._forest.above(source.id))
        found = self._forest.targets(text, exclude, self._sources[0].id)
        targets: list[Target] = [
            (s, tuple(above.name for above in self._forest.path(s.id)[:-1])) for s in found
        ]
        if self._mode == "move" and not text.strip():
            targets.insert(0, None)
        return targets

    def _target_chosen(self, target_id: int | None) -> None:
        target = None if target_id is None else self._forest.synsets.get(target_id)
        if target is not None or (target_id is None and self._mode == "move"):
            self.propose(self._mode, self._sources, target)

    def _swap(self) -> None:
        if self.card.plan is not None and self.card.plan.can_swap:
            plan = self.card.plan.swapped()
            self.propose(plan.mode, plan.sources, plan.target)

    # --- what the plan touches

    def _read(self, plan: Plan) -> None:
        sources, target = [s.id for s in plan.sources], plan.target
        if plan.mode == "move":
            self.card.show_counts(self._move_text(plan), ())

        def read(db: sqlite3.Connection) -> tuple[MergePreview | str | None, list[Tag], list[Tag]]:
            from annotator.project import queries

            preview: MergePreview | str | None = None
            if plan.mode == "merge" and target is not None:
                try:
                    preview = queries.merge_preview(db, sources, target.id)
                except AnnotatorError as error:
                    preview = str(error)
            from_tags, into_tags = _samples(db, sources, None if target is None else target.id)
            return preview, from_tags, into_tags

        self._session.read(read, self._shown_for(plan), key="merge-preview")

    def _shown_for(
        self, plan: Plan
    ) -> Callable[[tuple[MergePreview | str | None, list[Tag], list[Tag]]], None]:
        def show(answer: tuple[MergePreview | str | None, list[Tag], list[Tag]]) -> None:
            if not shiboken6.isValid(self) or self.card.plan != plan:
                return
            preview, from_tags, into_tags = answer
            self.card.show_pictures(from_tags, into_tags)
            if isinstance(preview, str):
                self.card.show_error(preview)
            elif preview is not None:
                self.card.show_counts(touches(preview), preview.lemmas)

        return show

    def _move_text(self, plan: Plan) -> str:
        below = sum(1 for s in plan.sources for _ in self._forest.below(s.id))
        goes = f"{plural(below, 'synset')} below goes along. " if below == 1 else ""
        if below > 1:
            goes = f"{plural(below, 'synset')} below go along. "
        above = self._forest.path(plan.target.id) if plan.target else []
        path = " › ".join([*(s.name for s in above), plan.sources[0].name])
        return f"{goes}Afterwards: {path}. No tag and no mask changes."


def _samples(
    db: sqlite3.Connection, sources: Sequence[int], target: int | None
) -> tuple[list[Tag], list[Tag]]:
    """A few images of both sides, the strongest first; the target's are others where it has any,
    because two pictures of one image compare nothing."""
    from annotator.project import queries

    def pool(synset_id: int) -> list[Tag]:
        found = queries.evidence(db, synset_id, _POOL)
        return [*found.strongest, *found.doubtful, *found.weakest]

    each = max(1, _SIDE // len(sources))
    from_tags = [tag for source in sources[:_SIDE] for tag in pool(source)[:each]]
    used = {tag.image_id for tag in from_tags}
    into_tags = [] if target is None else pool(target)
    into_tags.sort(key=lambda tag: tag.image_id in used)
    return from_tags, into_tags[:_SIDE]
