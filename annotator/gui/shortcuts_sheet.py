"""?: every key, by view."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from annotator.gui.commands import Command, Commands, shown
from annotator.gui.overlay import Overlay

_COLUMNS = 3


def groups(commands: Iterable[Command]) -> dict[str, list[Command]]:
    """The actions that have a key, by group, in the order they were registered."""
    found: dict[str, list[Command]] = {}
    for command in commands:
        if command.keys:
            found.setdefault(command.group, []).append(command)
    return found


def rows(commands: Iterable[Command]) -> list[tuple[str, str]]:
    """Title and keys of each line. Nine actions on the digits are one line: "Select tag 1-9"."""
    lines: list[tuple[str, str]] = []
    for command in commands:
        digit = command.keys[0]
        title = command.title
        if digit.isdigit() and title.endswith(f" {digit}"):
            if digit == "1":
                lines.append((f"{title[:-2]} by number", "1 – 9"))
            continue
        lines.append((title, "  ".join(shown(key) for key in command.keys)))
    return lines


class ShortcutsSheet(Overlay):
    """Made anew at each opening, because views bring their own keys."""

    def __init__(self, commands: Commands, window: QWidget) -> None:
        super().__init__(window)
        self._commands = commands
        self._area = QScrollArea(self)
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QScrollArea.Shape.NoFrame)
        title = QLabel("All keys", self)
        title.setObjectName("title")
        hint = QLabel("Esc closes this. Ctrl+K finds an action by its words.", self)
        hint.setObjectName("hint")
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 20)
        column.setSpacing(12)
        column.addWidget(title)
        column.addWidget(self._area, 1)
        self.about = QPushButton("About Annotator", self)
        self.about.setObjectName("inline")
        self.about.clicked.connect(lambda: commands.run("about"))
        foot = QHBoxLayout()
        foot.addWidget(hint, 1)
        foot.addWidget(self.about)
        column.addLayout(foot)

    def open(self) -> None:
        page = QWidget()
        page.setObjectName("column")
        page.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        row = QHBoxLayout(page)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(28)
        columns = [QVBoxLayout() for _ in range(_COLUMNS)]
        heights = [0] * _COLUMNS
        by_size = sorted(groups(self._commands).items(), key=lambda group: -len(rows(group[1])))
        for name, commands in by_size:
            shortest = heights.index(min(heights))
            heights[shortest] += len(rows(commands)) + 2
            columns[shortest].addLayout(_group(page, name, commands))
        for column in columns:
            column.setSpacing(20)
            column.addStretch(1)
            row.addLayout(column, 1)
        self._area.setWidget(page)
        window = self.window()
        self.setFixedSize(min(1200, window.width() - 64), min(720, window.height() - 120))
        self.open_at()
        self._area.setFocus()


def _group(parent: QWidget, name: str, commands: list[Command]) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(6)
    grid.setColumnStretch(0, 1)
    heading = QLabel(name.upper(), parent)
    heading.setObjectName("heading")
    grid.addWidget(heading, 0, 0, 1, 2)
    for row, (title, text) in enumerate(rows(commands), start=1):
        grid.addWidget(QLabel(title, parent), row, 0)
        keys = QLabel(text, parent)
        keys.setObjectName("muted")
        keys.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        grid.addWidget(keys, row, 1)
    return grid
