from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import shiboken6
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from annotator.gui.workers import Pool, Task


@pytest.fixture
def pool(qtbot: QtBot) -> Iterator[Pool]:
    made = Pool("test", 1)
    yield made
    made.close(finish=False)


class Gate:
    """Holds the only worker until it is opened, so that tasks queue up behind it."""

    def __init__(self, pool: Pool) -> None:
        self._event = threading.Event()
        entered = threading.Event()

        def hold() -> None:
            entered.set()
            self._event.wait(10)

        pool.put(Task(hold, None, lambda _: None, ""), priority=100)
        assert entered.wait(10)

    def open(self) -> None:
        self._event.set()


def ask(pool: Pool, name: str, heard: list[str], key: str = "", priority: int = 0) -> None:
    pool.put(Task(lambda: name, heard.append, lambda _: None, key), priority)


def test_the_newest_of_a_priority_comes_first(qtbot: QtBot, pool: Pool) -> None:
    gate, heard = Gate(pool), []
    for name, priority in (("old", 0), ("urgent", 1), ("new", 0)):
        ask(pool, name, heard, priority=priority)
    with qtbot.waitSignal(pool.idle):
        gate.open()
    assert heard == ["urgent", "new", "old"]


def test_in_order_means_the_oldest_first(qtbot: QtBot) -> None:
    pool = Pool("ordered", 1, in_order=True)
    gate, heard = Gate(pool), []
    for name in ("first", "second", "third"):
        ask(pool, name, heard)
    with qtbot.waitSignal(pool.idle):
        gate.open()
    assert heard == ["first", "second", "third"]
    pool.close(finish=True)


def test_only_the_newest_of_a_key_answers(qtbot: QtBot, pool: Pool) -> None:
    gate, heard = Gate(pool), []
    ask(pool, "stale", heard, key="a")
    ask(pool, "other", heard, key="b")
    ask(pool, "fresh", heard, key="a")
    with qtbot.waitSignal(pool.idle):
        gate.open()
    assert sorted(heard) == ["fresh", "other"]


def test_an_answer_on_its_way_is_dropped_when_asked_again(qtbot: QtBot, pool: Pool) -> None:
    heard: list[str] = []
    answered = threading.Event()
    ask(pool, "stale", heard, key="a")
    pool.put(Task(answered.set, None, lambda _: None, ""), priority=-1)
    assert answered.wait(10)  # "stale" waits in the event queue of this thread now
    ask(pool, "fresh", heard, key="a")
    qtbot.waitUntil(lambda: pool.pending == 0)
    assert heard == ["fresh"]


def test_a_key_can_be_used_again(qtbot: QtBot, pool: Pool) -> None:
    heard: list[str] = []
    for name in ("one", "two"):
        with qtbot.waitSignal(pool.idle):
            ask(pool, name, heard, key="a")
    assert heard == ["one", "two"]


def test_an_error_goes_to_failed(qtbot: QtBot, pool: Pool) -> None:
    errors: list[Exception] = []
    with qtbot.waitSignal(pool.idle):
        pool.put(Task(lambda: 1 // 0, lambda _: errors.append(ValueError()), errors.append, ""))
    assert [type(error) for error in errors] == [ZeroDivisionError]


def test_no_answer_to_a_widget_that_is_gone(qtbot: QtBot, pool: Pool) -> None:
    class Listener(QObject):
        heard: list[object] = []  # noqa: RUF012

        def hear(self, answer: object) -> None:
            self.heard.append(answer)

    listener, gate = Listener(), Gate(pool)
    pool.put(Task(lambda: 1, listener.hear, listener.hear, ""))
    listener.deleteLater()
    qtbot.waitUntil(lambda: not shiboken6.isValid(listener))
    with qtbot.waitSignal(pool.idle):
        gate.open()
    assert Listener.heard == []


def test_a_callback_that_fails_does_not_keep_the_pool_busy(qtbot: QtBot, pool: Pool) -> None:
    def bad(_: object) -> None:
        raise RuntimeError("a defect of a view")

    with qtbot.captureExceptions() as caught, qtbot.waitSignal(pool.idle):
        pool.put(Task(lambda: 1, bad, lambda _: None, ""))
    assert [str(error) for _, error, _ in caught] == ["a defect of a view"]
    assert pool.pending == 0


def test_closing_finishes_what_was_asked_for_or_drops_it(qtbot: QtBot) -> None:
    for finish in (True, False):
        pool = Pool("closing", 1, in_order=True)
        gate, done = Gate(pool), []
        for i in range(5):
            pool.put(Task(lambda i=i, done=done: done.append(i), None, lambda _: None, ""))
        closing = threading.Thread(target=lambda pool=pool, f=finish: pool.close(finish=f))
        closing.start()
        qtbot.waitUntil(lambda pool=pool: pool._closing)
        gate.open()
        closing.join(10)
        assert done == ([0, 1, 2, 3, 4] if finish else [])
        ask(pool, "too late", done)
        assert "too late" not in done
