"""Names and trees: when two strings are the same word, and what belongs under what."""

from __future__ import annotations

import heapq
import math
import unicodedata
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from annotator.core.spelling import one_spelling
from annotator.core.wordnet import GENERAL, WordNet, wordnet

Id = TypeVar("Id", bound=Hashable)

# Plurals that are another word altogether, which WordNet lists on their own.
_PLURALS = {"people": "person"}
_ARTICLES = frozenset({"a", "an", "the", "some"})
_AROUND = " \t\r\n.,;:!?\"'`()[]{}<>*#-_/\\|“”‘’«»…"

# Synsets that say nothing about a photograph when they head a group: the top of WordNet, trade
# terms, and levels of zoology and engineering that nobody thinks in.
_ABSTRACT = frozenset(
    {
        *("n00001740", "n00001930", "n00002137", "n00002452", "n00002684"),  # entity ... object
        *("n00003553", "n00003993", "n00004258", "n00004475"),  # whole, living thing, organism
        *("n00007347", "n00019128", "n00019613", "n00020090", "n00020827"),  # cause ... matter
        *("n00021939", "n00022903", "n03892891", "n04377057"),  # artifact, article, part, system
        *("n03076708", "n03093574", "n07570720"),  # commodity, consumer goods, nutriment
        *("n03575240", "n03122748", "n03100490"),  # instrumentality, covering, conveyance
        *("n01466257", "n01471682", "n01886756", "n01905661"),  # chordate ... invertebrate
        *("n04576211", "n04170037"),  # wheeled vehicle, self-propelled vehicle
        *("n13083586", "n04564698"),  # vascular plant, way
    }
)
# WordNet has public transport (buses, trains) beside vehicles, and solid food beside food.
_INSTEAD = {"n04019101": "n04524313", "n07555863": "n00021265"}


# --- names -----------------------------------------------------------------------------------


@lru_cache(maxsize=65536)
def normalise(text: str) -> str:
    """The key under which two spellings are the same word: "The Dining-Tables." and
    "dining_table" both give "dining table".

    Lower case; no article in front, no punctuation around, no underscores or hyphens; the last
    word in the singular (WordNet's exceptions and rules); of British and American spelling, and
    of compounds written apart and joined, the one that WordNet favours. Normalising twice changes
    nothing. Text without a letter or digit gives "".
    """
    key = _plain(text).casefold().replace("\u2019", "'")
    known = wordnet()
    seen: set[str] = set()
    while key not in seen:
        seen.add(key)
        key = _singular(_spelled(key), known)
    # Rules that undo each other lead in a circle; any way in must come out alike.
    circle = [key]
    while (after := _singular(_spelled(circle[-1]), known)) != key:
        circle.append(after)
    return min(circle)


def _spelled(key: str) -> str:
    return " ".join(one_spelling(word) for word in key.split(" "))


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
    """The key with its last word in the singular, as WordNet lists it."""
    base = None if key in _PLURALS else known.base_form(key)
    if base is None:
        head, space, last = key.rpartition(" ")
        base = head + space + (_PLURALS.get(last) or known.base_form(last) or last)
    base = known.one_form(base)
    return " ".join(base.replace("_", " ").replace("-", " ").split())


# --- trees -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tree:
    """``parent``: parent of every proposed and every inner id, None at the top. ``inner``: ids
    that only group others."""

    parent: dict[str, str | None]
    inner: frozenset[str]


def build_tree(proposed: Collection[str], known: WordNet | None = None) -> Tree:
    """A tree over the proposed synsets (WordNet ids), cut to the levels that help to read this
    dataset.

    Every synset goes under its hypernyms; a proposed one that is a hypernym of others becomes
    their parent. Of the other hypernyms, those that head at least two branches stay if they pay:
    reading a list of k entries costs k log2 k, a heading costs a constant that is larger for
    technical terms ("placental") than for everyday ones ("dog"), and the heading that saves least
    goes first until all that stay save something. The top of WordNet ("object", "artifact") never
    heads a group. Ids that WordNet does not have stay at the top. The result depends on the ids
    alone.
    """
    known = known or wordnet()
    tree = _Grouping(known, proposed)
    tree.drop_chains()
    tree.drop_headings()
    return Tree(
        parent={synset: tree.parent[synset] for synset in sorted(tree.parent)},
        inner=frozenset(tree.parent.keys() - set(proposed)),
    )


class _Grouping:
    """The tree while it is being cut."""

    def __init__(self, known: WordNet, proposed: Collection[str]) -> None:
        self.known = known
        self.proposed = frozenset(proposed)
        self.parent: dict[str, str | None] = {}
        self.children: dict[str | None, set[str]] = {None: set()}
        for synset in sorted(self.proposed):
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
        """Of inner nodes in a row that head the same group one is enough: the most specific one
        that is not a technical term, else the most specific."""
        for synset in sorted(self.parent):
            if synset not in self.parent or synset in self.proposed:
                continue
            row = [synset]
            while len(self.children[row[-1]]) == 1:
                (below,) = self.children[row[-1]]
                if below in self.proposed:
                    break
                row.append(below)
            if len(self.children[row[-1]]) < 2:
                stays = None
            else:
                plain = [s for s in row if not _technical(self.known, s)]
                stays = plain[-1] if plain else row[-1]
            for one in row:
                if one != stays:
                    self._remove(one)

    def drop_headings(self) -> None:
        """Inner nodes that cost more than they save, the worst first."""
        costs = {s: self._heading_cost(s) for s in self.parent if s not in self.proposed}

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

    def _heading_cost(self, synset: str) -> float:
        if _technical(self.known, synset):
            return 20.0
        below = self.children[synset] & self.proposed
        if sum(synset in self.known.hypernyms(child) for child in below) >= 2:
            return 0.0
        words = self.known.name(synset).count(" ")
        return 2.0 + words + max(0.0, 4.0 - math.log2(1 + self.known.uses(synset)))


def _list_cost(entries: int) -> float:
    return entries * math.log2(entries) if entries > 1 else 0.0


def _technical(known: WordNet, synset: str) -> bool:
    """Whether nobody would say it: "placental", not "dog" nor a compound of it, "hunting dog"."""
    words = known.name(synset).split(" ")
    return not known.uses(synset) and (len(words) == 1 or not known.word_uses(words[-1]))


def _heading_above(known: WordNet, synset: str) -> str | None:
    """The nearest hypernym that may head a group. Of several ways up the one that stays in the
    same field (an edible fruit is food before it is a part of a plant), then the longest, which
    is the most specific (a dog is a canine before it is a domestic animal)."""
    if synset not in known:
        return None
    fields = (known.field(synset), GENERAL)
    above = sorted(
        known.hypernyms(synset),
        key=lambda parent: (
            fields.index(known.field(parent)) if known.field(parent) in fields else len(fields),
            -known.height(parent),
        ),
    )
    for parent in above:
        parent = _INSTEAD.get(parent, parent)
        heads = parent not in _ABSTRACT and known.picturable(parent)
        found = parent if heads else _heading_above(known, parent)
        if found is not None:
            return found
    return None
