"""What is no longer used is taken apart on the UI thread, whoever made the garbage."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator

import pytest
import shiboken6
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from annotator.gui.garbage import Garbage


class Knot(QObject):
    """Holds itself; says on which thread it goes."""

    def __init__(self, tell: Callable[[int], object]) -> None:
        super().__init__()
        self.itself = self
        self.last = Last(tell)


class Last:
    def __init__(self, tell: Callable[[int], object]) -> None:
        self.tell = tell

    def __del__(self) -> None:
        self.tell(threading.get_ident())


@pytest.fixture
def garbage(qapp: object) -> Iterator[Garbage]:
    before = gc.isenabled()
    made = Garbage()
    made.start()
    yield made
    made.stop()
    if not before:
        gc.disable()


def busy() -> list[list[int]]:
    """More new objects, made on another thread, than Python lets pass where it may collect."""
    made: list[list[int]] = []
    thread = threading.Thread(target=lambda: made.extend([1] for _ in range(10_000)))
    thread.start()
    thread.join()
    return made


def test_a_worker_never_takes_a_qobject_apart(qtbot: QtBot, garbage: Garbage) -> None:
    gone: list[int] = []
    gc.collect()
    knot = Knot(gone.append)
    del knot
    made = busy()
    assert gone == []
    qtbot.waitUntil(lambda: bool(gone))
    assert gone == [threading.get_ident()]
    assert len(made) == 10_000


def test_without_it_a_worker_would(garbage: Garbage) -> None:
    """The test above can fail: Python by itself collects where it is."""
    garbage.stop()
    gone: list[int] = []
    gc.collect()
    knot = Knot(gone.append)
    del knot
    busy()
    assert gone
    assert gone[0] != threading.get_ident()


def test_old_garbage_goes_too(qtbot: QtBot, garbage: Garbage) -> None:
    gone: list[int] = []
    knot = Knot(gone.append)
    gc.collect()  # it is old now
    assert shiboken6.isValid(knot)
    del knot

    for _ in range(300):
        made = busy()
        garbage.look()
        del made
    assert gone == [threading.get_ident()]
