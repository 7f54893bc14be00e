"""What is known of the image on the canvas, read in one go; and its masks as shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QColor

from annotator.core.records import Image, Region, Tag
from annotator.gui import theme
from annotator.gui.canvas.layers import Outline, Shape
from annotator.gui.session import Session
from annotator.project import queries
from annotator.project.sqlite import sqlite3


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """One consistent look at an image. ``proposed``: a model has looked at it."""

    image: Image
    tags: list[Tag]
    regions: list[Region]
    proposed: bool


def read_facts(db: sqlite3.Connection, image_id: int) -> ImageFacts:
    """Tags (dropped ones too) and regions of an image."""
    return ImageFacts(
        queries.image(db, image_id),
        queries.tags(db, image_id, dropped=True),
        queries.regions(db, image_id),
        next(queries.proposals(db, image_id=image_id), None) is not None,
    )


class Shapes(QObject):
    """Outlines of the regions, traced in a worker and kept while the image is shown."""

    ready = Signal(int, object)  # image id, tuple[Shape, ...]

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._image: int | None = None
        self._kept: dict[int, tuple[str, Outline]] = {}

    def show(self, image_id: int, regions: Sequence[Region]) -> None:
        """Draw these; at once where only verdicts changed."""
        if image_id != self._image:
            self._image, self._kept = image_id, {}
        wanted = list(regions)
        missing = [r for r in wanted if self._outline(r) is None]
        if not missing:
            self._tell(image_id, wanted)
            return
        self._session.work(
            lambda: _traced(missing),
            lambda found: self._traced(image_id, wanted, found),
            key="shapes",
            priority=6,
        )

    def _traced(
        self, image_id: int, wanted: list[Region], found: dict[int, tuple[str, Outline]]
    ) -> None:
        if image_id == self._image:
            self._kept.update(found)
            self._tell(image_id, wanted)

    def _outline(self, region: Region) -> Outline | None:
        counts, outline = self._kept.get(region.id, ("", None))
        return outline if counts == region.rle.counts else None

    def _tell(self, image_id: int, wanted: list[Region]) -> None:
        shapes = []
        for region in wanted:
            outline = self._outline(region)
            if outline is not None:
                color = QColor(theme.synset_colour(region.synset_id))
                shapes.append(
                    Shape(
                        region.id,
                        region.synset_id,
                        region.synset,
                        outline,
                        region.area,
                        region.verdict,
                        color,
                    )
                )
        self.ready.emit(image_id, tuple(shapes))


def _traced(regions: list[Region]) -> dict[int, tuple[str, Outline]]:
    """In a worker."""
    from annotator.core import masks
    from annotator.gui.canvas.shapes import outline

    return {r.id: (r.rle.counts, outline(masks.decode(r.rle))) for r in regions}
