"""The one window: start page, or the views of an open project with bars above and below."""

from __future__ import annotations

import threading
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import shiboken6
from PySide6.QtCore import QSettings, Qt, QTimer, Signal, SignalInstance
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QGuiApplication, QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QLabel,
    QMainWindow,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from annotator.core.errors import AnnotatorError
from annotator.gui import desktop, opening, recent, steps, theme
from annotator.gui.commands import Commands
from annotator.gui.downloads import Downloads
from annotator.gui.faults import in_words
from annotator.gui.jobs import Jobs
from annotator.gui.messages import MessageBar, Over
from annotator.gui.session import Offers, Session
from annotator.gui.shell_commands import register
from annotator.gui.start_page import StartPage
from annotator.gui.status_line import StatusLine
from annotator.gui.top_bar import TopBar
from annotator.gui.workers import Hurry
from annotator.gui.workspace import Workspace

if TYPE_CHECKING:
    from annotator.gui.about_sheet import AboutSheet
    from annotator.gui.palette import Palette
    from annotator.gui.shortcuts_sheet import ShortcutsSheet
    from annotator.project.project import Project


#: How long a model that works is waited for when the program ends, in seconds.
_PATIENCE_S = 2.0


class MainWindow(QMainWindow):
    """``open_path`` opens a project or a folder; ``session`` is there once it is open."""

    project_opened = Signal(object)  # Session
    project_closed = Signal()
    first_image_painted = Signal()
    closed = Signal()

    _opened = Signal(object)
    _refused = Signal(str)
    _ended = Signal()
    _recent_read = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.session: Session | None = None
        self.workspace: Workspace | None = None
        self._next: Path | None = None
        self._opening: Path | None = None
        self._ending = False
        self._quitting = False
        self._gone = False
        #: A model was still working when the program was to end, and nobody waited for it.
        self.left_working = False
        self._hurry = Hurry()
        self.setWindowTitle("Annotator")
        self.resize(1440, 900)
        self.setAcceptDrops(True)
        self.commands = Commands(self)
        register(self.commands, self)
        self._own_commands = self.commands.keep()

        self.top = TopBar(self.commands, self)
        self.messages = MessageBar(self, self._message_place)
        self.status = StatusLine(self)
        self.status.undo_wanted.connect(lambda: self.commands.run("undo"))
        self.start = StartPage(self)
        self.wait = QLabel("Opening…", self)
        self.wait.setObjectName("hint")
        self.wait.setTextFormat(Qt.TextFormat.PlainText)
        self.wait.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.stack = QStackedWidget(self)
        self.stack.addWidget(self.start)
        self.stack.addWidget(self.wait)
        ground = QWidget(self)
        ground.setObjectName("ground")
        column = QVBoxLayout(ground)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.top)
        column.addWidget(self.stack, 1)
        column.addWidget(self.status)
        self.setCentralWidget(ground)
        self.own_jobs = Jobs(self)  # work that needs no project: the demo, downloads
        self.downloads = Downloads(self.own_jobs, self)
        self.downloads.said.connect(self._offer)

        self.top.view_chosen.connect(self._choose_view)
        self.start.folder_wanted.connect(self.ask_folder)
        self.start.project_wanted.connect(self.ask_project)
        self.start.demo_wanted.connect(self.run_demo)
        self.start.about_wanted.connect(lambda: self.commands.run("about"))
        self.start.recent_wanted.connect(lambda path: self.open_path(Path(path)))
        self.start.forget_wanted.connect(self._forget)
        self._opened.connect(self._show_project)
        self._refused.connect(self._show_refusal)
        self._ended.connect(self._after_end)
        self._recent_read.connect(self.start.show_recent)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._restyle)
        self.show_start()

    # Not imported before they are asked for: the first image comes before.

    @cached_property
    def palette_(self) -> Palette:
        from annotator.gui.palette import Palette

        return Palette(self.commands, self)

    @cached_property
    def sheet(self) -> ShortcutsSheet:
        from annotator.gui.shortcuts_sheet import ShortcutsSheet

        return ShortcutsSheet(self.commands, self)

    @cached_property
    def about(self) -> AboutSheet:
        from annotator.gui.about_sheet import AboutSheet

        return AboutSheet(self)

    # --- opening and closing projects

    def open_path(self, path: Path) -> None:
        """Open a project file, or the project of a folder of photos; made if there is none yet.

        Returns at once. An open project is closed first, and one that is being opened is waited
        for; the one that is open stays. What cannot be opened is said in the message bar.
        """
        if self.working is not None and path == self.working.project.path:
            return
        if self._opening is not None or self._ending or self.session is not None:
            self._next = path if path != self._opening else None
            self.close_project()
            return
        self._opening = path
        self.messages.hide()
        self.wait.setText(f"Opening {path.name or path}…")
        self.stack.setCurrentWidget(self.wait)
        threading.Thread(target=self._open, args=(path,), name="opening", daemon=True).start()

    def close_project(self) -> None:
        """Back to the start page."""
        session = self.working
        if session is None:
            return
        self._ending = True
        images = None
        if self.workspace is not None:
            images = self.workspace.image_count
            self.workspace.dismiss()
        recent.note(session.project.path, session.project.folder, images)
        self.wait.setText("Saving…")
        self.top.hide()
        self.stack.setCurrentWidget(self.wait)
        session.stop()
        threading.Thread(target=self._finish, args=(session,), name="closing").start()

    @property
    def working(self) -> Session | None:
        """The session, unless it is being closed: nothing new can be asked of it then."""
        return None if self._ending else self.session

    def come_forward(self) -> None:
        """In front of the windows of other programs, where the desktop allows it."""
        if self.isMinimized():
            self.showNormal()
        self.raise_()
        self.activateWindow()

    def show_start(self) -> None:
        self.setWindowTitle("Annotator")
        self.top.hide()
        self.status.watch(self.own_jobs)
        self.status.setVisible(bool(self.own_jobs.running))
        self.stack.setCurrentWidget(self.start)
        self.start.setFocus()
        threading.Thread(target=self._read_recent, name="recent", daemon=True).start()

    def _open(self, path: Path) -> None:
        try:
            opening.require_somewhere(path)
            opened = opening.open_or_create(path)
        except AnnotatorError as error:
            self._tell(self._refused, str(error))
        except Exception as error:  # the boundary of a thread: told to the person, and logged
            self._tell(self._refused, in_words(error, f"{path} could not be opened"))
        else:
            self._tell(self._opened, opened)

    def _tell(self, signal: SignalInstance, about: object) -> None:
        """Emit from a thread that may outlive the window."""
        if shiboken6.isValid(self):
            signal.emit(about)

    def _show_project(self, opened: tuple[Project, bool]) -> None:
        project, new = opened
        self._opening = None
        if self._quitting:
            project.close()
            self.close()
            return
        recent.note(project.path, project.folder)
        session = Session(project, self, self.downloads)
        self.session = session
        session.message.connect(lambda level, text: self.messages.show_message(level, text))
        session.offered.connect(self._offer)
        session.acted.connect(self.messages.outdate)
        self.status.watch(self.own_jobs, session.jobs)
        shown = threading.Event()
        steps.scan(session, shown, new=new)
        # After the scan, which starts by itself: what it hides, nobody would have read.
        session.jobs.started.connect(lambda _: self.messages.try_again())
        self.workspace = Workspace(session, self.commands, self)
        self.workspace.counted.connect(self.top.show_project)
        self.workspace.saved.connect(self.status.show_saved)
        self.status.show_note("")
        self.workspace.ahead.connect(self.status.show_note)
        self.workspace.images.first_image_painted.connect(shown.set)
        self.workspace.images.first_image_painted.connect(self.first_image_painted)
        session.view_changed.connect(self.top.show_view)
        session.view_changed.connect(lambda: QTimer.singleShot(0, self, self.messages.place))
        self.status.show()
        self.top.show_project(project.path.name, "")
        self.top.show_view(session.view)
        self.top.show()
        self.setWindowTitle(f"{project.path.stem} — Annotator")
        self.stack.addWidget(self.workspace)
        self.stack.setCurrentWidget(self.workspace)
        self.workspace.images.setFocus()
        self.project_opened.emit(session)
        if self._next is not None:  # another one was asked for meanwhile
            self.close_project()

    def _offer(self, level: str, text: str, offers: Offers) -> None:
        """A message with buttons that run commands."""
        deeds = [(words, partial(self.commands.run, command)) for words, command in offers]
        self.messages.show_message(level, text, deeds)

    def _show_refusal(self, why: str) -> None:
        self._opening = None
        if self._quitting:
            self.close()
            return
        self.show_start()
        self.messages.show_message("error", why)
        self._open_next()

    def _finish(self, session: Session) -> None:
        try:
            self.left_working = not session.finish(self._hurry)
        finally:
            self._ended.emit()

    def _after_end(self) -> None:
        session, self.session = self.session, None
        workspace, self.workspace = self.workspace, None
        self._ending = False
        if workspace is not None:
            self.stack.removeWidget(workspace)
            workspace.deleteLater()
        if session is not None and not self.left_working:
            session.deleteLater()
        self.commands.drop_others(self._own_commands)
        self.project_closed.emit()
        if self._quitting:
            self.close()
            return
        self.show_start()
        self._open_next()

    def _open_next(self) -> None:
        path, self._next = self._next, None
        if path is not None:
            self.open_path(path)

    def _read_recent(self) -> None:
        rows = [(row, Path(row.path).exists()) for row in recent.load()]
        self._tell(self._recent_read, rows)

    def _forget(self, path: str) -> None:
        recent.forget(path)
        self.show_start()

    # --- what the commands do

    def ask_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Open a folder of photos")
        if chosen:
            self.open_path(Path(chosen))

    def ask_project(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(
            self, "Open a project", "", "Annotator projects (*.annot)"
        )
        if chosen:
            self.open_path(Path(chosen))

    def run_demo(self) -> None:
        """Sample photos through every step in the person's home folder, then open the result."""
        folder = Path.home() / "annotator-demo"
        if self.own_jobs.get("demo") is not None:
            return
        job = self.own_jobs.start("demo", lambda: steps.demo(folder), "Preparing the demo")
        self.status.setVisible(True)
        job.finished.connect(lambda: self._demo_ready(folder / "demo.annot"))
        job.failed.connect(lambda why: self.messages.show_message("error", why))
        job.ended.connect(lambda: self.status.setVisible(self.session is not None))

    def _demo_ready(self, path: Path) -> None:
        if self.session is None:
            self.open_path(path)
        else:  # the person went on to something else meanwhile
            self.messages.show_message("info", f"The demo is ready: {path}.")

    def report(self, error: BaseException) -> None:
        """An error that nobody expected: one sentence here, the details in the log."""
        self.messages.show_message("error", in_words(error, "Something went wrong"))

    def switch_theme(self) -> None:
        """The other one of light and dark, kept for the next start."""
        self.set_theme("light" if theme.tokens().dark else "dark")

    def set_theme(self, mode: theme.Mode) -> None:
        theme.set_mode(mode)
        QSettings().setValue("theme", mode)
        self._restyle()

    def _restyle(self) -> None:
        application = QApplication.instance()
        if isinstance(application, QApplication):
            theme.apply(application)
        self.top.restyle()
        if self.session is not None:
            self.session.theme_changed.emit()

    def _choose_view(self, view: str) -> None:
        if self.working is not None:
            self.working.select_view("vocabulary" if view == "vocabulary" else "images")

    def _message_place(self) -> Over:
        """The middle column: there it lies over an image, not over a search box, a list or the
        tools."""
        return Over(self.stack) if self.workspace is None else self.workspace.middle

    # --- events

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if desktop.dropped(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        path = desktop.dropped(event)
        if path is not None:
            event.acceptProposedAction()
            self.open_path(path)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.messages.place()

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._gone:
            event.accept()
            return
        self._hurry.begin(_PATIENCE_S)
        self.own_jobs.stop()
        if self.session is None and not self._ending and self._opening is None:
            self._gone = True
            self.hide()
            self.left_working |= not self.own_jobs.close(self._hurry)
            event.accept()
            self.closed.emit()
            QApplication.quit()
            return
        # Decisions are finished on another thread; the window goes at once and comes back as the
        # last event when they are on disk.
        event.ignore()
        self._quitting = True
        self.hide()
        QGuiApplication.setQuitOnLastWindowClosed(False)
        self.close_project()
