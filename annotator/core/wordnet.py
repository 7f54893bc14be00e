"""WordNet 3.0 nouns: words, senses, what is a kind of what.

Synset ids are those of ImageNet: "n" and the offset in WordNet 3.0 in 8 digits ("n02123045").
The table is read once, at the first call of ``wordnet()``; it never changes.
"""

from __future__ import annotations

import gzip
import heapq
import math
import sys
import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from functools import cached_property, lru_cache
from pathlib import Path

from annotator.core.paths import shipped
from annotator.core.word_forms import MATERIALS, singulars, spellings, word_forms, word_key

#: Lexicographer files (lexnames(5WN)) of things a photograph can show: Tops, animal, artifact,
#: body, event, food, location, object, person, phenomenon, plant, shape, substance.
PICTURABLE = frozenset(
    {"03", "05", "06", "08", "11", "13", "15", "17", "18", "19", "20", "25", "27"}
)

#: The lexicographer file of the most general nouns, of which only some are things.
GENERAL = "03"
_PHYSICAL_ENTITY = "n00001930"

# How readily a noun on a photograph means a sense of this lexicographer file: the most general
# nouns, food, animals and artifacts first; phenomena, events and shapes last.
_READINESS = {
    "03": 3.0,
    "05": 1.5,
    "13": 1.5,
    "06": 1.0,
    "17": 0.5,
    "20": 0.5,
    "18": -0.5,
    "11": -1.5,
    "19": -1.5,
    "25": -1.5,
}
# Words of household lists (ADE20K, COCO) that the rule in ``synsets`` would take for something
# else, such as a cake of soap or a post horse.
_MEANT = {
    "bulletin_board": "n02916538",
    "cake": "n07628870",
    "case": "n02974697",
    "kite": "n03621473",
    "net": "n03819994",
    "plant": "n00017222",
    "plate": "n03959485",
    "poster": "n06793426",
    "sconce": "n04148703",
    "seal": "n02076196",
    "sun": "n09450163",
    "toilet": "n04446521",
}


class WordNet:
    """The noun table. Unknown ids raise KeyError; unknown words have no synsets. Thread-safe:
    nothing changes after loading but caches that any thread would fill alike."""

    def __init__(self, path: Path) -> None:
        """Read nouns.tsv.gz as written by packaging/build_wordnet.py; glosses.tsv.gz, which is
        next to it, when a gloss is asked for."""
        self._glosses_path = path.with_name("glosses.tsv.gz")
        rows: dict[str, tuple[str, str, str]] = {}
        sense_uses: dict[str, int] = {}
        senses: dict[str, tuple[str, ...]] = {}
        uses: dict[str, int] = {}
        exceptions: dict[str, str] = {}
        for line in gzip.decompress(path.read_bytes()).decode("utf-8").splitlines():
            kind, key, *rest = line.split("\t")
            if kind == "s":
                # Siblings share their parents' text: half the memory.
                rows["n" + key] = (sys.intern(rest[0]), rest[1], sys.intern(rest[2]))
                if rest[3] != "0":
                    sense_uses["n" + key] = int(rest[3])
            elif kind == "w":
                uses[key] = int(rest[0])
                senses[key] = tuple("n" + offset for offset in rest[1].split(" "))
            else:
                exceptions[key] = rest[0]
        self._rows = rows
        self._order = senses
        self._uses = uses
        self._sense_uses = sense_uses
        self._exceptions = exceptions
        self._depths: dict[str, int] = {}

    # --- one synset --------------------------------------------------------------------------

    def __contains__(self, synset: object) -> bool:
        return synset in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def lemmas(self, synset: str) -> tuple[str, ...]:
        """All names of a synset in natural case, with spaces, the usual one first."""
        return tuple(lemma.replace("_", " ") for lemma in self._rows[synset][1].split(" "))

    def name(self, synset: str) -> str:
        """The first lemma, with spaces, in natural case ("Egyptian cat")."""
        return self._rows[synset][1].split(" ", 1)[0].replace("_", " ")

    def field(self, synset: str) -> str:
        """Number of its lexicographer file, "00" to "28": "05" animals, "13" food, ..."""
        return self._rows[synset][0]

    def picturable(self, synset: str) -> bool:
        """Whether it is a kind of thing that a photograph can show, and not a proper name."""
        file, _, above = self._rows[synset]
        if file == GENERAL:
            return self.is_a(synset, _PHYSICAL_ENTITY)
        return file in PICTURABLE and not above.startswith("i")

    def gloss(self, synset: str) -> str:
        """What it is, in words: WordNet's definition, without the examples."""
        return self._glosses[synset]

    def uses(self, synset: str) -> int:
        """How often the tagged texts of WordNet use this sense: 0 for a technical term."""
        return self._sense_uses.get(synset, 0)

    def word_uses(self, word: str) -> int:
        """How often the tagged texts of WordNet use this noun, in any sense."""
        return self._uses.get(word_key(word), 0)

    def hypernyms(self, synset: str) -> tuple[str, ...]:
        """What it is a kind (or an instance) of, in WordNet's order; empty for "entity"."""
        above = self._rows[synset][2]
        return tuple("n" + part.lstrip("i") for part in above.split(" ")) if above else ()

    def hyponyms(self, synset: str) -> tuple[str, ...]:
        """The synsets directly below, in order of their ids."""
        if synset not in self._rows:
            raise KeyError(synset)
        return self._below.get(synset, ())

    def ancestors(self, synset: str) -> tuple[str, ...]:
        """Everything above it, nearest first, without itself."""
        return tuple(self._distances(synset))[1:]

    def paths(self, synset: str) -> list[tuple[str, ...]]:
        """Every way down from the root to the synset, both included."""
        above = self.hypernyms(synset)
        if not above:
            return [(synset,)]
        return [(*path, synset) for parent in above for path in self.paths(parent)]

    def is_a(self, synset: str, ancestor: str) -> bool:
        """Whether ``synset`` is ``ancestor`` or a kind of it."""
        return ancestor in self._distances(synset)

    def depth(self, synset: str) -> int:
        """Synsets on the shortest way from the root, both included: 1 for "entity"."""
        if synset not in self._depths:
            above = self.hypernyms(synset)
            self._depths[synset] = 1 + min((self.depth(parent) for parent in above), default=0)
        return self._depths[synset]

    def height(self, synset: str) -> int:
        """Synsets on the longest way from the root, both included: 1 for "entity"."""
        return max(len(path) for path in self.paths(synset))

    def similarity(self, a: str, b: str) -> float:
        """How alike two synsets are, in (0, 1], 1 for the same one, symmetric.

        2 d(c) / (d(a via c) + d(b via c)), the most that any common ancestor c gives; d counts
        synsets from the root. Wu and Palmer, Verb semantics and lexical selection, ACL 1994,
        section 4.
        """
        up, down = self._distances(a), self._distances(b)
        best = 0.0
        for common in up.keys() & down.keys():
            depth = self.depth(common)
            best = max(best, 2 * depth / (2 * depth + up[common] + down[common]))
        return best

    # --- words -------------------------------------------------------------------------------

    def has_word(self, word: str) -> bool:
        """Whether WordNet lists this word, in this form."""
        return word_key(word) in self._words

    def synsets(self, word: str) -> tuple[str, ...]:
        """Synsets of a word, best sense first; empty when WordNet does not know it.

        Case, underscores, hyphens and plurals do not matter. Senses that a photograph can show
        come before the others ("table": the furniture before the one of numbers). Among them
        WordNet's order, which is that of written text, is mended by how often a sense is used,
        by its field and, for things and food, by whether ImageNet has it or a kind of it
        ("microwave" is the oven before the radiation). The others follow in WordNet's order.
        """
        base = self.base_form(word)
        if base is None:
            return ()
        return tuple(synset for synset, _ in self._sorted_senses(base))

    def gaps(self, word: str) -> dict[str, float]:
        """The synsets of a word that a photograph can show, in the order of ``synsets``, each
        with how far it is behind the first one, >= 0: about the logarithm (base 2) of how much
        rarer it is meant."""
        base = self.base_form(word)
        seen = [(s, far[1]) for s, far in self._sorted_senses(base) if far[0] < 2] if base else []
        nearest = min((far for _, far in seen), default=0.0)
        found = {synset: far - nearest for synset, far in seen}
        if seen and self._sorted_senses(str(base))[0][1][0] == 0:
            # What people mean is first, whatever the rule says of it.
            found = {synset: gap + 1.0 for synset, gap in found.items()} | {seen[0][0]: 0.0}
        return found

    def base_form(self, word: str) -> str | None:
        """The spelling (lower case, underscores) under which WordNet lists the word or its
        singular; None when it does not. Two words are also looked for as one, where that is a
        kind of what the last one is: a "street light" is a light, a "leather jacket" no
        leatherjacket, which is a fish.

        The word as it stands comes first unless only the singular is something to see: "glasses"
        stays, "men" (a work force, to WordNet) becomes "man". What WordNet lists in another
        spelling only, or as two words, is found there: "icebox" and "ice box", "grey" and "gray".
        """
        key = word_key(word)
        forms = [
            form
            for spelling in spellings(key)
            for form in singulars(spelling, self._exceptions)
            if "_" in form or "-" in form or "_" not in key or self._is_one(form, key)
        ]
        known = [form for form in forms if form in self._words]
        known = known or [self._respelled[form] for form in forms if form in self._respelled]
        return next((form for form in known if self._seen(form)), known[0] if known else None)

    def one_form(self, base: str) -> str:
        """Of a compound that WordNet lists both apart and joined, the form with most parts:
        "hotdog" gives "hot_dog"; other words stay."""
        return self._apart.get(base, base)

    def prefix(self, start: str, n: int = 8) -> list[str]:
        """At most ``n`` lemmas that begin with ``start``, in natural case, for type-ahead: the
        word itself, then what photographs show, frequent ones, short ones first."""
        key = word_key(start)
        if not key or n < 1:
            return []
        words = self._sorted
        first = bisect_left(words, key)
        last = bisect_left(words, key + "\U0010ffff", first)
        best = heapq.nsmallest(n, words[first:last], key=lambda word: self._rank(word, key))
        return [self.spelling(word) for word in best]

    def spelling(self, base: str) -> str:
        """A listed word in WordNet's case, with spaces: "egyptian_cat" -> "Egyptian cat". Where
        only one of its senses is a proper name, the most frequent sense decides."""
        base = word_key(base)
        for lemma in self._rows[self._words[base][0]][1].split(" "):
            if lemma.lower() == base:
                return lemma.replace("_", " ")
        return base.replace("_", " ")

    # --- inside ------------------------------------------------------------------------------

    @cached_property
    def _words(self) -> dict[str, tuple[str, ...]]:
        """Lemma in lower case -> synsets, most frequent sense first."""
        words: dict[str, tuple[str, ...]] = {}
        for synset, (_, lemmas, _) in self._rows.items():
            for lemma in lemmas.lower().split(" "):
                words[lemma] = self._order.get(lemma) or (synset,)
        return words

    @cached_property
    def _glosses(self) -> dict[str, str]:
        lines = gzip.decompress(self._glosses_path.read_bytes()).decode("utf-8").splitlines()
        return {"n" + line[:8]: line[9:] for line in lines}

    @cached_property
    def _respelled(self) -> dict[str, str]:
        """A lemma as one word, or in the spelling that counts -> the lemma, where WordNet does
        not list it so."""
        other = word_forms().spellings
        found: dict[str, str] = {}
        for lemma in self._words:
            parts = lemma.replace("-", "_").split("_")
            if len(parts) == 1 and lemma not in other:
                continue
            parts = [other.get(part, part) for part in parts]
            joined = ("".join(parts),) if len(parts) == 2 else ()
            for form in ("_".join(parts), *joined):
                if form not in self._words:
                    found.setdefault(form, lemma)
        return found

    @cached_property
    def _apart(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for _, lemmas, _ in self._rows.values():
            alike: dict[str, list[str]] = {}
            for lemma in lemmas.lower().split(" "):
                alike.setdefault(lemma.replace("-", "").replace("_", ""), []).append(lemma)
            for group in alike.values():
                counts = max(group, key=lambda one: (one.count("_") + one.count("-"), one))
                found.update((one, counts) for one in group if one != counts)
        return {lemma: counts for lemma, counts in found.items() if counts not in found}

    def _sorted_senses(self, base: str) -> list[tuple[str, tuple[int, float]]]:
        found = self._words[base]
        placed = [(s, self._remoteness(base, s, i)) for i, s in enumerate(found)]
        return sorted(placed, key=lambda one: one[1])

    def _remoteness(self, word: str, synset: str, place: int) -> tuple[int, float]:
        """Sorts the senses of a word; ``place`` is WordNet's."""
        if _MEANT.get(word) == synset:
            return 0, 0.0
        if not self.picturable(synset):
            return 2, float(place)
        field = self.field(synset)
        nearness = math.log2(1 + self.uses(synset) / 4) + _READINESS.get(field, 0.0) - place / 4
        if field in ("06", "13"):
            nearness += self._photographed.get(synset, 0.0)
        return 1, -nearness

    @cached_property
    def _photographed(self) -> dict[str, float]:
        """What ImageNet-1k has, and what it has kinds of."""
        above = {a for synset in imagenet_classes() for a in self.ancestors(synset)}
        return dict.fromkeys(above, 1.5) | dict.fromkeys(imagenet_classes(), 2.5)

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(self._words)

    @cached_property
    def _below(self) -> dict[str, tuple[str, ...]]:
        below: dict[str, list[str]] = {}
        for synset in self._rows:
            for parent in self.hypernyms(synset):
                below.setdefault(parent, []).append(synset)
        return {parent: tuple(children) for parent, children in below.items()}

    def _distances(self, synset: str) -> dict[str, int]:
        """Itself and all above -> steps up, nearest first."""
        found = {synset: 0}
        level: Iterable[str] = (synset,)
        steps = 0
        while level:
            steps += 1
            level = [p for s in level for p in self.hypernyms(s) if p not in found]
            found.update(dict.fromkeys(level, steps))
        return found

    def _is_one(self, joined: str, apart: str) -> bool:
        """Whether a listed word can be meant by words that are written apart."""
        if joined not in self._words:
            return False
        first, _, last = apart.rpartition("_")
        known = self.base_form(last)
        if known is None or not (first in MATERIALS or first in word_forms().adjectives):
            return True
        kinds = set(self._words[known])
        return any(kinds & self._distances(synset).keys() for synset in self._words[joined])

    def _seen(self, word: str) -> bool:
        return any(self.picturable(synset) for synset in self._words[word])

    def _rank(self, word: str, key: str) -> tuple[bool, bool, int, int, str]:
        return word != key, not self._seen(word), -self._uses.get(word, 0), len(word), word


_loading = threading.Lock()


def wordnet() -> WordNet:
    """The shipped table, read at the first call (well under a second) and once only, whichever
    thread asks first."""
    with _loading:
        return _shipped()


@lru_cache(maxsize=1)
def _shipped() -> WordNet:
    return WordNet(shipped("resources", "wordnet", "nouns.tsv.gz"))


@lru_cache(maxsize=1)
def imagenet_classes() -> tuple[str, ...]:
    """The 1,000 synset ids of an ImageNet-1k classifier, by output index."""
    return tuple(shipped("resources", "imagenet_1k.txt").read_text("ascii").split())
