"""Which synset each label belongs to: a function of all labels that are stored, of what a person
named, and of how many images say what. The order in which they were stored does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from annotator.core import attributes, senses
from annotator.core import vocabulary as words
from annotator.core.wordnet import wordnet
from annotator.project.queries_meanings import LabelState
from annotator.project.words import word_key

#: A label with an attribute ("wooden bench") is a word of its own from this many images,
OFTEN = 5
#: and from this share of the images of its head.
SHARE = 0.2

#: Groups of label ids -> on how many images any label of the group was said.
Counter = Callable[[Sequence[Sequence[int]]], Sequence[int]]


class Target(NamedTuple):
    """A synset before it has an id: a WordNet id, a word of its own under its key, or the id of
    one that a person named."""

    kind: Literal["wordnet", "own", "person"]
    key: str


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a label is taken for. ``word``: where it has several senses, the word that has them
    (labels of one word mean the same on an image), else "". ``nearest``: an embedder found it."""

    target: Target
    reason: str
    attributes: tuple[str, ...] = ()
    word: str = ""
    nearest: bool = False


@dataclass(frozen=True, slots=True)
class Own:
    """A synset of its own, for what WordNet does not have: its name, and all names."""

    name: str
    lemmas: tuple[str, ...]


@dataclass(slots=True)
class Meanings:
    """``of``: label id -> meaning; ``own``: key -> synset of its own; ``unknown``: keys that
    WordNet does not have in any form, with a text for each."""

    of: dict[int, Meaning] = field(default_factory=dict)
    own: dict[str, Own] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Known:
    """What stands whatever the labels say. ``persons``: key of a word that a person gave -> its
    synset; ``decided``: keys of machine's own synsets that a person decided about, which keep
    their labels; ``same``: keys of unknown words -> the noun that an embedder found for them."""

    persons: Mapping[str, int] = field(default_factory=dict)
    decided: frozenset[str] = frozenset()
    same: Mapping[str, str] = field(default_factory=dict)


def key_of(text: str) -> str:
    """Labels with one key are one word."""
    return words.normalise(text) or text.strip()


def resolve(labels: Sequence[LabelState], known: Known, count: Counter) -> Meanings:
    """The meaning of every label. ``count`` is asked once at most."""
    net = wordnet()
    named = frozenset(one.wordnet_id for one in labels if one.wordnet_id in net)
    found = Meanings()
    free: dict[str, list[LabelState]] = {}
    for label in labels:
        if label.wordnet_id in net:
            target = Target("wordnet", str(label.wordnet_id))
            found.of[label.id] = Meaning(target, "the model names this WordNet synset")
        else:
            free.setdefault(key_of(label.text), []).append(label)
    for key, of_key in sorted(free.items()):
        text = min(label.text for label in of_key)
        meaning = _meaning(text, key, known, named)
        for label in of_key:
            found.of[label.id] = _worded(meaning, label.text)
        if meaning.target == Target("own", key):
            found.unknown[key] = text
    _count(found, free, count)
    return found


def _meaning(text: str, key: str, known: Known, named: frozenset[str | None]) -> Meaning:
    if key in known.persons:
        return Meaning(Target("person", str(known.persons[key])), f"{key} is one of its words")
    if key in known.decided:
        return Meaning(Target("own", key), "a word that a person decided about")
    ids = wordnet().synsets(key)
    own = [synset for synset in ids if synset in named]
    if own:
        return Meaning(
            Target("wordnet", own[0]), f"{key} is one of its words", word=_unclear(key, own)
        )
    head, said = attributes.split(text)
    if said:
        of_head = _meaning(head, head, known, named)
        return replace(of_head, attributes=said)
    if ids:
        target = Target("wordnet", ids[0])
        return Meaning(target, f"best sense of {key} in WordNet", word=_unclear(key))
    if key in known.same:
        target = Target("wordnet", known.same[key])
        reason = f"WordNet does not have {key}; its nearest noun"
        return Meaning(target, reason, nearest=True)
    return Meaning(Target("own", key), "a word that WordNet does not have")


def _unclear(key: str, named: Sequence[str] = ()) -> str:
    return key if len({*senses.meanings(key), *named}) > 1 else ""


def _worded(meaning: Meaning, text: str) -> Meaning:
    if not meaning.attributes:
        return meaning
    head = attributes.split(text)[0]
    return replace(meaning, reason=attributes.reason(text, head, meaning.attributes))


def _count(found: Meanings, free: Mapping[str, Sequence[LabelState]], count: Counter) -> None:
    """Gives what is said often its own synset, and every synset of its own a name."""
    of_target: dict[Target, list[int]] = {}
    for label_id, meaning in found.of.items():
        of_target.setdefault(meaning.target, []).append(label_id)
    described = [key for key, of in free.items() if found.of[of[0].id].attributes]
    heads = sorted({found.of[free[key][0].id].target for key in described})
    spelled = [
        label
        for key, of in sorted(free.items())
        if len({words.display_name(label.text) for label in of}) > 1
        for label in of
    ]
    groups = [[label.id for label in free[key]] for key in described]
    groups += [of_target[head] for head in heads]
    groups += [[label.id] for label in spelled]
    numbers = list(count(groups)) if groups else []
    own = dict(zip(described, numbers, strict=False))
    whole = dict(zip(heads, numbers[len(described) :], strict=False))
    shown = dict(zip([x.id for x in spelled], numbers[len(described) + len(heads) :], strict=True))
    for key in described:
        meaning = found.of[free[key][0].id]
        if own[key] >= OFTEN and own[key] >= SHARE * whole[meaning.target]:
            for label in free[key]:
                _set_apart(found, label, key)
    for key, of in free.items():
        if found.of[of[0].id].target == Target("own", key):
            best = sorted(of, key=lambda label: (-shown.get(label.id, 0), label.text))
            found.own[key] = _own(key, [label.text for label in best])


def _set_apart(found: Meanings, label: LabelState, key: str) -> None:
    meaning = found.of[label.id]
    reason = f"{meaning.reason}, said often enough to be a word of its own"
    found.of[label.id] = Meaning(Target("own", key), reason, meaning.attributes)


def _own(key: str, texts: Sequence[str]) -> Own:
    names: dict[str, str] = {}
    for text in texts:
        name = words.display_name(text) or key
        names.setdefault(word_key(name), name)
    return Own(next(iter(names.values())), tuple(names.values()))


def head_of(text: str) -> str:
    """The word below which a synset of its own belongs: "bench" for "wooden bench" and "church
    bench"; "" where there is none."""
    head, said = attributes.split(text)
    return head if said else senses.head(text)


def groups_of_words(meanings: Mapping[int, Meaning]) -> dict[str, list[int]]:
    """Words with several senses -> their labels."""
    found: dict[str, list[int]] = {}
    for label_id, meaning in meanings.items():
        if meaning.word:
            found.setdefault(meaning.word, []).append(label_id)
    return found


def texts_of(labels: Iterable[LabelState]) -> dict[int, str]:
    """What stands for each label where it is context for others: its word, or WordNet's name."""
    net = wordnet()
    return {
        label.id: net.name(str(label.wordnet_id)) if label.wordnet_id in net else key_of(label.text)
        for label in labels
    }
