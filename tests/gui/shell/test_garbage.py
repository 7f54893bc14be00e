"""What is no longer used is taken apart on the UI thread, whoever made the garbage."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import shiboken6
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from annotator.gui.garbage import Garbage, set_aside


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


PROGRAM = """
import gc
from PySide6.QtCore import QObject, Signal
from annotator.gui import app

class Part(QObject):
    said = Signal()

    def __init__(self, other=None):
        super().__init__()
        if other is None:
            self.itself = self
        else:
            other.said.connect(self.hear)

    def hear(self):
        pass

application = app.make_application()
automatic = gc.isenabled()
gc.set_threshold(1, 1, 1)
for _ in range(300):
    gc.disable()
    for _ in range(30):
        knot = Part()
        knot.listener = Part(knot)
    del knot
    speaker = Part()
    listener = Part(speaker)
    if automatic:
        gc.enable()
    del listener
    del speaker
    application.processEvents()
print("through")
"""


@pytest.fixture
def garbage(qapp: object) -> Garbage:
    made = Garbage()
    made.start()
    return made


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


def test_without_it_a_worker_would(qapp: object) -> None:
    """The test above can fail: Python by itself collects where it is."""
    gone: list[int] = []
    gc.collect()
    knot = Knot(gone.append)
    del knot
    gc.enable()
    try:
        busy()
    finally:
        gc.disable()
    assert gone
    assert gone[0] != threading.get_ident()


def test_deleting_qobjects_never_stands_still(tmp_path: Path) -> None:
    """Were Python's own collections on, this program would stop in its first rounds, for good."""
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "XDG_CONFIG_HOME": str(tmp_path), "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert said.stdout == "through\n", said.stderr


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


def test_what_was_in_use_when_a_model_came_goes_with_its_project(
    qtbot: QtBot, garbage: Garbage
) -> None:
    gone: list[int] = []
    knot = Knot(gone.append)
    set_aside()
    try:
        del knot
        gc.collect()
        assert gone == []
        garbage.soon()
        qtbot.waitUntil(lambda: bool(gone))
    finally:
        gc.unfreeze()
