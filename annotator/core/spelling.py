"""Words that are written in two ways, in British and in American English.

The pairs are those of WordNet (packaging/build_wordnet.py finds them by rules, among words of one
synset); a word that it does not have at all is rewritten only into one that it has, so that no
rule can break a word: "four" stays, though "labour" is "labor".
"""

from __future__ import annotations

import re
from functools import lru_cache

from annotator.core.word_forms import word_forms
from annotator.core.wordnet import wordnet

# Endings, what the other side of the ocean writes, and letters that must stand before.
_RULES = (
    (re.compile(r"(?<=\w{3})our(?=s?$|ed$|ing$|ful$|less$|ist$|able$)"), "or"),
    (re.compile(r"(?<=\w{3})or(?=s?$|ed$|ing$|ful$|less$|ist$|able$)"), "our"),
    (re.compile(r"(?<=[bdhtv]\w)tre(?=s?$)|(?<=\w{2}[bt])re(?=s?$)"), "er"),
    (re.compile(r"(?<=\w{3})is(?=e[drs]?$|ers$|ing$|ation$)"), "iz"),
    (re.compile(r"(?<=\w{3})iz(?=e[drs]?$|ers$|ing$|ation$)"), "is"),
    (re.compile(r"(?<=\w{2}[aeiou])ll(?=ed$|ing$|ers?$)"), "l"),
    (re.compile(r"(?<=\w{2}[aeiou])l(?=ed$|ing$|ers?$)"), "ll"),
)


@lru_cache(maxsize=65536)
def one_spelling(word: str) -> str:
    """The spelling of a single word (lower case, letters) that counts: "grey" and "gray" give
    the same, whichever WordNet favours. Words that are written in one way stay. Doing it twice
    changes nothing."""
    words = word_forms()
    found = words.spellings.get(word)
    if found is not None or len(word) < 5 or not word.isalpha() or _known(word):
        return found or word
    for british, american in _RULES:
        other = british.sub(american, word, count=1)
        if other != word and _known(other):
            return words.spellings.get(other, other)
    return word


def _known(word: str) -> bool:
    return wordnet().has_word(word) or word_forms().listed(word)
