"""Labels out of what models really send: lists in any notation, cut off, repeated, or prose.

A reply is data and nothing else: whatever it says, it is made into labels or a failure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from annotator.core import replies_lines
from annotator.core.replies_labels import Label, Piece, labels
from annotator.core.replies_lists import lists
from annotator.core.replies_refusals import refuses
from annotator.core.replies_text import Text, clean

__all__ = ["MAX_LABELS", "MAX_READ", "Label", "Parsed", "parse"]

#: Characters of a reply that are read; what comes after them is repetition or worse.
MAX_READ = 200_000
#: Labels that one reply may have; more of them are no description of one image.
MAX_LABELS = 200

WEB_PAGE = "the reply is a web page, as a server sends when something is wrong with it"
EMPTY = "the reply is empty"
THINKS = "the reply ends before the model came to its answer"
REFUSES = "the reply refuses to answer"
EMPTY_LIST = "the list in the reply names nothing"
NO_WORDS = "the reply has no words"
CUT_OFF = "the reply was cut off before its first label ended"
SENTENCE = "the reply is one long sentence without a list"
RUNNING_TEXT = "the reply is running text without a list"
NO_LABELS = "the reply holds no list of labels"


@dataclass(frozen=True, slots=True)
class Parsed:
    """Labels in the order they were said, each once; or, when there are none, ``failure``: why,
    in words for a person."""

    labels: tuple[Label, ...]
    failure: str | None = None


def parse(reply: str, *, cut: bool = False) -> Parsed:
    """Labels of a reply. ``cut``: the token limit ended it, so that its last label may be half a
    word and is left out; a list that never closes loses such a label by itself. Never raises.

    Reads the first 200,000 characters and takes the first 200 labels, in linear time. A label is
    said once, whatever its case; it has a letter, at most 80 characters and 8 words.
    """
    read = reply[:MAX_READ]
    cut = cut or len(reply) > MAX_READ
    if not read.strip():
        return Parsed((), EMPTY)
    if read[:200].lstrip().casefold().startswith(("<!doctype html", "<html")):
        return Parsed((), WEB_PAGE)
    text, thinking = clean(Text.of(read))
    found = lists(text)
    if not any(map(str.isalpha, text.chars)):
        if thinking:
            return Parsed((), THINKS)
        empty = CUT_OFF if cut and found.open else EMPTY_LIST
        return Parsed((), empty if found.seen else NO_WORDS)
    refused = refuses(text.chars)
    if found.pieces and (not refused or found.quoted):
        said = _labels(found.pieces, read, cut)
        if said:
            return Parsed(said)
    if refused:
        return Parsed((), REFUSES)
    half = cut or found.open
    said = () if found.quoted else _labels(replies_lines.pieces(text), read, half)
    if said:
        return Parsed(said)
    return Parsed((), _failure(text.chars, cut, found.seen, found.open))


def _labels(pieces: Iterable[Piece], reply: str, cut: bool) -> tuple[Label, ...]:
    """Each label once; without the last one where it may be half a word."""
    end = len(reply.rstrip(" \t"))
    seen: set[str] = set()
    tried: set[str] = set()
    said: list[Label] = []
    for piece in pieces:
        if len(said) > MAX_LABELS:
            break
        if piece.text.chars in tried:
            continue
        tried.add(piece.text.chars)
        for label in labels(piece):
            if label.end >= end and (cut or piece.open):
                continue
            if label.text.casefold() not in seen:
                seen.add(label.text.casefold())
                said.append(label)
    return tuple(said[:MAX_LABELS])


def _failure(chars: str, cut: bool, listed: bool, unclosed: bool) -> str:
    words = chars[:5000].split()
    if unclosed or (cut and len(words) <= 8):
        return CUT_OFF
    if listed:
        return EMPTY_LIST
    if len(words) > 5 or (len(chars) > 60 and not chars.isascii()):
        sentences = len(re.findall(r"[.!?。！？](?:\s|$)", chars[:5000]))
        return SENTENCE if sentences <= 1 and "\n" not in chars.strip() else RUNNING_TEXT
    return NO_LABELS
