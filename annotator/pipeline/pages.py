"""Shared by the loops over images: reading them in pages, and when to say how far it is."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from annotator.core.records import Failure, Image, Progress
from annotator.project import queries
from annotator.project.project import Project

#: Images read from the project at once, so that 100,000 never are in memory together.
PAGE = 500

T = TypeVar("T")


def drained(items: list[T]) -> Iterator[T]:
    """The items in order; the list is empty afterwards. Each is forgotten once it is used:
    freeing 100,000 in one go holds the interpreter, and with it a window, for 0.1 s."""
    items.reverse()
    while items:
        yield items.pop()


def readable_images(project: Project, ids: Sequence[int]) -> Iterator[Image]:
    """The images of these ids, in order, without those that are missing or unreadable."""
    for start in range(0, len(ids), PAGE):
        with project.read() as db:
            page = queries.images(db, ids[start : start + PAGE])
        for image in page:
            if image.error is None and not image.missing:
                yield image


class Pace:
    """Counts what a step did and says when a Progress is due: a few times a second."""

    def __init__(self, step: str, total: int | None, every: float = 0.3) -> None:
        self.name, self.total, self.done = step, total, 0
        self.failures: list[Failure] = []
        self._new: list[Failure] = []
        self._every, self._last = every, time.monotonic()

    def step(self, failed: Failure | None = None, count: int = 1) -> None:
        self.done += count
        if failed is not None:
            self.failures.append(failed)
            self._new.append(failed)

    def due(self) -> bool:
        return time.monotonic() - self._last >= self._every

    def progress(self, message: str = "") -> Progress:
        """Where it is, with the failures since the last one."""
        self._last = time.monotonic()
        new, self._new = tuple(self._new), []
        return Progress(self.name, self.done, self.total, new, message)

    def last(self, **result: Any) -> Progress:
        """The end, with the keys that every command prints: ``done`` (without the failed ones),
        ``failed``, and the caller's."""
        failed = [{"image": f.image, "reason": f.reason} for f in self.failures]
        new, self._new = tuple(self._new), []
        facts = {"done": self.done - len(failed), "failed": failed, **result}
        return Progress(self.name, self.done, self.total, new, "", facts)
