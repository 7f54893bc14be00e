"""The Regions tab: the masks of the image, each with its verdict."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from annotator.core.records import Region
from annotator.gui.item_models.tags import RegionsModel
from annotator.gui.panels.row_delegates import RegionDelegate
from annotator.gui.panels.row_list import RowList
from annotator.gui.panels.verdict_bar import VerdictBar


class RegionsPanel(QWidget):
    """Shows regions and says what a person wants with the selected one."""

    selected = Signal(object)  # region id | None
    hovered = Signal(object)  # region id | None
    decided = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = RegionsModel(self)
        self._selected: int | None = None
        self.verdicts = VerdictBar()
        self.verdicts.decided.connect(self.decided)
        self.rows = RowList(self.model, RegionDelegate(), "Regions of this image")
        self.rows.row_clicked.connect(lambda row: self.selected.emit(self._id(row)))
        self.rows.row_hovered.connect(lambda row: self.hovered.emit(self._id(row)))
        self._empty = QLabel(
            "No masks on this image yet.\n\nSelect a tag, press H for its heatmap, "
            "and Enter to keep the mask that is cut from it."
        )
        self._empty.setWordWrap(True)
        self._empty.setObjectName("muted")
        self._empty.setContentsMargins(12, 16, 12, 12)
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.rows)
        column.addWidget(self._empty)
        column.addStretch(1)
        self._area = scrolling(inner)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(self.verdicts)
        outer.addWidget(self._area, 1)

    @property
    def region(self) -> Region | None:
        """The selected region."""
        return self.model.record(self.model.row_of(self._selected))

    def set_regions(self, regions: Sequence[Region]) -> None:
        self.model.set_records(regions)
        self.rows.updateGeometry()
        self._empty.setVisible(not regions)
        self.select(self._selected if self.model.row_of(self._selected) >= 0 else None)

    def select(self, region_id: int | None) -> None:
        """Mark a region; says nothing to listeners."""
        self._selected = region_id
        row = self.model.row_of(region_id)
        self.rows.select_row(row)
        region = self.region
        self.verdicts.set_verdict(None if region is None else region.verdict)
        if row >= 0:
            rect = self.rows.visualRect(self.model.index(row))
            self._area.ensureVisible(0, rect.center().y(), 0, rect.height())

    def first(self) -> int | None:
        """Id of the first undecided region, or of the first when all are decided."""
        records = self.model.records
        waits = (r.id for r in records if r.verdict == "unknown")
        return next(waits, records[0].id if records else None)

    def step(self, after: int) -> int | None:
        """Id of the next undecided region after ``after``, from the top again."""
        records = self.model.records
        start = self.model.row_of(after)
        order = [*records[start + 1 :], *records[:start]]
        return next((r.id for r in order if r.verdict == "unknown"), None)

    def _id(self, row: int) -> int | None:
        region = self.model.record(row)
        return None if region is None else region.id


def scrolling(inner: QWidget) -> QScrollArea:
    """A frameless area that scrolls ``inner`` up and down."""
    area = QScrollArea()
    area.setWidget(inner)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return area
