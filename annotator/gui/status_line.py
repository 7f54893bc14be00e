"""The line at the bottom: the job under way; what is saved; what undo would undo."""

from __future__ import annotations

import shiboken6
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QWidget

from annotator.core.records import Progress
from annotator.gui.jobs import Job, Jobs
from annotator.gui.words import on_button, plain_tip, size_words

#: How often rate and time left are shown anew.
_TICK_MS = 500
#: Steps that count bytes, and one that counts nothing: its message says what is done.
_OF_BYTES = ("download", "hash", "copy")
PREPARING = "preparing"
#: Steps that count words.
_OF_WORDS = ("group",)
#: Pixels for the words of the last step.
_UNDO_WIDTH = 360


class StatusLine(QWidget):
    """Shows one job at a time, the newest; the others count as "and 1 more"."""

    undo_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("bar")
        self.setProperty("edge", "top")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(28)
        self._jobs: tuple[Jobs, ...] = ()
        self.title = QLabel(self)
        self.bar = QProgressBar(self)
        self.bar.setFixedWidth(180)
        self.bar.setTextVisible(False)
        self.numbers = QLabel(self)
        self.numbers.setObjectName("muted")
        self.cancel = QPushButton("Cancel", self)
        self.cancel.setObjectName("inline")
        self.cancel.clicked.connect(self._cancel)
        self.saved = QLabel(self)
        self.saved.setObjectName("muted")
        self.saved.setTextFormat(Qt.TextFormat.PlainText)
        self.note = QLabel(self)
        self.note.setObjectName("muted")
        self.undo = QPushButton(self)
        self.undo.setObjectName("inline")
        self.undo.clicked.connect(self.undo_wanted)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 12, 0)
        row.setSpacing(12)
        for part in (self.title, self.bar, self.numbers, self.cancel):
            row.addWidget(part)
        row.addWidget(self.note)
        row.addStretch(1)
        row.addWidget(self.saved)
        row.addWidget(self.undo)
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._refresh)
        self._refresh()

    def watch(self, *jobs: Jobs) -> None:
        """Show the jobs of these: of the project that is open, and those that need none."""
        if jobs == self._jobs:
            return
        for one in self._jobs:
            if shiboken6.isValid(one):
                one.started.disconnect(self._started)
                one.ended.disconnect(self._refresh)
        self._jobs = jobs
        self.show_saved("", "")
        for one in jobs:
            one.started.connect(self._started)
            one.ended.connect(self._refresh)
        self._refresh()

    def show_saved(self, saved: str, undo: str, where: str = "") -> None:
        """``undo``: label of the step that undo would take back, "" if there is none."""
        self.saved.setText(saved)
        self.saved.setToolTip(plain_tip(where))
        text = f"Undo: {undo}" if undo else "Nothing to undo"
        self.undo.setText(
            on_button(self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, _UNDO_WIDTH))
        )
        self.undo.setToolTip(plain_tip(f"{text} (Ctrl+Z)") if undo else "")
        self.undo.setEnabled(bool(undo))
        self.undo.setVisible(bool(saved))

    def show_note(self, words: str) -> None:
        """What goes on beside, that nobody waits for; "" when nothing does."""
        self.note.setText(words)

    def _started(self, job: Job) -> None:
        job.progressed.connect(self._refresh_soon)
        self._refresh()

    def _refresh_soon(self) -> None:
        if self._timer.isActive() and self.bar.isVisible():
            self._show_bar()
        else:
            self._refresh()

    def _cancel(self) -> None:
        job = self._job()
        if job is not None:
            job.cancel()
            self._refresh()

    def _job(self) -> Job | None:
        running = self._running()
        return running[-1] if running else None

    def _running(self) -> list[Job]:
        """The one to show last: of the project before others, then the newest."""
        return [job for jobs in self._jobs if shiboken6.isValid(jobs) for job in jobs.running]

    def _refresh(self) -> None:
        job = self._job()
        for part in (self.title, self.bar, self.numbers, self.cancel):
            part.setVisible(job is not None)
        if job is None:
            self._timer.stop()
            return
        self._timer.start()
        more = len(self._running()) - 1
        self.title.setText(job.title + (f" and {more} more" if more else ""))
        self.cancel.setEnabled(not job.cancelling)
        self.cancel.setText("Stopping…" if job.cancelling else "Cancel")
        self._show_bar()
        self.numbers.setText(progress_text(job))

    def _show_bar(self) -> None:
        job = self._job()
        if job is None or job.last is None or not job.last.total:
            self.bar.setRange(0, 0)
        else:
            # In parts of a thousand: bytes are more than such a bar can count.
            self.bar.setRange(0, 1000)
            self.bar.setValue(min(1000, job.last.done * 1000 // job.last.total))


def progress_text(job: Job) -> str:
    """ "796 of 1,284 · 3 min left · 4.3 images/s", as much of it as is known."""
    last = job.last
    if last is None:
        return "starting…"
    if last.step == PREPARING:
        return f"{last.message}…"
    if last.step in _OF_BYTES:
        return _bytes_text(job, last)
    parts = [f"{last.done:,} of {last.total:,}" if last.total is not None else f"{last.done:,}"]
    left = job.seconds_left
    if left is not None:
        parts.append(duration(left) + " left")
    rate = job.rate
    if rate is not None:
        thing = "words" if last.step in _OF_WORDS else "images"
        parts.append(f"{rate:,.0f} {thing}/s" if rate >= 10 else f"{rate:.1f} {thing}/s")
    if job.failures:
        parts.append(f"{len(job.failures):,} failed")
    return " · ".join(parts)


def _bytes_text(job: Job, last: Progress) -> str:
    """ "312 MB of 1.5 GB · 3 min left · 12 MB/s"."""
    of = f" of {size_words(last.total)}" if last.total is not None else ""
    parts = [f"{size_words(last.done)}{of}"]
    left, rate = job.seconds_left, job.rate
    if left is not None:
        parts.append(duration(left) + " left")
    if rate is not None:
        parts.append(f"{size_words(round(rate))}/s")
    return " · ".join(parts)


def duration(seconds: float) -> str:
    """A length of time as a person says it: "4 s", "3 min", "1 h 20 min"."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
