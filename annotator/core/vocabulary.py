"""Names and trees: when two strings are the same word, and what belongs under what."""

from __future__ import annotations

import heapq
import math
import unicodedata
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from annotator.core.wordnet import WordNet, wordnet

Id = TypeVar("Id", bound=Hashable)

_ARTICLES = frozenset({"a", "an", "the", "some"})
_AROUND = " \t\r\n.,;:!?\"'`()[]{}<>*#-_/\\|“”‘’«»…"

# Synsets that say nothing about a photograph when they head a group: the top of WordNet
# (entity, object, whole, artifact, organism, ...) and its trade terms (commodity, ware, ...).
_ABSTRACT = frozenset(
    {
        *("n00001740", "n00001930", "n00002137", "n00002452", "n00002684", "n00003553"),
        *("n00003993", "n00004258", "n00004475", "n00007347", "n00019128", "n00019613"),
        *("n00020090", "n00020827", "n00021939", "n03575240", "n03076708", "n03093574"),
    }
)


# --- names -----------------------------------------------------------------------------------


def normalise(text: str) -> str:
    """The key under which two spellings are the same word: "The Dining-Tables." and
    "dining_table" both give "dining table".

    Lower case; no article in front, no punctuation around, no underscores or hyphens; the last
    word in the singular (WordNet's exceptions and rules). Normalising twice changes nothing.
    Text without a letter or digit gives "".
    """
    key = _plain(text).casefold()
    known = wordnet()
    for _ in range(8):
        singular = _singular(key, known)
        if singular == key:
            break
        key = singular
    return key


def display_name(text: str) -> str:
    """What to call a concept that a machine called ``text``: the lemma in WordNet's spelling and
    case ("egyptian_cats" -> "Egyptian cat"), else the cleaned text, in lower case unless capitals
    within say that it is a name ("Golden Gate Bridge")."""
    known = wordnet()
    plain = _plain(text)
    base = known.base_form(plain)
    if base is not None:
        return known.spelling(base)
    if any(word[:1].isupper() for word in plain.split(" ")[1:]) or plain[1:2].isupper():
        return plain
    return _singular(plain.lower(), known)


def is_descendant(parents: Mapping[Id, Id | None], node: Id, ancestor: Id) -> bool:
    """Whether ``node`` is strictly below ``ancestor``; a node is not below itself. Ends on a
    cycle too."""
    met: set[Id] = set()
    above = parents.get(node)
    while above is not None and above not in met:
        if above == ancestor:
            return True
        met.add(above)
        above = parents.get(above)
    return False


def parse_class_list(text: str) -> list[tuple[str, ...]]:
    """Classes of a vocabulary file, one a line: ``id:name,synonym,...``, each as its names in
    order. Empty lines and the placeholder "invalid_class_id" are left out. Raises ValueError
    with the line's number."""
    classes: list[tuple[str, ...]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        label, colon, names = line.partition(":")
        if not colon or not label.strip().isdigit():
            raise ValueError(f"line {number}: a class is written as id:name,synonym,...")
        found = tuple(name.strip() for name in names.split(",") if name.strip())
        if not found:
            raise ValueError(f"line {number}: a class without a name")
        if found != ("invalid_class_id",):
            classes.append(found)
    return classes


def _plain(text: str) -> str:
    """Without punctuation around, underscores and articles; case kept."""
    plain = unicodedata.normalize("NFKC", text).replace("_", " ")
    words = plain.strip(_AROUND).split()
    while len(words) > 1 and words[0].lower() in _ARTICLES:
        words = words[1:]
    return " ".join(words).strip(_AROUND)


def _singular(key: str, known: WordNet) -> str:
    base = known.base_form(key)
    if base is None:
        head, space, last = key.rpartition(" ")
        base = head + space + (known.base_form(last) or last)
    return " ".join(base.replace("_", " ").replace("-", " ").split())


# --- trees -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tree:
    """``parent``: parent of every proposed and every inner id, None at the top. ``inner``: ids
    that only group others."""

    parent: dict[str, str | None]
    inner: frozenset[str]


def build_tree(support: Mapping[str, int], known: WordNet | None = None) -> Tree:
    """A tree over the proposed synsets (WordNet id -> images it is on), cut to the levels that
    help to read this dataset.

    Every synset goes under its hypernyms; a proposed one that is a hypernym of others becomes
    their parent. Of the other hypernyms, those that head at least two branches stay if they pay:
    reading a list of k entries costs k log2 k, a heading costs a constant that is larger for
    technical terms ("placental") than for everyday ones ("dog"), and the heading that saves least
    goes first until all that stay save something. The top of WordNet ("object", "artifact") never
    heads a group. Ids that WordNet does not have stay at the top. The result depends on the ids
    alone.
    """
    known = known or wordnet()
    tree = _Grouping(known, support)
    tree.drop_chains()
    tree.drop_headings()
    return Tree(
        parent={synset: tree.parent[synset] for synset in sorted(tree.parent)},
        inner=frozenset(tree.parent.keys() - support.keys()),
    )


class _Grouping:
    """The tree while it is being cut."""

    def __init__(self, known: WordNet, support: Mapping[str, int]) -> None:
        self.known = known
        self.proposed = support
        self.parent: dict[str, str | None] = {}
        self.children: dict[str | None, set[str]] = {None: set()}
        for synset in sorted(support):
            self._hang(synset)

    def _hang(self, synset: str) -> None:
        """Put a synset and whatever is above it into the tree."""
        while synset not in self.parent:
            above = _heading_above(self.known, synset)
            self.parent[synset] = above
            self.children.setdefault(synset, set())
            self.children.setdefault(above, set()).add(synset)
            if above is None:
                return
            synset = above

    def _remove(self, synset: str) -> None:
        """Take an inner node out; its children go to its parent."""
        above = self.parent.pop(synset)
        below = self.children.pop(synset)
        self.children[above].discard(synset)
        self.children[above] |= below
        for child in below:
            self.parent[child] = above

    def drop_chains(self) -> None:
        """Inner nodes with one child say nothing that the child does not say."""
        for synset in sorted(self.parent):
            if synset not in self.proposed and len(self.children[synset]) < 2:
                self._remove(synset)

    def drop_headings(self) -> None:
        """Inner nodes that cost more than they save, the worst first."""
        costs = {s: heading_cost(self.known, s) for s in self.parent if s not in self.proposed}

        def saving(synset: str) -> float:
            below, beside = len(self.children[synset]), len(self.children[self.parent[synset]])
            return _list_cost(beside - 1 + below) - _list_cost(beside) - _list_cost(below)

        queue = [(saving(s) - costs[s], s) for s in sorted(costs)]
        heapq.heapify(queue)
        while queue:
            value, synset = heapq.heappop(queue)
            if synset not in self.parent:
                continue
            now = saving(synset) - costs[synset]
            if now > value + 1e-9:
                # Its surroundings grew since it was queued: it is worth more by now.
                heapq.heappush(queue, (now, synset))
            elif now < 0:
                self._remove(synset)
            else:
                return


def _list_cost(entries: int) -> float:
    return entries * math.log2(entries) if entries > 1 else 0.0


def heading_cost(known: WordNet, synset: str) -> float:
    """What a group heading costs its reader: 2 for an everyday word, more for a compound of one
    ("hunting dog"), most for a technical term."""
    words = known.name(synset).split(" ")
    if known.uses(synset):
        return 2.0
    if len(words) > 1 and known.word_uses(words[-1]):
        return 2.0 + len(words)
    return 9.0


def _heading_above(known: WordNet, synset: str) -> str | None:
    """The nearest hypernym that may head a group, along the first of several hypernyms that
    leads to one."""
    if synset not in known:
        return None
    for parent in known.hypernyms(synset):
        found = parent if parent not in _ABSTRACT else _heading_above(known, parent)
        if found is not None:
            return found
    return None
