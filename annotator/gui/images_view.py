"""The Images view: thumbnails, canvas, tags and regions of one image after the other."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QColor, QKeyEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from annotator.core.records import Image
from annotator.gui import theme
from annotator.gui.canvas.frame import Frame
from annotator.gui.canvas.image_facts import ImageFacts, Shapes, read_facts
from annotator.gui.canvas.layers import Shape
from annotator.gui.canvas.loader import FrameLoader
from annotator.gui.canvas.view import CanvasView
from annotator.gui.commands import Commands
from annotator.gui.images_actions import ImagesActions
from annotator.gui.images_masks import MaskDesk
from annotator.gui.item_models.tags import not_replaced
from annotator.gui.panels.canvas_bar import CanvasBar
from annotator.gui.panels.canvas_bar_tools import ToolPalette
from annotator.gui.panels.find_bar import FindBar
from annotator.gui.panels.image_vocabulary_reader import VocabularyReader
from annotator.gui.panels.images_style import style_sheet
from annotator.gui.panels.regions import RegionsPanel
from annotator.gui.panels.tags import TagsPanel
from annotator.gui.panels.tags_tabs import CountTabs
from annotator.gui.panels.thumbnail_store import ThumbnailStore
from annotator.gui.panels.thumbnails import ThumbnailsPanel
from annotator.gui.session import Session

TAGS, REGIONS = 0, 1
#: Thumbnails and counts wait for the first image at most so long, in milliseconds.
_FIRST = 1000


class ImagesView(QWidget):
    """Wires the columns to the session: it reads facts for them and passes on what they want.
    What a person can do here is in ``images_actions``."""

    first_image_painted = Signal()

    def __init__(self, session: Session, commands: Commands, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.facts: ImageFacts | None = None
        self.decided: dict[int, str] = {}  # synset -> verdict, until the facts are read again
        self._frame: Frame | None = None
        self._painted = False
        self._region_wanted: int | None = None  # to be selected when it is read

        self.store = ThumbnailStore(session, self)
        self.left = ThumbnailsPanel(session, self.store)
        self.canvas = CanvasView()
        self.bar = CanvasBar()
        self.finder = FindBar()
        self.tags = TagsPanel(session, self.store)
        self.regions = RegionsPanel()
        self.tabs = CountTabs(("Tags", "Regions"))
        self.loader = FrameLoader(session, self)
        self.desk = MaskDesk(session, self.canvas, self.bar, self.finder, self)
        self.shapes = Shapes(session, self)
        self.reader = VocabularyReader(session, self.tags)
        self._lay_out()
        self._connect()
        self.actions_ = ImagesActions(self, commands)
        self.bar.set_opacity(self.canvas.heat.opacity)
        self.setFocusProxy(self.canvas)
        self._restyle()
        self.canvas.show_message("")
        # The first image before everything else, but never longer than a moment.
        self.left.begin(waiting=True)
        QTimer.singleShot(_FIRST, self, self._go_on)
        self.left.reload()
        if session.image is not None:
            self._select(session.image)

    def _lay_out(self) -> None:
        centre = QWidget()
        centre.setObjectName("canvasColumn")
        column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.finder)
        column.addWidget(self.canvas, 1)
        below = QHBoxLayout()
        below.setContentsMargins(16, 8, 16, 12)
        below.addWidget(self.bar)
        column.addLayout(below)
        right = QWidget()
        right.setObjectName("column")
        self._pages = QStackedWidget()
        self._pages.addWidget(self.tags)
        self._pages.addWidget(self.regions)
        self.tools = ToolPalette(self.canvas)
        self.tools.move(12, 12)
        self.tools.hide()
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.tabs)
        column.addWidget(self._pages, 1)
        self.columns = QSplitter(Qt.Orientation.Horizontal, self)
        self.columns.setHandleWidth(1)
        self.columns.setChildrenCollapsible(False)
        for part, least in ((self.left, 150), (centre, 460), (right, 300)):
            part.setMinimumWidth(least)
            self.columns.addWidget(part)
        self.columns.setSizes([264, 806, 370])
        self.columns.setStretchFactor(0, 0)
        self.columns.setStretchFactor(1, 1)
        self.columns.setStretchFactor(2, 0)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.columns)

    def _connect(self) -> None:
        session = self.session
        session.image_changed.connect(self._select)
        session.synset_changed.connect(self._show_synset)
        session.changed.connect(self._changed)
        session.theme_changed.connect(self._theme_changed)
        self.left.listed.connect(self._listed)
        self.loader.loading.connect(lambda image: self.canvas.show_loading(image.path))
        self.loader.loaded.connect(self._show_frame)
        self.loader.failed.connect(self._show_failure)
        self.shapes.ready.connect(self._show_shapes)
        self.tabs.changed.connect(self._open_tab)
        self.tags.selected.connect(session.select_synset)
        self.tags.image_wanted.connect(session.select_image)
        self.tags.word_left.connect(self.canvas.setFocus)
        self.regions.selected.connect(self.select_region)
        self.regions.hovered.connect(self._hover_region)
        canvas = self.canvas
        canvas.image_painted.connect(self._image_painted)
        canvas.zoomed.connect(self.bar.set_zoom)
        canvas.pointer_moved.connect(self.bar.set_pointer)
        canvas.region_clicked.connect(self._region_clicked)
        canvas.region_hovered.connect(self._hover_region)
        canvas.tool_changed.connect(self.tools.set_current)
        self.bar.fit_clicked.connect(canvas.fit)
        self.bar.actual_clicked.connect(canvas.actual_size)

    # ---- which image ---------------------------------------------------------------------

    @property
    def image(self) -> Image | None:
        """The image on the canvas, or on its way there."""
        return self.loader.current

    def _listed(self) -> None:
        """The grid has ids: without a selected image, the first is it."""
        first = self.left.model.id_at(0)
        if self.session.image is None and first is not None:
            self.session.select_image(first)
        elif first is None and self.session.image is None:
            self.canvas.show_message(
                "" if self.left.filtered else "No image yet", self.left.empty_words()
            )

    def _select(self, image_id: int | None) -> None:
        if self.image is not None and self.image.id != image_id:
            self._leave_image()
        if image_id is None:
            self.loader.show(None)
            self.canvas.show_message("No image selected", "Choose one on the left.")
            return
        known = self.left.model.image(image_id)
        if known is not None and known.hash is not None:
            self.loader.show(known)
        self._read_facts(image_id)

    def _leave_image(self) -> None:
        self.facts, self._frame = None, None
        self.decided.clear()
        self.desk.set_subject(None, None, None, None)
        self.bar.set_image("", 0, 0)

    def _read_facts(self, image_id: int) -> None:
        self.session.read(lambda db: read_facts(db, image_id), self._show_facts, key="image.facts")

    def _show_facts(self, facts: ImageFacts) -> None:
        if facts.image.id != self.session.image:
            return
        fresh = self.facts is None
        self.facts = facts
        self.decided.clear()
        shown = self.loader.current
        if shown is None or shown != facts.image:
            self.loader.show(facts.image)
        self.tags.set_tags(facts.tags, self._why_no_tags(facts))
        regions = not_replaced(facts.regions)
        self.regions.set_regions(regions)
        self.tabs.set_count(TAGS, self.tags.count)
        self.tabs.set_count(REGIONS, len(regions))
        self.shapes.show(facts.image.id, regions)
        if self._region_wanted in {region.id for region in regions}:
            self.select_region(self._region_wanted)
            self._region_wanted = None
        if fresh:
            self._choose_tag()
            self._choose_region()
        self._show_synset(self.session.synset)
        self.reader.show_tags(facts.tags, at_once=fresh)

    def _why_no_tags(self, facts: ImageFacts) -> str:
        if facts.image.error is not None:
            return "This file cannot be read, so it has no tags."
        if not facts.proposed:
            return "No tags yet: propose some for the whole folder, or add a word yourself."
        return "The models found nothing here that passed the filters. Add a word yourself."

    def _choose_tag(self) -> None:
        """A tag that was selected stays so on the next image, if that has it."""
        there = {tag.synset_id for tag in self.tags.shown}
        if self.session.synset not in there:
            first = self.tags.next_undecided()
            if first is None and self.tags.shown:
                first = self.tags.shown[0].synset_id
            if first is not None:
                self.session.select_synset(first)

    def _changed(self, kinds: frozenset[str]) -> None:
        image_id = self.session.image
        if image_id is not None and kinds & {"images", "tags", "synsets", "regions", "runs"}:
            self._read_facts(image_id)

    # ---- the picture ---------------------------------------------------------------------

    def _show_frame(self, image: Image, frame: Frame) -> None:
        self._frame = frame
        self.canvas.show_frame(frame)
        self.tools.show()
        self.bar.set_image(image.path, frame.width, frame.height)
        if self.facts is not None and self.facts.image.id == image.id:
            self.shapes.show(image.id, not_replaced(self.facts.regions))
        following = dict.fromkeys(self.left.neighbour(step) for step in (1, 2, 3))
        self.desk.set_queue(tuple(i for i in following if i is not None and i != image.id))
        self._ground()
        ahead = [self.left.neighbour(step) for step in (1, -1)]
        known = (self.left.model.image(i) for i in ahead if i is not None and i != image.id)
        self.loader.look_ahead([i for i in known if i is not None])

    def _show_failure(self, image: Image, reason: str) -> None:
        self._frame = None
        self.tools.hide()
        self.bar.set_image("", 0, 0)
        why = f"{reason[:1].upper()}{reason[1:].rstrip('.')}."
        self.canvas.show_message(
            f"{image.path} cannot be shown", f"{why} F5 looks at the folder again.", error=True
        )
        self._ground()

    def _image_painted(self) -> None:
        if not self._painted:
            self._painted = True
            self._go_on()
            self.first_image_painted.emit()

    def _go_on(self) -> None:
        if self.left.waiting:
            self.left.begin(waiting=False)

    def _show_shapes(self, image_id: int, shapes: tuple[Shape, ...]) -> None:
        if self.image is None or self.image.id != image_id or self._frame is None:
            return
        layer = self.canvas.regions
        layer.shapes = shapes
        there = {shape.id for shape in shapes}
        layer.hovered = layer.hovered if layer.hovered in there else None
        layer.selected = layer.selected if layer.selected in there else None
        self.canvas.update()

    # ---- the selected tag ----------------------------------------------------------------

    def _show_synset(self, synset_id: int | None) -> None:
        self.tags.select(synset_id)
        tag = self.tags.tag
        self.reader.show_tag(tag)
        self._ground()

    def _ground(self) -> None:
        """Masks are of a tag on a decoded image; with the Regions tab open, clicks correct the
        selected one."""
        tag = self.tags.tag if self.facts is not None else None
        region = self.regions.region if self.tabs.current == REGIONS else None
        self.desk.set_subject(self.image, self._frame, tag, region)

    # ---- regions -------------------------------------------------------------------------

    def select_region(self, region_id: int | None) -> None:
        """Select a mask, in the list and on the canvas."""
        self.regions.select(region_id)
        self.canvas.regions.selected = region_id
        self._ground()

    def select_when_read(self, region_id: int) -> None:
        """Select a mask that was made just now."""
        self._region_wanted = region_id

    def _open_tab(self, place: int) -> None:
        self._pages.setCurrentIndex(place)
        self._choose_region()
        self._ground()

    def _choose_region(self) -> None:
        """The keys of the Regions tab need a mask to speak of."""
        regions = self.regions
        if self.tabs.current == REGIONS and regions.region is None and regions.model.records:
            self.select_region(regions.first())

    def _region_clicked(self, region_id: int | None) -> None:
        self.select_region(region_id)
        if region_id is not None:
            self.tabs.set_current(REGIONS)

    def _hover_region(self, region_id: int | None) -> None:
        if region_id != self.canvas.regions.hovered:
            self.canvas.regions.hovered = region_id
            self.canvas.update()

    # ---- the rest ------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        # Else the filter box would have the keyboard, and every key would be a letter in it.
        if not event.spontaneous():
            self.canvas.setFocus()
            QTimer.singleShot(0, self, self.canvas.setFocus)

    def focus_search(self) -> None:
        """The window's key for searching."""
        self.left.focus_filter()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self.canvas.hold_to_pan(True)
        elif event.key() != Qt.Key.Key_Space:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self.canvas.hold_to_pan(False)
        elif event.key() != Qt.Key.Key_Space:
            super().keyReleaseEvent(event)

    def _theme_changed(self) -> None:
        self._restyle()
        if self.facts is not None:
            self.shapes.show(self.facts.image.id, not_replaced(self.facts.regions))

    def _restyle(self) -> None:
        tokens = theme.tokens()
        around = "#111317" if tokens.dark else tokens.ground
        self.setStyleSheet(style_sheet(tokens, around))
        self.canvas.background = QColor(around)
        self.canvas.preview.color = QColor(theme.DARK.accent)
        self.update()
