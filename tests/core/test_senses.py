"""Infer, retrieve, rerank, on vectors that are made up."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from annotator.core import senses
from annotator.core.wordnet import wordnet

Floats = NDArray[np.float32]
BIRD, MACHINE = "n02012849", "n03126707"


def test_candidates_are_inferred_by_lemma_then_by_head() -> None:
    assert set(senses.candidates("the cranes")) >= {BIRD, MACHINE}
    assert senses.candidates("wooden bench") == wordnet().synsets("bench")
    assert senses.candidates("church bench") == wordnet().synsets("church bench")
    assert senses.candidates("zorblat pole") == wordnet().synsets("pole")
    assert senses.candidates("zorblat") == ()


def test_heads() -> None:
    assert [senses.head(x) for x in ("wooden bench", "zorblat fire truck", "dog", "zorblat")] == [
        "bench",
        "fire truck",
        "",
        "",
    ]


def test_only_words_with_several_things_to_see_are_unclear() -> None:
    assert list(senses.meanings("crane")) == [MACHINE, BIRD]
    assert len(senses.meanings("mouse")) >= 2
    for word in ("dog", "chair", "tree", "car", "bus", "zorblat", ""):
        assert len(senses.meanings(word)) < 2, word


def test_gaps_follow_the_order_of_senses() -> None:
    net = wordnet()
    for word in ("crane", "seal", "mouse", "table", "kite"):
        gaps = net.gaps(word)
        assert list(gaps) == [s for s in net.synsets(word) if net.picturable(s)]
        assert list(gaps.values()) == sorted(gaps.values())
        assert next(iter(gaps.values())) == 0.0
    assert net.gaps("zorblat") == {}


def test_an_image_chooses_another_sense_only_if_it_fits_clearly_better() -> None:
    scores = np.array([[0.2, 0.6], [0.2, 0.31], [0.2, 0.2], [0.0, 0.0]], np.float32)
    assert senses.choose(scores, [0.0, 0.5]).tolist() == [1, 0, 0, 0]
    assert senses.choose(scores, [0.5, 0.0]).tolist() == [1, 1, 1, 1]


def test_weights_add_up_to_one_and_follow_the_evidence() -> None:
    scores = np.array([[0.2, 0.6]], np.float32)
    assert sum(senses.weights(scores, [0.0, 0.5])) == pytest.approx(1.0, abs=1e-3)
    assert senses.weights(scores, [0.0, 0.5])[1] > 0.9
    by_order = senses.weights(np.zeros((0, 2), np.float32), [0.0, 2.0])
    assert by_order[0] > by_order[1]


def test_evidence_of_an_image_with_nothing_else_is_none() -> None:
    vectors = np.eye(2, dtype=np.float32)
    contexts = np.array([[0.0, 0.0], [3.0, 4.0]], np.float32)
    found = senses.evidence(vectors, contexts)
    assert found.tolist() == [[0.0, 0.0], [pytest.approx(0.6), pytest.approx(0.8)]]


def test_nearest_are_sorted_and_an_unknown_word_needs_a_near_one() -> None:
    index = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]], np.float32)
    ((first, second),) = senses.nearest(np.array([[0.8, 0.6]], np.float32), index, 2)
    assert (first[0], second[0]) == (1, 0)
    assert first[1] == pytest.approx(0.96)
    racket = wordnet().synsets("tennis racket")[0]
    assert senses.same_noun("tennis racquett", [(racket, 0.95)]) == racket
    assert senses.same_noun("tennis racquett", [(racket, 0.85)]) is None
    assert senses.same_noun("racket statue", [(racket, 0.95)]) is None


class Judge:
    """Scores by how many words of the context an option has."""

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted
        self.prompt = ""

    def score(self, prompt: str, options: Sequence[str]) -> Floats:
        self.prompt = prompt
        return np.array([0.0 if self.wanted in one else -40.0 for one in options], np.float32)


def test_a_language_model_can_rerank() -> None:
    judge = Judge("bird")
    ranked = senses.rerank_with(judge, "crane", [MACHINE, BIRD], ["lake", "reed"])
    assert [synset for synset, _ in ranked] == [BIRD, MACHINE]
    assert sum(share for _, share in ranked) == pytest.approx(1.0)
    assert "lake, reed" in judge.prompt
    with pytest.raises(ValueError, match="no senses"):
        senses.rerank_with(judge, "crane", [], [])
