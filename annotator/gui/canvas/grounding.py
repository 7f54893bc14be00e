"""The heatmap of the selected tag or of a sentence, and the mask that is cut from it, computed in
workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from PySide6.QtCore import QObject, QTimer, Signal

from annotator.core.errors import AnnotatorError
from annotator.core.records import Image
from annotator.gui import theme
from annotator.gui.canvas.encodings import Encodings
from annotator.gui.canvas.frame import Frame
from annotator.gui.canvas.preview import Preview, Subject
from annotator.gui.faults import in_words
from annotator.gui.session import Session
from annotator.project import queries

if TYPE_CHECKING:
    from annotator.backends.protocols import Floats, Grounder, TagText
    from annotator.gui.canvas.shapes import Heat
    from annotator.pipeline.text_maps import TextMap

#: The mask follows the threshold after this rest, in milliseconds.
_REST = 60
#: Which map of a sentence: its own, or the one of all its selected words together; a word's own
#: map goes by the word.
TEXT, UNION = "", "*"


class _Asked(NamedTuple):
    """What a map is wanted of: a sentence, or the selected tag where that is empty."""

    image: Image
    frame: Frame
    synset_id: int | None
    text: str
    which: str
    smooth: bool


class _Looked(NamedTuple):
    heat: Heat
    threshold: float
    origin: str
    told: dict[str, Any]  # the beginning of a region's prompt
    text_map: TextMap | None


class Grounding(QObject):
    """Give it a subject; it answers with a heatmap and a mask. An answer to an old question is
    never shown: every question has a number."""

    noted = Signal(str)  # what is going on; "" when nothing is
    heat_changed = Signal(object, float)  # Heat | None, threshold
    text_changed = Signal(object)  # TextMap | None
    preview_changed = Signal(object)  # Preview | None

    def __init__(
        self, session: Session, encodings: Encodings, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._encodings = encodings
        self._image: Image | None = None
        self._frame: Frame | None = None
        self._synset: int | None = None
        self._on = False
        self._text, self._which, self._smooth = "", TEXT, False
        self._map: tuple[tuple[int, str | None, str, str], TextMap] | None = None
        self._question = 0
        self._looked_at: _Looked | None = None
        self._threshold: float | None = None
        self._preview: Preview | None = None
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST)
        self._rest.timeout.connect(self._cut)

    @property
    def on(self) -> bool:
        return self._on

    @property
    def heat(self) -> Heat | None:
        return None if self._looked_at is None else self._looked_at.heat

    @property
    def text(self) -> str:
        """The sentence whose maps are shown, "" while it is the tag's."""
        return self._text

    @property
    def active(self) -> bool:
        """Whether a map is shown, or on its way."""
        return self._on or bool(self._text)

    @property
    def smooth(self) -> bool:
        return self._smooth

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
        old = (self._image, self._frame, self._synset)
        if (image, frame, synset) == old:
            return
        same_image = (image, frame) == old[:2]
        self._image, self._frame, self._synset = image, frame, synset
        if not same_image:
            self.text_changed.emit(None)
        if self._text and same_image and self._looked_at is not None:
            self._set_preview(None)  # the map is the sentence's: only its mask is another tag's
            self._cut()
        else:
            self._begin()

    def set_text(self, text: str) -> None:
        """Show maps of a sentence instead of the tag's; "" goes back to the tag."""
        if text != self._text:
            self._text, self._which = text, TEXT
            self.text_changed.emit(None)
            self._begin()

    def set_map(self, which: str) -> None:
        """Show the sentence's own map (TEXT), that of its selected words (UNION), or a word's."""
        if which != self._which:
            self._which = which
            self._begin()

    def set_smooth(self, smooth: bool) -> None:
        """Draw the maps along the edges of the image, or as the model gave them."""
        if smooth != self._smooth:
            self._smooth = smooth
            self._begin()

    def set_threshold(self, threshold: float) -> None:
        """Cut elsewhere: the mask follows shortly after the last call."""
        self._threshold = threshold
        self._rest.start()

    def refresh(self) -> None:
        """Other models answer now."""
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
        self._looked_at = self._threshold = None
        self.heat_changed.emit(None, 0.0)
        self._set_preview(None)
        image, frame, synset = self._image, self._frame, self._synset
        if not self.active or image is None or frame is None or not (self._text or synset):
            self.noted.emit("")
            return
        asked = _Asked(image, frame, synset, self._text, self._which, self._smooth)
        loaded = self._session.models.loaded("grounder")
        self.noted.emit("Looking…" if loaded else f"Loading the {self._session.models.name} pack…")
        question = self._question
        self._session.work(
            lambda: self._look(asked, question),
            lambda answer: self._looked(answer, question),
            key="heat",
            priority=5,
            failed=lambda error: self._refused(error, question, "No heatmap"),
        )

    def _look(self, asked: _Asked, question: int) -> _Looked | None:
        """In a worker: the map, where it is best cut, and what the tag is made of."""
        from annotator.core.scoring import heat_threshold
        from annotator.gui.canvas.shapes import heat_picture
        from annotator.pipeline.ground import automatic_cut, heatmap, tag_text

        grounder = self._session.models.grounder()
        if question != self._question:
            return None
        pixels, found, origin = asked.frame.pixels, None, ""
        told: dict[str, Any] = {"kind": "heatmap", "grounder": grounder.id}
        if asked.text:
            found = self._text_map(asked, grounder)
            values = _chosen(found, asked.which)
            told |= {"kind": "text", "text": asked.text}
            told["map"] = {TEXT: "text", UNION: "union"}.get(asked.which, asked.which)
        else:
            assert asked.synset_id is not None
            with self._session.project.read() as db:
                text = tag_text(queries.synset(db, asked.synset_id))
            values = heatmap(self._session.project, asked.image, text, grounder, pixels)
            origin = _origin(grounder, text)
        if asked.smooth:
            from annotator.pipeline.smooth import smooth

            values = smooth(pixels, values)
            told["smooth"] = True
        if question != self._question:
            return None
        heat = heat_picture(values, theme.heat_lut())
        cut = heat_threshold(values) if asked.text else automatic_cut(values, grounder)
        return _Looked(heat, cut, origin, told, found)

    def _text_map(self, asked: _Asked, grounder: Grounder) -> TextMap:
        """In a worker; another map of the same sentence is there already."""
        from annotator.pipeline.text_maps import text_map

        key = (asked.image.id, asked.image.hash, asked.text, grounder.id)
        kept = self._map
        if kept is None or kept[0] != key:
            pixels = asked.frame.pixels
            project = self._session.project
            kept = (key, text_map(project, asked.image, asked.text, grounder, pixels))
            self._map = kept
        return kept[1]

    def _looked(self, answer: _Looked | None, question: int) -> None:
        if question != self._question or answer is None:
            return
        self._session.tell_fallbacks()
        self._looked_at, self._threshold = answer, answer.threshold
        if answer.text_map is not None:
            self.text_changed.emit(answer.text_map)
        self.heat_changed.emit(answer.heat, answer.threshold)
        self._cut()

    def _cut(self) -> None:
        """Ask for the mask at the threshold."""
        looked, threshold, image, frame = (
            self._looked_at,
            self._threshold,
            self._image,
            self._frame,
        )
        if image is None or frame is None or looked is None or threshold is None:
            return
        self._question += 1
        if self._synset is None:
            self.noted.emit("Select a tag to cut a mask of it here.")
            return
        subject, question = Subject(image, frame, self._synset), self._question
        self.noted.emit("Cutting…")
        self._session.work(
            lambda: self._mask(subject, looked, threshold, question),
            lambda answer: self._masked(answer, question),
            key="mask",
            priority=5,
            failed=lambda error: self._refused(error, question, "No mask"),
        )

    def _mask(
        self, subject: Subject, looked: _Looked, threshold: float, question: int
    ) -> Preview | None:
        """In a worker."""
        from annotator.core import masks
        from annotator.gui.canvas.shapes import outline
        from annotator.pipeline.segment import mask_from_heatmap

        if question != self._question:
            return None
        pixels = subject.frame.pixels
        refiner, encoding = self._encodings.of(subject.image, pixels)
        if question != self._question:
            return None
        heat = looked.heat.values
        mask, used = mask_from_heatmap(pixels, heat, threshold, refiner, encoding)
        if question != self._question:
            return None
        # The union of normalised maps has no similarities: its threshold is no raw number.
        raw = looked.told.get("map") != "union"
        return Preview(
            subject.image.id,
            subject.synset_id,
            masks.encode(mask),
            outline(mask),
            int(mask.sum()),
            used if raw else None,
            looked.told | {"threshold": used, "refiner": refiner.id},
        )

    def _masked(self, answer: Preview | None, question: int) -> None:
        if question != self._question or answer is None:
            return
        self._session.tell_fallbacks()
        empty = "No pixel is that similar: lower the threshold."
        origin = self._looked_at.origin if self._looked_at is not None else ""
        self.noted.emit(origin if answer.area else empty)
        self._set_preview(answer if answer.area else None)

    def _refused(self, error: Exception, question: int, what: str) -> None:
        if question == self._question:
            said = str(error) if isinstance(error, AnnotatorError) else in_words(error, what)
            self.noted.emit(said)

    def _set_preview(self, preview: Preview | None) -> None:
        if preview is not self._preview:
            self._preview = preview
            self.preview_changed.emit(preview)


def _chosen(found: TextMap, which: str) -> Floats:
    if which == UNION:
        return found.union
    words = (word.heat for word in found.words if word.text == which)
    return next(words, found.heat)


def _origin(grounder: Grounder, text: TagText) -> str:
    """What stands for a tag that the model has no class of; "" where it has one, or where the
    model does not say."""
    explain = getattr(grounder, "explain", None)
    parts = explain(text) if explain is not None else []
    if len(parts) < 2:
        return ""
    named = ", ".join(f"{name} {weight:.1f}" for name, weight in parts[:2])
    return f"{text.name} is built from {named}{', …' if len(parts) > 2 else ''}"
