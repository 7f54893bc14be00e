"""Where to put the files of a pack, for a person who carries them here on a stick."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import shiboken6
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from annotator.core.errors import AnnotatorError
from annotator.gui.download_facts import Plan, ask_files, file_list, is_open, items_of, read_plan
from annotator.gui.faults import in_words
from annotator.gui.form import hint, say, show_place
from annotator.gui.overlay import Overlay
from annotator.gui.session import Session
from annotator.gui.words import one_line, plural

if TYPE_CHECKING:
    from annotator.backends.downloads import Item

_SIZE = (760, 460)
_EXPLAINS = (
    "Fetch these on a computer that has a network, and copy each to its place here. Nothing is "
    "sent from here, unless you ask for the list."
)


class FilesPopover(Overlay):
    """Addresses, sizes, hashes and places as text to copy; Ctrl+C without a selection takes all."""

    def __init__(self, session: Session, window: QWidget) -> None:
        super().__init__(window)
        self._session = session
        self._plan: Plan | None = None
        self._items: Sequence[Item] = ()
        self.setFixedWidth(_SIZE[0])
        self.heading = QLabel("Files", self)
        self.heading.setObjectName("title")
        self.text = _Text(self)
        self.text.setFixedHeight(_SIZE[1] - 190)
        self.text.setAccessibleName("Files, where they are had and where they go")
        self.says = hint("", self)
        self.look = QPushButton("Ask for the list", self)
        self.folder = QPushButton("Open the folder", self)
        self.check = QPushButton("Check what is here", self)
        self.copy = QPushButton("Copy", self)
        self.close_ = QPushButton("Close", self)
        buttons = QHBoxLayout()
        for button in (self.folder, self.check, self.look):
            buttons.addWidget(button)
        buttons.addStretch(1)
        for button in (self.copy, self.close_):
            buttons.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 14, 16, 14)
        column.setSpacing(12)
        column.addWidget(self.heading)
        column.addWidget(hint(_EXPLAINS, self))
        column.addWidget(self.text)
        column.addWidget(self.says)
        column.addLayout(buttons)
        self.look.clicked.connect(self._look)
        self.folder.clicked.connect(self._open_folder)
        self.check.clicked.connect(self._check)
        self.copy.clicked.connect(self._copy)
        self.close_.clicked.connect(self.close_it)

    def show_plan(self, plan: Plan, under: QWidget | None = None) -> None:
        """Open on what is missing of a pack."""
        self._plan = plan
        self.heading.setText(f"Carry {one_line(plan.title)} here")
        hosts = {urlsplit(item.url).hostname or "" for item in items_of(plan.parts)}
        self.look.setText(f"Ask {', '.join(sorted(hosts))} for the list")
        self.look.setToolTip("Sends the names of the models and nothing else")
        say(self.says, "")
        self._show(items_of(plan.parts))
        self.open_at(under)
        self.text.setFocus()

    def _show(self, items: Sequence[Item]) -> None:
        self._items = items
        self.text.setPlainText(file_list(items))
        self.look.setVisible(is_open(items))

    def _look(self) -> None:
        plan = self._plan
        if plan is None:
            return
        self._say("Asking…")

        def show(items: Sequence[Item]) -> None:
            if shiboken6.isValid(self):
                self._say("")
                self._show(items)

        self._session.work(
            lambda: ask_files(plan.parts), show, key="files", priority=10, failed=self._failed
        )

    def _check(self) -> None:
        """Which are here now, and whether they are what they should be."""
        plan = self._plan
        if plan is None:
            return
        self._say("Looking…")
        wanted = tuple(part.role for part in plan.parts)

        def look() -> tuple[Plan, str]:
            now = read_plan(plan.pack, wanted)
            return now, "" if now.parts else _verified(plan.pack, wanted)

        def show(found: tuple[Plan, str]) -> None:
            if not shiboken6.isValid(self):
                return
            now, wrong = found
            missing = [item for item in items_of(now.parts) if not item.there]
            if missing:
                self._plan = now
                verb = "is" if len(missing) == 1 else "are"
                self._say(f"{plural(len(missing), 'file')} {verb} not here yet.")
                self._show(items_of(now.parts))
            elif wrong:
                self._say(wrong, "error")
            else:
                self._say(f"All of {now.title} is here and right: choose it now.")
                self._show(())

        self._session.work(look, show, key="files", priority=10, failed=self._failed)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text.toPlainText())
        self._say("Copied.")

    def _open_folder(self) -> None:
        plan = self._plan
        if plan is None:
            return

        def make() -> None:
            plan.folder.mkdir(parents=True, exist_ok=True)

        def show(_: None) -> None:
            if shiboken6.isValid(self):
                show_place(plan.folder, self.says)
                self.place()

        self._session.work(make, show, key="files", priority=10, failed=self._failed)

    def _failed(self, error: Exception) -> None:
        if shiboken6.isValid(self):
            known = isinstance(error, AnnotatorError)
            self._say(str(error) if known else in_words(error, "That did not work"), "error")

    def _say(self, words: str, kind: str = "hint") -> None:
        say(self.says, words, kind)
        self.place()


class _Text(QPlainTextEdit):
    """Text to read and copy."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setTabChangesFocus(True)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy) and not self.textCursor().hasSelection():
            QGuiApplication.clipboard().setText(self.toPlainText())
        else:
            super().keyPressEvent(event)


def _verified(pack: str, roles: Sequence[str]) -> str:
    """What is wrong with the files of these roles, hashes compared; "" for nothing."""
    from annotator.backends.registry import verify

    rows = [row for row in verify(pack) if row[0] in roles]
    return next((message for _, _, right, message in rows if not right), "")
