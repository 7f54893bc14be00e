"""The steps together: one that fails does not stop the others, and what needs it says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from annotator import cli
from annotator.core.errors import AnnotatorError, Cancelled
from annotator.pipeline.scan import scan
from annotator.project.project import Project
from annotator.self_test import run, starter, versions, window
from annotator.self_test.steps import Found, perform


def raising(error: BaseException) -> Callable[..., Found]:
    def work(*_: object, **__: object) -> Found:
        raise error

    return work


def test_what_a_step_found_or_what_is_wrong() -> None:
    good = perform("one", lambda: Found("all is well", {"a": 1}))
    assert (good.ok, good.said, good.facts, good.details) == (True, "all is well", {"a": 1}, "")
    assert "details" not in good.document()
    known = perform("two", raising(AnnotatorError("The disk is full; free some space.")))
    assert (known.ok, known.said) == (False, "The disk is full; free some space.")
    assert known.details == ""
    full = perform("disk", raising(OSError(28, "No space left on device", "x.jpg")))
    assert full.said.startswith("The folder of the self-test cannot be used (No space left")
    unknown = perform("three", raising(ZeroDivisionError("x\ny")))
    assert not unknown.ok
    assert "(ZeroDivisionError: x y)" in unknown.said
    assert "Traceback" in unknown.details
    with pytest.raises(Cancelled):
        perform("four", raising(Cancelled("Stopped.")))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that takes seconds: the project does not come about."""
    monkeypatch.setattr(versions, "versions", lambda: {"python": "3"})
    monkeypatch.setattr(versions, "look", lambda _: Found("fine"))
    monkeypatch.setattr(starter, "weights", lambda: Found("fine", {"sha256": {"tagger": "ab"}}))
    monkeypatch.setattr(starter, "make", raising(AnnotatorError("No photos; do something.")))


@pytest.mark.usefixtures("quick")
def test_what_cannot_be_tried_says_why(tmp_path: Path) -> None:
    reports = list(run.steps(tmp_path, None, window_wanted=True))
    steps = {step.name: step for step in reports[-1].steps}
    assert len(reports) == len(steps) == 11
    assert not reports[-1].ok
    assert [name for name, step in steps.items() if step.ok] == ["versions", "weights"]
    assert steps["project"].said == "No photos; do something."
    others = set(steps) - {"versions", "weights", "project"}
    assert {steps[name].said for name in others} == {
        "This could not be tried: put project in order first."
    }
    assert reports[-1].hashes == {"weights tagger": "ab"}
    assert reports[-1].versions == {"python": "3"}


@pytest.mark.usefixtures("quick")
def test_the_command_is_wrong_when_a_step_is(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert cli.main(["self-test", "--json", "--keep", str(tmp_path / "kept")]) == 1
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert document["ok"] is False
    assert set(document) == {"ok", "steps", "versions", "hashes"}
    assert "WRONG: No photos; do something." in said.err
    assert (tmp_path / "kept" / "home").is_dir()
    assert cli.main(["self-test"]) == 1
    said = capsys.readouterr()
    assert "Not all is in order" in said.out
    assert "project" in said.out


def test_all_in_order_is_status_0(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = run.Report({"python": "3"}, [perform("one", lambda: Found("fine"))])
    monkeypatch.setattr(run, "steps", lambda *_, **__: iter([report]))
    assert cli.main(["self-test"]) == 0
    assert "All is in order." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--screenshot", "x.png"], "add --window"),
        (["--show", "x.annot", "--screenshot", "x.png"], "There is no display"),
        (["--propose", "gone.annot"], "does not exist"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["self-test", *words]) == 1
    assert says in capsys.readouterr().err


def test_a_window_that_does_not_open_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    with pytest.raises(AnnotatorError, match=r"status 1: .* cannot be written"):
        # The window itself, on a project that is there, and a place that is not.
        window.show(_project(tmp_path), tmp_path / "no" / "x.png", tmp_path)


def _project(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 255, (40, 60, 3)).astype(np.uint8)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.png").write_bytes(cv2.imencode(".png", noise)[1].tobytes())
    with Project.create(tmp_path / "a.annot", tmp_path / "photos") as project:
        for _ in scan(project):
            pass
    return tmp_path / "a.annot"
