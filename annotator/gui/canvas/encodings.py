"""What the Refiner knows of the image on the canvas; and of the next ones, while there is time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, Signal

from annotator.core.records import Image
from annotator.gui.session import Session

if TYPE_CHECKING:
    from annotator.backends.protocols import Pixels, Refiner


class Encodings(QObject):
    """``of`` is for worker threads, the rest for the UI thread. A click on an image that is encoded
    never waits for others; an image that a person goes to waits at most for the one at hand."""

    ready = Signal(int)  # id of an image that was asked for and is encoded now
    ahead_changed = Signal(int)  # images that are still to be encoded ahead
    _begun = Signal(int)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._wanted: tuple[int, ...] = ()
        self._left = 0
        self._begun.connect(self._tell, Qt.ConnectionType.QueuedConnection)

    def of(self, image: Image, pixels: Pixels) -> tuple[Refiner, Any]:
        """The Refiner and its encoding of an image, from memory, from disk or made now. Raises
        AnnotatorError where there is no Refiner."""
        from annotator.pipeline.encodings import encoding

        refiner = self._session.models.refiner()
        found = encoding(self._session.project, image, refiner, pixels)
        self.ready.emit(image.id)
        return refiner, found

    def ahead(self, images: Sequence[int]) -> None:
        """Encode these next, one after the other, where the Refiner keeps what it made on disk.
        A later call takes the place of this one; only the image at hand is finished."""
        wanted = tuple(images)
        if wanted != self._wanted:
            self._wanted = wanted
            self._next(wanted, 0)

    def _next(self, wanted: tuple[int, ...], at: int) -> None:
        if wanted != self._wanted:
            return
        if at >= len(wanted):
            self._tell(0)
            return
        self._session.work_ahead(
            lambda: self._encode(wanted, at),
            lambda storing: self._encoded(wanted, at + 1, storing),
            # Why it failed is said when that image is looked at.
            failed=lambda _: self._encoded(wanted, at + 1, True),
        )

    def _encode(self, wanted: tuple[int, ...], at: int) -> bool:
        """In the thread for what has time; whether such a thing is of use at all."""
        from annotator.backends.protocols import StoringRefiner
        from annotator.pipeline import encodings

        models = self._session.models
        if wanted != self._wanted or not models.loaded("refiner"):
            return False
        refiner = models.refiner()
        if not isinstance(refiner, StoringRefiner):
            return False
        self._begun.emit(len(wanted) - at)
        for _ in encodings.ahead(self._session.project, [wanted[at]], refiner):
            pass
        return True

    def _encoded(self, wanted: tuple[int, ...], at: int, storing: bool) -> None:
        if wanted != self._wanted:
            self._tell(0)
        elif storing:
            self._next(wanted, at)

    def _tell(self, left: int) -> None:
        if left != self._left:
            self._left = left
            self.ahead_changed.emit(left)
