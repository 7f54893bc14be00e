"""Replies that could not be read: listed, read word for word, and shown as nothing but text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from annotator.gui.main_window import MainWindow
from annotator.gui.replies_popover import PAGE, RepliesPopover
from annotator.gui.session import Session
from annotator.gui.words import word_for_word
from annotator.project import queries, store
from annotator.project.project import Project

Press = Callable[..., None]
NASTY = "<img src='file:///etc/passwd'><b>ignore all instructions</b>\x07\u202e & accept everything"


def fail(project: Project, count: int) -> list[int]:
    """So many failed replies, and as many good ones; the image ids."""
    with project.write("runs", "proposals") as db:
        ids = queries.image_ids(db)
        run = store.start_run(db, "propose", pack="test", total=count)
        for i in range(count):
            store.add_replies(
                db,
                run,
                ids[i % len(ids)],
                [
                    store.ReplyRow("whole", 2 * i, f"{i}: {NASTY}", "no list in <b>it</b>"),
                    store.ReplyRow("whole", 2 * i + 1, "['sofa']"),
                ],
            )
        store.finish_run(db, run, "done")
    return ids


@pytest.fixture
def session(photos: Path, opened: Callable[[Path], Session]) -> Session:
    return opened(photos)


def ask(qtbot: QtBot, window: MainWindow, session: Session) -> RepliesPopover:
    assert window.commands.run("replies")
    qtbot.waitUntil(
        lambda: (
            window.findChild(RepliesPopover) is not None
            and window.findChild(RepliesPopover).isVisible()
            and session.idle
        ),
        timeout=20_000,
    )
    return window.findChild(RepliesPopover)


def test_the_reply_is_shown_word_for_word(
    qtbot: QtBot, window: MainWindow, session: Session, press: Press
) -> None:
    fail(session.project, 2)
    popover = ask(qtbot, window, session)
    assert popover.title.text() == "2 replies could not be read"
    assert popover.model.rowCount() == 2
    assert QApplication.focusWidget() is popover.list
    assert popover.text.toPlainText().startswith("0: <img src='file:///etc/passwd'><b>ignore")
    assert popover.text.toPlainText().endswith("</b>⟨U+0007⟩⟨U+202E⟩ & accept everything")
    assert popover.reason.text() == "no list in <b>it</b>"
    assert popover.reason.textFormat() == Qt.TextFormat.PlainText
    assert popover.text.isReadOnly()
    press(window, Qt.Key.Key_Down)
    assert popover.text.toPlainText().startswith("1: <img")
    tip = popover.model.data(popover.model.index(0), Qt.ItemDataRole.ToolTipRole)
    assert "&lt;b&gt;it&lt;/b&gt;" in tip
    assert window.rect().contains(popover.geometry())


def test_enter_goes_to_the_image_and_esc_closes(
    qtbot: QtBot, window: MainWindow, session: Session, press: Press
) -> None:
    ids = fail(session.project, 2)
    popover = ask(qtbot, window, session)
    press(window, Qt.Key.Key_Escape)
    assert not popover.isVisible()
    popover = ask(qtbot, window, session)
    press(window, Qt.Key.Key_Down)
    press(window, Qt.Key.Key_Return)
    assert not popover.isVisible()
    assert session.image == ids[1]
    assert session.view == "images"


def test_many_are_read_page_by_page(qtbot: QtBot, window: MainWindow, session: Session) -> None:
    fail(session.project, 2 * PAGE + 7)
    popover = ask(qtbot, window, session)
    assert popover.title.text() == f"{2 * PAGE + 7} replies could not be read"
    assert popover.model.rowCount() < 2 * PAGE + 7

    def all_read() -> bool:
        popover.list.scrollToBottom()
        return popover.model.rowCount() == 2 * PAGE + 7

    qtbot.waitUntil(all_read, timeout=20_000)
    texts = [one.text for one in popover.model.rows]
    assert len(set(texts)) == len(texts)


def test_only_what_cannot_be_seen_is_written_out() -> None:
    seen = "שלום, grüße, 鳥\n\t['a', \"b\"] \\u202e é 😀"
    assert word_for_word(seen) == seen
    assert word_for_word("\x1b[31m\r\n\u2067a\u2069\x00") == (
        "⟨U+001B⟩[31m⟨U+000D⟩\n⟨U+2067⟩a⟨U+2069⟩⟨U+0000⟩"
    )


def test_those_of_the_last_run_come_first(
    qtbot: QtBot, window: MainWindow, session: Session
) -> None:
    fail(session.project, PAGE)
    fail(session.project, 3)
    popover = ask(qtbot, window, session)
    assert popover.title.text() == (
        f"{PAGE + 3} replies could not be read · 3 of the last run, these first"
    )
    runs = [one.run_id for one in popover.model.rows]
    assert runs[0] == runs[2] > runs[3]
    assert [one.text[:2] for one in popover.model.rows[:4]] == ["0:", "1:", "2:", "0:"]


def test_without_replies_it_says_so(
    qtbot: QtBot, window: MainWindow, session: Session, press: Press
) -> None:
    popover = ask(qtbot, window, session)
    assert popover.nothing.isVisible()
    assert not popover.list.isVisible()
    press(window, Qt.Key.Key_Return)
    assert not popover.isVisible()


def test_no_label_of_the_window_reads_markup(
    qtbot: QtBot, window: MainWindow, session: Session
) -> None:
    """A word that a model said, in every label and tool tip of both views."""
    word = "<b>loud</b> & <i>sly</i>"
    with session.project.write("images", "proposals", "synsets", "tags", "runs") as db:
        ids = queries.image_ids(db)
        synset = store.ensure_synset(db, word, lemmas=(word, "<u>other</u>"), score=1.0)
        row = store.TagRow(ids[0], synset, 0.9, 0.9, 1, 1, ("whole",), True, None)
        store.set_tags(db, [row])
    session.select_image(ids[0])
    session.select_synset(synset)
    for view in ("images", "vocabulary"):
        session.select_view("images" if view == "images" else "vocabulary")
        qtbot.waitUntil(lambda: session.idle, timeout=20_000)
        shown = [one for one in window.findChildren(QLabel) if "<b>" in one.text()]
        for label in shown:
            if "loud" in label.text():
                assert label.textFormat() == Qt.TextFormat.PlainText, label.text()
        for widget in window.findChildren(QLabel):
            assert "<b>loud" not in widget.toolTip(), widget.text()
    said = [one.text().casefold() for one in window.findChildren(QLabel)]
    assert any(word in text for text in said)  # the heading of the evidence
