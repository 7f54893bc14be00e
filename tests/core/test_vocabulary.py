"""Names, class lists, and trees that a dataset's owner can read."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.core.vocabulary import (
    Tree,
    build_tree,
    display_name,
    is_descendant,
    normalise,
    parse_class_list,
)
from annotator.core.wordnet import imagenet_classes, wordnet

DATA = Path(os.environ.get("ANNOTATOR_DATA", "../shared/data"))
TABBY, EGYPTIAN, DOMESTIC_CAT = "n02123045", "n02124075", "n02121808"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Dog", "dog"),
        ("  the  DOGS. ", "dog"),
        ("a dining_table", "dining table"),
        ("Dining-Tables!", "dining table"),
        ("T-Shirts", "t shirt"),
        ("an apple", "apple"),
        ("men", "man"),
        ("wine glasses", "wineglass"),
        ("people", "person"),
        ("old people", "old person"),
        ("Grey Cats", "gray cat"),
        ("man’s hat", "man's hat"),
        ("red cars", "red car"),
        ("sunglasses", "sunglasses"),
        ("“sky”", "sky"),
        ("ＣＡＴ", "cat"),
        ("the", "the"),
        ("blurry zorbs", "blurry zorbs"),
        ("7-Eleven", "7 eleven"),
        ("...", ""),
        ("", ""),
    ],
)
def test_normalise(text, key):
    assert normalise(text) == key


@given(st.text(max_size=30) | st.sampled_from(wordnet().prefix("s", 500)))
def test_normalising_twice_changes_nothing(text):
    key = normalise(text)
    assert normalise(key) == key
    assert key == key.strip()
    assert "_" not in key
    assert normalise(f"  {text}_ ") == key


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("egyptian_cats", "Egyptian cat"),
        ("Dogs", "dog"),
        ("DOG", "dog"),
        ("A red_car.", "red car"),
        ("Golden Gate Bridge at night", "Golden Gate Bridge at night"),
        ("Zorbs", "zorbs"),
        ("t-shirts", "T-shirt"),
        ("...", ""),
    ],
)
def test_display_name(text, name):
    assert display_name(text) == name
    assert normalise(name) == normalise(text)


def test_is_descendant():
    parents = {"tabby": "cat", "cat": "animal", "animal": None, "a": "b", "b": "a"}
    assert is_descendant(parents, "tabby", "animal")
    assert not is_descendant(parents, "animal", "tabby")
    assert not is_descendant(parents, "tabby", "tabby")
    assert not is_descendant(parents, "nobody", "animal")
    assert not is_descendant(parents, "a", "animal")


def test_parse_class_list():
    text = "0:invalid_class_id\n1:wall\n\n2:building, edifice\n3:odd:name\n"
    assert parse_class_list(text) == [("wall",), ("building", "edifice"), ("odd:name",)]
    for bad, words in (("wall", "line 1"), ("1:wall\nx:y", "line 2"), ("1:,", "without a name")):
        with pytest.raises(ValueError, match=words):
            parse_class_list(bad)


@pytest.mark.skipif(not (DATA / "vocabularies").is_dir(), reason=f"no class lists in {DATA}")
def test_class_lists_of_the_datasets():
    counts = {
        path.stem: len(parse_class_list(path.read_text("utf-8")))
        for path in (DATA / "vocabularies").glob("*.txt")
    }
    assert counts["ade20k_150"] == 150
    assert counts["ade20k_847"] == 847
    assert counts["lvis_1203"] == 1203
    assert counts["pascal_voc_21"] == 21


# --- trees -----------------------------------------------------------------------------------


def ids(*words: str) -> list[str]:
    return [wordnet().synsets(word)[0] for word in words]


def above(tree: Tree, word: str) -> list[str]:
    """Names over a word, nearest first."""
    names: list[str] = []
    synset = tree.parent[ids(word)[0]]
    while synset is not None:
        names.append(wordnet().name(synset))
        synset = tree.parent[synset]
    return names


def checked(proposed: list[str]) -> Tree:
    """The tree, after what must hold for every tree."""
    tree = build_tree(proposed)
    assert set(proposed) | tree.inner == set(tree.parent)
    assert not tree.inner & set(proposed)
    children: dict[str | None, int] = {}
    for synset, parent in tree.parent.items():
        assert parent is None or parent in tree.parent
        assert not is_descendant(tree.parent, synset, synset)
        children[parent] = children.get(parent, 0) + 1
    # A heading that heads nothing, or one thing, would only be in the way.
    assert all(children[synset] >= 2 for synset in tree.inner)
    return tree


def test_two_breeds_go_under_the_domestic_cat():
    tree = checked([TABBY, EGYPTIAN])
    assert tree.parent == {TABBY: DOMESTIC_CAT, EGYPTIAN: DOMESTIC_CAT, DOMESTIC_CAT: None}
    assert tree.inner == {DOMESTIC_CAT}


def test_a_proposed_hypernym_becomes_the_parent():
    (dog, beagle, car) = ids("dog", "beagle", "car")
    tree = checked([dog, beagle, car])
    assert tree.parent == {dog: None, beagle: dog, car: None}


def test_what_is_too_general_heads_nothing_even_when_proposed():
    proposed = ids("object", "thing", "dog", "car", "artifact")
    assert set(checked(proposed).parent.values()) == {None}


def test_unknown_ids_stay_at_the_top():
    tree = checked([TABBY, EGYPTIAN, "n00000001"])
    assert tree.parent["n00000001"] is None
    assert checked([]) == Tree({}, frozenset())


def test_the_tree_depends_on_the_ids_alone():
    proposed = list(imagenet_classes()[:300])
    tree = build_tree(dict.fromkeys(proposed, 3))
    assert tree == build_tree(proposed[::-1]) == build_tree(set(proposed))
    assert list(tree.parent) == sorted(tree.parent)


def test_household_words_find_the_shelf_a_person_would_look_on():
    words = (
        "dog cat horse cow sheep bird car bus train truck bicycle boat pizza apple coffee "
        "chair table sofa bed hat shirt coat person man woman child tree flower laptop lamp"
    )
    tree = checked(ids(*words.split()))
    for word, shelf in [
        *((w, "animal") for w in ("dog", "cat", "horse", "cow", "sheep", "bird")),
        *((w, "vehicle") for w in ("car", "bus", "train", "truck", "bicycle", "boat")),
        *((w, "food") for w in ("pizza", "apple", "coffee")),
        *((w, "furniture") for w in ("chair", "table", "sofa", "bed")),
        *((w, "clothing") for w in ("hat", "shirt", "coat")),
        *((w, "person") for w in ("man", "woman", "child")),
        *((w, "plant") for w in ("tree", "flower")),
    ]:
        assert above(tree, word)[-1:] == [shelf], word


@pytest.mark.skipif(not (DATA / "photos.csv").exists(), reason=f"no photos.csv in {DATA}")
def test_the_tree_of_200_photographs_is_readable():
    with (DATA / "photos.csv").open(encoding="utf-8") as file:
        tree = checked(sorted({row["wnid"] for row in csv.DictReader(file)}))
    top = [wordnet().name(s) for s, parent in tree.parent.items() if parent is None]
    assert {"animal", "vehicle", "food", "clothing", "furniture", "container"} <= set(top)
    assert len(top) <= 30
    assert len(tree.inner) <= 60
    assert above(tree, "beagle")[-3:] == ["dog", "mammal", "animal"]
    assert above(tree, "sports car") == ["car", "vehicle"]
    assert above(tree, "acoustic guitar") == ["musical instrument", "device"]


def test_the_tree_of_all_imagenet_classes():
    tree = checked(list(imagenet_classes()))
    assert above(tree, "tabby")[:2] == ["domestic cat", "cat"]
    assert above(tree, "tabby")[-2:] == ["mammal", "animal"]
    depth = 0
    for synset in tree.parent:
        steps, parent = 0, tree.parent[synset]
        while parent is not None:
            steps, parent = steps + 1, tree.parent[parent]
        depth = max(depth, steps)
    assert depth <= 8
    assert sum(parent is None for parent in tree.parent.values()) <= 60
