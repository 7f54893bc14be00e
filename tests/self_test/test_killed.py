"""Another process, and how it ends."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from annotator.core import program
from annotator.core.errors import AnnotatorError
from annotator.self_test import killed

#: Says 0, 1, 2, ... for ever.
FOR_EVER = "import itertools\nfor n in itertools.count(): print(n, flush=True)"
WAITS = "import threading\nprint('é', flush=True)\nthreading.Event().wait()"
FAILS = "import sys\nprint(1)\nprint('first', file=sys.stderr)\nsys.exit('The last word.')"


def runs(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "command", lambda: [sys.executable, "-X", "utf8", "-c", code])


def test_it_is_killed_when_it_said_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs(FOR_EVER, monkeypatch)
    ran = killed.until([], lambda lines: len(lines) >= 7, tmp_path / "log")
    assert ran.killed
    assert len(ran.lines) >= 7
    assert ran.lines == [str(n) for n in range(len(ran.lines))]


def test_it_ends_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs("import os, sys\nprint(sys.argv[1:], os.environ['COLOUR'])", monkeypatch)
    ran = killed.until(["a b", "ü"], lambda _: False, tmp_path / "log", COLOUR="red")
    assert ran == killed.Ran(["['a b', 'ü'] red"], False)


def test_its_error_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs(FAILS, monkeypatch)
    with pytest.raises(AnnotatorError, match="ended with status 1: The last word"):
        killed.until([], lambda _: False, tmp_path / "log")


def test_one_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs(WAITS, monkeypatch)
    monkeypatch.setattr(killed, "PATIENCE", 0.5)
    with pytest.raises(AnnotatorError, match="was not ready after"):
        killed.until([], lambda _: False, tmp_path / "log")


def test_a_program_that_cannot_be_started_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "command", lambda: [str(tmp_path / "gone")])
    with pytest.raises(AnnotatorError, match="cannot start itself again"):
        killed.until([], lambda _: False, tmp_path / "log")
