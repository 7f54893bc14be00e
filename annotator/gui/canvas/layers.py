"""What lies on the image: heatmap, masks, mask preview. Drawing only; no project, no models."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPen

from annotator.core.records import Verdict
from annotator.gui.canvas.viewport import Viewport

#: With more masks than this only the pointed-at ones get a dark line under their outline: it is
#: half of the time that drawing takes.
_HALOS = 6
#: An outline of more corners than this (noise, lace) is drawn thin and without smoothing: a wide
#: smooth line around 17,000 corners takes a second and a half, a thin one 14 milliseconds.
_CORNERS = 1500


@dataclass(frozen=True, slots=True)
class Outline:
    """Closed lines in image pixels, odd-even filled, so that holes stay holes. ``details``: the
    same lines as (how many pixels they are off at most, path), finest first."""

    details: tuple[tuple[float, QPainterPath], ...]

    @property
    def path(self) -> QPainterPath:
        """The most precise one."""
        return self.details[0][1]

    def seen_at(self, scale: float) -> QPainterPath:
        """The coarsest one that is off by no more than half a pixel of the screen."""
        fitting = [path for off, path in self.details if off * scale <= 0.5]
        return fitting[-1] if fitting else self.path


@dataclass(frozen=True, slots=True)
class Shape:
    """A region as drawn."""

    id: int
    synset_id: int
    name: str
    outline: Outline
    area: int
    verdict: Verdict
    color: QColor


class HeatLayer:
    """The similarity of every pixel with a tag, already coloured. It covers the whole image."""

    def __init__(self) -> None:
        self.image: QImage | None = None
        self.opacity = 0.6

    def paint(self, painter: QPainter, viewport: Viewport) -> None:
        if self.image is None or self.opacity <= 0:
            return
        painter.save()
        painter.setOpacity(self.opacity)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
        seen = viewport.visible()
        ratio_x = self.image.width() / viewport.image.width()
        ratio_y = self.image.height() / viewport.image.height()
        part = QRectF(
            seen.x() * ratio_x,
            seen.y() * ratio_y,
            seen.width() * ratio_x,
            seen.height() * ratio_y,
        )
        painter.drawImage(viewport.transform().mapRect(seen), self.image, part)
        painter.restore()


class RegionsLayer:
    """The masks of the image. Proposed ones have a dashed outline, accepted ones a solid one; a
    rejected one is drawn only while it is selected or pointed at."""

    def __init__(self) -> None:
        self.shapes: tuple[Shape, ...] = ()
        self.selected: int | None = None
        self.hovered: int | None = None
        self.only_synset: int | None = None
        self.corrected: int | None = None  # makes way for the preview of its correction
        self.fill = 0.35
        self.quiet = False  # outlines only, while there is something else to look at

    def drawn(self) -> list[Shape]:
        """The shapes that are shown now, biggest first, so that small ones end on top."""
        marked = (self.selected, self.hovered)
        shown = [
            s
            for s in self.shapes
            if s.id != self.corrected
            and (
                s.id in marked
                or (s.verdict != "rejected" and self.only_synset in (None, s.synset_id))
            )
        ]
        return sorted(shown, key=lambda s: -s.area)

    def at(self, point: QPointF) -> Shape | None:
        """The smallest shown shape under a point in image pixels."""
        hits = [s for s in self.drawn() if s.outline.path.contains(point)]
        return hits[-1] if hits else None

    def paint(self, painter: QPainter, viewport: Viewport) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setTransform(viewport.transform(), True)
        shapes = self.drawn()
        for shape in shapes:
            marked = shape.id in (self.selected, self.hovered)
            _paint_shape(
                painter,
                shape.outline.seen_at(viewport.scale),
                shape.color,
                fill=0.0 if self.quiet else min(1.0, self.fill + (0.15 if marked else 0.0)),
                width=3.0 if marked else 2.0,
                dashed=shape.verdict != "accepted",
                halo=marked or len(shapes) <= _HALOS,
            )
        painter.restore()


class PreviewLayer:
    """The mask that Enter would keep."""

    def __init__(self) -> None:
        self.outline: Outline | None = None
        self.color = QColor("#4f9dff")
        self.fill = 0.35

    def paint(self, painter: QPainter, viewport: Viewport) -> None:
        if self.outline is None:
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setTransform(viewport.transform(), True)
        path = self.outline.seen_at(viewport.scale)
        _paint_shape(painter, path, self.color, fill=self.fill, width=2.5, dashed=False)
        painter.restore()


def _paint_shape(
    painter: QPainter,
    path: QPainterPath,
    color: QColor,
    *,
    fill: float,
    width: float,
    dashed: bool,
    halo: bool = True,
) -> None:
    """Fill and outline; a dark line under the outline keeps it visible on any picture."""
    if path.elementCount() > _CORNERS:
        _paint_lace(painter, path, color, fill)
        return
    if fill > 0:
        inside = QColor(color)
        inside.setAlphaF(fill)
        painter.fillPath(path, inside)
    dark = QPen(QColor(0, 0, 0, 120), width + 2.0)
    for pen in (dark, QPen(color, width))[0 if halo else 1 :]:
        pen.setCosmetic(True)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        if dashed:
            pen.setCapStyle(Qt.PenCapStyle.FlatCap)
            pen.setDashPattern([8.0 / pen.widthF(), 5.0 / pen.widthF()])
        painter.strokePath(path, pen)


def _paint_lace(painter: QPainter, path: QPainterPath, color: QColor, fill: float) -> None:
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    inside = QColor(color)
    inside.setAlphaF(fill)
    thin = QPen(color, 1.0)
    thin.setCosmetic(True)
    painter.setPen(thin)
    painter.setBrush(inside)
    painter.drawPath(path)
    painter.restore()
