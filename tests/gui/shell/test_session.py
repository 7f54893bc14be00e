from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

from pytestqt.qtbot import QtBot

from annotator.core.errors import AnnotatorError, Cancelled
from annotator.core.records import Progress
from annotator.gui.faults import log_file
from annotator.gui.session import Session
from annotator.operations import synsets
from annotator.project import store
from annotator.project.project import Project


def names(project: Project) -> list[str]:
    with project.read() as db:
        return [row[0] for row in db.execute("SELECT name FROM synsets ORDER BY id")]


def test_facts_are_read_on_another_thread_and_told_on_this_one(
    qtbot: QtBot, session: Session
) -> None:
    told: list[tuple[str, str]] = []

    def read(db: object) -> str:
        return threading.current_thread().name

    session.read(read, lambda who: told.append((who, threading.current_thread().name)))
    assert not session.idle
    with qtbot.waitSignal(session.settled):
        pass
    assert told[0][0].startswith("reader")
    assert told[0][1] == threading.main_thread().name


def test_a_reader_cannot_write(qtbot: QtBot, session: Session) -> None:
    with qtbot.waitSignal(session.message) as said:
        session.read(lambda db: db.execute("DELETE FROM synsets"), lambda _: None)
    assert said.args[0] == "error"
    assert "read-only" in said.args[1]


def test_decisions_are_made_in_order(qtbot: QtBot, session: Session) -> None:
    done: list[int] = []
    for i in range(20):
        session.act(synsets.add, f"word {i}", done=done.append)
    qtbot.waitUntil(lambda: session.idle)
    assert names(session.project) == [f"word {i}" for i in range(20)]
    assert done == sorted(done)
    assert len(done) == 20


def test_a_decision_is_news_at_once(qtbot: QtBot, session: Session) -> None:
    with qtbot.waitSignal(session.changed) as changed:
        session.act(synsets.add, "sofa")
    assert "synsets" in changed.args[0]
    assert "history" in changed.args[0]


def test_a_refused_decision_goes_to_failed_or_the_message_bar(
    qtbot: QtBot, session: Session
) -> None:
    refused: list[AnnotatorError] = []
    session.act(synsets.accept, [404], failed=refused.append)
    qtbot.waitUntil(lambda: session.idle)
    assert len(refused) == 1
    with qtbot.waitSignal(session.message) as said:
        session.act(synsets.accept, [404])
    assert said.args == ["error", str(refused[0])]


def test_a_defect_is_told_in_a_sentence(qtbot: QtBot, session: Session) -> None:
    """Whoever shows a decision before it is made takes it back then."""
    refused: list[AnnotatorError] = []

    def defect(project: Project) -> None:
        raise KeyError("nobody expected this")

    with qtbot.waitSignal(session.message) as said:
        session.act(defect, failed=refused.append)
        session.act(defect)
    assert said.args[0] == "error"
    assert str(log_file()) in said.args[1]
    assert [str(error) for error in refused] == [said.args[1]]


def test_a_decision_that_is_refused_while_the_project_is_closed_is_told(
    qtbot: QtBot, project: Project
) -> None:
    session, told = Session(project), []
    session.message.connect(lambda level, words: told.append((level, words)))
    go_on = threading.Event()
    session.act(lambda _: go_on.wait(10))
    session.act(synsets.accept, [404])
    session.stop()
    go_on.set()
    session.finish()
    qtbot.waitUntil(lambda: session.idle)
    assert [level for level, _ in told] == ["error"]
    assert "404" in told[0][1]


def test_what_a_person_stopped_is_no_error(qtbot: QtBot, session: Session) -> None:
    def stopped() -> None:
        raise Cancelled("stopped")

    with qtbot.assertNotEmitted(session.message):
        session.work(stopped, lambda _: None)
        qtbot.waitUntil(lambda: session.idle)


def test_undo_and_redo_say_which(qtbot: QtBot, session: Session) -> None:
    for do, said in (
        (session.undo, "Nothing to undo."),
        (session.redo, "Nothing to redo."),
    ):
        with qtbot.waitSignal(session.message) as message:
            do()
        assert message.args == ["info", said]
    sofa = synsets.add(session.project, "couch")
    synsets.rename(session.project, sofa, "sofa")
    for do, begins in ((session.undo, "Undone: Rename couch"), (session.redo, "Done again: Ren")):
        with qtbot.waitSignal(session.message) as message:
            do()
        assert message.args[1].startswith(begins)


def test_selection_is_news_only_when_it_changes(qtbot: QtBot, session: Session) -> None:
    heard: list[object] = []
    session.image_changed.connect(heard.append)
    session.synset_changed.connect(heard.append)
    session.view_changed.connect(heard.append)
    for _ in range(2):
        session.select_image(3)
        session.select_synset(4)
        session.select_view("vocabulary")
    assert heard == [3, 4, "vocabulary"]
    assert (session.image, session.synset, session.view) == (3, 4, "vocabulary")


def test_news_of_a_job_is_gathered(qtbot: QtBot, session: Session) -> None:
    news: list[frozenset[str]] = []
    session.changed.connect(news.append)

    def write() -> Iterator[Progress]:
        for i in range(50):
            with session.project.write("synsets") as db:
                store.ensure_synset(db, f"word {i}")
            yield Progress("write", i + 1, 50, result={} if i == 49 else None)

    with qtbot.waitSignal(session.jobs.start("write", write).finished, timeout=20_000):
        pass
    qtbot.waitUntil(lambda: session.idle)
    assert news
    assert len(news) < 25
    assert len(names(session.project)) == 50


def test_settled_comes_after_a_job_that_wrote_nothing(qtbot: QtBot, session: Session) -> None:
    with qtbot.waitSignal(session.settled):
        session.jobs.start("idle", lambda: iter([Progress("none", 1, 1, result={})]))
    assert session.idle


def test_another_program_that_writes_is_noticed(qtbot: QtBot, session: Session) -> None:
    with (
        qtbot.waitSignal(session.changed, timeout=10_000),
        Project.open(session.project.path) as it,
    ):
        synsets.add(it, "from the command line")
    assert names(session.project) == ["from the command line"]


def test_closing_carries_out_every_decision(qtbot: QtBot, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    project = Project.create(tmp_path / "closing.annot", folder)
    session = Session(project)
    go_on = threading.Event()
    session.act(lambda _: go_on.wait(10))
    for i in range(10):
        session.act(synsets.add, f"word {i}")
    reading = threading.Event()
    session.work(lambda: reading.wait(0.01), lambda _: None)

    def endless() -> Iterator[Progress]:
        while True:
            yield Progress("test", 1, None)

    session.jobs.start("endless", endless)
    session.stop()
    closing = threading.Thread(target=session.finish)
    closing.start()
    go_on.set()
    qtbot.waitUntil(lambda: not closing.is_alive(), timeout=20_000)
    with Project.open(tmp_path / "closing.annot") as again:
        assert names(again) == [f"word {i}" for i in range(10)]


def test_closing_twice_is_closing_once(qtbot: QtBot, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    session = Session(Project.create(tmp_path / "twice.annot", folder))
    session.close()
    session.close()
    session.read(lambda db: 1, lambda _: None)
    session.act(synsets.add, "too late")
    assert session.idle
