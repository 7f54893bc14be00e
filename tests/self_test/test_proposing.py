"""Proposals of a process that is killed: what is lost, doubled or different is noticed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from annotator.backends.protocols import Pixels
from annotator.core.errors import AnnotatorError
from annotator.core.records import Answer, Proposed
from annotator.pipeline import demo
from annotator.pipeline.propose import propose
from annotator.project.project import Project
from annotator.self_test import killed, proposing
from annotator.self_test.proposing import different
from annotator.self_test.starter import drive

PLACE = ("a.jpg", "whole")


class Tagger:
    id, batch = "mean@1", 4

    def propose(self, images: list[Pixels], prompt: str, sampling: Any) -> list[list[Answer]]:
        return [[Answer((Proposed("tabby", (float(one.mean()) / 255,)),))] for one in images]


class Pack:
    name, talks, prompts = "mean", False, ()

    def model_id(self, role: str) -> str:
        return "mean@1"

    def has(self, role: str) -> bool:
        return role == "tagger"

    def tagger(self) -> Tagger:
        return Tagger()


def kill(path: Path, told: int, there: int, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The step, where the process wrote ``there`` of three photos and told ``told``; with all
    three it came to its end."""
    scanned = path.with_name("scanned.annot")
    shutil.copyfile(path, scanned)

    def until(words: list[str], *_: object, **__: object) -> killed.Ran:
        with Project.open(Path(words[-1])) as project:
            monkeypatch.setattr(proposing.pipeline, "WRITE_BATCH", 1)
            for progress in propose(project, Pack(), demo.PROPOSE):
                if progress.done >= there:
                    break
            # As a run that nobody ended.
            with project.write("runs") as db:
                db.execute("UPDATE runs SET status = 'running', ended = NULL")
        return killed.Ran([json.dumps(told)], there < 3)

    monkeypatch.setattr(killed, "until", until)
    with Project.open(path) as whole:
        drive(propose(whole, Pack(), demo.PROPOSE))
        return proposing.kill(scanned, whole, Pack(), path.parent)


def test_what_goes_on_where_it_was_killed_is_in_order(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kill(path, 1, 1, monkeypatch).said.startswith("killed after 1 photos, resumed")


def test_a_photo_that_is_lost_is_noticed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AnnotatorError, match="of 1 photos were there, 2 were told as saved"):
        kill(path, 2, 1, monkeypatch)


def test_one_that_was_not_killed_in_its_middle_proves_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AnnotatorError, match="that was to be killed counts as"):
        kill(path, 3, 3, monkeypatch)


def test_a_part_of_a_photo_is_noticed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cut = demo.PROPOSE.crops[:-1]
    monkeypatch.setattr(type(demo.PROPOSE), "crops", property(lambda _: cut), raising=True)
    with Project.open(path) as project:
        drive(propose(project, Pack(), demo.PROPOSE))
        monkeypatch.undo()
        with pytest.raises(AnnotatorError, match="has a part of its proposals"):
            proposing._whole(project)


def test_a_word_that_is_there_twice_is_noticed(path: Path) -> None:
    with Project.open(path) as project:
        drive(propose(project, Pack(), demo.PROPOSE))
        with project.write("proposals") as db:
            db.execute(
                "INSERT INTO proposals (run_id, image_id, label_id, crop, sample, probability, "
                "tokens) SELECT run_id, image_id, label_id, crop, sample, probability, tokens "
                "FROM proposals LIMIT 1"
            )
        with pytest.raises(AnnotatorError, match="was proposed twice for in/drei"):
            proposing.said(project)


@pytest.mark.parametrize(
    ("one", "other", "faults"),
    [
        ({"a": 0.5, "b": 0.1}, {"a": 0.51, "b": 0.1}, 0),
        ({"a": 0.5, "b": 0.1}, {"a": 0.6, "b": 0.1}, 1),
        # The last word may be another one that is nearly as probable ...
        ({"a": 0.5, "b": 0.1}, {"a": 0.5, "c": 0.105}, 0),
        # ... but not a better one, nor may there be fewer.
        ({"a": 0.5, "b": 0.1}, {"a": 0.5, "c": 0.3, "d": 0.1}, 2),
        ({"a": 0.5, "b": 0.1}, {"a": 0.5}, 1),
        ({"a": 0.5}, {}, 1),
    ],
)
def test_what_is_different(
    one: Mapping[str, float], other: Mapping[str, float], faults: int
) -> None:
    assert len(different({PLACE: one}, {PLACE: other})) == faults
    assert len(different({PLACE: other}, {PLACE: one})) == faults
