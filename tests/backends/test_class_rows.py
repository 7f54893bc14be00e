from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from annotator.backends.class_rows import ClassRows, classes
from annotator.backends.protocols import TagText
from annotator.backends.registry import Pack
from annotator.backends.starter import ImageNetGrounder
from annotator.core.wordnet import imagenet_classes, wordnet


@pytest.fixture(scope="module")
def grounder(starter: Pack) -> ImageNetGrounder:
    return cast(ImageNetGrounder, starter.grounder())


@pytest.fixture(scope="module")
def alone() -> ClassRows:
    """Rows that can be told apart, and no embedder."""
    return ClassRows(np.eye(1000, dtype=np.float32), None)


def test_the_classes_are_in_the_order_of_the_output() -> None:
    known = classes()
    assert len(known) == 1000
    assert [c.wordnet_id for c in known] == list(imagenet_classes())
    assert (known[281].wordnet_id, known[281].name) == ("n02123045", "tabby")


def test_a_class_is_its_own_row(alone: ClassRows) -> None:
    tabby = TagText("tabby", wordnet_id="n02123045")
    assert alone.weights(tabby) == [(281, 1.0)]
    assert int(alone.rows([tabby])[0].argmax()) == 281


def test_the_wordnet_id_counts_more_than_the_name(alone: ClassRows) -> None:
    assert alone.explain(TagText("my cat", wordnet_id="n02123045")) == [("tabby", 1.0)]


def test_a_synonym_finds_its_class(alone: ClassRows) -> None:
    assert alone.explain(TagText("sofa"))[0][0] == alone.explain(TagText("couch"))[0][0]


def test_a_synset_above_classes_is_their_mean(alone: ClassRows) -> None:
    weights = dict(alone.weights(TagText("dog")))
    net = wordnet()
    dog = net.synsets("dog")[0]
    below = {c.index for c in classes() if net.is_a(c.wordnet_id, dog)}
    assert set(weights) == below
    assert len(below) > 100
    assert sum(weights.values()) == pytest.approx(1.0)
    row = alone.rows([TagText("dog")])[0]
    assert row[sorted(below)].min() > row[sorted(set(range(1000)) - below)].max()


def test_a_tag_outside_gets_its_nearest_classes(grounder: ImageNetGrounder) -> None:
    def nearest(name: str) -> list[str]:
        parts = grounder.explain(TagText(name))
        assert 1 < len(parts) <= 5
        weights = [weight for _, weight in parts]
        assert weights == sorted(weights, reverse=True)
        assert sum(weights) == pytest.approx(1.0)
        return [name for name, _ in parts[:3]]

    assert {"ballplayer", "scuba diver", "groom"} == set(nearest("astronaut"))
    assert "ox" in nearest("cow")
    assert nearest("spaceship")[0] == "space shuttle"
    assert {"cup", "red wine"} <= set(nearest("beer"))


def test_a_word_that_wordnet_does_not_know_goes_by_its_text(grounder: ImageNetGrounder) -> None:
    assert not wordnet().synsets("espresso machine thing")
    parts = grounder.explain(TagText("espresso machine thing"))
    assert "espresso" in parts[0][0]


def test_an_unknown_wordnet_id_is_no_error(alone: ClassRows) -> None:
    tag = TagText("tabby", wordnet_id="n99999999")
    assert alone.explain(tag) == [("tabby", 1.0)]


def test_without_an_embedder_wordnet_decides(alone: ClassRows) -> None:
    assert set(dict(alone.explain(TagText("astronaut")))) >= {"ballplayer", "scuba diver", "groom"}


def test_the_mean_row_is_taken_away() -> None:
    shared = np.full((1000, 8), 5.0, np.float32)
    own = np.random.default_rng(0).normal(size=(1000, 8)).astype(np.float32)
    a, b = (ClassRows(rows, None) for rows in (own, own + shared))
    tags = [TagText("tabby"), TagText("palace")]
    np.testing.assert_allclose(a.rows(tags), b.rows(tags), atol=1e-5)


def test_names_are_embedded_once() -> None:
    class Counting:
        id = "counting"

        def __init__(self) -> None:
            self.calls: list[int] = []

        def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
            self.calls.append(len(texts))
            return np.ones((len(texts), 1), np.float32)

    embedder = Counting()
    rows = ClassRows(np.eye(1000, dtype=np.float32), lambda: embedder)
    for name in ("astronaut", "beer", "beer"):
        rows.rows([TagText(name)])
    assert len(embedder.calls) == 3
    assert embedder.calls[0] > 1000
    assert embedder.calls[1:] == [1, 1]


def test_no_tags_no_rows(alone: ClassRows) -> None:
    assert alone.rows([]).shape == (0, 1000)


def test_a_tag_outside_is_its_nearest_and_twice_the_contrast_of_all() -> None:
    class Words:
        """A tench is like the tag, everything else is not."""

        id = "words"

        def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
            likes = [1.0 if text in ("tench", "zorblat") else 0.2 for text in texts]
            return np.array([[like, 1.0] for like in likes], np.float32)

    own = np.random.default_rng(0).normal(size=(1000, 8)).astype(np.float32)
    rows = ClassRows(own, Words)
    tag = TagText("zorblat")  # WordNet does not know it: the text counts alone
    [found] = rows.rows([tag])
    unit = own - own.mean(axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    likeness = np.full(1000, 0.2 + 1.0)
    likeness[0] = 1.0 + 1.0  # the tench
    apart = likeness - likeness.mean()
    contrast = (np.sign(apart) * apart**2) @ unit
    nearest = sum(weight * unit[index] for index, weight in rows.weights(tag))
    assert rows.weights(tag)[0][0] == 0
    expected = nearest / np.linalg.norm(nearest) + 2 * contrast / np.linalg.norm(contrast)
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected), atol=1e-4)
