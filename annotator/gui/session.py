"""What the views of one open project share: facts that changed, selection, and the way to work.

Views never touch the project themselves: ``read`` for facts, ``work`` for files and models,
``act`` for decisions. All callbacks and signals arrive on the UI thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Literal, TypeVar

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from annotator.core.errors import AnnotatorError, Cancelled
from annotator.core.records import Step
from annotator.gui.downloads import Downloads
from annotator.gui.faults import in_words
from annotator.gui.jobs import Jobs
from annotator.gui.models import Models
from annotator.gui.workers import Done, Hurry, Pool, Task, alive
from annotator.project.project import Project
from annotator.project.sqlite import sqlite3

T = TypeVar("T")
#: (words of a button, id of its command), for a message.
Offers = tuple[tuple[str, str], ...]
View = Literal["images", "vocabulary", "gallery"]

#: While a job writes, views hear of it at most this often, and so seldom that reading the facts
#: again takes no more than this share of the time: 100,000 images cost more to read than 100.
_COALESCE_MS, _SHARE, _SELDOM_MS = 150, 0.1, 5000
#: How often to look whether another process wrote to the project.
_POLL_MS = 1000


class Session(QObject):
    """One open project. ``close`` it before the project's window goes."""

    changed = Signal(object)  # frozenset[Kind]
    image_changed = Signal(object)  # int | None
    synset_changed = Signal(object)  # int | None
    view_changed = Signal(str)
    theme_changed = Signal()
    models_changed = Signal()  # the person chose another pack for heatmaps and masks
    message = Signal(str, str)  # level of MessageBar, one sentence
    acted = Signal()  # a person decides something new; not for undo and redo
    offered = Signal(str, str, object)  # as message, with Offers: what can be done next
    settled = Signal()  # nothing is being read, worked on or written

    _committed = Signal(object, bool)

    def __init__(
        self,
        project: Project,
        parent: QObject | None = None,
        downloads: Downloads | None = None,
    ) -> None:
        super().__init__(parent)
        self.project = project
        self.jobs = Jobs(self)
        self.downloads = downloads or Downloads(self.jobs, self)  # those outlive the project
        self.models = Models()
        self._image: int | None = None
        self._synset: int | None = None
        self._view: View = "images"
        self._closed = False
        self._readers = Pool("reader", 2, self)
        self._workers = Pool("worker", 2, self)
        self._spare = Pool("spare", 1, self, in_order=True)
        self._decisions = Pool("decisions", 1, self, in_order=True)
        for pool in self._pools:
            pool.idle.connect(self._maybe_settled)
        self.jobs.ended.connect(self._job_ended)
        self._waiting: frozenset[str] = frozenset()
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._flushed, self._read_before = 0.0, 0.0
        self._later.timeout.connect(self._flush)
        self._committed.connect(self._heard, Qt.ConnectionType.QueuedConnection)
        self._unsubscribe = project.subscribe(self._on_commit)
        self._poll = QTimer(self)
        self._poll.setInterval(_POLL_MS)
        self._poll.timeout.connect(project.poll)
        self._poll.start()

    # --- work

    def read(
        self,
        fn: Callable[[sqlite3.Connection], T],
        done: Callable[[T], object],
        *,
        key: str = "",
    ) -> None:
        """Facts of the project, read on a worker. Of two reads of a key only the newer answers;
        none does after ``stop``, also of what is worked on."""

        def run() -> T:
            with self.project.read() as db:
                return fn(db)

        self._readers.put(Task(run, self._while_open(done), self._report, key))

    def work(
        self,
        fn: Callable[[], T],
        done: Callable[[T], object],
        *,
        key: str = "",
        priority: int = 0,
        failed: Callable[[Exception], object] | None = None,
    ) -> None:
        """Decoding and models, on a worker; higher priority first, then the newest."""
        self._workers.put(Task(fn, self._while_open(done), failed or self._report, key), priority)

    def work_ahead(
        self,
        fn: Callable[[], T],
        done: Callable[[T], object],
        *,
        failed: Callable[[Exception], object] | None = None,
    ) -> None:
        """What nobody waits for yet, one at a time on a thread of its own: what is at hand never
        waits for it."""
        self._spare.put(Task(fn, self._while_open(done), failed or self._report, ""))

    def use_models(self, pack: str) -> None:
        """Take heatmaps and masks from another pack from now on."""
        if pack != self.models.name:
            self.models.use(pack)
            self.models_changed.emit()

    def tell_fallbacks(self) -> None:
        """Say, once, what models had to do with less than they were told to use."""
        for words in self.models.fallbacks():
            self.message.emit("note", words)

    def act(
        self,
        fn: Callable[..., T],
        *args: Any,
        done: Callable[[T], object] | None = None,
        failed: Callable[[AnnotatorError], object] | None = None,
    ) -> None:
        """A person's decision: ``fn(project, *args)`` on the decisions thread, in order. It is on
        disk when ``done`` is called. ``failed`` gets why it was not made, in a sentence; without
        it that becomes a message.
        """
        self.acted.emit()
        self._put(fn, *args, done=done, failed=failed)

    def _put(
        self,
        fn: Callable[..., T],
        *args: Any,
        done: Callable[[T], object] | None = None,
        failed: Callable[[AnnotatorError], object] | None = None,
    ) -> None:
        def refuse(error: Exception) -> None:
            if isinstance(error, AnnotatorError):
                said = error
                if self._closed:
                    self._report(error)  # the window may be gone: it is in the log at least
            else:
                said = AnnotatorError(in_words(error, "That did not work"))
            if failed is not None:
                failed(said)
            elif not isinstance(error, Cancelled):
                self.message.emit("error", str(said))

        callback: Done | None = done
        self._decisions.put(Task(lambda: fn(self.project, *args), callback, refuse, ""))

    def undo(self) -> None:
        """Take back the last decision and say which."""
        from annotator.operations import history

        self._put(history.undo, done=lambda step: self._stepped("Undone", "undo", step))

    def redo(self) -> None:
        """Do again what was undone last and say which."""
        from annotator.operations import history

        self._put(history.redo, done=lambda step: self._stepped("Done again", "redo", step))

    @property
    def idle(self) -> bool:
        """Nothing is being read, worked on, written or run."""
        return (
            all(pool.pending == 0 for pool in self._pools)
            and not self.jobs.running
            and not self._waiting
        )

    # --- selection

    @property
    def image(self) -> int | None:
        return self._image

    @property
    def synset(self) -> int | None:
        return self._synset

    @property
    def view(self) -> View:
        return self._view

    def select_image(self, image_id: int | None) -> None:
        if image_id != self._image:
            self._image = image_id
            self.image_changed.emit(image_id)

    def select_synset(self, synset_id: int | None) -> None:
        if synset_id != self._synset:
            self._synset = synset_id
            self.synset_changed.emit(synset_id)

    def select_view(self, view: View) -> None:
        if view != self._view:
            self._view = view
            self.view_changed.emit(view)

    # --- the end

    def stop(self) -> None:
        """Hear and ask nothing any more; UI thread, at once. ``finish`` does the waiting."""
        if not self._closed:
            self._closed = True
            self._poll.stop()
            self._later.stop()
            self.jobs.stop()
            self._unsubscribe()

    def finish(self, hurry: Hurry | None = None) -> bool:
        """After ``stop``, on any thread: carry out every decision that was asked for, end jobs,
        and close the project. May take as long as the step at hand.

        ``hurry``: models that compute for longer are left to it. What they would say is lost, as
        the project is closed before; what was written is whole. False when one was left: then the
        program has to end.
        """
        self._decisions.close(finish=True)
        ended = [self.jobs.close(hurry)]
        ended += [pool.close(finish=False, hurry=hurry) for pool in self._pools]
        self.project.close()
        return all(ended)

    def close(self) -> None:
        """``stop`` and ``finish`` in one, for callers that may block."""
        if not self._closed:
            self.stop()
            self.finish()

    # --- inside

    def _while_open(self, done: Done) -> Done:
        """``done``, but not of a project that is being closed: it might open a form of it."""

        def heard(answer: Any) -> None:
            if not self._closed and alive(done):
                done(answer)

        return heard

    @property
    def _pools(self) -> tuple[Pool, ...]:
        return self._readers, self._workers, self._spare, self._decisions

    def _on_commit(self, kinds: frozenset[str]) -> None:
        # Called on whichever thread committed; a person's own decision shows at once.
        self._committed.emit(kinds, self._decisions.owns(threading.current_thread()))

    def _heard(self, kinds: frozenset[str], urgent: bool) -> None:
        if self._closed:
            return
        self._waiting |= kinds
        if urgent or not self.jobs.running:
            self._flush()
        elif not self._later.isActive():
            since = (time.monotonic() - self._flushed) * 1000
            self._later.start(max(0, round(self._pause() - since)))

    def _pause(self) -> float:
        """Milliseconds from one news to the next while a job writes."""
        reading = (self._readers.seconds - self._read_before) * 1000
        return min(_SELDOM_MS, max(_COALESCE_MS, reading / _SHARE))

    def _flush(self) -> None:
        kinds, self._waiting = self._waiting, frozenset()
        self._later.stop()
        self._flushed, self._read_before = time.monotonic(), self._readers.seconds
        if kinds:
            self.changed.emit(kinds)
        self._maybe_settled()

    def _job_ended(self) -> None:
        # What it wrote last is shown now, and not when it is time again.
        if self._waiting:
            self._flush()
        else:
            self._maybe_settled()

    def _maybe_settled(self) -> None:
        if self.idle:
            self.settled.emit()

    def _report(self, error: object) -> None:
        if isinstance(error, Cancelled):
            return
        if self._closed:
            # Nobody looks at the window any more; what did not work is still worth knowing.
            if isinstance(error, BaseException):
                in_words(error, "That did not work while the project was being closed")
            return
        if isinstance(error, AnnotatorError):
            self.message.emit("error", str(error))
        elif isinstance(error, BaseException):
            self.message.emit("error", in_words(error, "That did not work"))

    def _stepped(self, word: str, verb: str, step: Step | None) -> None:
        if step is None:
            self.message.emit("info", f"Nothing to {verb}.")
        else:
            self.message.emit("step", f"{word}: {step.label}")
