"""One image of the evidence: a thumbnail with score and verdict, opened or judged by key."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import shiboken6
from PySide6.QtCore import QObject, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
    QImage,
    QKeyEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPixmap,
)
from PySide6.QtWidgets import QAbstractButton, QWidget

from annotator.core.errors import AnnotatorError
from annotator.core.records import Tag
from annotator.gui import theme
from annotator.gui.panels import synset_tree_rows as rows
from annotator.gui.session import Session
from annotator.gui.words import plain_tip

EDGE = 256
KEPT = 400
RADIUS = 6.0
VERBS = {Qt.Key.Key_Y: "accept", Qt.Key.Key_X: "reject", Qt.Key.Key_U: "clear"}


class Thumbs(QObject):
    """Decoded thumbnails by image id: read in a worker, the newest few hundred are kept."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._kept: OrderedDict[int, QPixmap | str] = OrderedDict()

    def forget(self) -> None:
        """Files changed on disk: read them again."""
        self._kept.clear()

    def get(self, image_id: int, done: Callable[[int, QPixmap | str], None], key: str) -> None:
        """Give ``done`` the image's thumbnail, or why there is none. ``key``: who asks; a newer
        question of the same one replaces the older."""
        known = self._kept.get(image_id)
        if known is not None:
            self._kept.move_to_end(image_id)
            done(image_id, known)
            return
        project = self._session.project

        def load() -> QImage | str:
            from annotator.pipeline.thumbnails import thumbnail
            from annotator.project import queries

            try:
                with project.read() as db:
                    image = queries.image(db, image_id)
                return QImage.fromData(thumbnail(project, image, EDGE))
            except AnnotatorError as error:
                return str(error)  # shown on the tile: one bad file is no news for the whole window

        def keep(found: QImage | str) -> None:
            if not shiboken6.isValid(self):
                return  # the view was closed meanwhile
            value = found if isinstance(found, str) else QPixmap.fromImage(found)
            self._kept[image_id] = value
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            done(image_id, value)

        self._session.work(load, keep, key=key)


class EvidenceTile(QAbstractButton):
    """A tag's image. Click or Enter opens it; with the focus on it, Y, X and U judge the tag."""

    opened = Signal(int)  # image id
    judged = Signal(str, int, int)  # "accept", "reject" or "clear", image id, synset id

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tag: Tag | None = None
        self.caption = ""
        self._picture: QPixmap | None = None
        self._scaled: QPixmap | None = None
        self._reason = ""
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.clicked.connect(self._open)

    def show_tag(self, tag: Tag, caption: str = "") -> bool:
        """Show a tag; True when its image is another one and has to be fetched."""
        other = self.tag is None or self.tag.image_id != tag.image_id
        self.tag, self.caption = tag, caption
        if other:
            self._picture, self._scaled, self._reason = None, None, ""
        score = "said by a person" if tag.score is None else f"score {tag.score:.2f}"
        verdict = "to decide" if tag.verdict == "unknown" else tag.verdict
        self.setAccessibleName(f"{tag.image}, {tag.synset}, {score}, {verdict}")
        self.setToolTip(
            plain_tip(
                f"{tag.image}\n{tag.synset} · {score} · {verdict}\n"
                "Enter opens it; Y accepts the tag on this image, X rejects it, U clears"
            )
        )
        self.update()
        return other

    def show_picture(self, image_id: int, picture: QPixmap | str) -> None:
        """The thumbnail has come; one for an image that is no longer shown is dropped."""
        if self.tag is None or self.tag.image_id != image_id:
            return
        self._scaled = None
        if isinstance(picture, str):
            self._picture, self._reason = None, picture
            self.setToolTip(plain_tip(picture))
        else:
            self._picture, self._reason = picture, ""
        self.update()

    @property
    def loaded(self) -> bool:
        """Whether the picture, or the reason why there is none, is on screen."""
        return self._picture is not None or bool(self._reason)

    def sizeHint(self) -> QSize:
        return QSize(104, 112)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        # The view's commands leave these to the image that has the keyboard.
        if key in VERBS and self.tag is not None:
            self.judged.emit(VERBS[key], self.tag.image_id, self.tag.synset_id)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._open()
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down):
            event.ignore()  # the rows know their neighbours
        else:
            super().keyPressEvent(event)

    def _open(self) -> None:
        if self.tag is not None:
            self.opened.emit(self.tag.image_id)

    # --- painting

    def paintEvent(self, event: QPaintEvent) -> None:
        tag = self.tag
        if tag is None:
            return
        t = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        box = QRectF(self.rect())
        shape = QPainterPath()
        shape.addRoundedRect(box, RADIUS, RADIUS)
        painter.setClipPath(shape)
        painter.fillRect(self.rect(), QColor(t.raised))
        if self._picture is not None:
            if tag.verdict == "rejected":
                painter.setOpacity(0.4)
            painter.drawPixmap(0, 0, self._cover(self._picture))
            painter.setOpacity(1.0)
        elif self._reason:
            painter.setPen(QColor(t.muted))
            wrap = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(6, 6, -6, -6), int(wrap), "cannot be read")
        painter.setClipping(False)
        painter.setFont(rows.small(self.font()))
        self._paint_badges(painter, tag)
        if self.hasFocus() or self.underMouse():
            pen = QPen(QColor(t.accent), 2 if self.hasFocus() else 1)
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), RADIUS, RADIUS)

    def _cover(self, picture: QPixmap) -> QPixmap:
        """The picture scaled to cover the tile, cut around its middle."""
        ratio = self.devicePixelRatioF()
        size = self.size() * ratio
        if self._scaled is None or self._scaled.size() != size:
            scaled = picture.scaled(
                size,
                Qt.AspectRatioMode.KeepAspectRatioByExpanding,
                Qt.TransformationMode.SmoothTransformation,
            )
            left, top = (scaled.width() - size.width()) // 2, (scaled.height() - size.height()) // 2
            self._scaled = scaled.copy(QRect(left, top, size.width(), size.height()))
            self._scaled.setDevicePixelRatio(ratio)
        return self._scaled

    def _paint_badges(self, painter: QPainter, tag: Tag) -> None:
        metrics = QFontMetrics(painter.font())
        text = "person" if tag.score is None else f"{tag.score:.2f}"
        width = metrics.horizontalAdvance(text) + 10
        height = metrics.height() + 3
        box = QRectF(self.width() - width - 4, self.height() - height - 4, width, height)
        _badge(painter, box, QColor(0, 0, 0, 175))
        painter.setPen(QColor("#ffffff"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
        if self.caption:
            room = int(self.width() - width - 12)
            name = metrics.elidedText(self.caption, Qt.TextElideMode.ElideRight, room - 10)
            name_box = QRectF(4, box.top(), metrics.horizontalAdvance(name) + 10, height)
            _badge(painter, name_box, QColor(0, 0, 0, 175))
            painter.setPen(QColor("#ffffff"))
            painter.drawText(name_box, Qt.AlignmentFlag.AlignCenter, name)
        if tag.verdict != "unknown":
            t = theme.tokens()
            colour = QColor(t.yes if tag.verdict == "accepted" else t.no)
            mark = QRectF(5, 5, 20, 20)
            _badge(painter, mark, colour, 10)
            painter.setPen(Qt.PenStyle.NoPen)
            centre = QPointF(mark.center().x(), mark.center().y())
            rows.paint_sign(painter, centre, tag.verdict, QColor("#ffffff"))


def _badge(painter: QPainter, box: QRectF, colour: QColor, radius: float = 4.0) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawRoundedRect(box, radius, radius)
