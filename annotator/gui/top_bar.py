"""The bar on top: which project, which view, and what can be started."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QPushButton, QWidget

from annotator.gui import icons, theme
from annotator.gui.commands import Commands, shown


class TopBar(QWidget):
    """Name and counts on the left, the views in the middle, actions on the right."""

    view_chosen = Signal(str)

    def __init__(self, commands: Commands, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("bar")
        self.setProperty("edge", "bottom")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(44)
        self.name = QLabel(self)
        self.name.setObjectName("title")
        self.name.setTextFormat(Qt.TextFormat.PlainText)
        self.counts = QLabel(self)
        self.counts.setObjectName("pill")
        left = QHBoxLayout()
        left.setSpacing(10)
        left.addWidget(self.name)
        left.addWidget(self.counts, 0, Qt.AlignmentFlag.AlignVCenter)
        left.addStretch(1)

        middle = QHBoxLayout()
        middle.setSpacing(0)
        self._views = QButtonGroup(self)
        self.views: dict[str, QPushButton] = {}
        for view, title, key in (
            ("images", "Images", "Ctrl+1"),
            ("vocabulary", "Vocabulary", "Ctrl+2"),
        ):
            button = QPushButton(title, self)
            button.setObjectName("switch")
            button.setProperty("end", "left" if view == "images" else "right")
            button.setCheckable(True)
            button.setToolTip(f"{title} ({shown(key)})")
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.clicked.connect(lambda _=False, view=view: self.view_chosen.emit(view))
            self._views.addButton(button)
            self.views[view] = button
            middle.addWidget(button)

        right = QHBoxLayout()
        right.setSpacing(8)
        right.addStretch(1)
        self.buttons: dict[str, QPushButton] = {}
        for command, title in (
            ("propose", "Propose…"),
            ("support", "Check tags"),
            ("segment", "Masks…"),
            ("export", "Export…"),
        ):
            button = QPushButton(title, self)
            button.setToolTip(f"{commands.get(command).title} ({commands.key_text(command)})")
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(lambda _=False, command=command: commands.run(command))
            self.buttons[command] = button
            right.addWidget(button)
        self.search = QPushButton(f"Search actions   {commands.key_text('palette')}", self)
        self.search.clicked.connect(lambda: commands.run("palette"))
        self.search.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        right.addWidget(self.search)
        self.theme = QPushButton(self)
        self.theme.setObjectName("quiet")
        self.theme.setIconSize(QSize(16, 16))
        self.theme.setFixedWidth(32)
        self.theme.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.theme.setAccessibleName("Theme")
        self.theme.setToolTip(f"Light or dark ({commands.key_text('theme')})")
        self.theme.clicked.connect(lambda: commands.run("theme"))
        right.addWidget(self.theme)

        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 12, 0)
        row.addLayout(left, 1)
        row.addLayout(middle)
        row.addLayout(right, 1)
        self.restyle()

    def restyle(self) -> None:
        """Follow the theme."""
        self.theme.setIcon(icons.theme_icon(theme.tokens().text))

    def show_project(self, name: str, counts: str) -> None:
        self.name.setText(name)
        self.counts.setText(counts)
        self.counts.setVisible(bool(counts))

    def show_view(self, view: str) -> None:
        if view in self.views:
            self.views[view].setChecked(True)
