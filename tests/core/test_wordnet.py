"""The shipped noun table against facts of WordNet 3.0, and the scripts that build it."""

from __future__ import annotations

import gzip
import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

from annotator.core.wordnet import WordNet, imagenet_classes, wordnet

ROOT = Path(__file__).resolve().parents[2]
DICT = Path(os.environ.get("ANNOTATOR_WORDNET_DICT", "/usr/share/wordnet"))

TABBY, EGYPTIAN, DOMESTIC_CAT, DOG = "n02123045", "n02124075", "n02121808", "n02084071"


def test_all_nouns_are_there():
    assert len(wordnet()) == 82_115
    assert wordnet() is wordnet()


def test_every_imagenet_class_is_a_synset():
    classes = imagenet_classes()
    assert len(classes) == len(set(classes)) == 1000
    assert all(synset in wordnet() for synset in classes)
    # Fixed points of the class order.
    names = {0: "tench", 281: "tabby", 285: "Egyptian cat", 817: "sports car", 999: "toilet tissue"}
    assert {index: wordnet().name(classes[index]) for index in names} == names


def test_names_and_lemmas():
    assert wordnet().lemmas(TABBY) == ("tabby", "tabby cat")
    assert wordnet().name(EGYPTIAN) == "Egyptian cat"
    with pytest.raises(KeyError):
        wordnet().name("n99999999")
    assert "n99999999" not in wordnet()


def test_above_and_below():
    net = wordnet()
    assert net.hypernyms(TABBY) == (DOMESTIC_CAT,)
    assert net.hypernyms("n00001740") == ()
    assert net.is_a(TABBY, "n00015388")
    assert net.is_a(TABBY, TABBY)
    assert not net.is_a(DOMESTIC_CAT, TABBY)
    assert {TABBY, EGYPTIAN} <= set(net.hyponyms(DOMESTIC_CAT))
    assert net.hyponyms(TABBY) == ()
    with pytest.raises(KeyError):
        net.hyponyms("n99999999")
    above = net.ancestors(TABBY)
    assert above[0] == DOMESTIC_CAT
    assert above[-1] == "n00001740"
    assert TABBY not in above
    # A dog is a canine and a domestic animal: two ways up.
    paths = net.paths(DOG)
    assert len(paths) == 2
    assert all(path[0] == "n00001740" and path[-1] == DOG for path in paths)
    assert (net.depth(DOG), net.height(DOG)) == (min(map(len, paths)), max(map(len, paths)))


def test_an_instance_hangs_below_its_kind():
    (crane,) = [s for s in wordnet().synsets("Hart Crane") if wordnet().name(s) == "Crane"]
    assert wordnet().hypernyms(crane)
    assert not wordnet().picturable(crane)


def test_similarity():
    net = wordnet()
    sports_car = net.synsets("sports car")[0]
    # cat: depth 14 by the shortest way; by hand 2d / (2d + 1 + 1) over their common parent.
    depth = net.depth(DOMESTIC_CAT)
    assert net.similarity(TABBY, EGYPTIAN) == pytest.approx(2 * depth / (2 * depth + 2))
    assert net.similarity(TABBY, TABBY) == 1
    assert net.similarity(TABBY, DOG) == net.similarity(DOG, TABBY)
    order = [net.similarity(TABBY, other) for other in (TABBY, EGYPTIAN, DOG, sports_car)]
    assert order == sorted(order, reverse=True)
    assert 0 < order[-1] < 0.5


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("tabby", "tabby"),
        ("DOGS", "dog"),
        ("cranes", "crane"),
        ("women", "woman"),
        ("men", "man"),
        ("geese", "goose"),
        ("buses", "bus"),
        ("boxes", "box"),
        ("churches", "church"),
        ("butterflies", "butterfly"),
        ("wolves", "wolf"),
        ("dining_tables", "dining table"),
        ("dining-table", "dining table"),
        ("Egyptian Cats", "Egyptian cat"),
        ("t-shirt", "jersey"),
        ("ice cream", "ice cream"),
        ("glasses", "spectacles"),
        ("scissors", "scissors"),
        ("bus", "bus"),
        ("grass", "grass"),
    ],
)
def test_a_word_is_found_in_any_spelling(word, name):
    assert wordnet().name(wordnet().synsets(word)[0]) == name


@pytest.mark.parametrize("word", ["", " ", "xyzzy", "the", "s", "'", "_"])
def test_no_word_no_synsets(word):
    assert not any(wordnet().name(s) == word for s in wordnet().synsets(word))
    assert wordnet().base_form("xyzzys") is None


def test_the_sense_that_a_photograph_can_show_comes_first():
    net = wordnet()
    furniture = net.synsets("table")[0]
    assert net.is_a(furniture, net.synsets("furniture")[0])
    # WordNet itself lists the array of numbers first.
    assert "n08266235" in net.synsets("table")
    assert net.is_a(net.synsets("crane")[0], net.synsets("lifting device")[0])


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("hot dog", "food"),
        ("cake", "food"),
        ("banana", "food"),
        ("microwave", "appliance"),
        ("toaster", "appliance"),
        ("washer", "appliance"),
        ("monitor", "equipment"),
        ("ottoman", "furniture"),
        ("glass", "container"),
        ("case", "container"),
        ("light", "source of illumination"),
        ("nail", "fastener"),
        ("organ", "musical instrument"),
        ("mouse", "animal"),
        ("turkey", "animal"),
        ("bear", "animal"),
        ("seal", "animal"),
        ("kite", "plaything"),
        ("player", "person"),
        ("man", "person"),
        ("rose", "plant"),
    ],
)
def test_everyday_words_mean_what_people_photograph(word, kind):
    net = wordnet()
    assert any(net.is_a(net.synsets(word)[0], sense) for sense in net.synsets(kind))


def test_all_senses_are_there_once():
    net = wordnet()
    for word in ("table", "plant", "head", "sun", "poster"):
        found = net.synsets(word)
        assert len(found) == len(set(found)) > 2
        assert all(word in (lemma.lower() for lemma in net.lemmas(s)) for s in found)


def test_prefix_is_for_type_ahead():
    net = wordnet()
    assert net.prefix("sof")[0] == "sofa"
    assert net.prefix("Egyptian c")[0] == "Egyptian cat"
    assert "dog" in net.prefix("do")
    assert len(net.prefix("c", 8)) == 8
    assert net.prefix("dog")[0] == "dog"
    assert net.prefix("xyzzy") == net.prefix("") == net.prefix("a", 0) == []
    for lemma in net.prefix("tea", 20):
        assert lemma.lower().startswith("tea")
        assert net.synsets(lemma)


def test_how_often_a_sense_is_used():
    net = wordnet()
    assert net.uses(DOG) == 42
    assert net.uses("n01886756") == 0  # placental
    assert net.word_uses("dog") >= 42
    assert net.word_uses("xyzzy") == 0


def test_glosses_are_definitions_without_examples():
    net = wordnet()
    assert net.gloss("n03126707") == (
        "lifts and moves heavy objects; lifting tackle is suspended from a pivoted boom that "
        "rotates around a vertical axis"
    )
    assert net.gloss("n02012849").startswith("large long-necked wading bird")
    for synset in (*imagenet_classes(), net.synsets("time")[0]):
        assert net.gloss(synset)
        assert '; "' not in net.gloss(synset)
    with pytest.raises(KeyError):
        net.gloss("n99999999")


def test_words_that_wordnet_writes_otherwise_are_found():
    net = wordnet()
    assert net.synsets("gray wolf") == net.synsets("grey wolf")
    assert net.synsets("fireengine") == net.synsets("fire engine") != ()
    assert net.synsets("color supplement") == net.synsets("colour supplement") != ()
    assert net.base_form("leather jacket") is None
    assert [net.one_form(word) for word in ("hotdog", "hot_dog", "dog")] == [
        "hot_dog",
        "hot_dog",
        "dog",
    ]


def test_licence_ships_with_the_table():
    text = (ROOT / "resources" / "wordnet" / "LICENSE").read_text("utf-8")
    assert "WordNet 3.0 Copyright 2006 by Princeton University" in text
    assert "Permission to use, copy, modify and distribute" in text


@pytest.mark.skipif(
    not (DICT / "data.noun").exists(), reason=f"no WordNet 3.0 dict files in {DICT}"
)
def test_the_script_writes_the_shipped_table_byte_for_byte(tmp_path):
    script = ROOT / "packaging" / "build_wordnet.py"
    subprocess.run([sys.executable, str(script), str(DICT), str(tmp_path)], check=True)
    shipped = ROOT / "resources" / "wordnet"
    # zlib versions may pack differently; the content may not differ.
    for name in ("nouns.tsv.gz", "words.tsv.gz", "glosses.tsv.gz"):
        built = gzip.decompress((tmp_path / name).read_bytes())
        assert built == gzip.decompress((shipped / name).read_bytes()), name
    assert (tmp_path / "LICENSE").read_bytes() == (shipped / "LICENSE").read_bytes()
    # A time of building in the header would make every build different.
    assert (tmp_path / "nouns.tsv.gz").read_bytes()[4:8] == b"\0\0\0\0"
    assert len(WordNet(tmp_path / "nouns.tsv.gz")) == len(wordnet())


def test_the_class_list_is_that_of_timm():
    # Read as a file: importing timm would load torch for one list.
    try:
        timm = importlib.metadata.distribution("timm")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("timm is not installed")
    synsets = Path(str(timm.locate_file("timm/data/_info/imagenet_synsets.txt")))
    assert tuple(synsets.read_text().split()) == imagenet_classes()
