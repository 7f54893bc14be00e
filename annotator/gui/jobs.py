"""Long work: a pipeline's generator on a thread of its own, its progress told to the window."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from PySide6.QtCore import QObject, Qt, Signal

from annotator.core.errors import AnnotatorError
from annotator.core.records import Failure, Progress
from annotator.gui.faults import in_words
from annotator.gui.workers import Hurry, join

#: Makes the generator, on the job's own thread, so that it may load models first.
Factory = Callable[[], Iterator[Progress]]


class Job(QObject):
    """One run of a pipeline. All signals arrive on the UI thread; one of the last three ends it."""

    progressed = Signal(object)  # Progress
    finished = Signal(object)  # the last Progress, or None when there was none
    failed = Signal(str)  # one sentence
    cancelled = Signal()
    ended = Signal()

    _told = Signal(str, object)

    def __init__(
        self, name: str, title: str, factory: Factory, parent: QObject, droppable: bool = False
    ) -> None:
        super().__init__(parent)
        self.name = name
        self.title = title
        self.droppable = droppable
        self.last: Progress | None = None
        self.failures: list[Failure] = []
        self.running = True
        self.cancelling = False
        self._factory = factory
        self._stop = threading.Event()
        self._step = ""
        self._began = time.monotonic()
        self._began_done = 0
        self._told.connect(self._tell, Qt.ConnectionType.QueuedConnection)
        self._thread = threading.Thread(target=self._work, name=f"job {name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def cancel(self) -> None:
        """Ask it to stop; it ends after the step at hand, which is kept."""
        self.cancelling = True
        self._stop.set()

    def wait(self, hurry: Hurry | None = None) -> bool:
        """Block until its thread has ended; for closing, never on the UI thread while it shows.
        One that is droppable is waited for until ``hurry`` is over. Whether it has ended."""
        return join(self._thread, hurry if self.droppable else None)

    @property
    def rate(self) -> float | None:
        """Images per second of the step at hand, None before there is one."""
        if self.last is None:
            return None
        seconds = time.monotonic() - self._began
        done = self.last.done - self._began_done
        return done / seconds if done > 0 and seconds > 0.2 else None

    @property
    def seconds_left(self) -> float | None:
        """None while the total or the rate is not known."""
        rate = self.rate
        if rate is None or self.last is None or self.last.total is None:
            return None
        return max(0.0, (self.last.total - self.last.done) / rate)

    def _work(self) -> None:
        try:
            steps = self._factory()
            last = None
            try:
                for progress in steps:
                    last = progress
                    self._told.emit("progressed", progress)
                    if self._stop.is_set():
                        break
            finally:
                close = getattr(steps, "close", None)
                if close is not None:
                    close()
            stopped = self._stop.is_set() and (last is None or last.result is None)
            self._told.emit("cancelled" if stopped else "finished", last)
        except AnnotatorError as error:
            self._told.emit("failed", str(error))
        except Exception as error:  # the boundary of a thread: told to the person, and logged
            self._told.emit("failed", in_words(error, f"{self.title} stopped"))

    def _tell(self, what: str, about: object) -> None:
        if what == "progressed":
            assert isinstance(about, Progress)
            if self.last is None or about.step != self._step:
                self._step, self._began, self._began_done = (
                    about.step,
                    time.monotonic(),
                    about.done,
                )
            self.last = about
            self.failures.extend(about.failed)
            self.progressed.emit(about)
            return
        self.running = False
        if what == "finished":
            self.finished.emit(about)
        elif what == "failed":
            self.failed.emit(about)
        else:
            self.cancelled.emit()
        self.ended.emit()


class Jobs(QObject):
    """The jobs under way, at most one of a name."""

    started = Signal(object)  # Job
    ended = Signal(object)  # Job

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs: dict[str, Job] = {}
        self._closed = False

    def start(
        self, name: str, factory: Factory, title: str = "", *, droppable: bool = False
    ) -> Job:
        """Start a job. If one of that name is running, that one is returned instead.

        ``title`` is what the status line says, e.g. "Proposing tags". ``droppable``: between two
        of its steps everything is as it should be on disk, so that the program may end then.
        Raises AnnotatorError once the window is closing.
        """
        if self._closed:
            raise AnnotatorError("The project is being closed; open it again to go on.")
        running = self._jobs.get(name)
        if running is not None:
            return running
        job = Job(name, title or name.capitalize(), factory, self, droppable)
        self._jobs[name] = job
        job.ended.connect(self._sweep)
        self.started.emit(job)
        job.start()
        return job

    @property
    def running(self) -> tuple[Job, ...]:
        return tuple(self._jobs.values())

    def get(self, name: str) -> Job | None:
        return self._jobs.get(name)

    def stop(self) -> None:
        """Cancel all, and start none any more."""
        self._closed = True
        for job in self.running:
            job.cancel()

    def close(self, hurry: Hurry | None = None) -> bool:
        """Cancel all and wait for their threads, see ``Job.wait``. What they had finished is
        kept. Whether all have ended."""
        self.stop()
        ended = [job.wait(hurry) for job in self.running]
        return all(ended)

    def _sweep(self) -> None:
        # A closure over the job would keep it and us alive until one of us is half deleted.
        for job in self.running:
            if not job.running:
                del self._jobs[job.name]
                self.ended.emit(job)
                # Its last word has come; it may still be on the way out of emitting that.
                job.wait()
                job.deleteLater()
