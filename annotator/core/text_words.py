"""The candidate tags of a text: all of its words, and no parser (TTD, section 3.1)."""

from __future__ import annotations

import re
import unicodedata

# Inside a word and nowhere else: "child's", "well-known".
_JOINERS = "'\u2019\u2010\u2011-"
# What belongs to the sign before it: a joiner of emoji or letters, skin tones, "as a picture".
_CLINGS = {"\u200c", "\u200d", "\ufe0e", "\ufe0f", *map(chr, range(0x1F3FB, 0x1F400))}
_RUNS = re.compile(r"[wd](?:[wdc]|j(?=[wd])|(?<=d)n(?=d))*|e[ec]*")


def words(text: str) -> tuple[str, ...]:
    """All words, in order, each once, in lower case. Empty for a text without any.

    A word is a run of letters, marks and digits of any script, with apostrophes and hyphens inside
    ("child's", "t-shirt"), points and commas inside numbers; a run of emoji is a word, other signs
    and punctuation are none. What is written without spaces (Chinese, Japanese, Thai) is not
    parted further.
    """
    plain = unicodedata.normalize("NFC", text)
    classes = "".join(map(_class, plain))
    found = (plain[run.start() : run.end()].lower() for run in _RUNS.finditer(classes))
    return tuple(dict.fromkeys(found))


def _class(sign: str) -> str:
    """w: part of a word; d: a digit; e: emoji; c: clings to what is before; j, n: joiners of words
    and of numbers; "." for what is between words."""
    if sign in _CLINGS:
        return "c"
    if sign in _JOINERS:
        return "j"
    if sign in ".,":
        return "n"
    kind = unicodedata.category(sign)
    if kind == "Nd":
        return "d"
    if kind[0] in "LMN":
        return "w"
    return "e" if kind == "So" else "."
