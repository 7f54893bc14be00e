"""What a person can do in the Images view: one command each, with its key."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication

from annotator.core.errors import AnnotatorError
from annotator.core.records import Verdict
from annotator.gui.commands import Commands
from annotator.gui.masks_actions import MasksActions
from annotator.operations import tags as tag_operations
from annotator.project import queries
from annotator.project.project import Project
from annotator.project.sqlite import sqlite3

if TYPE_CHECKING:
    from annotator.gui.images_view import ImagesView

_TAG_VERBS = {
    "accepted": tag_operations.accept,
    "rejected": tag_operations.reject,
    "unknown": tag_operations.clear,
}
_REGIONS = 1


class ImagesActions(QObject):
    """Registers the commands; each goes through the session, so each can be undone."""

    def __init__(self, view: ImagesView, commands: Commands) -> None:
        super().__init__(view)
        self._view = view
        self._session = view.session
        view.tags.decided.connect(self.decide)
        view.tags.word_entered.connect(self.add_word)
        view.tags.synset_opened.connect(self._open_synset)
        view.regions.decided.connect(self.decide)
        self._register(commands)

    def _register(self, commands: Commands) -> None:
        view = self._view

        def add(
            id: str,
            title: str,
            keys: str | tuple[str, ...],
            run: Callable[[], object],
            enabled: Callable[[], bool] | None = None,
        ) -> None:
            name = f"images.{id}"
            commands.add(name, title, keys, run, scope=view, group="Images", enabled=enabled)

        # For the whole window: it is offered wherever the step ended.
        unsupported = "Show images with a tag that no pixel shows"
        commands.add("images.unsupported", unsupported, (), self.show_unsupported, group="Images")
        add("next", "Next image", ("D", "PgDown"), lambda: self.go(1))
        add("previous", "Previous image", ("A", "PgUp"), lambda: self.go(-1))
        add("first", "First image", "Home", lambda: self.go(-(10**9)))
        add("last", "Last image", "End", lambda: self.go(10**9))
        add("next_unreviewed", "Next unreviewed image", "N", self.next_unreviewed)
        add("filter", "Filter images", "/", view.left.focus_filter)
        add("accept", "Accept the selected tag or region", "Y", lambda: self.decide("accepted"))
        add("reject", "Reject the selected tag or region", "X", lambda: self.decide("rejected"))
        add("clear", "Clear the verdict", "U", lambda: self.decide("unknown"))
        add("up", "Tag or region above", "Up", lambda: self.move(-1), self._in_rows)
        add("down", "Tag or region below", "Down", lambda: self.move(1), self._in_rows)
        for digit in range(1, 10):
            add(f"tag{digit}", f"Select tag {digit}", str(digit), partial(self.pick, digit - 1))
        add("word", "Add a word", ("+", "W"), self.begin_word)
        add("dropped", "Show or hide dropped words", "", view.tags.toggle_dropped)
        add("tab", "Tags or regions", "T", self.other_tab)
        self.masks = MasksActions(view, commands)
        add("fit", "Fit the image", ("F", "0"), view.canvas.fit)
        add("actual", "Image at 100 %", "Ctrl+0", view.canvas.actual_size)
        add("zoom_in", "Zoom in", ("Ctrl++", "Ctrl+="), lambda: view.canvas.zoom_by(1.25))
        add("zoom_out", "Zoom out", "Ctrl+-", lambda: view.canvas.zoom_by(0.8))

    def _in_rows(self) -> bool:
        """Arrows belong to the grid or a slider while that has the keyboard."""
        view, focus = self._view, QApplication.focusWidget()
        return focus in (None, view, view.canvas, view.tags.rows, view.regions.rows)

    # ---- images --------------------------------------------------------------------------

    def go(self, step: int) -> None:
        """``step`` images further in the grid, at most to its ends."""
        target = self._view.left.neighbour(step)
        if target is not None:
            self._session.select_image(target)

    def next_unreviewed(self) -> None:
        """The next image of the grid with an undecided tag, from the top again at its end."""
        model = self._view.left.model
        ids, at = list(model.ids), model.row_of(self._session.image)

        def read(db: sqlite3.Connection) -> int | None:
            waiting = set(queries.image_ids(db, status="unreviewed"))
            return next((i for i in [*ids[at + 1 :], *ids[: at + 1]] if i in waiting), None)

        def done(found: int | None) -> None:
            if found is None:
                self._session.message.emit("info", "Every tag of these images is decided.")
            else:
                self._session.select_image(found)

        self._session.read(read, done, key="images.next")

    def show_unsupported(self) -> None:
        """Only the images where no pixel shows an undecided tag."""
        self._session.select_view("images")
        self._view.left.show_status("unsupported")

    # ---- verdicts ------------------------------------------------------------------------

    def decide(self, verdict: Verdict) -> None:
        """Say it of the selected tag, or of the selected region when their tab is open; then go
        to the next one that waits for a decision."""
        if self._view.tabs.current == _REGIONS:
            self._decide_region(verdict)
        else:
            self._decide_tag(verdict)

    def _decide_tag(self, verdict: Verdict) -> None:
        view, tag = self._view, self._view.tags.tag
        image_id = self._session.image
        if tag is None or image_id is None or view.facts is None:
            return
        view.decided[tag.synset_id] = verdict
        self._session.act(
            _TAG_VERBS[verdict],
            image_id,
            tag.synset_id,
            failed=lambda error: self._failed(tag.synset_id, error),
        )
        if verdict != "unknown":
            following = view.tags.next_undecided(view.decided)
            if following is not None:
                self._session.select_synset(following)

    def _failed(self, synset_id: int, error: AnnotatorError) -> None:
        self._view.decided.pop(synset_id, None)
        self._session.message.emit("error", str(error))

    def _decide_region(self, verdict: Verdict) -> None:
        view, region = self._view, self._view.regions.region
        if region is None or view.facts is None:  # of the image before, until this one is read
            return
        self._session.act(_decide_region, verdict, region.id)
        if verdict != "unknown":
            following = view.regions.step(region.id)
            if following is not None:
                view.select_region(following)

    # ---- selection -----------------------------------------------------------------------

    def pick(self, row: int) -> None:
        """The tag with that digit."""
        shown = self._view.tags.shown
        if row < len(shown):
            self._view.tabs.set_current(0)
            self._session.select_synset(shown[row].synset_id)

    def move(self, step: int) -> None:
        """One row up or down in the open list."""
        view = self._view
        if view.tabs.current == _REGIONS:
            regions = view.regions.model.records
            row = view.regions.rows.row + step if view.regions.rows.row >= 0 else 0
            if 0 <= row < len(regions):
                view.select_region(regions[row].id)
            return
        shown = view.tags.shown
        row = view.tags.rows.row + step if view.tags.rows.row >= 0 else 0
        if 0 <= row < len(shown):
            self._session.select_synset(shown[row].synset_id)

    def other_tab(self) -> None:
        self._view.tabs.set_current(1 - self._view.tabs.current)

    def _open_synset(self, synset_id: int) -> None:
        self._session.select_synset(synset_id)
        self._session.select_view("vocabulary")

    # ---- words ---------------------------------------------------------------------------

    def begin_word(self) -> None:
        self._view.tabs.set_current(0)
        self._view.tags.begin_word()

    def add_word(self, text: str) -> None:
        """The word is on the image, says the person; it becomes the selected tag."""
        image_id = self._session.image
        if image_id is not None:
            self._session.act(
                tag_operations.add_word, image_id, text, done=self._session.select_synset
            )


# Regions bring OpenCV with them, a quarter of a second at the start of the window: it is loaded
# on the decisions thread when the first region is decided.


def _decide_region(project: Project, verdict: Verdict, region_id: int) -> None:
    from annotator.operations import regions

    verbs = {"accepted": regions.accept, "rejected": regions.reject, "unknown": regions.clear}
    verbs[verdict](project, [region_id])
