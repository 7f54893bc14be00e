"""Dictionaries and lists as language models write them: JSON, Python, in a code fence, with prose
around, trailing commas, comments, or cut off in the middle.

A reader of its own, and no ``eval`` of any kind: it goes over the text once without recursion, so
that 10 MB of brackets cost no more than their reading, and what comes out is strings in lists and
in pairs, whatever was in the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TypeAlias

#: Characters of a reply that are read; an answer about a whole vocabulary is shorter.
LONGEST = 400_000
#: Deeper structures are read as if they ended here.
DEEPEST = 16

#: A string, a list, or a dictionary as its pairs in order.
Node: TypeAlias = "str | list[Node] | Pairs"

_QUOTES = {'"': '"', "'": "'", "“": "”", "”": "”", "„": "“", "‘": "’", "’": "’", "«": "»", "`": "`"}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_HEX = re.compile(r"u([0-9a-fA-F]{4})(?:\\u([dD][c-fC-F][0-9a-fA-F]{2}))?|x([0-9a-fA-F]{2})")
_ENDS = frozenset(",:[]{}()\n\r")
_CLOSING = {"{": "}", "[": "]", "(": ")"}
_FENCE = re.compile(r"```[A-Za-z]*\s*\n?(.*?)(?:```|\Z)", re.DOTALL)


@dataclass
class Pairs:
    """A dictionary; a key that comes twice is there twice."""

    items: list[tuple[str, Node]] = field(default_factory=list)


@dataclass(frozen=True)
class Answer:
    """``value``: the dictionary or list of a reply, None where there is none; ``cut``: it ends in
    the middle, so that what was last may be missing."""

    value: Node | None
    cut: bool = False


def read(reply: str) -> Answer:
    """The largest dictionary or list of the reply (by characters). Never raises."""
    text = reply[:LONGEST]
    fenced = [part for part in _FENCE.findall(text) if "{" in part or "[" in part]
    source = max(fenced, key=len) if fenced else text
    best = Answer(None)
    longest = 0
    at = _opening(source, 0)
    while at is not None:
        reader = _Reader(source, at)
        value = reader.value()
        if reader.at - at > longest:
            longest = reader.at - at
            best = Answer(value, reader.cut or (len(reply) > LONGEST and reader.at >= len(source)))
        at = _opening(source, max(reader.at, at + 1))
    return best


def _opening(text: str, start: int) -> int | None:
    found = [at for at in (text.find("{", start), text.find("[", start)) if at >= 0]
    return min(found, default=None)


@dataclass
class _Open:
    """A structure that is being read: its pairs or items, and a key that waits for its value."""

    node: list[Node] | Pairs
    closing: str
    key: str | None = None


class _Reader:
    """Reads one structure from an opening bracket on, to its end or to that of the text."""

    def __init__(self, text: str, at: int) -> None:
        self.text, self.at, self.cut = text, at, False

    def value(self) -> Node:
        stack: list[_Open] = []
        ignored = 0
        text, size = self.text, len(self.text)
        while self.at < size:
            sign = text[self.at]
            if sign in "{[(":
                self.at += 1
                if len(stack) >= DEEPEST:
                    ignored += 1
                else:
                    made: list[Node] | Pairs = Pairs() if sign == "{" else []
                    if stack:
                        _put(stack[-1], made)
                    stack.append(_Open(made, _CLOSING[sign]))
            elif sign in "}])":
                self.at += 1
                if ignored:
                    ignored -= 1
                    continue
                done = _close(stack, sign)
                if done is not None:
                    return done
            elif sign == ":":
                self.at += 1
                _as_key(stack[-1])
            elif sign == "," or sign.isspace():
                self.at += 1
                if sign == ",":
                    _settle(stack[-1])
            elif sign == "#" or text.startswith("//", self.at):
                end = text.find("\n", self.at)
                self.at = size if end < 0 else end + 1
            else:
                found = self._string() if sign in _QUOTES else self._bare()
                if found is not None and not ignored:
                    _put(stack[-1], found)
        self.cut = True
        for one in stack:
            _settle(one)
        return stack[0].node

    def _string(self) -> str | None:
        """A quoted string; None when the text ends before it does, as half a word says nothing."""
        closing = _QUOTES[self.text[self.at]]
        parts: list[str] = []
        at, text = self.at + 1, self.text
        while at < len(text):
            sign = text[at]
            if sign == "\\" and at + 1 < len(text):
                part, at = _escaped(text, at + 1)
                parts.append(part)
            elif sign == closing and not (sign in "'’" and _within_word(text, at)):
                self.at = at + 1
                return "".join(parts)
            else:
                parts.append(sign)
                at += 1
        self.at = at
        return None

    def _bare(self) -> str | None:
        """A word without quotes: a number, None, NaN, a label."""
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in _ENDS:
            self.at += 1
        return None if self.at >= len(self.text) else self.text[start : self.at].strip()


def _within_word(text: str, at: int) -> bool:
    """Whether an apostrophe is one: "doll's house" in single quotes."""
    return at + 1 < len(text) and at > 0 and text[at - 1].isalpha() and text[at + 1].isalpha()


def _escaped(text: str, at: int) -> tuple[str, int]:
    """What follows a backslash, and where the text goes on."""
    coded = _HEX.match(text, at)
    if coded:
        code = int(coded[1] or coded[3], 16)
        if 0xD800 <= code < 0xDC00 and coded[2]:
            # Two halves of one character, as JSON writes those beyond 16 bits.
            low = int(coded[2], 16) - 0xDC00
            return chr(0x10000 + (code - 0xD800) * 0x400 + low), coded.end()
        end = coded.end(1) if coded[1] else coded.end()
        # A half alone is no character that could be stored.
        return ("" if 0xD800 <= code <= 0xDFFF else chr(code)), end
    return _ESCAPES.get(text[at], text[at]), at + 1


def _put(into: _Open, node: Node) -> None:
    """A value into a list, or beside the key that waits for it; else a string is a key."""
    if isinstance(into.node, list):
        if into.key is not None:
            into.node.append(Pairs([(into.key, node)]))
            into.key = None
        else:
            into.node.append(node)
    elif into.key is not None:
        into.node.items.append((into.key, node))
        into.key = None
    elif isinstance(node, str):
        into.key = node
    else:
        into.node.items.append(("", node))


def _as_key(into: _Open) -> None:
    """ "sofa": in a list, where somebody forgot the braces."""
    if isinstance(into.node, list) and into.node and isinstance(into.node[-1], str):
        last = into.node.pop()
        into.key = last if isinstance(last, str) else None


def _settle(into: _Open) -> None:
    """A key without a value stands for itself."""
    if into.key is not None:
        key, into.key = into.key, None
        if isinstance(into.node, list):
            into.node.append(key)
        else:
            into.node.items.append((key, []))


def _close(stack: list[_Open], sign: str) -> Node | None:
    """Ends the structure that ``sign`` closes, and those inside it that were left open; one that
    closes nothing is passed over. The outermost one when that is done."""
    if all(one.closing != sign for one in stack):
        return None
    while True:
        one = stack.pop()
        _settle(one)
        if not stack:
            return one.node
        if one.closing == sign:
            return None
