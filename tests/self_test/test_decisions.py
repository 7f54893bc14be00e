"""Decisions of a process that is killed: what is lost, made up or there by half is noticed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from annotator.core.errors import AnnotatorError
from annotator.operations import history
from annotator.project import queries
from annotator.project.project import Project
from annotator.self_test import decisions, killed
from annotator.self_test.decisions import Decision


@pytest.fixture
def pair(path: Path) -> Iterator[tuple[Project, Project, list[Decision]]]:
    """The project, a copy of it, and what is to be decided."""
    other = path.with_name("twin.annot")
    shutil.copyfile(path, other)
    with Project.open(path) as project, Project.open(other) as twin:
        yield project, twin, decisions.planned(project)


def test_the_plan_is_about_everything(
    pair: tuple[Project, Project, list[Decision]],
) -> None:
    project, _, plan = pair
    verbs = {decision[0] for decision in plan}
    assert verbs == {
        *("accept tag", "reject tag", "add word", "accept mask", "reject mask"),
        *("accept word", "rename", "merge"),
    }
    before = decisions.digest(project)
    for number, decision in enumerate(json.loads(json.dumps(plan)), start=1):
        decisions.decide(project, decision)
        assert decisions.made(project) == number, decision
    decisions.travel(project, len(plan), before)


def test_real_processes_are_killed_and_nothing_is_lost(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "KILLS", (2, 5))
    found = decisions.kill(path, tmp_path)
    assert found.facts == {"decisions": 18, "kills": 2}


def test_one_that_was_saved_and_not_told_is_in_order(
    pair: tuple[Project, Project, list[Decision]],
) -> None:
    project, twin, plan = pair
    for decision in plan[:5]:
        decisions.decide(project, decision)
    decisions.compare(project, twin, plan, 4)
    assert decisions.made(twin) == 5


@pytest.mark.parametrize(("told", "says"), [(6, "were told as saved: this disk"), (3, "only 3")])
def test_a_wrong_number_is_noticed(
    told: int, says: str, pair: tuple[Project, Project, list[Decision]]
) -> None:
    project, twin, plan = pair
    for decision in plan[:5]:
        decisions.decide(project, decision)
    with pytest.raises(AnnotatorError, match=says):
        decisions.compare(project, twin, plan, told)


def test_half_a_decision_is_noticed(pair: tuple[Project, Project, list[Decision]]) -> None:
    project, twin, plan = pair
    decisions.compare(project, twin, plan, 0)
    for decision in plan[:5]:
        decisions.decide(project, decision)
    with project.write("tags") as db:
        # The word that was added, without its place on the image.
        db.execute("DELETE FROM tag_decisions WHERE synset_id = (SELECT max(id) FROM synsets)")
    with pytest.raises(AnnotatorError, match="one of them by half"):
        decisions.compare(project, twin, plan, 5)


def test_damage_is_noticed(pair: tuple[Project, Project, list[Decision]]) -> None:
    project, twin, plan = pair
    with project.write("regions") as db:
        db.execute("UPDATE regions SET area = area + 1 WHERE id = 1")
    with pytest.raises(AnnotatorError, match="the project is damaged: Mask 1 of"):
        decisions.compare(project, twin, plan, 0)


def test_what_cannot_be_undone_is_noticed(
    pair: tuple[Project, Project, list[Decision]],
) -> None:
    project, _, plan = pair
    before = decisions.digest(project)
    for decision in plan[:3]:
        decisions.decide(project, decision)
    with pytest.raises(AnnotatorError, match="3 of 4 decisions could be undone"):
        decisions.travel(project, 4, before)
    assert history.redo(project) is not None
    assert history.redo(project) is not None
    assert history.redo(project) is not None
    with pytest.raises(AnnotatorError, match="is not as it was before them"):
        decisions.travel(project, 3, "another")


def test_a_worker_that_loses_what_it_told_is_noticed(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a disk that forgets what was written before the power went."""

    def loses(words: list[str], *_: object, **__: object) -> killed.Ran:
        plan = json.loads(Path(words[-1]).read_text(encoding="utf-8"))["decisions"]
        with Project.open(Path(words[-2])) as project:
            for decision in plan[:3]:
                decisions.decide(project, decision)
        return killed.Ran(["0", "1", "2", "3"], True)

    monkeypatch.setattr(killed, "until", loses)
    with pytest.raises(AnnotatorError, match="3 decisions were there, 4 were told as saved"):
        decisions.kill(path, tmp_path)


def test_the_digest_hears_of_everything(pair: tuple[Project, Project, list[Decision]]) -> None:
    project, _, plan = pair
    seen = {decisions.digest(project)}
    for decision in plan:
        decisions.decide(project, decision)
        seen.add(decisions.digest(project))
    assert len(seen) == len(plan) + 1
    with project.read() as db:
        assert queries.status(db)["accepted"]["tags"] > 0
