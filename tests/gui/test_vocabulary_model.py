"""The vocabulary tree's model: order, filters, and indexes that survive a reload."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QModelIndex, QPersistentModelIndex
from PySide6.QtTest import QAbstractItemModelTester

from annotator.core.records import Synset, Verdict
from annotator.gui.item_models.vocabulary import VocabularyModel, ids_of, mime_of
from annotator.gui.item_models.vocabulary_forest import Forest, grow


def synset(
    synset_id: int,
    name: str,
    parent: int | None = None,
    *,
    score: float = 0.5,
    support: int = 5,
    verdict: Verdict = "unknown",
    lemmas: tuple[str, ...] = (),
    inner: bool = False,
) -> Synset:
    return Synset(
        id=synset_id,
        name=name,
        lemmas=lemmas or (name,),
        wordnet_id=None,
        support=0 if inner else support,
        subtree_support=support,
        score=0.0 if inner else score,
        verdict=verdict,
        parent=parent,
        source="machine",
        inner=inner,
    )


def animals() -> Forest:
    return grow(
        [
            synset(1, "animal", inner=True, support=20),
            synset(2, "dog", 1, inner=True, support=12),
            synset(3, "beagle", 2, score=0.9, verdict="accepted"),
            synset(4, "bluetick", 2, score=0.95, support=2),
            synset(5, "tabby", 1, score=0.7, lemmas=("tabby", "tabby cat")),
            synset(6, "sofa", score=0.8, lemmas=("sofa", "couch"), verdict="rejected"),
            synset(7, "unicycle", score=0.1, support=1),
        ],
        {6: ["studio couch"]},
    )


def names(model: VocabularyModel, parent: QModelIndex | None = None, depth: int = 0) -> list[str]:
    """Every shown row from top to bottom, two spaces per level."""
    parent = parent or QModelIndex()
    out: list[str] = []
    for row in range(model.rowCount(parent)):
        index = model.index(row, 0, parent)
        out.append("  " * depth + str(index.data()))
        out += names(model, index, depth + 1)
    return out


def loaded() -> VocabularyModel:
    model = VocabularyModel()
    tester = QAbstractItemModelTester(model)
    tester.setParent(model)
    model.load(animals())
    return model


def test_siblings_are_best_first_and_a_group_stands_where_its_best_member_would() -> None:
    assert names(loaded()) == [
        "animal",
        "  dog",
        "    bluetick",
        "    beagle",
        "  tabby",
        "sofa",
        "unicycle",
    ]


def test_counts_leave_inner_synsets_out() -> None:
    assert animals().counts() == {
        "all": 5,
        "to decide": 3,
        "accepted": 1,
        "rejected": 1,
        "rare": 2,
    }
    assert animals().counts("couch")["all"] == 1


def test_an_inner_synset_counts_once_it_is_decided() -> None:
    forest = animals()
    decided = [replace(s, verdict="accepted") for s in forest.synsets.values()]
    counts = grow(decided).counts()
    assert counts["all"] == counts["accepted"] == len(decided) > forest.counts()["all"]


def test_a_filter_keeps_the_way_to_every_match() -> None:
    model = loaded()
    model.set_filter("beag", "all")
    assert names(model) == ["animal", "  dog", "    beagle"]
    beagle = model.index_of(3)
    assert model.is_match(beagle)
    assert not model.is_match(beagle.parent())
    model.set_filter("", "rare")
    assert names(model) == ["animal", "  dog", "    bluetick", "unicycle"]
    model.set_filter("beagle", "rejected")
    assert names(model) == []


def test_search_looks_through_lemmas_and_raw_words() -> None:
    model = loaded()
    model.set_filter("Couch", "all")
    assert names(model) == ["sofa"]
    model.set_filter("studio", "all")
    assert names(model) == ["sofa"]
    model.set_filter("cat tab", "all")
    assert names(model) == ["animal", "  tabby"]


def test_indexes_survive_a_reload_by_synset() -> None:
    model = loaded()
    beagle = QPersistentModelIndex(model.index_of(3))
    sofa = QPersistentModelIndex(model.index_of(6))
    model.load(
        grow(
            [
                synset(8, "zebra", score=2.0),
                synset(2, "dog", inner=True, support=12),
                synset(4, "bluetick", 2, score=0.2),
                synset(3, "hound", 2, score=0.9),
            ]
        )
    )
    assert names(model) == ["zebra", "dog", "  hound", "  bluetick"]
    assert beagle.isValid()
    assert (beagle.row(), beagle.data()) == (0, "hound")
    assert not sofa.isValid()


def test_a_ring_of_parents_or_an_unknown_parent_hides_nothing() -> None:
    forest = grow(
        [synset(1, "a", 2), synset(2, "b", 1), synset(3, "c", 3), synset(4, "d", 99)],
    )
    assert set(forest.shown().order()) == {1, 2, 3, 4}


def test_path_above_and_below() -> None:
    forest = animals()
    assert [s.name for s in forest.path(3)] == ["animal", "dog", "beagle"]
    assert set(forest.below(1)) == {2, 3, 4, 5}


def test_targets_rank_names_before_lemmas_and_start_with_siblings() -> None:
    forest = animals()
    assert [s.name for s in forest.targets("", {3}, 3)] == ["bluetick", "dog"]
    assert [s.name for s in forest.targets("cou", {3}, 3)] == ["sofa"]
    assert [s.name for s in forest.targets("b", {3}, 3)] == ["bluetick", "tabby"]
    assert [s.name for s in forest.targets("cat", set(), 3)] == ["tabby"]


def test_bar_is_relative_to_the_best_score() -> None:
    model = loaded()
    assert model.bar(model.forest.synsets[4]) == 1.0
    assert 0.1 < model.bar(model.forest.synsets[7]) < 0.11
    assert VocabularyModel().bar(synset(1, "x")) == 0.0


def test_dragged_ids_come_back_and_foreign_data_does_not() -> None:
    model = loaded()
    mime = model.mimeData([model.index_of(3), model.index_of(6)])
    assert ids_of(mime) == [3, 6]
    foreign = mime_of([])
    foreign.removeFormat(model.mimeTypes()[0])
    foreign.setText("3 6")
    assert ids_of(foreign) == []
