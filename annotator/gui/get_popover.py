"""Fetching the models of a pack: what comes from where, then how far it is, then using them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import shiboken6
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QCheckBox, QProgressBar, QPushButton, QVBoxLayout, QWidget

from annotator.core.errors import AnnotatorError
from annotator.gui.download_facts import Part, Plan, items_of, read_plan
from annotator.gui.elided_label import ElidedLabel
from annotator.gui.faults import in_words
from annotator.gui.form import Form, hint, say
from annotator.gui.jobs import Job
from annotator.gui.session import Session
from annotator.gui.status_line import progress_text
from annotator.gui.words import on_button, one_line, size_words

_CONFIRM = (
    "Nothing is sent before you press Download. Then these files are asked for by their names; no "
    "photo and no word of yours goes anywhere."
)
_RUNNING = "You can close this and go on; the line at the bottom shows how far it is."
_TICK_MS = 500
_STOPPED = "Stopped. What is there is kept, and the next download goes on from there."


class GetPopover(Form):
    """Emits ``chosen`` with the pack when its models are there and the person wants to use them.
    ``command``: opens the form that this one was opened from."""

    chosen = Signal(str)
    list_wanted = Signal(object)  # Plan

    def __init__(self, session: Session, window: QWidget, command: str) -> None:
        super().__init__("Get models", _CONFIRM, "Download", window, width=520)
        self._session = session
        self._command = command
        self._wanted: tuple[str, ...] = ()
        self._pack = ""
        self._plan: Plan | None = None
        self._job: Job | None = None
        self._mode = "choose"  # or "running", "done"
        self.checks: list[QCheckBox] = []
        self._box = QWidget(self)
        self._rows = QVBoxLayout(self._box)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(4)
        self.place_ = ElidedLabel("", self, mode=Qt.TextElideMode.ElideMiddle)
        self.place_.setObjectName("hint")
        self.bar = QProgressBar(self)
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.numbers = hint("", self)
        self.says = hint("", self)
        for part in (self._box, self.place_, self.bar, self.numbers, self.says):
            self.column.insertWidget(self.column.count() - 1, part)
        self.carry = QPushButton("Carry the files here…", self)
        self.carry.setObjectName("inline")
        self.carry.setToolTip("Addresses, sizes, hashes and places, for a computer without network")
        self.buttons.insertWidget(0, self.carry)
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._tick)
        self.carry.clicked.connect(self._list)
        self.go.clicked.connect(self._go)

    def ask(self, pack: str, wanted: Sequence[str], under: QWidget | None = None) -> None:
        """Open on a pack; ``wanted``: the roles without which it is of no use now."""
        self._pack, self._wanted = pack, tuple(wanted)

        def show(plan: Plan) -> None:
            if shiboken6.isValid(self) and plan.pack == self._pack:
                self._show(plan)
                self.open_at(under)
                self._session.downloads.watched = self._pack
                self.go.setFocus()

        self._read(show)

    def close_it(self) -> None:
        self._timer.stop()
        if self._session.downloads.watched == self._pack:
            self._session.downloads.watched = ""
        super().close_it()

    def _read(self, show: Callable[[Plan], object]) -> None:
        def failed(error: Exception) -> None:
            known = isinstance(error, AnnotatorError)
            words = str(error) if known else in_words(error, "That did not work")
            if shiboken6.isValid(self) and self.isVisible():
                self._say(words, "error")
            else:
                self._session.message.emit("error", words)

        pack, wanted = self._pack, self._wanted
        self._session.work(
            lambda: read_plan(pack, wanted), show, key="plan", priority=10, failed=failed
        )

    # --- what it shows

    def _show(self, plan: Plan, note: str = "", kind: str = "hint") -> None:
        """What can be fetched, or how far that is; ``note``: how an earlier try ended."""
        self._plan = plan
        self.heading.setText(f"Get {one_line(plan.title)}")
        self._fill(plan.parts)
        signed = " Your key of the model hub goes along." if plan.signed else ""
        self.explains.setText(_CONFIRM + signed)
        self.place_.setText(f"To {plan.folder}")
        say(self.says, note, kind)
        job = self._session.downloads.job(plan.pack)
        if job is not None:
            self._follow(job)
            return
        self._leave()
        if plan.parts:
            self._count()
            self._set_mode("choose")
        else:
            self._done()

    def _fill(self, parts: Sequence[Part]) -> None:
        while self._rows.count():
            item = self._rows.takeAt(0)
            old = item.widget() if item is not None else None
            if old is not None:
                old.hide()
                old.deleteLater()
        self.checks = []
        # All that are missing, where what was wanted is there already.
        needed = any(part.wanted for part in parts)
        for part in parts:
            check = QCheckBox(on_button(part.title), self._box)
            check.setChecked(part.wanted or not needed)
            check.setVisible(True)
            check.toggled.connect(self._count)
            self.checks.append(check)
            details = hint(part.details, self._box)
            details.setContentsMargins(22, 0, 0, 6)
            self._rows.addWidget(check)
            self._rows.addWidget(details)

    @property
    def parts(self) -> tuple[Part, ...]:
        """Those that are ticked."""
        every = self._plan.parts if self._plan is not None else ()
        chosen = zip(every, self.checks, strict=True)
        return tuple(part for part, check in chosen if check.isChecked())

    def _set_mode(self, mode: str) -> None:
        choosing, running = mode == "choose", mode == "running"
        for widget in (self._box, self.explains, self.place_, self.carry):
            widget.setVisible(choosing)
        for widget in (self.bar, self.numbers):
            widget.setVisible(running)
        self.cancel.setText("Cancel" if choosing else "Close")
        self._mode = mode
        (self._timer.start if running else self._timer.stop)()
        if self.isVisible():
            self.place()

    def _count(self) -> None:
        """The button says how much is to come."""
        parts = self.parts
        size = sum(part.bytes for part in parts)
        about = "" if all(part.exact for part in parts) else "about "
        self.go.setText(f"Download {about}{size_words(size)}" if parts else "Download")
        self.go.setEnabled(bool(parts))

    def _follow(self, job: Job) -> None:
        if job is not self._job:
            self._leave()
            self._job = job
            job.finished.connect(self._finished)
            job.failed.connect(self._failed)
            job.cancelled.connect(self._cancelled)
        say(self.says, _RUNNING)
        self.go.setEnabled(True)
        self._set_mode("running")
        self._tick()

    def _leave(self) -> None:
        """How the download of another pack ends is not told here."""
        job, self._job = self._job, None
        if job is not None and shiboken6.isValid(job):
            job.finished.disconnect(self._finished)
            job.failed.disconnect(self._failed)
            job.cancelled.disconnect(self._cancelled)

    def _tick(self) -> None:
        job = self._job
        if job is None or not shiboken6.isValid(job):
            return
        last = job.last
        if last is not None and last.total:
            self.bar.setRange(0, 1000)
            self.bar.setValue(min(1000, last.done * 1000 // last.total))
        else:
            self.bar.setRange(0, 0)
        file = f"\n{last.message}" if last is not None and last.message else ""
        self.numbers.setText((progress_text(job) if last is not None else "starting…") + file)
        self.go.setText("Stopping…" if job.cancelling else "Stop")
        self.go.setEnabled(not job.cancelling)
        if self.isVisible():
            self.place()  # there may be a line more

    def _finished(self, _: object) -> None:
        def show(plan: Plan) -> None:
            self._plan = plan
            if any(part.wanted for part in plan.parts):
                self._show(plan)
            else:
                self._done()

        self._ended(show)

    def _failed(self, why: str) -> None:
        self._ended(lambda plan: self._again(plan, why, "error"))

    def _cancelled(self) -> None:
        self._ended(lambda plan: self._again(plan, _STOPPED, "hint"))

    def _again(self, plan: Plan, why: str, kind: str) -> None:
        self._show(plan, why, kind)
        if self._mode == "choose":
            self.go.setText("Try again" if kind == "error" else "Go on")
        self.go.setFocus()

    def _ended(self, show: Callable[[Plan], object]) -> None:
        """What is there now, and what is still to come."""
        self._job = None
        if self.isVisible():
            self._read(lambda plan: show(plan) if shiboken6.isValid(self) else None)

    def _done(self) -> None:
        title = self._plan.title if self._plan is not None else self._pack
        say(self.says, f"{title} is here and can be used.")
        self._set_mode("done")
        self.go.setText("Use it")
        self.go.setEnabled(True)
        self.go.setFocus()
        self.place()

    def _say(self, words: str, kind: str) -> None:
        say(self.says, words, kind)
        self.place()

    # --- what the person does

    def _go(self) -> None:
        if self._mode == "running":
            if self._job is not None:
                self._job.cancel()
                self._tick()
        elif self._mode == "done":
            self.close_it()
            self.chosen.emit(self._pack)
        elif self._plan is not None and self.parts:
            items = items_of(self.parts)
            try:
                job = self._session.downloads.start(
                    self._pack, self._plan.title, items, self._command
                )
            except AnnotatorError as error:
                self._say(str(error), "error")
            else:
                self._follow(job)

    def _list(self) -> None:
        if self._plan is not None:
            self.close_it()
            self.list_wanted.emit(self._plan)


def needed_for(command: str) -> tuple[str, ...]:
    """The roles of a pack that a form is about: "propose" or "models"."""
    return ("tagger",) if command == "propose" else ("grounder", "refiner")
