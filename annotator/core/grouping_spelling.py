"""How two names are spelled: alike, with the same words in another order, with synonyms in them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from annotator.core.attributes import split
from annotator.core.spelling import one_spelling
from annotator.core.vocabulary import normalise
from annotator.core.wordnet import wordnet


@dataclass(frozen=True, slots=True)
class Spelled:
    """Two names side by side. ``same``: letter by letter, but for spaces and spelling. ``turned``:
    the same words in other forms or another order. ``swapped``: the synonyms by which they differ
    word by word, None when they differ more. ``ends``, ``begins``: the longer one does so with the
    shorter one. ``described``: one is the other with attributes ("wooden bench", "bench")."""

    same: bool
    turned: bool
    swapped: tuple[tuple[str, str], ...] | None
    ends: bool
    begins: bool
    described: bool

    @property
    def closeness(self) -> tuple[bool, bool, bool, bool]:
        """What speaks most for one word comes last when sorted."""
        return self.same, self.turned, self.swapped is not None, self.described


@lru_cache(maxsize=65536)
def compare(a: str, b: str) -> Spelled:
    """Two names, in either order the same but for the order within ``swapped``."""
    first, second = tuple(normalise(a).split()), tuple(normalise(b).split())
    same = squashed(a) == squashed(b) != ""
    short, long = sorted((first, second), key=len)
    longer = 0 < len(short) < len(long)
    return Spelled(
        same,
        len(first) > 1 and len(second) > 1 and stems(a) == stems(b),
        None if same else _swapped(first, second),
        longer and long[-len(short) :] == short,
        longer and long[: len(short)] == short,
        longer and split(" ".join(long))[0] == " ".join(short),
    )


@lru_cache(maxsize=65536)
def squashed(text: str) -> str:
    """Letters and digits alone: "t-shirt" and "T shirt" are alike."""
    spelled = "".join(map(one_spelling, normalise(text).split()))
    return "".join(letter for letter in spelled if letter.isalnum())


@lru_cache(maxsize=65536)
def stems(text: str) -> tuple[str, ...]:
    """Its words without their endings, in order of the alphabet."""
    return tuple(sorted(map(_stem, normalise(text).split())))


def _stem(word: str) -> str:
    """Without the usual endings of English: "soured" -> "sour", "sports" -> "sport"."""
    for ending in ("ing", "ed", "er", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            word = word[: -len(ending)]
            break
    return word[:-1] if word.endswith("e") and len(word) > 4 else word


def _swapped(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[tuple[str, str], ...] | None:
    if len(first) != len(second) or len(first) < 2:
        return None
    swapped = []
    for a, b in zip(first, second, strict=True):
        if _stem(a) != _stem(b):
            if not _synonyms(a, b):
                return None
            swapped.append((a, b))
    return tuple(swapped)


def _synonyms(a: str, b: str) -> bool:
    """Whether two single words share one of their three likeliest senses, or are one word but
    for a letter."""
    known = wordnet()
    if set(known.synsets(a)[:3]) & set(known.synsets(b)[:3]):
        return True
    return min(len(a), len(b)) >= 5 and a[0] == b[0] and _distance(a, b) <= 1


def _distance(a: str, b: str) -> int:
    """Letters to change, add or drop (Levenshtein)."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row = row, [i]
        for j, y in enumerate(b, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (x != y)))
    return row[-1]
