"""The commands around the vocabulary: suggestions, replies, packs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from annotator.cli_output import used
from annotator.core.records import Answer, Proposed
from annotator.operations import synsets
from annotator.pipeline.options import ProposeOptions
from annotator.pipeline.propose import propose
from annotator.project import queries, store
from annotator.project.project import Project


def ids(path: Path) -> dict[str, int]:
    with Project.open(path) as project, project.read() as db:
        return {one.name: one.id for one in queries.vocabulary(db)}


@pytest.fixture
def suggested(project: Path) -> Path:
    """wolf is suggested to be a dog (0.9), and cat to belong below dog (0.6)."""
    known = ids(project)
    with Project.open(project) as opened, opened.write("suggestions") as db:
        rows = [
            store.SuggestionRow("merge", known["wolf"], known["dog"], 0.9, "used alike"),
            store.SuggestionRow("parent", known["cat"], known["dog"], 0.6, "\x1b[31mred"),
        ]
        store.set_suggestions(db, rows)
    return project


def test_suggestions_are_listed_best_first(run: Any, suggested: Path) -> None:
    merge, parent = run("suggestions", suggested, "--json").json
    assert (merge["kind"], merge["source_name"], merge["target_name"]) == ("merge", "wolf", "dog")
    assert (parent["kind"], parent["confidence"]) == ("parent", 0.6)
    assert merge.keys() >= {"id", "source", "target", "reason", "images"}
    text = run("suggestions", suggested).out
    assert "wolf is the same as dog" in text
    assert "cat belongs below dog" in text
    assert "\x1b" not in text
    assert len(run("suggestions", suggested, "--top", 1, "--json").json) == 1


def test_taken_by_number_rejected_by_confidence_and_undone(run: Any, suggested: Path) -> None:
    first, second = (row["id"] for row in run("suggestions", suggested, "--json").json)
    ran = run("suggestion", "take", suggested, first)
    assert ran.out.startswith("Take: merge wolf into dog.")
    assert "wolf" not in ids(suggested)
    assert run("suggestion", "reject", suggested, "--above", 0.5).status == 0
    assert run("suggestions", suggested, "--json").json == []
    assert run("suggestion", "clear", suggested, second).status == 0
    assert [row["id"] for row in run("suggestions", suggested, "--json").json] == [second]
    for _ in range(3):
        assert run("undo", suggested).status == 0
    assert len(run("suggestions", suggested, "--json").json) == 2
    assert "wolf" in ids(suggested)


def test_nothing_to_take_is_one_sentence(run: Any, suggested: Path, project: Path) -> None:
    for words in (["take", suggested], ["take", suggested, "--above", 0.99]):
        ran = run("suggestion", *words)
        assert (ran.status, ran.out) == (1, "")
        assert ran.err.startswith("annotator: error: There is nothing to take")
    ran = run("suggestion", "reject", suggested, 77)
    assert ran.err.startswith("annotator: error: There is no suggestion 77")


def test_an_empty_queue_says_how_to_fill_it(run: Any, project: Path) -> None:
    assert run("suggestions", project, "--json").json == []
    assert f"annotator group {project}" in run("suggestions", project).out


class Talker:
    """Says one thing of each image, and one thing nobody can read."""

    batch = 2

    def __init__(self, name: str, label: str) -> None:
        self.id, self.label = f"{name}@1", label

    def propose(self, images: Any, prompt: str, sampling: Any) -> list[list[Answer]]:
        good = Answer((Proposed(self.label, (0.5,)),), f"['{self.label}']")
        bad = Answer((), "I cannot\x1b[2J tell", "the reply refuses to answer")
        return [[good, bad] for _ in images]


class TalkingPack:
    prompts: tuple[Any, ...] = ()
    talks = True
    servers: tuple[str, ...] = ()

    def __init__(self, name: str, label: str) -> None:
        from annotator.backends.registry import Prompt

        self.name, self.prompts = name, (Prompt("labels", "List."),)
        self._tagger = Talker(name, label)

    def has(self, role: str) -> bool:
        return role == "tagger"

    def models(self) -> dict[str, str]:
        return {"tagger": self._tagger.id}

    def model_id(self, role: str) -> str:
        return self.models()[role]

    def tagger(self) -> Talker:
        return self._tagger


@pytest.fixture
def talked(run: Any, photos: Path, tmp_path: Path) -> Path:
    path = tmp_path / "talked.annot"
    assert run("create", path, photos).status == 0
    with Project.open(path) as project:
        for name, label in (("one", "sofa"), ("two", "zebra")):
            for _ in propose(project, TalkingPack(name, label), ProposeOptions(samples=2)):
                pass
    return path


def test_replies_word_for_word_and_harmless_in_a_terminal(run: Any, talked: Path) -> None:
    rows = run("replies", talked, "--json").json
    assert len(rows) == 12
    unreadable = run("replies", talked, "--unreadable", "--json").json
    assert {(row["text"], row["failure"]) for row in unreadable} == {
        ("I cannot\x1b[2J tell", "the reply refuses to answer")
    }
    text = run("replies", talked, "--unreadable", "--top", 1).out
    assert "refuses to answer" in text
    assert "\x1b" not in text
    assert len(run("replies", talked, "--image", "cat.jpg", "--json").json) == 4


def test_two_packs_side_by_side(run: Any, talked: Path) -> None:
    rows = {row["name"]: row for row in run("vocabulary", talked, "--by-pack", "--json").json}
    assert rows["sofa"]["packs"].keys() == {"one"}
    assert rows["zebra"]["packs"].keys() == {"two"}
    assert rows["zebra"]["packs"]["two"]["support"] == 3
    text = run("vocabulary", talked, "--by-pack").out
    assert "one: rank" in text
    assert "two: rank" in text


def test_group_suggests_and_decides_nothing(run: Any, talked: Path) -> None:
    with Project.open(talked) as project:
        sofa = ids(talked)
        synsets.add(project, "settee thing")
    del sofa
    result = run("group", talked, "--method", "words", "--json").json
    assert {"merges", "parents", "suggestions", "seconds", "run", "dropped"} <= result.keys()
    assert run("status", talked, "--json").json["accepted"]["synsets"] == 1
    (line,) = (one for one in run("status", talked).out.splitlines() if "group: " in one)
    assert " 0 of " not in line
    assert "words" in line


def test_the_packs_side_by_side_in_one_table(run: Any, talked: Path, tmp_path: Path) -> None:
    truth = tmp_path / "truth.csv"
    truth.write_text("file,name\ncat.jpg,sofa\npets/dog.jpg,couch thing\n")
    table = ["evaluate", "vocabulary", talked, "--truth", truth, "--table", "packs"]
    rows = run(*table, "--k", 1, "--json").json["rows"]
    assert [(row["Pack"], row["P"], row["FP"]) for row in rows] == [("two", 0, 1), ("one", 100, 0)]
    assert run(*table, "--csv", tmp_path / "t.csv").status == 0
    assert (tmp_path / "t.csv").read_text().startswith("Pack,Method,")
    ran = run(*table, "--pack", "one")
    assert (ran.status, ran.out) == (1, "")
    assert "leave --pack out" in ran.err


def test_what_the_requests_took_is_told_for_all_and_for_one() -> None:
    usage = {"requests": 4, "retries": 1, "prompt_tokens": 100, "completion_tokens": 30, "cost": 2}
    assert used(usage) == (
        "\n4 requests (1 repeated), 100 + 30 tokens (25 + 8 a request), "
        "cost 2.0000 (0.500000 a request)"
    )
    assert used({**usage, "cost": None}).endswith("a request)")
    assert used(None) == used({**usage, "requests": 0}) == ""
