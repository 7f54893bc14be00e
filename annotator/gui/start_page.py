"""What the window shows before a project is open."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from annotator.gui import icons
from annotator.gui.elided_label import ElidedLabel
from annotator.gui.key_button import KeyButton
from annotator.gui.recent import Recent

_WIDTH = 720
#: Most pixels of the list of recent projects before it scrolls.
_LIST = 460


class StartPage(QWidget):
    """Open a folder, a project, a recent project, or the demo."""

    folder_wanted = Signal()
    project_wanted = Signal()
    demo_wanted = Signal()
    recent_wanted = Signal(str)
    forget_wanted = Signal(str)
    about_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # It takes the focus itself, so that no button looks chosen before Tab is pressed.
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        logo = QLabel(self)
        logo.setPixmap(_sharp(64, self))
        title = QLabel("Annotator", self)
        title.setStyleSheet("font-size: 28px; font-weight: 600;")
        says = QLabel(
            "Open a folder of photos. Annotator proposes the vocabulary, tags every photo and "
            "draws the masks. You decide.",
            self,
        )
        says.setObjectName("hint")
        says.setWordWrap(True)
        words = QVBoxLayout()
        words.setSpacing(4)
        words.addWidget(title)
        words.addWidget(says)
        head = QHBoxLayout()
        head.setSpacing(20)
        head.addWidget(logo)
        head.addLayout(words, 1)

        self.folder = _big("Open a folder of photos…", "Ctrl O", self, primary=True)
        self.folder.clicked.connect(self.folder_wanted)
        self.project = _big("Open a project…", "Ctrl Shift O", self)
        self.project.clicked.connect(self.project_wanted)
        self.demo = _big("Try it on sample photos", "", self)
        self.demo.clicked.connect(self.demo_wanted)
        ways = QHBoxLayout()
        ways.setSpacing(12)
        for button in (self.folder, self.project, self.demo):
            ways.addWidget(button, 1)
        drop = QLabel("or drop a folder or a project anywhere on this window", self)
        drop.setObjectName("hint")
        drop.setAlignment(Qt.AlignmentFlag.AlignHCenter)

        self.heading = QLabel("RECENT PROJECTS", self)
        self.heading.setObjectName("heading")
        self._list = QWidget()
        self._rows = QVBoxLayout(self._list)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(6)
        self._area = area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(self._list)
        area.viewport().setAutoFillBackground(False)
        area.hide()
        self._list.setAutoFillBackground(False)
        private = QLabel(
            "Photos, words and masks stay on this computer. Nothing is sent anywhere.", self
        )
        private.setObjectName("hint")
        private.setAlignment(Qt.AlignmentFlag.AlignHCenter)

        self.about = QPushButton("About Annotator", self)
        self.about.setObjectName("inline")
        self.about.clicked.connect(self.about_wanted)

        inner = QWidget(self)
        inner.setMaximumWidth(_WIDTH)
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 24, 0, 24)
        column.setSpacing(16)
        # A little above the middle: there it looks like the middle.
        column.addStretch(2)
        column.addLayout(head)
        column.addSpacing(16)
        column.addLayout(ways)
        column.addWidget(drop)
        column.addSpacing(16)
        column.addWidget(self.heading)
        column.addWidget(area, 100)
        column.addStretch(3)
        column.addWidget(private)
        column.addWidget(self.about, 0, Qt.AlignmentFlag.AlignHCenter)
        row = QHBoxLayout(self)
        row.addStretch(1)
        row.addWidget(inner, 1000)
        row.addStretch(1)

    def show_recent(self, recent: list[tuple[Recent, bool]]) -> None:
        """Recent projects, newest first, each with whether its file is there."""
        while self._rows.count():
            item = self._rows.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.deleteLater()
        for row, there in recent:
            card = RecentCard(row, there, self._list)
            card.opened.connect(self.recent_wanted)
            card.forgotten.connect(self.forget_wanted)
            self._rows.addWidget(card)
            card.show()  # else it has no size yet
        self.heading.setVisible(bool(recent))
        self._area.setVisible(bool(recent))
        self._area.setMaximumHeight(min(_LIST, self._rows.sizeHint().height()))


class RecentCard(QFrame):
    """One recent project. A missing one is grey and can only be taken off the list."""

    opened = Signal(str)
    forgotten = Signal(str)

    def __init__(self, recent: Recent, there: bool, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        name = QPushButton(Path(recent.path).stem, self)
        name.setObjectName("link")
        name.setEnabled(there)
        name.setCursor(Qt.CursorShape.PointingHandCursor)
        name.clicked.connect(lambda: self.opened.emit(recent.path))
        place = ElidedLabel(recent.path, self, mode=Qt.TextElideMode.ElideMiddle)
        place.setObjectName("muted")
        images = "" if recent.images is None else f"{recent.images:,} images · "
        facts = QLabel(images + ago(recent.opened) if there else "not there any more", self)
        facts.setObjectName("muted")
        remove = QPushButton("Remove", self)
        remove.setObjectName("inline")
        remove.setToolTip("Take it off this list; the file stays where it is")
        remove.clicked.connect(lambda: self.forgotten.emit(recent.path))
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(name, 0, Qt.AlignmentFlag.AlignLeft)
        words.addWidget(place)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 8, 10, 8)
        row.addLayout(words, 1)
        row.addWidget(facts)
        row.addWidget(remove)


def ago(moment: str, now: datetime | None = None) -> str:
    """How long ago, as a person says it: "today", "yesterday", "12 days ago", or the date."""
    try:
        then = datetime.fromisoformat(moment)
    except ValueError:
        return moment
    days = ((now or datetime.now(UTC)).astimezone().date() - then.astimezone().date()).days
    if days <= 0:
        return "today"
    if days == 1:
        return "yesterday"
    return f"{days} days ago" if days < 30 else f"{then:%d %B %Y}"


def _big(text: str, key: str, parent: QWidget, *, primary: bool = False) -> KeyButton:
    button = KeyButton(text, key, primary=primary, parent=parent)
    button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    button.setFixedHeight(44)
    return button


def _sharp(size: int, widget: QWidget) -> QPixmap:
    ratio = widget.devicePixelRatioF()
    pixmap = icons.logo(round(size * ratio))
    pixmap.setDevicePixelRatio(ratio)
    return pixmap
