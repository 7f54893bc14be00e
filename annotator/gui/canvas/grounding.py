"""The heatmap of the selected tag and the mask that is cut from it, computed in workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from PySide6.QtCore import QObject, QTimer, Signal

from annotator.core.errors import AnnotatorError
from annotator.core.records import Image, Rle
from annotator.gui import theme
from annotator.gui.canvas.frame import Frame
from annotator.gui.canvas.layers import Outline
from annotator.gui.faults import in_words
from annotator.gui.session import Session
from annotator.project import queries

if TYPE_CHECKING:
    from annotator.backends.protocols import Grounder, TagText
    from annotator.gui.canvas.shapes import Heat

#: The mask follows the threshold after this rest, in milliseconds.
_REST = 60


@dataclass(frozen=True, slots=True)
class Preview:
    """A mask that is not kept yet."""

    image_id: int
    synset_id: int
    rle: Rle
    outline: Outline
    area: int
    threshold: float


@dataclass(frozen=True, slots=True)
class _Subject:
    image: Image
    frame: Frame
    synset_id: int


class _Looked(NamedTuple):
    heat: Heat
    threshold: float
    origin: str


class Grounding(QObject):
    """Give it a subject; it answers with a heatmap and a mask. An answer to an old question is
    never shown: every question has a number."""

    noted = Signal(str)  # what is going on; "" when nothing is
    heat_changed = Signal(object, float)  # Heat | None, threshold
    preview_changed = Signal(object)  # Preview | None

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._subject: _Subject | None = None
        self._on = False
        self._question = 0
        self._heat: Heat | None = None
        self._threshold: float | None = None
        self._preview: Preview | None = None
        self._origin = ""
        self._encoding: tuple[tuple[int, str | None], Any] | None = None
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST)
        self._rest.timeout.connect(self._cut)

    @property
    def on(self) -> bool:
        return self._on

    @property
    def heat(self) -> Heat | None:
        return self._heat

    @property
    def preview(self) -> Preview | None:
        return self._preview

    def set_on(self, on: bool) -> None:
        """Show heatmaps or not. The models are loaded when they are first needed."""
        if on != self._on:
            self._on = on
            self._begin()

    def set_subject(self, image: Image | None, frame: Frame | None, synset: int | None) -> None:
        """What to ground: a tag on a decoded image; None where there is no such thing now."""
        if image is None or frame is None or synset is None:
            subject = None
        else:
            subject = _Subject(image, frame, synset)
        if subject != self._subject:
            if image is None or self._subject is None or self._subject.image != image:
                self._encoding = None
            self._subject = subject
            self._begin()

    def set_threshold(self, threshold: float) -> None:
        """Cut elsewhere: the mask follows shortly after the last call."""
        self._threshold = threshold
        self._rest.start()

    def refresh_colours(self) -> None:
        """The theme changed, and with it the colours of the map."""
        self._begin()

    def drop(self) -> bool:
        """Drop the mask; whether there was one."""
        there = self._preview is not None
        self._rest.stop()
        self._question += 1
        self._set_preview(None)
        self.noted.emit("")
        return there

    def _begin(self) -> None:
        self._question += 1
        self._rest.stop()
        self._heat, self._threshold, self._origin = None, None, ""
        self.heat_changed.emit(None, 0.0)
        self._set_preview(None)
        subject = self._subject
        if not self._on or subject is None:
            self.noted.emit("")
            return
        loaded = self._session.models.loaded("grounder")
        self.noted.emit("Looking…" if loaded else f"Loading the {self._session.models.name} pack…")
        question = self._question
        self._session.work(
            lambda: self._look(subject, question),
            lambda answer: self._looked(answer, question),
            key="heat",
            priority=5,
            failed=lambda error: self._refused(error, question, "No heatmap"),
        )

    def _look(self, subject: _Subject, question: int) -> _Looked | None:
        """In a worker: the map, where it is best cut, and what the tag is made of."""
        from annotator.core.scoring import heat_threshold
        from annotator.gui.canvas.shapes import heat_picture
        from annotator.pipeline.ground import heatmap, tag_text

        grounder = self._session.models.grounder()
        if question != self._question:
            return None
        with self._session.project.read() as db:
            text = tag_text(queries.synset(db, subject.synset_id))
        pixels = subject.frame.pixels
        values = heatmap(self._session.project, subject.image, text, grounder, pixels)
        heat = heat_picture(values, theme.heat_lut())
        return _Looked(heat, float(heat_threshold(values)), _origin(grounder, text))

    def _looked(self, answer: _Looked | None, question: int) -> None:
        if question != self._question or answer is None:
            return
        self._heat, self._threshold, self._origin = answer
        self.heat_changed.emit(self._heat, self._threshold)
        self._cut()

    def _cut(self) -> None:
        """Ask for the mask at the threshold."""
        subject, heat, threshold = self._subject, self._heat, self._threshold
        if subject is None or heat is None or threshold is None:
            return
        self._question += 1
        question = self._question
        self.noted.emit("Cutting…")
        self._session.work(
            lambda: self._mask(subject, heat, threshold, question),
            lambda answer: self._masked(answer, question),
            key="mask",
            priority=5,
            failed=lambda error: self._refused(error, question, "No mask"),
        )

    def _mask(
        self, subject: _Subject, heat: Heat, threshold: float, question: int
    ) -> Preview | None:
        """In a worker."""
        from annotator.core import masks
        from annotator.gui.canvas.shapes import outline
        from annotator.pipeline.segment import mask_from_heatmap

        if question != self._question:
            return None
        refiner = self._session.models.refiner()
        pixels, key = subject.frame.pixels, (subject.image.id, subject.image.hash)
        kept = self._encoding
        if kept is None or kept[0] != key:
            kept = (key, refiner.encode(pixels))
            self._encoding = kept
        mask, used = mask_from_heatmap(pixels, heat.values, threshold, refiner, kept[1])
        if question != self._question:
            return None
        return Preview(
            subject.image.id,
            subject.synset_id,
            masks.encode(mask),
            outline(mask),
            int(mask.sum()),
            used,
        )

    def _masked(self, answer: Preview | None, question: int) -> None:
        if question != self._question or answer is None:
            return
        empty = "No pixel is that similar: lower the threshold."
        self.noted.emit(self._origin if answer.area else empty)
        self._set_preview(answer if answer.area else None)

    def _refused(self, error: Exception, question: int, what: str) -> None:
        if question == self._question:
            said = str(error) if isinstance(error, AnnotatorError) else in_words(error, what)
            self.noted.emit(said)

    def _set_preview(self, preview: Preview | None) -> None:
        if preview is not self._preview:
            self._preview = preview
            self.preview_changed.emit(preview)


def _origin(grounder: Grounder, text: TagText) -> str:
    """What stands for a tag that the model has no class of; "" where it has one, or where the
    model does not say."""
    explain = getattr(grounder, "explain", None)
    parts = explain(text) if explain is not None else []
    if len(parts) < 2:
        return ""
    named = ", ".join(f"{name} {weight:.1f}" for name, weight in parts[:2])
    return f"{text.name} is built from {named}{', …' if len(parts) > 2 else ''}"
