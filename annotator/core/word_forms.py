"""Forms of words, and WordNet 3.0 beyond its nouns: adjectives, verbs, words with two spellings.

Single words in lower case. The table is read once, at the first call of ``word_forms()``.
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Container, Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from annotator.core.paths import shipped

#: Nouns that say of what something is made.
MATERIALS = frozenset(
    {
        *("acrylic", "adobe", "aluminum", "asphalt", "bamboo", "bone", "brass", "brick", "bronze"),
        *("burlap", "canvas", "cardboard", "cedar", "cement", "ceramic", "chrome", "clay"),
        *("cobblestone", "concrete", "copper", "cork", "cotton", "crystal", "denim", "fabric"),
        *("felt", "flannel", "fleece", "foam", "fur", "glass", "gold", "granite", "gravel", "iron"),
        *("ivory", "jade", "lace", "laminate", "leather", "limestone", "linen", "linoleum"),
        *("mahogany", "maple", "marble", "metal", "mesh", "mosaic", "mud", "neon", "nylon", "oak"),
        *("paper", "pearl", "pewter", "pine", "plaid", "plaster", "plastic", "plexiglass"),
        *("plywood", "polyester", "porcelain", "rattan", "rubber", "sand", "sandstone", "satin"),
        *("sheepskin", "silk", "silver", "slate", "snakeskin", "steel", "stone", "straw"),
        *("stucco", "styrofoam", "suede", "teak", "terracotta", "thatch", "tile", "tin", "tweed"),
        *("velvet", "vinyl", "walnut", "wicker", "wire", "wood", "wool", "zinc"),
    }
)
# Plural endings of nouns and what stands there in the singular: morphy(7WN).
_PLURALS = (
    ("s", ""),
    ("ses", "s"),
    ("xes", "x"),
    ("zes", "z"),
    ("ches", "ch"),
    ("shes", "sh"),
    ("men", "man"),
    ("ies", "y"),
)
# What a participle ends in, and what stands there in the base form: morphy(7WN), verbs.
_PARTICIPLES = (("ing", ""), ("ing", "e"), ("ed", ""), ("ed", "e"), ("ied", "y"))
# Of the irregular forms of verbs those that stand before a noun: "broken", "worn", not "saw".
_IRREGULAR = ("ing", "ed", "en", "wn", "rn", "pt")
_COMPARED = (("er", ""), ("er", "e"), ("est", ""), ("est", "e"), ("ier", "y"), ("iest", "y"))


class WordForms:
    """``adjectives``: how often the tagged texts use each one; ``spellings``: word -> the other
    spelling of it that counts ("grey" and "gray" have one of the two)."""

    def __init__(self, path: Path) -> None:
        """Read words.tsv.gz as written by packaging/build_wordnet.py."""
        self.adjectives: dict[str, int] = {}
        self.spellings: dict[str, str] = {}
        self._irregular: dict[str, str] = {}
        verbs: set[str] = set()
        for line in gzip.decompress(path.read_bytes()).decode("utf-8").splitlines():
            kind, word, *rest = line.split("\t")
            if kind == "a":
                self.adjectives[word] = int(rest[0])
            elif kind == "v":
                verbs.add(word)
            elif kind == "x":
                self._irregular.setdefault(word, rest[0])
            else:
                self.spellings[word] = rest[0]
        self.verbs = frozenset(verbs)

    def listed(self, word: str) -> bool:
        """Whether it is an adjective, a verb, or one spelling of a word with two."""
        return word in self.adjectives or word in self.verbs or word in self.spellings

    def participle(self, word: str) -> str | None:
        """The verb of which it is a participle: "walking" and "walked" give "walk"; else None."""
        if word.endswith(_IRREGULAR) and self._irregular.get(word) in self.verbs:
            return self._irregular[word]
        return self._base(word, _PARTICIPLES, self.verbs)

    def compared(self, word: str) -> str | None:
        """The adjective of which it is a comparative or superlative: "taller" gives "tall"."""
        if self._irregular.get(word) in self.adjectives:
            return self._irregular[word]
        return self._base(word, _COMPARED, self.adjectives)

    def _base(
        self, word: str, endings: Iterable[tuple[str, str]], known: Container[str]
    ) -> str | None:
        for ending, instead in endings:
            if word.endswith(ending) and len(word) > len(ending) + 2:
                base = word[: -len(ending)] + instead
                if base in known:
                    return base
        return None


def word_key(word: str) -> str:
    """A word as WordNet lists it: lower case, underscores for spaces."""
    return "_".join(word.replace("_", " ").lower().split())


def spellings(word: str) -> Iterable[str]:
    """WordNet writes some compounds apart, some with a hyphen, some as one word."""
    yield word
    if "-" in word:
        yield word.replace("-", "_")
        yield word.replace("-", "")
    if "_" in word:
        yield word.replace("_", "-")
        yield word.replace("_", "")


def singulars(word: str, exceptions: Mapping[str, str]) -> Iterable[str]:
    """The noun, then what it may be the plural of; of several words the last one counts."""
    yield word
    if word in exceptions:
        yield exceptions[word]
    head, join, last = word.rpartition("_")
    if join and last in exceptions:
        yield head + join + exceptions[last]
    if last.endswith("ss") or len(last) <= 2:
        return
    for ending, instead in _PLURALS:
        if last.endswith(ending) and len(last) > len(ending):
            yield head + join + last[: -len(ending)] + instead


_loading = threading.Lock()


def word_forms() -> WordForms:
    """The shipped table, read at the first call and once only, whichever thread asks first."""
    with _loading:
        return _shipped()


@lru_cache(maxsize=1)
def _shipped() -> WordForms:
    return WordForms(shipped("resources", "wordnet", "words.tsv.gz"))
