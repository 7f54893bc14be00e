from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, QRect, QSettings, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QLabel, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from annotator.core import masks
from annotator.core.errors import AnnotatorError
from annotator.core.records import Progress
from annotator.gui import recent, steps, theme
from annotator.gui.main_window import MainWindow
from annotator.gui.popovers import Export, ExportPopover, SegmentPopover
from annotator.gui.propose_popover import ProposePopover
from annotator.gui.session import Session
from annotator.gui.vocabulary_view import VocabularyView
from annotator.operations import regions, synsets, tags
from annotator.project.project import Project

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
Opened = Callable[[Path], Session]
Press = Callable[..., None]


def names(path: Path) -> list[str]:
    with Project.open(path) as project, project.read() as db:
        return [row[0] for row in db.execute("SELECT name FROM synsets ORDER BY id")]


def close_project(qtbot: QtBot, window: MainWindow) -> None:
    with qtbot.waitSignal(window.project_closed, timeout=20_000):
        window.close_project()


def test_a_folder_is_opened_scanned_and_shown(
    qtbot: QtBot, window: MainWindow, photos: Path, opened: Opened
) -> None:
    with qtbot.waitSignal(window.first_image_painted, timeout=20_000):
        opened(photos)
    assert window.windowTitle() == "photos — Annotator"
    assert window.top.name.text() == "photos.annot"
    assert window.top.counts.text() == "4 images · 0 reviewed"
    assert "saved in photos.annot" in window.status.saved.text()
    assert window.status.saved.toolTip() == str(photos.parent / "photos.annot")
    assert window.messages.text.text().startswith("broken.jpg could not be read")
    assert [row.path for row in recent.load()] == [str(photos.parent / "photos.annot")]


def test_closing_the_project_goes_back_to_the_start_page(
    qtbot: QtBot, window: MainWindow, photos: Path, opened: Opened, press: Press
) -> None:
    before = window.commands.keep()
    opened(photos)
    assert window.commands.keep() > before
    with qtbot.waitSignal(window.project_closed, timeout=20_000):
        press(window, Qt.Key.Key_W, CTRL)
    assert window.stack.currentWidget() is window.start
    assert not window.top.isVisible()
    assert not window.status.isVisible()
    assert window.commands.keep() == before
    assert [row.images for row in recent.load()] == [4]
    qtbot.waitUntil(lambda: any("4 images" in x.text() for x in window.start.findChildren(QLabel)))
    opened(photos)  # and again, on the project that is there now
    assert window.top.counts.text() == "4 images · 0 reviewed"


def test_another_project_takes_the_place_of_the_open_one(
    qtbot: QtBot, window: MainWindow, photos: Path, opened: Opened, tmp_path: Path
) -> None:
    first = opened(photos)
    first.act(synsets.add, "sofa")
    other = tmp_path / "other.annot"
    Project.create(other, photos).close()
    with qtbot.waitSignal(window.project_opened, timeout=20_000):
        window.open_path(other)
    assert window.session is not None
    assert window.session.project.path == other
    assert names(photos.parent / "photos.annot") == ["sofa"]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.write_bytes(b"no database at all " * 99), "bad.annot"),
    ],
)
def test_what_cannot_be_opened_is_said_in_one_sentence(
    qtbot: QtBot,
    window: MainWindow,
    tmp_path: Path,
    make: Callable[[Path], object],
    says: str,
) -> None:
    path = tmp_path / "bad.annot"
    make(path)
    before = path.read_bytes() if path.exists() else None
    window.open_path(path)
    qtbot.waitUntil(window.messages.isVisible)
    assert says in window.messages.text.text()
    assert window.messages.property("level") == "error"
    assert window.stack.currentWidget() is window.start
    assert (path.read_bytes() if path.exists() else None) == before


def test_a_project_on_a_full_disk_says_so_and_stays_as_it_is(
    qtbot: QtBot, window: MainWindow, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource = pytest.importorskip("resource", reason="Windows has no such limit")
    path = tmp_path / "my.annot"
    Project.create(path, photos).close()
    before, really = path.read_bytes(), Project.open

    def full(path: Path) -> Project:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            return really(path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    monkeypatch.setattr(Project, "open", full)
    window.open_path(path)
    qtbot.waitUntil(window.messages.isVisible, timeout=20_000)
    says = window.messages.text.text()
    assert says.startswith(f"The disk with {path} is full: free some space and try again.")
    assert window.stack.currentWidget() is window.start
    assert path.read_bytes() == before
    monkeypatch.setattr(Project, "open", really)
    with qtbot.waitSignal(window.project_opened, timeout=20_000):
        window.open_path(path)


def test_an_empty_folder_is_said_and_stays_open(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    folder = tmp_path / "nothing"
    folder.mkdir()
    with qtbot.waitSignal(window.project_opened, timeout=20_000):
        window.open_path(folder)
    qtbot.waitUntil(window.messages.isVisible)
    assert "nothing" in window.messages.text.text()
    assert window.session is not None


def test_the_views_by_key_and_by_button(
    qtbot: QtBot, window: MainWindow, photos: Path, opened: Opened, press: Press
) -> None:
    session = opened(photos)
    press(window, Qt.Key.Key_2, CTRL)
    assert session.view == "vocabulary"
    assert window.top.views["vocabulary"].isChecked()
    qtbot.waitUntil(lambda: window.top.counts.text() == "0 synsets · 0 accepted")
    press(window, Qt.Key.Key_1, CTRL)
    assert session.view == "images"
    window.top.views["vocabulary"].click()
    assert session.view == "vocabulary"
    qtbot.waitUntil(lambda: session.idle)


def on_window(widget: QWidget, window: MainWindow) -> QRect:
    return QRect(widget.mapTo(window, QPoint()), widget.size())


@pytest.mark.parametrize("sentences", [1, 40])
def test_a_message_covers_the_image_alone_and_can_be_closed(
    qtbot: QtBot, window: MainWindow, photos: Path, opened: Opened, sentences: int
) -> None:
    session = opened(photos)
    assert window.workspace is not None
    images = window.workspace.images
    qtbot.waitUntil(images.tools.isVisible)
    bar = window.messages
    (close,) = bar.findChildren(QPushButton)
    offers = [("Show them", lambda: None)]
    bar.show_message("error", "Something was wrong with that file. " * sentences, offers)

    def clear() -> bool:
        return on_window(images.canvas, window).contains(bar.geometry()) and not any(
            bar.geometry().intersects(on_window(part, window))
            for part in (images.tools, images.bar)
        )

    for size in ((1440, 900), (1000, 640)):
        window.resize(*size)
        qtbot.waitUntil(clear)
        assert bar.rect().contains(close.geometry())
        assert bar.rect().contains(bar.offers[0].geometry())
        assert bar.height() < images.canvas.height() / 2
    left, *rest = images.columns.sizes()
    images.columns.setSizes([left + 40, *rest])  # dragged by its handle, the window stays
    qtbot.waitUntil(clear)
    close.click()
    assert not bar.isVisible()
    qtbot.waitUntil(lambda: session.idle)


def test_a_message_stays_in_the_middle_column(
    qtbot: QtBot, window: MainWindow, photos: Path, opened: Opened
) -> None:
    """Of another view too, with words in it and without; and it goes along when the view does."""
    session = opened(photos)
    window.messages.show_message("error", "Something long was wrong with that file. " * 5)
    session.select_view("vocabulary")
    view = window.workspace.vocabulary  # type: ignore[union-attr]
    assert isinstance(view, VocabularyView)
    qtbot.waitUntil(view.empty.isVisible)
    page = on_window(view.empty, window)
    qtbot.waitUntil(lambda: abs(window.messages.geometry().center().x() - page.center().x()) <= 1)
    assert page.contains(window.messages.geometry())
    session.act(synsets.add, "sofa")
    qtbot.waitUntil(view.columns.isVisible)
    assert view.evidence.parentWidget() is view.columns.widget(1)
    centre = on_window(view.evidence.parentWidget(), window)
    qtbot.waitUntil(lambda: centre.contains(window.messages.geometry()))
    qtbot.waitUntil(lambda: session.idle)


def test_undo_by_key_and_by_click(
    qtbot: QtBot, window: MainWindow, photos: Path, opened: Opened, press: Press
) -> None:
    session = opened(photos)
    assert window.status.undo.text() == "Nothing to undo"
    session.act(synsets.add, "sofa")
    qtbot.waitUntil(lambda: window.status.undo.text().startswith("Undo: "))
    label = window.status.undo.text()
    press(window, Qt.Key.Key_Z, CTRL)
    qtbot.waitUntil(lambda: window.status.undo.text() == "Nothing to undo")
    assert window.messages.text.text() == f"Undone: {label.removeprefix('Undo: ')}"
    press(window, Qt.Key.Key_Z, CTRL | SHIFT)
    qtbot.waitUntil(lambda: window.status.undo.text() == label)
    window.status.undo.click()
    qtbot.waitUntil(lambda: window.status.undo.text() == "Nothing to undo")
    assert window.messages.isVisible()
    session.act(synsets.add, "lamp")
    assert not window.messages.isVisible()  # what was undone before is no news any more


def test_an_error_goes_when_a_step_is_started_again(
    qtbot: QtBot, window: MainWindow, photos: Path, opened: Opened
) -> None:
    session = opened(photos)

    def fails() -> Iterator[Progress]:
        raise AnnotatorError("The server does not answer: start it.")
        yield  # a generator

    job = session.jobs.start("propose", fails, "Proposing tags")
    with qtbot.waitSignal(job.ended):
        pass
    session.message.emit("error", "The server does not answer: start it.")
    assert window.messages.isVisible()
    go_on = threading.Event()

    def waits() -> Iterator[Progress]:
        go_on.wait()
        yield Progress("test", 1, 1)

    again = session.jobs.start("propose", waits, "Proposing tags")
    assert not window.messages.isVisible()
    with qtbot.waitSignal(again.ended):
        go_on.set()


def test_closing_while_work_runs_loses_no_decision(
    qtbot: QtBot, window: MainWindow, photos: Path, opened: Opened
) -> None:
    session = opened(photos)
    path = session.project.path
    going, go_on = threading.Event(), threading.Event()

    def endless() -> Iterator[Progress]:
        while True:
            going.set()
            yield Progress("test", 1, None)

    job = session.jobs.start("endless", endless)
    assert going.wait(10)
    session.act(lambda _: go_on.wait(10))
    for i in range(5):
        session.act(synsets.add, f"word {i}")
    with qtbot.waitSignal(window.closed, timeout=20_000):
        assert not window.close()
        assert not window.isVisible()
        go_on.set()
    assert not job.running
    assert not list(path.parent.glob("photos.annot-wal"))
    assert names(path) == [f"word {i}" for i in range(5)]


def test_closing_while_a_project_is_being_opened(
    qtbot: QtBot, window: MainWindow, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from annotator.gui import opening

    real, go_on = opening.open_or_create, threading.Event()

    def slow(path: Path) -> tuple[Project, bool]:
        go_on.wait(10)
        return real(path)

    monkeypatch.setattr(opening, "open_or_create", slow)
    window.open_path(photos)
    assert not window.close()
    with qtbot.waitSignal(window.closed, timeout=20_000):
        go_on.set()
    assert window.session is None
    assert not list(photos.parent.glob("photos.annot-wal"))
    assert names(photos.parent / "photos.annot") == []


def test_nothing_can_be_asked_of_a_project_that_is_being_closed(
    qtbot: QtBot, window: MainWindow, photos: Path, opened: Opened, press: Press
) -> None:
    session = opened(photos)
    go_on, refused = threading.Event(), []
    session.act(synsets.add, "sofa")
    session.act(lambda _: go_on.wait(10))
    window.commands.run("export")
    (form,) = window.findChildren(ExportPopover)
    session.work(lambda: None, lambda _: refused.append("a form would open now"))
    with qtbot.waitSignal(window.project_closed, timeout=20_000):
        window.close_project()
        assert not form.isVisible()
        assert not window.top.isVisible()
        press(window, Qt.Key.Key_Z, CTRL)
        for command in ("undo", "propose", "support", "segment", "export", "scan", "close"):
            assert not window.commands.run(command)
        window.top.view_chosen.emit("vocabulary")
        assert steps.scan(session) is None
        assert "being closed" in window.messages.text.text()
        go_on.set()
    assert refused == []
    assert names(photos.parent / "photos.annot") == ["sofa"]
    assert window.findChildren(VocabularyView) == []


def drag(window: MainWindow, mime: QMimeData) -> QDragEnterEvent:
    event = QDragEnterEvent(
        window.rect().center(),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    event.ignore()
    window.dragEnterEvent(event)
    return event


def test_a_folder_can_be_dropped(qtbot: QtBot, window: MainWindow, photos: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(photos))])
    assert drag(window, mime).isAccepted()
    event = QDropEvent(
        QPointF(window.rect().center()),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    with qtbot.waitSignal(window.project_opened, timeout=20_000):
        window.dropEvent(event)


def test_what_is_neither_folder_nor_project_cannot_be_dropped(
    window: MainWindow, photos: Path
) -> None:
    photo, text, two = QMimeData(), QMimeData(), QMimeData()
    photo.setUrls([QUrl.fromLocalFile(str(photos / "0.jpg"))])
    text.setText("sofa")
    two.setUrls([QUrl.fromLocalFile(str(photos)), QUrl.fromLocalFile(str(photos.parent))])
    for mime in (photo, text, two):
        assert not drag(window, mime).isAccepted()


def test_the_theme_is_switched_and_kept(
    qtbot: QtBot, window: MainWindow, photos: Path, opened: Opened, press: Press
) -> None:
    session = opened(photos)
    theme.set_mode("light")
    with qtbot.waitSignal(session.theme_changed):
        press(window, Qt.Key.Key_T, CTRL)
    assert theme.tokens() is theme.DARK
    assert QSettings().value("theme") == "dark"
    window.commands.run("theme.system")
    assert theme.mode() == "system"


# --- popovers and steps


def test_the_popovers_open_by_key_and_go_with_the_project(
    qtbot: QtBot, window: MainWindow, photos: Path, opened: Opened, press: Press
) -> None:
    opened(photos)
    for key, kind in (
        (Qt.Key.Key_P, ProposePopover),
        (Qt.Key.Key_M, SegmentPopover),
        (Qt.Key.Key_E, ExportPopover),
    ):
        press(window, key, CTRL)

        def shown(kind: type[ProposePopover | SegmentPopover | ExportPopover] = kind) -> bool:
            return any(found.isVisible() for found in window.findChildren(kind))

        qtbot.waitUntil(shown)
    close_project(qtbot, window)
    assert not any(found.isVisible() for found in window.findChildren(ExportPopover))
    assert not window.commands.run("export")


@pytest.mark.parametrize("what", ["palette", "shortcuts"])
def test_what_speaks_of_a_project_goes_with_it(
    qtbot: QtBot, window: MainWindow, photos: Path, opened: Opened, what: str
) -> None:
    opened(photos)
    window.commands.run(what)
    overlay = window.palette_ if what == "palette" else window.sheet
    assert overlay.isVisible()
    close_project(qtbot, window)
    assert not overlay.isVisible()


def test_masks_can_be_asked_for_after_the_selected_word_was_taken_back(
    qtbot: QtBot, window: MainWindow, photos: Path, opened: Opened
) -> None:
    session = opened(photos)
    session.act(synsets.add, "sofa", done=session.select_synset)
    session.undo()
    qtbot.waitUntil(lambda: session.idle)
    assert session.synset is not None
    window.commands.run("segment")
    (form,) = window.findChildren(SegmentPopover)
    qtbot.waitUntil(form.isVisible)
    assert form.what.count() == 1


def test_an_export_says_where_it_is(
    qtbot: QtBot, window: MainWindow, photos: Path, opened: Opened, tmp_path: Path
) -> None:
    session = opened(photos)
    image = session.image
    assert image is not None
    mask = np.zeros((32, 48), bool)
    mask[4:20, 8:30] = True
    session.act(tags.add_word, image, "sofa", done=session.select_synset)
    qtbot.waitUntil(lambda: session.idle and session.synset is not None)
    session.act(regions.keep, image, session.synset, masks.encode(mask), 0.2, {})
    qtbot.waitUntil(lambda: session.idle)
    out = tmp_path / "out.json"
    with qtbot.waitSignal(session.message, timeout=20_000) as said:
        steps.export(session, Export("coco", "accepted", out))
    assert said.args == ["info", f"Exported to {out}."]
    assert [kind["name"] for kind in json.loads(out.read_text())["categories"]] == ["sofa"]


def test_an_export_that_fails_is_one_sentence(
    qtbot: QtBot, window: MainWindow, photos: Path, opened: Opened, tmp_path: Path
) -> None:
    session = opened(photos)
    with qtbot.waitSignal(session.message, timeout=20_000) as said:
        steps.export(session, Export("coco", "accepted", tmp_path / "nowhere" / "out.json"))
    assert said.args[0] == "error"
    assert "nowhere" in said.args[1]
    assert window.messages.text.text() == said.args[1]


def test_an_export_of_nothing_says_so_without_the_command_line(
    qtbot: QtBot, window: MainWindow, photos: Path, opened: Opened, tmp_path: Path
) -> None:
    session = opened(photos)
    for format_ in ("coco", "ade20k"):
        with qtbot.waitSignal(session.message, timeout=20_000) as said:
            steps.export(session, Export(format_, "accepted", tmp_path / f"out-{format_}"))
        assert said.args[0] == "error"
        assert "--" not in said.args[1]
        qtbot.waitUntil(lambda: session.jobs.get("export") is None)


def test_a_step_under_way_is_not_started_twice(
    qtbot: QtBot, window: MainWindow, photos: Path, opened: Opened
) -> None:
    session = opened(photos)
    go_on = threading.Event()

    def wait() -> Iterator[Progress]:
        go_on.wait(10)
        yield Progress("export", 1, 1, result={})

    job = session.jobs.start("export", wait, "Exporting")
    with qtbot.waitSignal(session.message) as said:
        assert steps.export(session, Export("coco", "accepted", photos / "out.json")) is None
    assert "under way already" in said.args[1]
    assert window.status.title.text() == "Exporting"
    with qtbot.waitSignal(job.finished):
        go_on.set()
    assert not (photos / "out.json").exists()


def test_a_cancelled_scan_says_that_it_can_go_on(
    qtbot: QtBot, window: MainWindow, photos: Path, opened: Opened
) -> None:
    session = opened(photos)
    shown = threading.Event()
    job = steps.scan(session, shown, new=True)  # it rests until an image is shown
    assert job is not None
    with qtbot.waitSignal(job.cancelled, timeout=20_000):
        job.cancel()
        shown.set()
    assert "Scanning the folder was stopped" in window.messages.text.text()
    assert "start it again" in window.messages.text.text()


def test_typing_in_the_filter_is_no_command(
    qtbot: QtBot, window: MainWindow, photos: Path, opened: Opened, press: Press
) -> None:
    session = opened(photos)
    before = session.image
    press(window, Qt.Key.Key_Slash)
    field = window.focusWidget()
    assert isinstance(field, QLineEdit)
    for key in (Qt.Key.Key_D, Qt.Key.Key_A, Qt.Key.Key_Y):
        press(window, key)
    assert field.text() == "day"
    qtbot.waitUntil(lambda: session.idle)
    assert session.image == before


def test_the_palette_and_the_sheet_by_key(
    qtbot: QtBot, window: MainWindow, photos: Path, opened: Opened, press: Press
) -> None:
    opened(photos)
    press(window, Qt.Key.Key_K, CTRL)
    assert window.palette_.isVisible()
    assert "Propose tags and vocabulary…" in window.palette_.titles()
    press(window, Qt.Key.Key_Escape)
    window.commands.run("shortcuts")
    assert window.sheet.isVisible()
    assert not window.palette_.isVisible()


def test_an_error_nobody_expected_is_told(qtbot: QtBot, window: MainWindow) -> None:
    window.report(ZeroDivisionError("division by zero"))
    assert "division by zero" in window.messages.text.text()
    assert "details are in" in window.messages.text.text()
