"""The left column: filter box, chips with counts, and the grid of thumbnails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLabel, QLineEdit, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from annotator.core.records import Image
from annotator.gui.item_models.images import ImagesModel
from annotator.gui.panels.chips import Chips
from annotator.gui.panels.thumbnail_delegate import ThumbnailDelegate
from annotator.gui.panels.thumbnail_grid import ThumbnailGrid
from annotator.gui.panels.thumbnail_pace import Pace
from annotator.gui.panels.thumbnail_store import ThumbnailStore
from annotator.gui.session import Session
from annotator.project import queries
from annotator.project.queries import ImageMark
from annotator.project.sqlite import sqlite3

#: Milliseconds of rest before the filter is asked, and before a running scan is followed.
_TYPING, _FOLLOWING = 150, 400

_Facts = Mapping[int, tuple[Image, ImageMark]]


class ThumbnailsPanel(QWidget):
    """Shows the images that pass the filter. The selection is the session's."""

    listed = Signal()  # the ids were read (again)

    def __init__(self, session: Session, store: ThumbnailStore) -> None:
        super().__init__()
        self.setObjectName("column")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._session, self._store = session, store
        self.model = ImagesModel(self)
        self.scanning = False
        self.waiting = False
        self._asked = False

        self.filter = _FilterBox()
        self.filter.textChanged.connect(self._typed)
        self.filter.left.connect(self._leave_filter)
        self.chips = Chips()
        self.chips.chosen.connect(lambda _: self.reload())
        self.grid = ThumbnailGrid()
        self.grid.setModel(self.model)
        self.grid.setItemDelegate(ThumbnailDelegate(store))
        self.grid.selectionModel().currentChanged.connect(self._current_changed)
        self.grid.visible_changed.connect(self._look_at_screen)
        self.grid.setAccessibleName("Images")
        self._empty, self._empty_text, self.clear_button = _empty_page()
        self.clear_button.clicked.connect(self.clear_filter)
        self._pages = QStackedWidget()
        self._pages.addWidget(self.grid)
        self._pages.addWidget(self._empty)

        column = QVBoxLayout(self)
        column.setContentsMargins(0, 10, 0, 0)
        column.setSpacing(8)
        head = QVBoxLayout()
        head.setContentsMargins(10, 0, 10, 0)
        head.setSpacing(8)
        head.addWidget(self.filter)
        head.addWidget(self.chips)
        column.addLayout(head)
        column.addWidget(self._pages, 1)

        self._typing = _timer(self, _TYPING, self.reload)
        self._following = Pace(_FOLLOWING, self.reload, self)
        self._counting = Pace(_FOLLOWING, self._read_counts, self)
        store.ready.connect(self._thumb_ready)
        session.changed.connect(self._facts_changed)
        session.image_changed.connect(self.show_selected)

    # ---- what is listed ------------------------------------------------------------------

    @property
    def filtered(self) -> bool:
        return bool(self.filter.text().strip()) or self.chips.current is not None

    def reload(self) -> None:
        """Read the ids again, and after them the counts of the chips."""
        self._typing.stop()
        text, status = self.filter.text().strip(), self.chips.current

        def read(db: sqlite3.Connection) -> list[int]:
            return queries.image_ids(db, text=text, status=status)

        self._session.read(read, self._show, key="images.ids")

    def _show(self, ids: list[int]) -> None:
        self._asked = True
        self._following.answered()
        row, up = self.grid.anchor()
        anchor = self.model.id_at(row)
        if not self.model.set_ids(ids):
            place = self.model.row_of(anchor)
            self.show_selected(self._session.image, scroll=place < 0)
            if place >= 0:
                self.grid.restore_anchor(place, up)
        self._show_page()
        self.listed.emit()
        self.grid.visible_changed.emit()
        if not self.waiting:
            self._counting.ask(at_once=True)

    def begin(self, waiting: bool) -> None:
        """``waiting``: only ids are read, until the first image is on the canvas."""
        self.waiting = waiting
        self._store.hold(waiting)
        if not waiting and self._asked:
            self._counting.ask(at_once=True)

    def _read_counts(self) -> None:
        self._session.read(queries.status_counts, self._counted, key="images.counts")

    def _counted(self, counts: dict[str, int]) -> None:
        self._counting.answered()
        self.chips.set_counts(counts)

    def set_scanning(self, scanning: bool) -> None:
        """Whether the folder is being read right now: an empty grid then says so."""
        self.scanning = scanning
        self._show_page()
        if self._asked:
            self.listed.emit()

    def _show_page(self) -> None:
        if self.model.rowCount() or not self._asked:
            self._pages.setCurrentWidget(self.grid)
            return
        self.clear_button.setVisible(self.filtered)
        self._empty_text.setText(self.empty_words())
        self._pages.setCurrentWidget(self._empty)

    def empty_words(self) -> str:
        """Why the grid is empty, and what to do."""
        text, status = self.filter.text().strip(), self.chips.current
        if text and status:
            return f"No image that is “{status}” matches “{text}”."
        if text:
            return f"No image matches “{text}”."
        if status:
            return f"No image is “{status}”." if status != "no tags" else "Every image has a tag."
        if self.scanning:
            return "Scanning the folder…"
        return (
            f"{self._session.project.folder} has no readable images. "
            "Put JPEG, PNG, WebP, BMP, GIF, TIFF, HEIC or AVIF files there and scan it again."
        )

    # ---- filter --------------------------------------------------------------------------

    def focus_filter(self) -> None:
        self.filter.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.filter.selectAll()

    def clear_filter(self) -> None:
        self.filter.clear()
        self.chips.choose(None)
        self.reload()

    def show_status(self, status: str) -> None:
        """Only the images of that status."""
        self.filter.clear()
        self.chips.choose(status)
        self.reload()

    def _typed(self) -> None:
        self._typing.start()

    def _leave_filter(self) -> None:
        self.grid.setFocus(Qt.FocusReason.OtherFocusReason)

    # ---- selection -----------------------------------------------------------------------

    def show_selected(self, image_id: int | None, *, scroll: bool = True) -> None:
        """Frame the selected image and bring it on screen."""
        row = self.model.row_of(image_id)
        selection = self.grid.selectionModel()
        selection.blockSignals(True)
        if row < 0:
            selection.clear()
        else:
            index = self.model.index(row)
            selection.setCurrentIndex(index, selection.SelectionFlag.ClearAndSelect)
            if scroll:
                self.grid.scrollTo(index)
        selection.blockSignals(False)
        self.grid.viewport().update()

    def _current_changed(self, current: QModelIndex, previous: QModelIndex) -> None:
        image_id = self.model.id_at(current.row()) if current.isValid() else None
        if image_id is not None:
            self._session.select_image(image_id)

    def neighbour(self, step: int) -> int | None:
        """The image ``step`` places further, at the ends the last one; None when there is none."""
        count = self.model.rowCount()
        if not count:
            return None
        row = self.model.row_of(self._session.image)
        return self.model.id_at(min(count - 1, max(0, row + step)) if row >= 0 else 0)

    # ---- facts and pictures of what is on screen -----------------------------------------

    def _ids_on_screen(self) -> list[int]:
        rows = self.grid.rows_on_screen()
        return list(self.model.ids[rows.start : rows.stop])

    def _look_at_screen(self) -> None:
        shown = self._ids_on_screen()
        self._want(shown)
        unknown = self.model.unknown(shown)
        if unknown:
            self._read_facts(unknown)

    def _read_facts(self, ids: Sequence[int]) -> None:
        def read(db: sqlite3.Connection) -> _Facts:
            marks = queries.image_marks(db, ids)
            found = queries.images(db, ids)
            return {image.id: (image, marks[image.id]) for image in found if image.id in marks}

        self._session.read(read, self._facts_read, key="images.facts")

    def _facts_read(self, facts: _Facts) -> None:
        self.model.set_facts(facts)
        self._want(self._ids_on_screen())
        self.grid.viewport().update()

    def _want(self, ids: Sequence[int]) -> None:
        first = self.grid.rows_on_screen(extra=0)
        seen = set(self.model.ids[first.start : first.stop])
        known = [image for image in map(self.model.image, ids) if image is not None]
        self._store.want(sorted(known, key=lambda image: image.id not in seen))

    def _thumb_ready(self, image_id: int) -> None:
        row = self.model.row_of(image_id)
        if row >= 0:
            self.grid.viewport().update(self.grid.visualRect(self.model.index(row)))

    def _facts_changed(self, kinds: frozenset[str]) -> None:
        if kinds & {"images", "tags", "synsets", "runs"}:
            self.model.doubt_facts()
            self._look_at_screen()
            # The list under a status chip stays while a person decides: an image that was just
            # reviewed would vanish under the hand. It is read again with the next filter.
            if "images" in kinds or not self._asked:
                self._following.ask(at_once=not self.model.rowCount())
            else:
                self._counting.ask(at_once=not self._session.jobs.running)


class _FilterBox(QLineEdit):
    """Esc clears it, and when it is empty goes back to the images; so do Enter and Down."""

    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("filterBox")
        self.setPlaceholderText("Filter images, tags, words")
        self.setAccessibleName("Filter images, tags, words")
        self.setClearButtonEnabled(True)
        self._hint = QLabel("/", self)
        self._hint.setObjectName("keyHint")
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._hint.setFixedSize(18, 18)
        self._hint.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.textChanged.connect(lambda text: self._hint.setVisible(not text))

    def resizeEvent(self, event: object) -> None:
        super().resizeEvent(event)  # type: ignore[arg-type]
        self._hint.move(self.width() - 26, (self.height() - 18) // 2)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
        elif event.key() in (
            Qt.Key.Key_Escape,
            Qt.Key.Key_Return,
            Qt.Key.Key_Enter,
            Qt.Key.Key_Down,
        ):
            self.left.emit()
        else:
            super().keyPressEvent(event)


def _empty_page() -> tuple[QWidget, QLabel, QPushButton]:
    page = QWidget()
    text = QLabel()
    text.setTextFormat(Qt.TextFormat.PlainText)
    text.setWordWrap(True)
    text.setAlignment(Qt.AlignmentFlag.AlignHCenter)
    text.setObjectName("muted")
    button = QPushButton("Clear the filter")
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    column = QVBoxLayout(page)
    column.setContentsMargins(20, 32, 20, 20)
    column.setSpacing(12)
    column.addWidget(text)
    column.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
    column.addStretch(1)
    return page, text, button


def _timer(parent: QWidget, interval: int, slot: object) -> QTimer:
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(interval)
    timer.timeout.connect(slot)
    return timer
