"""A free-text label as a thing and what is said of it: "wooden bench" is a bench, wooden.

English compounds end in what they are, so a word may be taken off the front where WordNet says
that it describes (an adjective, a participle) or where it is a colour, a number or a material.
What WordNet has as one noun stays whole: "fire truck", "hot dog".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from annotator.core.vocabulary import normalise
from annotator.core.word_forms import MATERIALS, word_forms
from annotator.core.wordnet import wordnet

#: Colours that WordNet has as nouns, or rather as something of that colour.
COLOURS = frozenset(
    {
        *("auburn", "beige", "burgundy", "charcoal", "coral", "cream", "cyan", "fuchsia", "khaki"),
        *("lavender", "lilac", "lime", "magenta", "maroon", "mauve", "mustard", "navy", "olive"),
        *("orange", "peach", "pink", "plum", "rose", "rust", "salmon", "sepia", "tan", "taupe"),
        *("teal", "turquoise", "violet"),
    }
)
#: "a group of people" is people; what is counted comes after "of".
COUNTED_IN = frozenset(
    {
        *("array", "bunch", "cluster", "collection", "couple", "crowd", "dozen", "flock", "group"),
        *("handful", "herd", "line", "lot", "number", "pair", "pile", "row", "series", "set"),
        *("stack", "variety"),
    }
)
_NUMBERS = frozenset(
    {
        *("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
        *("twelve", "dozen", "twenty", "hundred", "several", "many", "few", "multiple", "various"),
        *("numerous", "both"),
    }
)
# A stuffed animal is none, and a toy car is not what a car is.
_NOT_ONE = frozenset(
    {
        *("artificial", "cuddly", "dollhouse", "fake", "false", "former", "imaginary", "imitation"),
        *("miniature", "missing", "mock", "model", "play", "plush", "pretend", "stuffed", "toy"),
        *("virtual",),
    }
)
_PLACED = frozenset(
    {
        *("above", "against", "along", "at", "behind", "below", "beneath", "beside", "between"),
        *("by", "from", "in", "inside", "near", "on", "outside", "over", "under", "with"),
        *("without", "wearing", "holding"),
    }
)
_DIGITS = re.compile(r"\d+x?")
_HYPHENED = re.compile(rf"-(?:{'|'.join(sorted(_PLACED))})\b")


@lru_cache(maxsize=65536)
def split(text: str) -> tuple[str, tuple[str, ...]]:
    """(head, attributes), both as ``normalise`` writes them; attributes in the order they stand.

    "Two red brick walls" -> ("wall", ("two", "red", "brick")). "people walking" -> ("person",
    ("walking",)), "group of sheep" -> ("sheep", ("group",)), "man in a hat" -> ("man", ("in
    hat",)). A label stays whole, with no attributes, when WordNet has it, when any word in front
    is not known to describe ("church bench"), when WordNet does not have the head, or when what
    is described is not one ("toy car").
    """
    key = normalise(text)
    words = key.split(" ")
    if len(words) < 2 or _seen(key):
        return key, ()
    found = _counted(words) or _described(words)
    if found is None and not wordnet().synsets(key):
        found = _doing(words)
        if found is None and not _HYPHENED.search(text):
            found = _placed(words)
    return found or (key, ())


def describes(word: str) -> bool:
    """Whether a single word (lower case) in front of a noun says how a thing is, what it is made
    of, or how many there are. A word that is rather a noun ("light", "chicken") does not."""
    if word in MATERIALS or word in COLOURS or _number(word):
        return True
    if word in _NOT_ONE:
        return False
    forms = word_forms()
    if word.endswith("'s"):
        return bool(wordnet().synsets(word[:-2]))
    as_noun = _noun_uses(word)
    if word in forms.adjectives:
        return as_noun is None or forms.adjectives[word] >= as_noun
    if as_noun is not None:
        return False
    return forms.participle(word) is not None or forms.compared(word) is not None


def reason(text: str, head: str, attributes: Sequence[str]) -> str:
    """Why a label belongs to its head, in words: "wooden bench: bench that is wooden"."""
    many = [one for one in attributes if one in COUNTED_IN or _number(one)]
    how = [one for one in attributes if one not in many]
    parts = [f"that is {' and '.join(how)}"] if how else []
    parts += [f"of which there is more than one ({', '.join(many)})"] if many else []
    return f"{' '.join(text.split())}: {' '.join([head, ', '.join(parts)])}".rstrip()


def _number(word: str) -> bool:
    return word in _NUMBERS or bool(_DIGITS.fullmatch(word))


def _seen(key: str) -> bool:
    """Whether WordNet has it as a noun that a photograph can show."""
    net = wordnet()
    return any(net.picturable(synset) for synset in net.synsets(key))


def _noun_uses(word: str) -> int | None:
    """How often texts use the word for something to be seen; None if it is no such noun."""
    net = wordnet()
    if not net.has_word(word):
        return None
    uses = [net.uses(synset) for synset in net.synsets(word) if net.picturable(synset)]
    return sum(uses) if uses else None


def _described(words: Sequence[str]) -> tuple[str, tuple[str, ...]] | None:
    """Attributes in front, the longest head that WordNet has."""
    for at in range(1, len(words)):
        head = normalise(" ".join(words[at:]))
        if _seen(head) and (found := _attributes(words[:at])) is not None:
            return head, found
    return None


def _attributes(words: Sequence[str]) -> tuple[str, ...] | None:
    """The words as attributes, those that belong together as one: "stainless steel", "brightly
    colored", "snow covered"; "and" between two is left out. None where one does not describe."""
    found: list[str] = []
    at = 0
    while at < len(words):
        two = list(words[at : at + 2])
        if len(two) == 2 and _together(*two):
            found.append(" ".join(two))
            at += 2
        elif describes(words[at]):
            found.append(words[at])
            at += 1
        elif words[at] == "and" and 0 < at < len(words) - 1:
            at += 1
        else:
            return None
    return tuple(found)


def _together(first: str, second: str) -> bool:
    if second in MATERIALS:
        return wordnet().has_word(f"{first} {second}")
    before = first in MATERIALS or first == "multi" or first.endswith("ly")
    before = before or (wordnet().has_word(first) and not describes(first))
    return before and second.endswith("ed") and word_forms().participle(second) is not None


def _counted(words: Sequence[str]) -> tuple[str, tuple[str, ...]] | None:
    if len(words) < 3 or words[1] != "of" or normalise(words[0]) not in COUNTED_IN:
        return None
    head, attributes = split(" ".join(words[2:]))
    return (head, (words[0], *attributes)) if wordnet().synsets(head) else None


def _doing(words: Sequence[str]) -> tuple[str, tuple[str, ...]] | None:
    """ "people walking": what stands before a participle that is no thing itself."""
    if word_forms().participle(words[-1]) is None or _noun_uses(words[-1]) is not None:
        return None
    head, attributes = split(" ".join(words[:-1]))
    return (head, (*attributes, words[-1])) if _seen(head) else None


def _placed(words: Sequence[str]) -> tuple[str, tuple[str, ...]] | None:
    """ "man in a hat", "man riding a horse": what stands before that."""
    for at in range(1, len(words) - 1):
        starts = words[at] in _PLACED or (
            words[at].endswith("ing")
            and word_forms().participle(words[at]) is not None
            and _noun_uses(words[at]) is None
        )
        if starts:
            head, attributes = split(" ".join(words[:at]))
            rest = " ".join([words[at], normalise(" ".join(words[at + 1 :]))])
            return (head, (*attributes, rest)) if _seen(head) else None
    return None
