"""Threads that answer the window: small pools, most wanted work first, stale answers dropped."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import shiboken6
from PySide6.QtCore import QObject, Qt, Signal

Done = Callable[[Any], object]
#: How often it is looked whether there is no more time to wait, in seconds.
_LOOK_S = 0.02


class Task(NamedTuple):
    """``run`` on a worker, then ``done`` with its answer, or ``failed`` with its error, on the UI
    thread. ``key``: a newer task of the same key makes this one stale."""

    run: Callable[[], Any]
    done: Done | None
    failed: Done
    key: str


class Pool(QObject):
    """Worker threads over one heap of tasks: higher priority first, then the newest (or, with
    ``in_order``, the oldest)."""

    idle = Signal()
    _answered = Signal(object, object, object)  # callback, answer, (key, number)

    def __init__(
        self, name: str, threads: int, parent: QObject | None = None, *, in_order: bool = False
    ) -> None:
        super().__init__(parent)
        self._sign = 1 if in_order else -1
        self._numbers = itertools.count()
        self._heap: list[tuple[int, int, int, Task]] = []
        self._newest: dict[str, int] = {}
        self._wake = threading.Condition()
        self._closing = False
        self._pending = 0
        self._seconds = 0.0
        self._answered.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._threads = [
            threading.Thread(target=self._work, name=f"{name} {i}", daemon=True)
            for i in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pending(self) -> int:
        """Tasks not answered yet; UI thread only."""
        return self._pending

    @property
    def seconds(self) -> float:
        """Time that tasks took, all together; two at once count twice."""
        with self._wake:
            return self._seconds

    def owns(self, thread: threading.Thread) -> bool:
        return thread in self._threads

    def put(self, task: Task, priority: int = 0) -> None:
        """Queue a task; UI thread only. After ``close`` it is dropped."""
        with self._wake:
            if self._closing:
                return
            number = next(self._numbers)
            if task.key:
                self._newest[task.key] = number
            self._pending += 1
            heapq.heappush(self._heap, (-priority, self._sign * number, number, task))
            self._wake.notify()

    def close(self, *, finish: bool, hurry: Hurry | None = None) -> bool:
        """End the threads. ``finish``: do what is queued first; else drop it. ``hurry``: they are
        waited for until that is over. Whether all have ended."""
        with self._wake:
            self._closing = True
            if not finish:
                self._heap.clear()
            self._wake.notify_all()
        ended = [join(thread, hurry) for thread in self._threads]
        return all(ended)

    def _work(self) -> None:
        while True:
            with self._wake:
                while not self._heap and not self._closing:
                    self._wake.wait()
                if not self._heap:
                    return
                _, _, number, task = heapq.heappop(self._heap)
                stale = bool(task.key) and self._newest.get(task.key) != number
            if stale:
                self._answered.emit(None, None, ("", number))
                continue
            began = time.monotonic()
            try:
                answer = task.run()
            except (
                Exception
            ) as error:  # the boundary of a thread: handed to the caller's ``failed``
                self._answered.emit(task.failed, error, (task.key, number))
            else:
                self._answered.emit(task.done, answer, (task.key, number))
            with self._wake:
                self._seconds += time.monotonic() - began

    def _deliver(self, callback: Done | None, answer: object, which: tuple[str, int]) -> None:
        self._pending -= 1
        key, number = which
        with self._wake:
            current = not key or self._newest.get(key) == number
            if key and current:
                del self._newest[key]
        try:
            if callback is not None and current and alive(callback):
                callback(answer)
        finally:
            if self._pending == 0:
                self.idle.emit()


class Hurry:
    """How long threads are waited for: as long as they take, until ``begin`` is called."""

    def __init__(self) -> None:
        self._until: float | None = None

    def begin(self, seconds: float) -> None:
        """From now on for so many seconds and no longer. On any thread; the first call counts."""
        if self._until is None:
            self._until = time.monotonic() + seconds

    @property
    def over(self) -> bool:
        return self._until is not None and time.monotonic() >= self._until


def join(thread: threading.Thread, hurry: Hurry | None) -> bool:
    """Wait for its end, at most until ``hurry`` is over. Whether it has ended."""
    thread.join(None if hurry is None else 0)
    while thread.is_alive() and hurry is not None and not hurry.over:
        thread.join(_LOOK_S)
    return not thread.is_alive()


def alive(callback: Done) -> bool:
    """False when the callback is a method of a widget that Qt has deleted meanwhile."""
    owner = getattr(callback, "__self__", None)
    return not isinstance(owner, QObject) or shiboken6.isValid(owner)
