"""What two packs say of the same photos, side by side."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from annotator.core.records import Answer, Proposed
from annotator.operations import synsets
from annotator.pipeline.compare import by_pack
from annotator.pipeline.options import ProposeOptions
from annotator.pipeline.propose import propose
from annotator.pipeline.scan import scan
from annotator.project import queries
from annotator.project.project import Project


@pytest.fixture
def four(project: Project, photo: Callable[..., Path], finish: Any) -> Project:
    """A scanned project of four images."""
    for number in range(4):
        photo(f"{number}.jpg", number)
    finish(scan(project))
    return project


def saying(*labels: tuple[str, float]) -> Callable[[int, int], Answer]:
    made = tuple(Proposed(text, (probability,)) for text, probability in labels)
    return lambda seed, sample: Answer(made, str(labels))


@pytest.fixture
def both(four: Project, talking: Any, finish: Any) -> Project:
    """One pack says sofa (0.9) and dog (0.5); the other, asked of three images, dog (0.8)."""
    one = talking("one", reply=saying(("sofa", 0.9), ("dog", 0.5)))
    other = talking("other", reply=saying(("dog", 0.8), ("zebra", 0.2)))
    plain = {"samples": 2, "filter": "none"}
    finish(propose(four, one, ProposeOptions(**plain)))
    finish(propose(four, other, ProposeOptions(**plain, limit=3)))
    return four


def test_nothing_proposed_is_no_rows(four: Project) -> None:
    assert by_pack(four) == []


def test_each_pack_ranks_by_what_it_said_itself(both: Project) -> None:
    rows = {row["name"]: row for row in by_pack(both)}
    assert rows.keys() == {"sofa", "dog", "zebra"}
    assert list(rows["dog"]["packs"]) == ["other", "one"], "the pack asked last first"
    places = {
        (name, pack): (facts["rank"], facts["support"], pytest.approx(facts["score"]))
        for name, row in rows.items()
        for pack, facts in row["packs"].items()
    }
    assert places == {
        ("sofa", "one"): (1, 4, 3.6),
        ("dog", "one"): (2, 4, 2.0),
        ("dog", "other"): (1, 3, 2.4),
        ("zebra", "other"): (2, 3, pytest.approx(0.6)),
    }


def test_the_vocabulary_as_it_is_stands_beside_it(both: Project) -> None:
    rows = {row["name"]: row for row in by_pack(both)}
    with both.read() as db:
        now = {one.name: one for one in queries.vocabulary(db)}
    assert {name: row["support"] for name, row in rows.items()} == {
        name: now[name].support for name in rows
    }
    assert rows["sofa"]["support"] == 1, "the other pack counts on three images"
    assert rows["dog"]["id"] == now["dog"].id


def test_the_best_of_any_pack_come_first(both: Project) -> None:
    assert [row["name"] for row in by_pack(both)] == ["dog", "sofa", "zebra"]
    assert [row["name"] for row in by_pack(both, top=1)] == ["dog"]


def test_the_last_filters_count_for_all_packs(both: Project, talking: Any, finish: Any) -> None:
    other = talking("other", reply=saying(("dog", 0.8), ("zebra", 0.2)))
    options = ProposeOptions(samples=2, filter="fixed", threshold=0.6, limit=3)
    finish(propose(both, other, options))
    assert other.tagger().calls == []
    rows = {row["name"]: list(row["packs"]) for row in by_pack(both)}
    assert rows == {"sofa": ["one"], "dog": ["other"]}


def test_of_one_pack_the_last_way_of_asking_counts(
    both: Project, talking: Any, finish: Any
) -> None:
    one = talking("one", reply=saying(("ant", 0.9)))
    finish(propose(both, one, ProposeOptions(samples=1, filter="none", prompt="caption", limit=1)))
    rows = {row["name"]: row["packs"] for row in by_pack(both)}
    assert [name for name, packs in rows.items() if "one" in packs] == ["ant"]
    assert rows["ant"]["one"]["support"] == 1


def test_merged_words_are_one_row(both: Project) -> None:
    with both.read() as db:
        sofa, dog = (queries.find_synset(db, name).id for name in ("sofa", "dog"))
    synsets.merge(both, sofa, dog)
    synsets.rename(both, dog, "thing")
    rows = {row["name"]: row for row in by_pack(both)}
    assert rows.keys() == {"thing", "zebra"}
    # Two words of one sample are one occurrence, their probability the two combined.
    assert rows["thing"]["packs"]["one"]["score"] == pytest.approx(4 * 0.7)
    assert rows["thing"]["id"] == dog
