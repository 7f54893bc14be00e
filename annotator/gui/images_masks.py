"""Masks in the Images view: heatmaps, clicks, and what canvas and bar show of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPointF, QRectF
from PySide6.QtGui import QColor

from annotator.core.records import Image, Region, Tag
from annotator.gui import theme
from annotator.gui.canvas.clicks import Clicks, Prompt
from annotator.gui.canvas.encodings import Encodings
from annotator.gui.canvas.frame import Frame
from annotator.gui.canvas.grounding import Grounding
from annotator.gui.canvas.preview import Preview, Subject
from annotator.gui.canvas.shapes import Heat
from annotator.gui.canvas.view import CanvasView
from annotator.gui.item_models.tags import peak_words
from annotator.gui.panels.canvas_bar import CanvasBar
from annotator.gui.panels.find_bar import FindBar
from annotator.gui.session import Session

if TYPE_CHECKING:
    from annotator.pipeline.text_maps import TextMap

#: Tools that ask the Refiner.
ASKING = ("click", "box")


class MaskDesk(QObject):
    """Everything between the canvas and the two models. The view says what is selected."""

    def __init__(
        self, session: Session, canvas: CanvasView, bar: CanvasBar, find: FindBar, parent: QObject
    ) -> None:
        super().__init__(parent)
        self.encodings = Encodings(session, self)
        self.grounding = Grounding(session, self.encodings, self)
        self.clicks = Clicks(session, self.encodings, self)
        self._session = session
        self._canvas, self._bar, self._find = canvas, bar, find
        self._image: Image | None = None
        self._frame: Frame | None = None
        self._tag: Tag | None = None
        self._region: Region | None = None
        self._notes = {"clicks": "", "heat": ""}
        self._queue: tuple[int, ...] = ()
        grounding, clicks = self.grounding, self.clicks
        grounding.noted.connect(lambda words: self._note("heat", words))
        grounding.heat_changed.connect(self._show_heat)
        grounding.text_changed.connect(self._show_text)
        grounding.preview_changed.connect(clicks.set_base)
        clicks.noted.connect(lambda words: self._note("clicks", words))
        clicks.prompt_changed.connect(self._show_prompt)
        clicks.preview_changed.connect(self._show_preview)
        self.encodings.ready.connect(self._encoded)
        session.models_changed.connect(self._models_changed)
        canvas.cut_at.connect(self._cut_at)
        canvas.point_added.connect(self._point)
        canvas.box_drawn.connect(self._box)
        canvas.tool_changed.connect(self._tool_changed)
        bar.threshold_changed.connect(grounding.set_threshold)
        bar.opacity_changed.connect(self._set_opacity)
        bar.smooth_toggled.connect(self.set_smooth)
        bar.back_clicked.connect(clicks.take_back)
        find.asked.connect(self.find_text)
        find.map_chosen.connect(grounding.set_map)

    # ---- what is selected ----------------------------------------------------------------

    @property
    def preview(self) -> Preview | None:
        """The mask on screen that Enter would keep."""
        return self.clicks.preview

    def set_subject(
        self, image: Image | None, frame: Frame | None, tag: Tag | None, region: Region | None
    ) -> None:
        """The decoded image, its selected tag, and the mask that clicks would correct."""
        if image != self._image or frame is not self._frame:
            self.encodings.ahead(())
        new = frame is not None and frame is not self._frame
        self._image, self._frame, self._tag, self._region = image, frame, tag, region
        synset = None if tag is None else tag.synset_id
        layer = self._canvas.regions
        layer.only_synset = synset if self.grounding.on else None
        self.grounding.set_subject(image, frame, synset)
        subject = None
        if image is not None and frame is not None:
            if region is not None:
                subject = Subject(image, frame, region.synset_id, region)
            elif synset is not None:
                subject = Subject(image, frame, synset)
        self.clicks.set_subject(subject)
        if new:
            self._prepare()
        self._show_peak()
        self._tell()
        self._canvas.update()

    def set_queue(self, images: tuple[int, ...]) -> None:
        """The images that come next; they are encoded when this one is."""
        self._queue = images

    # ---- what a person does --------------------------------------------------------------

    def set_heat_on(self, on: bool) -> None:
        self.grounding.set_on(on)
        self._bar.set_heat_on(on)
        self._canvas.regions.only_synset = self._tag.synset_id if on and self._tag else None
        if on and self._tag is None:
            self._note("heat", "Select a tag to see where it is.")
        self._show_peak()
        self._canvas.update()

    def set_smooth(self, on: bool) -> None:
        self.grounding.set_smooth(on)
        self._bar.set_smooth(on)

    def find_text(self, text: str) -> None:
        """Maps of a sentence; "" goes back to the selected tag."""
        self.grounding.set_text(" ".join(text.split()))
        self._show_peak()

    def drop(self) -> bool:
        """Drop the clicks and the mask; whether there was anything."""
        clicks = self.clicks.drop()
        return self.grounding.drop() or clicks

    def _point(self, at: QPointF, inside: bool) -> None:
        if self.clicks.subject is None:
            self._hint()
        else:
            self.clicks.add(at, inside)

    def _box(self, box: QRectF) -> None:
        if self.clicks.subject is None:
            self._hint()
        else:
            self.clicks.set_box(box)

    def _hint(self) -> None:
        if self._frame is not None:
            self._session.message.emit(
                "note", "Select a tag on the right first, or add a word (+): the mask is for it."
            )

    def _cut_at(self, point: QPointF) -> None:
        heat, frame = self.grounding.heat, self._frame
        if heat is not None and frame is not None:
            value = heat.at(point.x() / frame.width, point.y() / frame.height)
            self._bar.threshold.set_value(value)

    def _tool_changed(self, name: str) -> None:
        self._prepare()
        self._tell()

    def _models_changed(self) -> None:
        self.encodings.ahead(())
        self.clicks.drop()
        self.grounding.refresh()
        self._prepare()

    def _prepare(self) -> None:
        if self._canvas.tool.name in ASKING and self._image is not None and self._frame is not None:
            self.clicks.prepare(self._image, self._frame)

    def _encoded(self, image_id: int) -> None:
        """The image at hand can be asked about: now there is time for the next ones."""
        if self._image is not None and self._image.id == image_id:
            self.encodings.ahead(self._queue)

    # ---- what is shown -------------------------------------------------------------------

    def _show_heat(self, heat: Heat | None, threshold: float) -> None:
        self._canvas.heat.image = None if heat is None else heat.picture
        self._quieten()
        self._bar.set_heat(heat, threshold)
        self._canvas.update()

    def _show_text(self, found: TextMap | None) -> None:
        self._find.set_map(found)

    def _show_prompt(self, prompt: Prompt) -> None:
        layer = self._canvas.prompts
        layer.points = prompt.points
        layer.box = None
        if prompt.box is not None:
            left, top, right, bottom = prompt.box
            layer.box = QRectF(QPointF(left, top), QPointF(right, bottom))
        self._bar.set_clicks(self.clicks.open)
        self._quieten()
        self._show_peak()
        self._canvas.update()

    def _show_preview(self, preview: Preview | None) -> None:
        layer = self._canvas.preview
        layer.outline = None if preview is None else preview.outline
        self._canvas.regions.corrected = None if preview is None else preview.replaces
        clicked = preview is not None and preview.prompt.get("kind") == "clicks"
        layer.color = QColor(theme.DARK.accent)
        if preview is not None and clicked:
            layer.color = QColor(theme.synset_colour(preview.synset_id))
        area = None if preview is None else preview.area
        self._bar.set_preview(self._name(preview), area)
        self._canvas.update()

    def _quieten(self) -> None:
        """Masks that are there already are outlines while another one is made."""
        canvas = self._canvas
        canvas.regions.quiet = canvas.heat.image is not None or self.clicks.open

    def _name(self, preview: Preview | None) -> str:
        if preview is not None and preview.replaces is not None and self._region is not None:
            return self._region.synset
        return "" if self._tag is None else self._tag.synset

    def _show_peak(self) -> None:
        """Where the tag was seen, unless there is something else to look at."""
        layer, tag, frame = self._canvas.prompts, self._tag, self._frame
        layer.peak = None
        busy = self.clicks.open or bool(self.grounding.text) or self._region is not None
        if tag is not None and tag.peak_at is not None and frame is not None and not busy:
            x, y = tag.peak_at
            layer.peak = QPointF(x * frame.width, y * frame.height)
            layer.peak_words = peak_words(tag)
        self._canvas.update()

    def _set_opacity(self, opacity: float) -> None:
        canvas = self._canvas
        canvas.heat.opacity = opacity
        canvas.regions.fill = 0.45 * opacity
        canvas.preview.fill = 0.4 * opacity  # the heatmap shows through
        canvas.update()

    def _note(self, source: str, words: str) -> None:
        self._notes[source] = words
        self._tell()

    def _tell(self) -> None:
        """What is going on; else what the tool at hand does."""
        self._bar.set_note(self._notes["clicks"] or self._notes["heat"] or self._tool_words())

    def _tool_words(self) -> str:
        name, subject = self._canvas.tool.name, self.clicks.subject
        if name not in ASKING or self._frame is None:
            return ""
        if subject is None:
            return "Select a tag: the mask is for it"
        if subject.region is not None:
            verb = "Drag a box around" if name == "box" else "Click to correct"
            thing = f"{verb} the {subject.region.synset} mask"
        else:
            thing = "Drag a box around" if name == "box" else "Click on"
            thing += f" the {self._tag.synset if self._tag else 'thing'}"
        left = "" if name == "box" else "left button adds, "
        return f"{thing}: {left}right button takes away"
