"""Noun phrases of a caption: the semantic parser of LLM2Labels' baseline BLIP2 + SP.

A chunker by rules. Words of grammar, verbs and punctuation end a phrase; what is left between
them is a phrase if its last word is a noun of WordNet that a photograph can show. The rules are
our own; the task is that of Wu et al., Unified visual-semantic embeddings, CVPR 2019, section 3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from annotator.core.nouns_words import (
    ADJECTIVES,
    DETERMINERS,
    GRAMMAR,
    NO_THINGS,
    NOUNS_LIKE_VERBS,
    PARTICIPLES,
    PAST_VERBS,
    PLURALS,
    QUANTITIES,
    THINGS,
    VERBS,
)
from annotator.core.replies import MAX_LABELS, MAX_READ, REFUSES, THINKS, Label, Parsed
from annotator.core.replies_labels import MAX_LETTERS
from annotator.core.replies_refusals import refuses
from annotator.core.replies_text import Text, clean
from annotator.core.wordnet import wordnet

EMPTY = "the caption is empty"
NO_THING = "the caption names nothing that a photo can show"

#: Words of a phrase: a compound of WordNet and what describes it.
_LONGEST_PHRASE = 4
_LONGEST_WORD = 40
_TOKEN = re.compile(r"[^\W_]+(?:['’‑-][^\W_]+)*|[^\w\s]|\n")
_COMPOUND = 4


@dataclass(frozen=True, slots=True)
class _Word:
    """A word or a mark, in lower case, from ``start`` to ``end`` in the cleaned caption."""

    text: str
    start: int
    end: int


def phrases(caption: str, *, cut: bool = False) -> Parsed:
    """The things a caption names, with the words that describe them and without articles: "a man
    in a red shirt" -> "man", "red shirt". ``cut``: the token limit ended it; a phrase that its
    last word belongs to is left out. Never raises; reads and takes as much as ``replies.parse``.
    """
    read = caption[:MAX_READ]
    cut = cut or len(caption) > MAX_READ
    if not read.strip():
        return Parsed((), EMPTY)
    text, thinking = clean(Text.of(read))
    if thinking and not text.chars.strip():
        return Parsed((), THINKS)
    if refuses(text.chars):
        return Parsed((), REFUSES)
    end = len(read.rstrip(" \t"))
    found: dict[str, Label] = {}
    for start, stop in _chunks(text.chars):
        words = " ".join(text.chars[start:stop].split())
        label = Label(words, text.starts[start], text.ends[stop - 1])
        if (cut and label.end >= end) or len(label.text) > MAX_LETTERS:
            continue
        found.setdefault(label.text.casefold(), label)
        if len(found) == MAX_LABELS:
            break
    return Parsed(tuple(found.values()), None if found else NO_THING)


def _chunks(chars: str) -> Iterator[tuple[int, int]]:
    """(start, end) of each phrase."""
    words = [
        _Word(found[0].lower().replace("’", "'"), found.start(), found.end())
        for found in _TOKEN.finditer(chars)
    ]
    chunk: list[_Word] = []
    led = False  # A determiner stands before the chunk.
    at = 0
    while at < len(words):
        after_noun = bool(chunk) and _is_noun(chunk[-1].text)
        doing = after_noun and words[at].text.endswith("ing")
        length = 1 if doing else _compound(words, at)
        if length > 1:
            chunk.extend(words[at : at + length])
            at += length
            continue
        word = words[at]
        before = words[at - 1].text if at else ""
        after = words[at + 1].text if at + 1 < len(words) else ""
        owner = word.text.endswith("'s") and len(word.text) > 2
        if owner:
            word = _Word(word.text[:-2], word.start, word.end - 2)
        if _belongs(word.text, before, after, after_noun):
            chunk.append(word)
        else:
            yield from _phrase(chunk, led)
            chunk, led = [], word.text in DETERMINERS
        if owner:
            yield from _phrase(chunk, led)
            chunk, led = [], True
        at += 1
    yield from _phrase(chunk, led)


def _compound(words: list[_Word], at: int) -> int:
    """How many words from here on are one noun of WordNet; 1 when it is only this one."""
    if not words[at].text[0].isalnum() or words[at].text in DETERMINERS:
        return 1
    for length in range(min(_COMPOUND, len(words) - at), 1, -1):
        some = words[at : at + length]
        if not all(word.text[0].isalnum() for word in some):
            continue
        if some[-1].text in GRAMMAR or some[0].text in GRAMMAR:
            continue
        joined = " ".join(word.text for word in some)
        if some[0].text in NO_THINGS and " of " in joined:
            continue
        if _shows(joined):
            return length
    return 1


def _belongs(word: str, before: str, after: str, after_noun: bool) -> bool:
    """Whether a word is part of a phrase: a noun, or what describes the noun that follows."""
    if not word[0].isalpha() or len(word) > _LONGEST_WORD:
        return False
    if word in GRAMMAR or word in DETERMINERS or word in QUANTITIES:
        return False
    followed = (
        bool(after) and after[0].isalpha() and after not in GRAMMAR and after not in DETERMINERS
    )
    if word.endswith("ing") and len(word) > 4:
        if word in NOUNS_LIKE_VERBS:
            return not (after_noun and after in DETERMINERS)
        starts = before in DETERMINERS or before in ADJECTIVES or before in QUANTITIES
        return followed and not after_noun and (starts or before in ("of", "with", "by"))
    if word in PARTICIPLES or (word.endswith("ed") and len(word) > 4 and not _shows(word)):
        return followed
    if word in VERBS or word in PAST_VERBS:
        return not _is_verb(word, before, after, after_noun)
    return not (word.endswith("ly") and not _shows(word))


def _is_verb(word: str, before: str, after: str, after_noun: bool) -> bool:
    """Whether "stand" is what somebody does and no fruit stand: it agrees with its subject."""
    if before in ("to", "it", "they", "he", "she", "who", "that") or after in DETERMINERS:
        return True
    plural = before in PLURALS or (before.endswith("s") and not before.endswith("ss"))
    third_person = word.endswith("s") and not word.endswith("ss")
    return after_noun and (word in PAST_VERBS or plural != third_person)


def _phrase(chunk: list[_Word], led: bool) -> Iterator[tuple[int, int]]:
    """The phrase in a run of words, if they name a thing."""
    while chunk and not _heads(chunk, led):
        if chunk[-1].text in NO_THINGS:
            return
        chunk = chunk[:-1]
    if not chunk:
        return
    kept = chunk[-_LONGEST_PHRASE:]
    while len(kept) > 1 and kept[0].text in NO_THINGS:
        kept = kept[1:]
    yield kept[0].start, kept[-1].end


def _heads(chunk: list[_Word], led: bool) -> bool:
    """Whether the last word of a run names a thing."""
    last = chunk[-1].text
    for length in range(min(_COMPOUND, len(chunk)), 1, -1):
        if _shows(" ".join(word.text for word in chunk[-length:])):
            return True
    if last in NO_THINGS or len(last) < 2:
        return False
    if last in ADJECTIVES and not (led and last == "orange"):
        return False
    if _is_noun(last):
        return _shows(last)
    # A word that WordNet does not have ("smartphone"), where only a noun can stand.
    plain = last.isalpha() and len(last) > 2 and not last.endswith(("ing", "ed", "ly"))
    return plain and led and last.isascii()


@lru_cache(maxsize=20_000)
def _is_noun(word: str) -> bool:
    return wordnet().base_form(word) is not None


@lru_cache(maxsize=20_000)
def _shows(word: str) -> bool:
    """Whether a photograph can show it, in a sense that is not much rarer than the usual one."""
    known = wordnet()
    if word in THINGS:
        return True
    senses = known.synsets(word)
    shown = max((known.uses(one) for one in senses if known.picturable(one)), default=-1)
    return shown >= 0 and shown * 4 >= max(map(known.uses, senses))
