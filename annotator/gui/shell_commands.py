"""The actions of the whole window; each view registers its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.gui.commands import Commands

if TYPE_CHECKING:
    from annotator.gui.main_window import MainWindow


def register(commands: Commands, window: MainWindow) -> None:
    """Put them into the registry, in the order the palette shows them."""

    def opened() -> bool:
        return window.working is not None

    def ask(what: str) -> None:
        if window.workspace is not None and opened():
            window.workspace.ask(what, window.top.buttons.get(what))

    def view(name: str) -> None:
        if window.working is not None:
            window.working.select_view("vocabulary" if name == "vocabulary" else "images")

    def undo() -> None:
        if window.working is not None:
            window.working.undo()

    def redo() -> None:
        if window.working is not None:
            window.working.redo()

    def scan() -> None:
        if window.workspace is not None and opened():
            window.workspace.scan()

    def full_screen() -> None:
        if window.isFullScreen():
            window.showNormal()
        else:
            window.showFullScreen()

    add = commands.add
    project, look, help_ = "Project", "Window", "Help"
    add(
        "propose",
        "Propose tags and vocabulary…",
        "Ctrl+P",
        lambda: ask("propose"),
        group=project,
        enabled=opened,
    )
    add(
        "group",
        "Suggest groups of words",
        "Ctrl+G",
        lambda: ask("group"),
        group=project,
        enabled=opened,
    )
    add(
        "support",
        "Look for the tags in the pixels",
        "Ctrl+L",
        lambda: ask("support"),
        group=project,
        enabled=opened,
    )
    add(
        "models",
        "Models for heatmaps and masks…",
        "Ctrl+Shift+M",
        lambda: ask("models"),
        group=project,
        enabled=opened,
    )
    add("add", "Add a model from disk…", (), lambda: ask("add"), group=project, enabled=opened)
    add("segment", "Draw masks…", "Ctrl+M", lambda: ask("segment"), group=project, enabled=opened)
    add("export", "Export…", "Ctrl+E", lambda: ask("export"), group=project, enabled=opened)
    add(
        "scan",
        "Scan the folder again",
        "F5",
        scan,
        group=project,
        enabled=opened,
    )
    add("server", "Model server…", (), lambda: ask("server"), group=project, enabled=opened)
    add(
        "replies",
        "Unreadable replies of models",
        (),
        lambda: ask("replies"),
        group=project,
        enabled=opened,
    )
    add("undo", "Undo", "Ctrl+Z", undo, group=project, enabled=opened)
    add("redo", "Redo", ("Ctrl+Shift+Z", "Ctrl+Y"), redo, group=project, enabled=opened)
    add(
        "view.images",
        "Go to Images",
        "Ctrl+1",
        lambda: view("images"),
        group=look,
        enabled=opened,
    )
    add(
        "view.vocabulary",
        "Go to Vocabulary",
        "Ctrl+2",
        lambda: view("vocabulary"),
        group=look,
        enabled=opened,
    )
    add("open.folder", "Open a folder of photos…", "Ctrl+O", window.ask_folder, group=project)
    add("open.project", "Open a project…", "Ctrl+Shift+O", window.ask_project, group=project)
    add("close", "Close the project", "Ctrl+W", window.close_project, group=project, enabled=opened)
    add("theme", "Switch between light and dark", "Ctrl+T", window.switch_theme, group=look)
    add(
        "theme.system",
        "Follow the system's theme",
        (),
        lambda: window.set_theme("system"),
        group=look,
    )
    add("fullscreen", "Full screen", "F11", full_screen, group=look)
    add("palette", "Search actions", "Ctrl+K", lambda: window.palette_.open(), group=help_)
    add("shortcuts", "Show all keys", "?", lambda: window.sheet.open(), group=help_)
    add("about", "About Annotator", (), lambda: window.about.open(), group=help_)
    add("quit", "Quit", "Ctrl+Q", window.close, group=project)
