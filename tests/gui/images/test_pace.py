"""Reads that follow a running job: never two at a time, and rarer the longer they take."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from annotator.gui.panels import thumbnail_pace
from annotator.gui.panels.thumbnail_pace import Pace


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be set by the test."""
    now = [100.0]
    monkeypatch.setattr(thumbnail_pace.time, "monotonic", lambda: now[0])
    return now


def test_many_wishes_are_one_read_and_one_more_after_it(qtbot: QtBot, clock) -> None:
    runs: list[int] = []
    owner = QObject()
    pace = Pace(0, lambda: runs.append(1), owner)
    for _ in range(5):
        pace.ask()
    qtbot.waitUntil(lambda: len(runs) == 1)
    for _ in range(5):
        pace.ask()
    assert len(runs) == 1
    assert pace.waiting
    pace.answered()
    qtbot.waitUntil(lambda: len(runs) == 2)
    pace.answered()
    assert not pace.waiting


def test_a_slow_read_is_asked_less_often(qtbot: QtBot, clock) -> None:
    owner = QObject()
    pace = Pace(20, lambda: None, owner)
    pace.ask(at_once=True)
    clock[0] += 0.3
    pace.answered()
    assert pace._timer.interval() == 3000
    pace.ask(at_once=True)
    pace.answered()
    assert pace._timer.interval() == 20


def test_a_read_that_failed_does_not_stop_the_next(qtbot: QtBot, clock) -> None:
    runs: list[int] = []
    owner = QObject()
    pace = Pace(0, lambda: runs.append(1), owner)
    pace.ask(at_once=True)
    clock[0] += 60
    pace.ask(at_once=True)
    assert len(runs) == 2
