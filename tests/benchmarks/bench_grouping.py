"""Synonyms found again: the 847 classes of ADE20K with their synonyms, as single words.

    python tests/benchmarks/bench_grouping.py [--shuffles 4] [--words 5000] [--fit LIST ...]

A pair of words is true when a class has both. Prints precision, recall and F1 over pairs of the
starter pack's grouping and of each of its rules alone, mean and deviation over shuffles of the
list, and how long many words take. Weights and thresholds are fitted on the names of ImageNet-1k's
synsets, the weights on LVIS's too, not on this list; which kinds of evidence there are was decided
with an eye on it, so it is not untouched. Rows marked * have the threshold that is best on the
tested list itself, which is more than fair to them. Exits with 1 when a rule alone is as good as
the grouping, or when the order of the words matters.

``--fit`` fits the weights of ``core.grouping_pairs`` anew, on ImageNet-1k's names and on these
class lists ("id:name,synonym,..."), and prints them; the shipped ones had LVIS with its synonyms.
Reads data/vocabularies from $ANNOTATOR_DATA (default ../shared/data).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from annotator.backends.protocols import Floats, TextEmbedder
from annotator.backends.registry import load_pack
from annotator.core import grouping
from annotator.core.grouping_pairs import WEIGHTS, Pairs
from annotator.core.grouping_spelling import compare
from annotator.core.vocabulary import parse_class_list
from annotator.core.wordnet import imagenet_classes, wordnet

DATA = Path(os.environ.get("ANNOTATOR_DATA", "../shared/data")) / "vocabularies"
Pair = tuple[int, int]
Step = TypeVar("Step", int, float)
STEPS = [round(0.3 + 0.01 * i, 2) for i in range(70)]


@dataclass
class List:
    """Single words of classes, in some order, with their vectors and which pairs are true."""

    texts: list[str]
    vectors: Floats
    classes: Sequence[Sequence[str]]

    @cached_property
    def truth(self) -> set[Pair]:
        place = {text: i for i, text in enumerate(self.texts)}
        return {pair for one in self.classes for pair in _pairs({place[text] for text in one})}

    @cached_property
    def cosines(self) -> Floats:
        made: Floats = self.vectors @ self.vectors.T
        np.fill_diagonal(made, -1.0)
        return made

    def shuffled(self, seed: int) -> List:
        order = np.random.default_rng(seed).permutation(len(self.texts))
        return List([self.texts[i] for i in order], self.vectors[order], self.classes)


def _pairs(members: Iterable[int]) -> Iterable[Pair]:
    ordered = sorted(members)
    return ((a, b) for i, a in enumerate(ordered) for b in ordered[i + 1 :])


def listed(classes: Sequence[Sequence[str]], embedder: TextEmbedder) -> List:
    texts = sorted({text for one in classes for text in one})
    return List(texts, embedder.embed(texts), classes)


# --- rules, each giving the pairs it takes for synonyms -----------------------------------------


def exact(words: List, senses: int) -> set[Pair]:
    """WordNet lists both in one synset, among their first ``senses``."""
    by_sense: dict[str, list[int]] = {}
    for i, text in enumerate(words.texts):
        for sense in wordnet().synsets(text)[:senses]:
            by_sense.setdefault(sense, []).append(i)
    return {pair for members in by_sense.values() for pair in _pairs(members)}


def near(words: List, threshold: float) -> set[Pair]:
    """The cosine is at least the threshold."""
    rows, columns = np.nonzero(np.triu(words.cosines >= threshold, 1))
    return set(zip(rows.tolist(), columns.tolist(), strict=True))


def nearest(words: List, threshold: float) -> set[Pair]:
    """Each is the nearest of the other, and near enough."""
    best = words.cosines.argmax(axis=1).tolist()
    return {
        (i, j)
        for i, j in enumerate(best)
        if i < j and best[j] == i and words.cosines[i, j] >= threshold
    }


def spelled(words: List) -> set[Pair]:
    """The letters are the same, or the words within."""
    candidates = Pairs([grouping.Word(text) for text in words.texts], words.vectors, wordnet())
    found = set()
    for a, b in candidates.candidates():
        spelling = compare(words.texts[a], words.texts[b])
        if spelling.same or spelling.turned:
            found.add((a, b))
    return found


def combined(words: List, threshold: float = grouping.CONFIDENT) -> set[Pair]:
    """The starter's grouping, as it is suggested."""
    known = [grouping.word(text) for text in words.texts]
    links = grouping.links(known, words.vectors)
    made = grouping.groups(known, links, minimum=threshold)
    return {pair for group in made for pair in _pairs(group)}


# --- measuring ---------------------------------------------------------------------------------


def score(found: set[Pair], truth: set[Pair]) -> tuple[float, float, float]:
    """Precision, recall and F1."""
    right = len(found & truth)
    precision, recall = right / max(1, len(found)), right / max(1, len(truth))
    return precision, recall, 2 * precision * recall / max(precision + recall, 1e-9)


def best(words: List, rule: Callable[[List, Step], set[Pair]], steps: Sequence[Step]) -> Step:
    """The threshold (or number of senses) with the best F1."""
    return max(steps, key=lambda step: score(rule(words, step), words.truth)[2])


def table(tested: List, chosen_on: List, shuffles: int) -> bool:
    rules: list[tuple[str, Callable[[List], set[Pair]]]] = [
        ("WordNet, first sense", partial(exact, senses=1)),
        ("WordNet, any sense", partial(exact, senses=99)),
    ]
    for mark, source in (("", chosen_on), ("*", tested)):
        if mark:
            cut = best(source, exact, (1, 2, 3, 4, 5))
            rules.append((f"WordNet, first {cut} senses*", partial(exact, senses=cut)))
        far, mutual = best(source, near, STEPS), best(source, nearest, STEPS)
        rules.append((f"MiniLM from {far:.2f}{mark}", partial(near, threshold=far)))
        named = f"MiniLM, both nearest, from {mutual:.2f}{mark}"
        rules.append((named, partial(nearest, threshold=mutual)))
    rules += [("spelling", spelled), ("starter's grouping", combined)]
    print(f"{'rule':36}{'precision':>10}{'recall':>10}{'F1':>10}{'deviation':>11}{'pairs':>8}")
    means, same = {}, True
    for name, rule in rules:
        lists = [tested.shuffled(seed) for seed in range(shuffles)]
        rows = np.array([score(rule(words), words.truth) for words in lists])
        deviation = float(rows.std(axis=0).max())
        same = same and deviation < 1e-12
        means[name] = float(rows[:, 2].mean())
        cells = "".join(f"{mean:10.3f}" for mean in rows.mean(axis=0))
        print(f"{name:36}{cells}{deviation:11.3f}{len(rule(tested)):8}")
    ours = means.pop("starter's grouping")
    rival = max(means, key=lambda name: means[name])
    print(f"F1 {ours:.3f}, {ours - means[rival]:+.3f} over the best rule alone ({rival}).")
    print("The order of the words does not matter." if same else "The ORDER of the words matters.")
    return same and ours > means[rival]


def speed(count: int, embedder: TextEmbedder) -> None:
    texts = _frequent(count)
    start = time.monotonic()
    vectors = embedder.embed(texts)
    read = time.monotonic()
    words = [grouping.word(text) for text in texts]
    links = grouping.links(words, vectors)
    made = grouping.groups(words, links)
    done = time.monotonic()
    print(
        f"{len(texts)} words: vectors {read - start:.1f} s (kept from then on), grouping "
        f"{done - read:.1f} s, {len(links)} links, {len(made)} groups"
    )


def _frequent(count: int) -> list[str]:
    """Names of things that WordNet's texts use most."""
    known = wordnet()
    found: dict[str, int] = {}
    for letter in "abcdefghijklmnopqrstuvwxyz":
        for text in known.prefix(letter, count):
            if any(known.picturable(sense) for sense in known.synsets(text)):
                found[text] = known.word_uses(text)
    return sorted(found, key=lambda text: (-found[text], text))[:count]


def fit(lists: Sequence[List]) -> dict[str, float]:
    """Weights of a logistic regression over what ``Pairs`` says of every candidate, by Newton's
    method, with a ridge of 1 and true pairs counted twice."""
    names = list(WEIGHTS)
    rows, truth = [], []
    for words in lists:
        pairs = Pairs([grouping.word(text) for text in words.texts], words.vectors, wordnet())
        for a, b in pairs.candidates():
            evidence = pairs.evidence(a, b)
            if evidence is not None:
                rows.append([1.0, *(float(getattr(evidence, name)) for name in names[1:])])
                truth.append((a, b) in words.truth)
    x, y = np.array(rows), np.array(truth, dtype=float)
    counted, weights = np.where(y > 0, 2.0, 1.0), np.zeros(len(names))
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ weights))
        slope = x.T @ (counted * (p - y)) + weights
        bend = (x * (counted * p * (1 - p))[:, None]).T @ x + np.eye(len(names))
        weights = weights - np.linalg.solve(bend, slope)
    return dict(zip(names, weights.round(2).tolist(), strict=True))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shuffles", type=int, default=4)
    parser.add_argument("--words", type=int, default=5000)
    parser.add_argument("--fit", nargs="*", type=Path, metavar="LIST")
    chosen = parser.parse_args()
    path = DATA / "ade20k_847.txt"
    if not path.exists():
        print(f"{path} is not there; set ANNOTATOR_DATA to the folder of the data.")
        return 0
    embedder = load_pack("starter").embedder()
    names = [tuple(dict.fromkeys(wordnet().lemmas(one))) for one in imagenet_classes()]
    imagenet = listed(names, embedder)
    if chosen.fit is not None:
        lists = [listed(parse_class_list(one.read_text("utf-8")), embedder) for one in chosen.fit]
        print(fit([imagenet, *lists]))
        return 0
    tested = listed(parse_class_list(path.read_text("utf-8")), embedder)
    print(f"{len(tested.texts)} words of {len(tested.classes)} classes, {len(tested.truth)} pairs")
    good = table(tested, imagenet, chosen.shuffles)
    speed(chosen.words, embedder)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
