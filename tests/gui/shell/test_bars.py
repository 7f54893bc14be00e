"""Message bar, status line and popovers, each alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMainWindow, QPushButton
from pytestqt.qtbot import QtBot

from annotator.core.records import FILTERS, GRIDS, Failure, Progress
from annotator.gui import messages
from annotator.gui.jobs import Jobs
from annotator.gui.messages import MessageBar
from annotator.gui.pack_facts import PackFacts
from annotator.gui.propose_popover import FILTER_WORDS, GRID_WORDS, ProposePopover
from annotator.gui.status_line import StatusLine, duration, progress_text
from annotator.gui.words import size_words


@pytest.fixture
def window(qtbot: QtBot) -> QMainWindow:
    made = QMainWindow()
    qtbot.addWidget(made)
    made.resize(900, 700)
    made.show()
    return made


@pytest.fixture
def jobs(qtbot: QtBot) -> Iterator[Jobs]:
    made = Jobs()
    yield made
    made.close()


class Steps:
    """A pipeline that goes on when it is told to."""

    def __init__(self, *progress: Progress) -> None:
        self._progress = progress
        self.go_on = threading.Event()

    def __call__(self) -> Iterator[Progress]:
        yield from self._progress
        self.go_on.wait(20)
        yield Progress("last", 1, 1, result={})


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (41.6, "42 s"), (60, "1 min"), (190, "3 min"), (4800, "1 h 20 min")],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_the_status_line_follows_a_job(qtbot: QtBot, jobs: Jobs) -> None:
    line = StatusLine()
    qtbot.addWidget(line)
    line.watch(jobs)
    line.show()
    assert not line.cancel.isVisible()
    steps = Steps(Progress("tag", 796, 1284, (Failure("x.jpg", "broken"),)))
    job = jobs.start("tag", steps, "Proposing tags")
    qtbot.waitUntil(lambda: line.bar.value() == 796 * 1000 // 1284)
    assert line.title.text() == "Proposing tags"
    assert line.bar.maximum() == 1000  # more bytes than a bar can count are shown too
    qtbot.waitUntil(lambda: line.numbers.text().startswith("796 of 1,284"))
    assert "1 failed" in line.numbers.text()
    other = Steps()
    jobs.start("export", other, "Exporting")
    assert line.title.text() == "Exporting and 1 more"
    with qtbot.waitSignals([job.finished, jobs.ended]):
        steps.go_on.set()
        other.go_on.set()
    qtbot.waitUntil(lambda: not line.cancel.isVisible())


def test_a_job_without_a_total_runs_without_an_end(qtbot: QtBot, jobs: Jobs) -> None:
    line = StatusLine()
    qtbot.addWidget(line)
    line.watch(jobs)
    steps = Steps(Progress("list", 4321, None))
    job = jobs.start("list", steps)
    assert progress_text(job) == "starting…"
    qtbot.waitUntil(lambda: job.last is not None)
    assert progress_text(job).startswith("4,321")
    assert "left" not in progress_text(job)
    assert line.bar.maximum() == 0
    with qtbot.waitSignal(job.finished):
        steps.go_on.set()


def test_a_download_is_told_in_bytes_more_than_a_bar_can_count(
    qtbot: QtBot, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("annotator.gui.jobs.time.monotonic", lambda: now[0])
    line = StatusLine()
    qtbot.addWidget(line)
    line.watch(jobs)
    steps = Steps()
    job = jobs.start("download clip", steps, "Downloading CLIP")
    job._tell("progressed", Progress("preparing", 9, None, message="reading what is there"))
    assert progress_text(job) == "reading what is there…"
    # Gone on with: what was there before is none of the line's speed.
    job._tell("progressed", Progress("download", 15_000_000_000, 31_000_000_000, message="a.bin"))
    now[0] = 10.0
    job._tell("progressed", Progress("download", 15_500_000_000, 31_000_000_000, message="a.bin"))
    assert progress_text(job) == "15.5 GB of 31.0 GB · 5 min left · 50 MB/s"
    line._refresh()
    assert (line.bar.value(), line.bar.maximum()) == (500, 1000)
    with qtbot.waitSignal(job.ended):
        steps.go_on.set()


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 KB"),
        (1, "1 KB"),
        (42_420_000, "42 MB"),
        (999_499, "999 KB"),
        (999_500, "1 MB"),
        (999_499_999, "999 MB"),
        (999_500_000, "1.0 GB"),
        (31_700_000_000, "31.7 GB"),
    ],
)
def test_bytes_as_a_person_says_them(count: int, words: str) -> None:
    assert size_words(count) == words


def test_jobs_without_a_project_are_shown_beside_those_of_one(qtbot: QtBot, jobs: Jobs) -> None:
    line, own = StatusLine(), Jobs()
    qtbot.addWidget(line)
    line.watch(own, jobs)
    line.show()
    first, second = Steps(), Steps()
    download = own.start("download clip", first, "Downloading CLIP")
    assert line.title.text() == "Downloading CLIP"
    tag = jobs.start("tag", second, "Proposing tags")
    assert line.title.text() == "Proposing tags and 1 more"
    with qtbot.waitSignal(tag.ended):
        second.go_on.set()
    assert line.title.text() == "Downloading CLIP"
    with qtbot.waitSignal(download.ended):
        first.go_on.set()
    assert not line.cancel.isVisible()


def test_cancel_says_that_it_is_stopping(qtbot: QtBot, jobs: Jobs) -> None:
    line = StatusLine()
    qtbot.addWidget(line)
    line.watch(jobs)
    line.show()
    go_on = threading.Event()

    def steps() -> Iterator[Progress]:
        while True:
            go_on.wait(20)
            yield Progress("tag", 1, 2)

    job = jobs.start("tag", steps)
    line.cancel.click()
    assert job.cancelling
    assert line.cancel.text() == "Stopping…"
    assert not line.cancel.isEnabled()
    with qtbot.waitSignal(job.cancelled):
        go_on.set()


def test_the_status_line_leaves_the_jobs_of_a_closed_project(qtbot: QtBot, jobs: Jobs) -> None:
    line = StatusLine()
    qtbot.addWidget(line)
    line.show()
    line.watch(jobs)
    line.show_saved("3 tags accepted", "Merge couch into sofa", "/p.annot")
    other = Jobs()
    line.watch(other)
    assert not line.undo.isVisible()
    assert line.saved.text() == ""
    job = jobs.start("tag", lambda: iter([Progress("tag", 1, 1, result={})]), "Proposing tags")
    assert line.title.text() == ""
    with qtbot.waitSignal(job.ended):
        pass
    other.close()


def test_undo_is_a_button_that_says_what_it_would_undo(qtbot: QtBot) -> None:
    line = StatusLine()
    qtbot.addWidget(line)
    line.show()
    line.show_saved("3 tags accepted", "Merge couch into sofa", "/somewhere/p.annot")
    assert line.undo.text() == "Undo: Merge couch into sofa"
    assert line.saved.toolTip() == "/somewhere/p.annot"
    with qtbot.waitSignal(line.undo_wanted):
        line.undo.click()
    line.show_saved("3 tags accepted", "x" * 500)
    assert line.undo.text().endswith("…")
    assert "x" * 500 in line.undo.toolTip()
    line.show_saved("3 tags accepted", "")
    assert line.undo.text() == "Nothing to undo"
    assert not line.undo.isEnabled()


def test_an_error_stays_and_a_note_goes(
    qtbot: QtBot, window: QMainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "_NOTE_MS", 1)
    bar = MessageBar(window)
    bar.show_message("error", "photos is empty; add photos.")
    assert bar.sign.text() == "!"
    assert not bar._timer.isActive()
    bar.findChild(QPushButton).click()
    assert not bar.isVisible()
    bar.show_message("info", "Undone: Merge couch into sofa")
    assert bar.isVisible()
    qtbot.waitUntil(lambda: not bar.isVisible())


def test_a_message_offers_what_can_be_done_next(window: QMainWindow) -> None:
    bar = MessageBar(window)
    done: list[str] = []
    bar.show_message("info", "Proposed <b>tags</b>.", [("Show them", lambda: done.append("seen"))])
    assert bar.text.textFormat() == Qt.TextFormat.PlainText
    assert window.rect().contains(bar.geometry())
    assert bar.height() > bar.offers[0].height() + bar.text.fontMetrics().height()
    bar.offers[0].click()
    assert done == ["seen"]
    assert not bar.isVisible()
    bar.show_message("info", "Another.")
    assert bar.offers == []


def test_a_message_moves_nothing_and_fits_its_words(qtbot: QtBot, window: QMainWindow) -> None:
    bar = MessageBar(window)
    bar.show_message("note", "Short.")
    assert bar.sign.text() == "·"
    short = bar.geometry()
    bar.show_message("error", "A very long sentence about what went wrong. " * 6)
    assert bar.width() > short.width()
    assert bar.height() > short.height()
    assert window.rect().contains(bar.geometry())
    assert bar.text.height() >= bar.text.heightForWidth(bar.text.width())
    assert not bar.view.verticalScrollBar().maximum()
    assert bar.view.focusPolicy() == Qt.FocusPolicy.NoFocus


def test_a_message_that_is_too_long_scrolls(window: QMainWindow) -> None:
    bar = MessageBar(window)
    bar.show_message("error", "A very long sentence about what went wrong. " * 200)
    assert window.height() / 4 < bar.height() < window.height() / 2
    assert bar.view.verticalScrollBar().maximum() > bar.text.fontMetrics().height()
    assert bar.view.focusPolicy() == Qt.FocusPolicy.TabFocus
    assert bar.findChild(QPushButton).geometry().bottom() < bar.height() / 2
    bar.show_message("error", "Short.")
    assert bar.height() < 60
    assert not bar.view.verticalScrollBar().maximum()


# --- popovers


def test_every_grid_and_filter_has_words() -> None:
    assert set(GRID_WORDS) == set(GRIDS)
    assert set(FILTER_WORDS) == set(FILTERS)


def test_propose_fits_into_the_popover(qtbot: QtBot, window: QMainWindow) -> None:
    popover = ProposePopover(window)
    popover.set_packs([PackFacts("starter", "Starter")], "starter")
    popover.open_at()
    assert window.rect().contains(popover.geometry())
    for combo in (popover.pack, popover.grid, popover.filter):
        widest = max(
            combo.fontMetrics().horizontalAdvance(combo.itemText(i)) for i in range(combo.count())
        )
        assert widest + 32 < combo.width()
