"""Which words are synonyms: what WordNet, vectors and spelling say, and groups that stay tight."""

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.core import grouping
from annotator.core.grouping import Link, Word, word
from annotator.core.grouping_pairs import Floats
from annotator.core.grouping_parents import Place, parents
from annotator.core.grouping_spelling import compare
from annotator.core.wordnet import wordnet

MIXED = (
    "sofa couch lounge car auto automobile machine ball globe sphere tv telly television "
    "bin dustbin can toilet stool pot pan tie necktie rope string cord"
)


def orthogonal(count: int) -> Floats:
    """Vectors that are alike nothing."""
    return np.eye(max(count, 1), dtype=np.float32)[:count]


def leaning(count: int, pairs: dict[tuple[int, int], float]) -> Floats:
    """Orthogonal vectors, but for these pairs, which have that cosine."""
    made = np.eye(count, dtype=np.float64)
    for (a, b), cosine in pairs.items():
        made[b] = cosine * made[a] + np.sqrt(1 - cosine**2) * made[b]
    return made.astype(np.float32)


def texts_of(words: Sequence[Word], groups: list[list[int]]) -> list[list[str]]:
    return [[words[i].text for i in group] for group in groups]


def grouped(words: Sequence[Word], vectors: Floats | None = None) -> list[list[str]]:
    links = grouping.links(words, orthogonal(len(words)) if vectors is None else vectors)
    return texts_of(words, grouping.groups(words, links))


def only(words: Sequence[Word], vectors: Floats | None = None) -> Link:
    found = grouping.links(words, orthogonal(len(words)) if vectors is None else vectors)
    (link,) = [one for one in found if one.confidence >= 0.1]
    return link


class TestPairs:
    def test_lemmas_of_one_synset_are_synonyms(self) -> None:
        link = only([word("sofa"), word("couch"), word("tree")])
        assert (link.source, link.target) == (0, 1)
        assert link.confidence > 0.9
        assert "WordNet's sofa" in link.reason
        assert "seat" in link.reason  # its definition

    def test_kinds_are_no_synonyms_however_alike(self) -> None:
        for one, other in (("car", "vehicle"), ("dog", "animal"), ("animal", "dog")):
            words = [word(one), word(other)]
            assert grouping.links(words, leaning(2, {(0, 1): 0.99})) == []

    def test_siblings_are_no_synonyms(self) -> None:
        words = [word("cat"), word("dog")]
        links = grouping.links(words, leaning(2, {(0, 1): 0.66}))
        assert all(link.confidence < 0.3 for link in links)

    def test_certain_senses_that_differ_are_never_one(self) -> None:
        bird, machine = "n02012849", "n03126707"
        words = [Word("crane", (bird,), certain=True), Word("Crane", (machine,), certain=True)]
        assert grouping.links(words, leaning(2, {(0, 1): 1.0})) == []

    def test_namesakes_that_are_much_alike_are_a_coin_toss_for_a_person(self) -> None:
        known = wordnet()
        missile, projectile, bird, machine = "n03773504", "n04008634", "n02012849", "n03126707"
        words = [
            Word("missile", (missile,), certain=True, names=known.lemmas(missile)),
            Word("projectile", (projectile,), certain=True, names=known.lemmas(projectile)),
            Word("crane", (bird,), certain=True, names=known.lemmas(bird)),
            Word("crane", (machine,), certain=True, names=known.lemmas(machine)),
        ]
        (found,) = grouping.links(words, leaning(4, {(0, 1): 0.7, (2, 3): 1.0}))
        assert (found.source, found.target, found.confidence) == (0, 1, 0.5)
        assert found.reason.startswith("both are called missile")
        assert grouping.links(words, leaning(4, {(0, 1): 0.55})) == []

    def test_certain_sense_is_the_only_one(self) -> None:
        # "range" is the thing to cook on in a later sense only.
        stove, mountains = "n04330340", wordnet().synsets("range")
        assert stove in mountains[1:]
        open_word = [Word("stove", (stove,)), Word("range", mountains)]
        closed = [Word("stove", (stove,)), Word("range", mountains[:1], certain=True)]
        assert only(open_word).confidence > 0.1
        assert all(one.confidence < 0.1 for one in grouping.links(closed, orthogonal(2)))

    def test_spelling_is_a_reason_of_its_own(self) -> None:
        words = [Word("smart watchband"), Word("smart-watch band"), Word("zebra pen")]
        link = only(words)
        assert link.confidence > 0.95
        assert link.reason == "the same word, written differently"

    def test_synonyms_within_a_phrase(self) -> None:
        words = [Word("car wash corner"), Word("automobile wash corner")]
        near = leaning(2, {(0, 1): 0.9})
        link = only(words, near)
        assert "car is a synonym of automobile" in link.reason
        assert link.confidence > only([Word("blue wash corner"), words[1]], near).confidence

    def test_names_of_a_known_word_help_an_unknown_one(self) -> None:
        ashcan = wordnet().synsets("ashcan")[0]
        words = [Word("wheelie trash bin"), Word("ashcan", (ashcan,), names=("wheelietrashbin",))]
        assert only(words).confidence > 0.95
        assert grouping.links([words[0], Word("ashcan", (ashcan,))], orthogonal(2)) == []

    def test_a_shared_name_of_two_known_things_says_nothing(self) -> None:
        words = [
            Word("crane (bird)", ("n02012849",), names=("crane",)),
            Word("crane (machine)", ("n03126707",), names=("crane",)),
        ]
        assert all(one.confidence < 0.1 for one in grouping.links(words, orthogonal(2)))

    def test_what_is_described_is_no_synonym_of_it(self) -> None:
        words = [Word("wooden bench"), word("bench")]
        assert grouping.links(words, leaning(2, {(0, 1): 0.95})) == []

    def test_more_names_of_a_synset_make_it_surer(self) -> None:
        few = [word("car"), word("machine"), word("tree")]
        many = [*few, word("auto"), word("automobile"), word("motorcar")]

        def sure(words: list[Word]) -> float:
            links = grouping.links(words, orthogonal(len(words)))
            return max(one.confidence for one in links if (one.source, one.target) == (0, 1))

        assert sure(many) > sure(few) + 0.1

    def test_kept_apart(self) -> None:
        words = [word("sofa"), word("couch")]
        assert grouping.links(words, orthogonal(2), apart=lambda a, b: True) == []

    def test_one_vector_for_each_word(self) -> None:
        with pytest.raises(ValueError, match="2 vectors for 1 words"):
            grouping.links([word("sofa")], orthogonal(2))

    @pytest.mark.parametrize("count", [0, 1])
    def test_nothing_to_compare(self, count: int) -> None:
        assert grouping.links([word("sofa")][:count], orthogonal(count)) == []

    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.text(max_size=12), max_size=6), st.randoms(use_true_random=False))
    def test_any_text(self, texts: list[str], chance: random.Random) -> None:
        words = [word(text) for text in texts]
        vectors = orthogonal(len(words))
        for a in range(1, len(words)):
            if chance.random() < 0.5:
                vectors[a] = vectors[a - 1]
        for link in grouping.links(words, vectors):
            assert 0.0 <= link.confidence <= 1.0
            assert 0 <= link.source < link.target < len(words)


class TestGroups:
    def link(self, a: int, b: int, confidence: float) -> Link:
        return Link(a, b, confidence, f"{a} {b}")

    def test_a_chain_does_not_become_one_group(self) -> None:
        words = [Word(text) for text in "abcd"]
        chain = [self.link(0, 1, 0.9), self.link(1, 2, 0.8), self.link(2, 3, 0.9)]
        assert grouping.groups(words, chain) == [[0, 1], [2, 3]]

    def test_a_clique_does(self) -> None:
        words = [Word(text) for text in "abc"]
        clique = [self.link(0, 1, 0.9), self.link(1, 2, 0.8), self.link(0, 2, 0.6)]
        assert grouping.groups(words, clique) == [[0, 1, 2]]

    def test_mean_of_a_group_decides(self) -> None:
        words = [Word(text) for text in "abc"]
        links = [self.link(0, 1, 0.9), self.link(1, 2, 0.8), self.link(0, 2, 0.4)]
        assert grouping.groups(words, links, minimum=0.6) == [[0, 1, 2]]
        assert grouping.groups(words, links, minimum=0.61) == [[0, 1]]

    def test_kept_apart_within_a_group(self) -> None:
        words = [Word(text) for text in "abc"]
        links = [self.link(0, 1, 0.9), self.link(1, 2, 0.8), self.link(0, 2, 0.9)]

        def apart(a: int, b: int) -> bool:
            return {a, b} == {0, 2}

        assert [0, 2] not in [sorted(g) for g in grouping.groups(words, links, apart=apart)]
        assert all(not {0, 2} <= set(group) for group in grouping.groups(words, links, apart=apart))

    def test_head_is_accepted_then_strongest_then_shortest(self) -> None:
        words = [Word("a"), Word("b", weight=5), Word("c", accepted=True), Word("d e", weight=5)]
        assert grouping.head_first(words, [0, 1, 2, 3]) == [2, 1, 3, 0]

    def test_merges_go_into_the_head_with_the_better_reason(self) -> None:
        words = [Word("a", weight=9), Word("b"), Word("c")]
        links = [self.link(0, 1, 0.9), self.link(1, 2, 0.9), self.link(0, 2, 0.1)]
        (first, second) = grouping.merges(words, links, [[0, 1, 2]])
        assert (first.source, first.target, first.confidence) == (1, 0, 0.9)
        assert (second.source, second.target) == (2, 0)
        assert second.confidence == pytest.approx(0.5)
        assert second.reason == "in one group through b: 1 2"

    def test_the_order_of_the_words_does_not_matter(self) -> None:
        texts = MIXED.split(" ")
        rng = np.random.default_rng(3)
        vectors = rng.normal(size=(len(texts), 8)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        results = set()
        for seed in range(4):
            order = np.random.default_rng(seed).permutation(len(texts))
            words = [word(texts[i], weight=1.0 + i % 3) for i in order]
            links = grouping.links(words, vectors[order])
            made = grouping.groups(words, links)
            merged = grouping.merges(words, links, made)
            results.add(
                (
                    str(sorted(texts_of(words, made))),
                    str(sorted((words[m.source].text, words[m.target].text) for m in merged)),
                )
            )
        assert len(results) == 1
        assert "couch" in results.pop()[0]


class TestSpelling:
    @pytest.mark.parametrize(
        ("one", "other"), [("t-shirt", "tshirt"), ("grey wall", "gray wall"), ("Sofas", "sofa")]
    )
    def test_same(self, one: str, other: str) -> None:
        assert compare(one, other).same

    def test_turned(self) -> None:
        assert compare("measuring tape", "tape measure").turned
        assert not compare("house boat", "boat shed").turned

    def test_swapped(self) -> None:
        assert compare("phone booth", "telephone booth").swapped == (("phone", "telephone"),)
        assert compare("dog house", "cat house").swapped is None
        assert compare("house", "booth").swapped is None

    def test_ends_and_begins(self) -> None:
        assert compare("mirror ball", "ball").ends
        assert compare("ball", "ball boy").begins
        assert compare("wooden bench", "bench").described
        assert not compare("mirror ball", "ball").described


def place(text: str, wordnet_id: str | None = None, above: int | None = None) -> Place:
    return Place(text, (text,), wordnet_id, above)


class TestParents:
    def placed(self, text: str, above: int | None = None) -> Place:
        return place(text, wordnet().synsets(text)[0], above)

    def found(self, places: list[Place], vectors: Floats | None = None) -> dict[str, str]:
        links = parents(places, orthogonal(len(places)) if vectors is None else vectors)
        return {places[one.source].text: places[one.target].text for one in links}

    def test_the_noun_a_phrase_ends_with(self) -> None:
        places = [self.placed("furniture"), self.placed("table", 0), place("dining room table")]
        assert self.found(places) == {"dining room table": "table"}

    def test_the_longest_end_counts(self) -> None:
        places = [self.placed("table"), place("room table"), place("dining room table")]
        assert self.found(places) == {"room table": "table", "dining room table": "room table"}

    def test_what_the_noun_is_a_kind_of(self) -> None:
        places = [self.placed("vehicle"), place("red delivery truck")]
        assert self.found(places) == {"red delivery truck": "vehicle"}

    def test_what_describes_is_taken_off(self) -> None:
        places = [self.placed("bench"), place("wooden bench")]
        (link,) = parents(places, orthogonal(2))
        assert link.confidence == 0.9
        assert link.reason == "wooden bench: bench that is wooden"

    def test_what_the_nearest_words_are_below(self) -> None:
        seat, other = self.placed("seat"), self.placed("vehicle")
        places = [seat, other, self.placed("stool", 0), self.placed("bench", 0), place("poof")]
        near = np.eye(5, dtype=np.float32)
        near[4] = np.array([0, 0, 0.7, 0.7, 0.1], dtype=np.float32)
        near[4] /= np.linalg.norm(near[4])
        (link,) = parents(places, near)
        assert (link.source, link.target) == (4, 0)
        assert link.reason == "used like bench and stool, which are below seat"
        assert 0.5 <= link.confidence < 0.75
        assert parents(places, near, minimum=0.8) == []

    def test_one_neighbour_is_not_enough(self) -> None:
        places = [self.placed("seat"), self.placed("stool", 0), place("poof")]
        assert parents(places, leaning(3, {(1, 2): 0.9})) == []

    def test_only_what_has_no_place(self) -> None:
        places = [self.placed("table"), self.placed("furniture"), place("odd table", above=1)]
        assert parents(places, orthogonal(3)) == []

    def test_no_circle(self) -> None:
        # "lamp" ends with no other word; "table lamp" is above it already.
        places = [place("lamp", above=1), place("table lamp")]
        assert parents(places, orthogonal(2)) == []

    def test_nothing(self) -> None:
        assert parents([], orthogonal(0)) == []
        assert parents([place("xyzzy")], orthogonal(1)) == []

    def test_one_vector_for_each_word(self) -> None:
        with pytest.raises(ValueError, match="1 vectors for 0 words"):
            parents([], orthogonal(1))
