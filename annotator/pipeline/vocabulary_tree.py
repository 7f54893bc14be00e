"""The tree of a vocabulary: WordNet's part, and below it the words that WordNet does not have."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from annotator.core import vocabulary as words
from annotator.core.wordnet import wordnet
from annotator.pipeline import meanings
from annotator.project import queries_meanings, queries_pipeline
from annotator.project.sqlite import sqlite3


@dataclass(frozen=True, slots=True)
class Forest:
    """``parent`` and ``inner`` as in ``core.vocabulary.Tree``; ``own``: synset without a WordNet
    id -> its parent, a WordNet id or the id of a synset that has none, None at the top."""

    parent: Mapping[str, str | None]
    inner: frozenset[str]
    own: Mapping[int, str | int | None]

    def id_of(self, up: str | int | None, known: Mapping[str, int]) -> int | None:
        """The id of a parent."""
        return known[up] if isinstance(up, str) else up


def tree(
    db: sqlite3.Connection,
    sums: Sequence[queries_pipeline.SynsetSum],
    proposed: Collection[str],
) -> Forest:
    """The tree over the ``proposed`` WordNet synsets and the machine's own words that have tags.

    "wooden bench" and "church bench" go below bench; where bench itself was not proposed it heads
    them only if there are two, else what is above it does.
    """
    own = _heads(db, {one.id for one in sums if one.support and not one.wordnet_id and one.mine})
    heads = {up for up in own.values() if isinstance(up, str)} - set(proposed)
    found = words.build_tree({*proposed, *heads}, wordnet())
    parent, inner = dict(found.parent), set(found.inner)
    for head in sorted(heads):
        below = [child for child, up in parent.items() if up == head]
        mine = [child for child, up in own.items() if up == head]
        if len(below) + len(mine) > 1:
            inner.add(head)
            continue
        up = parent.pop(head)
        parent.update(dict.fromkeys(below, up))
        own.update(dict.fromkeys(mine, up))
    return Forest(parent, frozenset(inner), own)


def _heads(db: sqlite3.Connection, wanted: Collection[int]) -> dict[int, str | int | None]:
    """What each of these synsets is a kind of: what its labels' head is taken for."""
    net = wordnet()
    own: dict[int, str | int | None] = dict.fromkeys(sorted(wanted))
    if not own:
        return own
    head_of: dict[int, str] = {}
    for synset_id, text in queries_pipeline.own_labels(db):
        if synset_id in own and synset_id not in head_of:
            head_of[synset_id] = meanings.head_of(text)
    taken = _taken(db, set(head_of.values()) - {""})
    for synset_id, head in head_of.items():
        up = taken.get(head)
        if up is None:
            ids = net.synsets(head) if head else ()
            up = ids[0] if ids else None
        own[synset_id] = None if up == synset_id else up
    return own


def _taken(db: sqlite3.Connection, heads: Collection[str]) -> dict[str, str | int]:
    """Heads that were said themselves, or with attributes -> what they are taken for."""
    wordnet_of = {one.id: one.wordnet_id for one in queries_meanings.synset_keys(db)}
    alone: dict[str, str | int] = {}
    beside: dict[str, str | int] = {}
    for label in queries_meanings.label_states(db):
        if label.wordnet_id is not None or label.synset_id is None:
            continue
        target = wordnet_of[label.synset_id] or label.synset_id
        key = meanings.key_of(label.text)
        if key in heads:
            alone[key] = target
        elif label.attributes and wordnet_of[label.synset_id]:
            beside.setdefault(meanings.head_of(label.text), target)
    return beside | alone
