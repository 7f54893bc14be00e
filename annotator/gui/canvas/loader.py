"""Decodes the image on the canvas in a worker, and its neighbours while there is time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from annotator.core import images
from annotator.core.records import Image
from annotator.gui.canvas.frame import Frame, frame_of
from annotator.gui.session import Session

#: Decoded pictures kept, in bytes; the one that is shown is kept whatever its size.
_ROOM = 96 << 20
_NOW, _AHEAD = 10, 0


@dataclass(frozen=True, slots=True)
class _Answer:
    image: Image
    frame: Frame | None
    reason: str = ""


class FrameLoader(QObject):
    """``show`` an image; ``loaded`` or ``failed`` comes for the image asked for last."""

    loading = Signal(object)  # Image
    loaded = Signal(object, object)  # Image, Frame
    failed = Signal(object, str)  # Image, reason

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._kept: OrderedDict[tuple[int, str | None], Frame] = OrderedDict()
        self._current: Image | None = None
        self._ahead: frozenset[int] = frozenset()

    @property
    def current(self) -> Image | None:
        return self._current

    def show(self, image: Image | None) -> None:
        """Decode an image for the canvas, or take it from the pictures that are kept."""
        before, self._current = self._current, image
        if image is None:
            return
        if before is not None and before.hash is None and _same_file(before, image):
            # The scan has read the file meanwhile: the picture on the canvas is that very one.
            kept = self._kept.pop(_key(before), None)
            if kept is not None:
                self._kept[_key(image)] = kept
        if image.error is not None:
            self.failed.emit(image, image.error)
            return
        kept = self._kept.get(_key(image))
        if kept is not None:
            self._kept.move_to_end(_key(image))
            self.loaded.emit(image, kept)
            return
        self.loading.emit(image)
        self._decode(image, _NOW)

    def look_ahead(self, neighbours: list[Image]) -> None:
        """Decode the images that a person will most likely look at next."""
        self._ahead = frozenset(image.id for image in neighbours)
        for image in neighbours:
            if image.error is None and _key(image) not in self._kept:
                self._decode(image, _AHEAD)

    def _decode(self, image: Image, priority: int) -> None:
        path = self._session.project.folder / image.path
        self._session.work(_Decode(image, path, self._wanted), self._done, priority=priority)

    def _wanted(self, image: Image) -> bool:
        """Called in the worker just before it begins: the person may have moved on."""
        if _key(image) in self._kept:
            return False
        current = self._current
        return (current is not None and current.id == image.id) or image.id in self._ahead

    def _done(self, answer: _Answer | None) -> None:
        if answer is None:
            return
        if answer.frame is not None:
            self._keep(answer.image, answer.frame)
        if self._current is None or self._current.id != answer.image.id:
            return
        if answer.frame is not None:
            self.loaded.emit(answer.image, answer.frame)
        else:
            self.failed.emit(answer.image, answer.reason)

    def _keep(self, image: Image, frame: Frame) -> None:
        self._kept.pop(_key(image), None)
        shown = self._current is not None and self._current.id == image.id
        if frame.cost > _ROOM and not shown:
            return
        self._kept[_key(image)] = frame
        while sum(kept.cost for kept in self._kept.values()) > _ROOM and len(self._kept) > 1:
            self._kept.popitem(last=False)


class _Decode:
    """One picture, in a worker."""

    def __init__(self, image: Image, path: Path, wanted: Callable[[Image], bool]) -> None:
        self._image, self._path, self._wanted = image, path, wanted

    def __call__(self) -> _Answer | None:
        if not self._wanted(self._image):
            return None
        try:
            return _Answer(self._image, frame_of(*images.load_bytes(self._path)))
        except images.ImageUnreadable as error:
            return _Answer(self._image, None, error.reason)


def _same_file(one: Image, other: Image) -> bool:
    return (one.id, one.path, one.bytes) == (other.id, other.path, other.bytes)


def _key(image: Image) -> tuple[int, str | None]:
    return image.id, image.hash
