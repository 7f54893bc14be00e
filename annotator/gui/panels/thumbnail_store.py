"""Thumbnails in memory: decoded in workers, what is on screen first, bounded in bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from annotator.core.errors import AnnotatorError
from annotator.core.images import ImageUnreadable
from annotator.core.records import Image
from annotator.gui.session import Session
from annotator.pipeline.thumbnails import thumbnail
from annotator.project.project import Project

#: Longer side of a thumbnail in pixels.
EDGE = 256
#: Decoded thumbnails kept, in bytes: some five screens of them.
_ROOM = 48 << 20
#: Thumbnails decoded at the same time. Few, so that what is scrolled to next never waits long.
_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Unreadable:
    """In place of a thumbnail: why there is none."""

    reason: str


Thumb = QImage | Unreadable


class ThumbnailStore(QObject):
    """``get`` answers at once with what is there; ``want`` says what to decode next.

    Only the newest wishes are worked off, so fast scrolling leaves no queue behind.
    """

    ready = Signal(int)  # image id

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._kept: OrderedDict[tuple[int, str | None], Thumb] = OrderedDict()
        self._bytes = 0
        self._wanted: dict[str, list[Image]] = {}
        self._running: set[tuple[int, str | None]] = set()
        self._held = False
        self.decoded = 0

    def get(self, image: Image) -> Thumb | None:
        """The thumbnail, why there is none, or None while it is not there yet."""
        key = _key(image)
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        elif image.error is not None:
            return Unreadable(image.error)
        return found

    def want(self, images: Sequence[Image], who: str = "grid") -> None:
        """Decode these next, in this order; what ``who`` wished before and is not begun is
        dropped."""
        self._wanted[who] = [i for i in images if i.error is None and _key(i) not in self._kept]
        self._start()

    def hold(self, held: bool) -> None:
        """While held nothing is decoded: the first image on the canvas goes first."""
        self._held = held
        self._start()

    def _start(self) -> None:
        # The shortest wishes first: a strip of four does not wait for a whole screen.
        wishes = sorted(self._wanted.values(), key=len)
        while not self._held and len(self._running) < _AT_ONCE:
            wish = next((w for w in wishes if w), None)
            if wish is None:
                return
            image = wish.pop(0)
            key = _key(image)
            if key in self._running or key in self._kept:
                continue
            self._running.add(key)
            decode = _Decode(self._session.project, image)
            self._session.work(
                decode,
                self._done,
                priority=1,
                failed=partial(self._failed, image),
            )

    def _failed(self, image: Image, error: Exception) -> None:
        self._done((image, Unreadable(str(error))))

    def _done(self, answer: tuple[Image, Thumb]) -> None:
        image, thumb = answer
        key = _key(image)
        self._running.discard(key)
        self.decoded += 1
        self._kept[key] = thumb
        self._bytes += _size(thumb)
        while self._bytes > _ROOM and len(self._kept) > 1:
            self._bytes -= _size(self._kept.popitem(last=False)[1])
        self.ready.emit(image.id)
        self._start()


class _Decode:
    """One thumbnail, in a worker."""

    def __init__(self, project: Project, image: Image) -> None:
        self._project, self._image = project, image

    def __call__(self) -> tuple[Image, Thumb]:
        try:
            data = thumbnail(self._project, self._image, EDGE)
        except ImageUnreadable as error:
            return self._image, Unreadable(error.reason)
        except AnnotatorError as error:
            return self._image, Unreadable(str(error))
        picture = QImage.fromData(data)
        if picture.isNull():
            return self._image, Unreadable("its thumbnail is damaged")
        return self._image, picture.convertToFormat(QImage.Format.Format_RGB32)


def _key(image: Image) -> tuple[int, str | None]:
    # A changed file has another hash and another picture.
    return image.id, image.hash


def _size(thumb: Thumb) -> int:
    return int(thumb.sizeInBytes()) if isinstance(thumb, QImage) else 200
