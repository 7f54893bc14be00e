"""A reply's text, freed of what is no language, that still knows where each character stood."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

#: What an escaped quote or backslash becomes: characters of no meaning, which no reply can hold
#: any more once it was cleaned, so that they end no string.
ESCAPED = {'"': "\ue000", "'": "\ue001", "\\": "\ue002"}
_UNESCAPED = str.maketrans({mark: char for char, mark in ESCAPED.items()})


@dataclass(frozen=True, slots=True)
class Text:
    """``chars``; character i of it was written by ``reply[starts[i]:ends[i]]``."""

    chars: str
    starts: Sequence[int]
    ends: Sequence[int]

    @classmethod
    def of(cls, reply: str) -> Text:
        return cls(reply, range(len(reply)), range(1, len(reply) + 1))

    def part(self, start: int, end: int | None = None) -> Text:
        return Text(self.chars[start:end], self.starts[start:end], self.ends[start:end])

    def strip(self, around: str | None = None) -> Text:
        start = len(self.chars) - len(self.chars.lstrip(around))
        return self.part(start, start + len(self.chars.strip(around)))

    def split(self, pattern: re.Pattern[str]) -> list[Text]:
        """Its parts between the matches of a pattern."""
        parts, at = [], 0
        for found in pattern.finditer(self.chars):
            parts.append(self.part(at, found.start()))
            at = found.end()
        return [*parts, self.part(at)]

    def replace(self, pattern: re.Pattern[str], by: str | Callable[[re.Match[str]], str]) -> Text:
        """With every match replaced; what stands for it was written by all of it."""
        return self.edit(
            (found.start(), found.end(), by if isinstance(by, str) else by(found))
            for found in pattern.finditer(self.chars)
        )

    def edit(self, changes: Iterable[tuple[int, int, str]]) -> Text:
        """With other characters from start to end of each change, which come in order."""
        chars: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        at = 0
        for start, end, new in changes:
            if end == start:
                continue
            chars += (self.chars[at:start], new)
            starts.extend(self.starts[at:start])
            starts.extend([self.starts[start]] * len(new))
            ends.extend(self.ends[at:start])
            ends.extend([self.ends[end - 1]] * len(new))
            at = end
        if at == 0:
            return self
        starts.extend(self.starts[at:])
        ends.extend(self.ends[at:])
        return Text("".join((*chars, self.chars[at:])), starts, ends)

    def drop(self, pattern: re.Pattern[str]) -> Text:
        return self.replace(pattern, "")


def words_of(text: str) -> frozenset[str]:
    """The words of a table."""
    return frozenset(text.split())


def plain(chars: str) -> str:
    """Characters as the model meant them, escapes resolved, accents and letters in one."""
    return unicodedata.normalize("NFC", chars.translate(_UNESCAPED))


# Colours and cursor movements of a terminal; a title for its window.
_TERMINAL = re.compile(
    r"\x1b\[[0-9;?]{0,30}[ -/]{0,3}[@-~]|\x1b\][^\x07\x1b]{0,200}(?:\x07|\x1b\\)"
)
_LINE_ENDS = re.compile(r"\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,8});")
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|u[0-9a-fA-F]{4}|u\{[0-9a-fA-F]{1,6}\}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|[0-7]{3}"
    r"|(?:boxed|text(?:bf|it|tt)?|mathrm)\b|[^\w\s]|[_nrtbfv])"
)
_CONTROLS = {"n": "\n", "r": "\n", "t": " ", "b": "", "f": "\n", "v": "\n"}
# JSON inside a JSON string: then what is escaped is the list itself.
_NESTED = re.compile(r"[\[{]\s{0,20}\\[\"']")
_ACCENT = r"\u0300-\u036f\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_PILED_ACCENTS = re.compile(f"[{_ACCENT}]{{3,}}")

_END = re.compile(
    r"</s>|<\|(?:im_end|eot_id|eom_id|end_of_text|endoftext|end|return|end_of_turn|eos)\|>"
    r"|<(?:eos|end_of_turn|end_of_utterance)>"
)
_FINAL = re.compile(r"<\|channel\|>final<\|message\|>")
_TURN = re.compile(
    r"\n\s{0,20}(?:user|human|question|### ?(?:instruction|human|user|question))\s{0,5}:"
    r"|<\|(?:im_start|start_header_id)\|>user|<start_of_turn>user|\[INST\]",
    re.IGNORECASE,
)
_THOUGHT = re.compile(
    r"<(think|thinking|thought|reasoning|scratchpad)>|\[(THINK)\]|◁(think)▷", re.IGNORECASE
)
_THOUGHT_OVER = re.compile(
    r"</(?:think|thinking|thought|reasoning|scratchpad)>|\[/THINK\]|◁/think▷", re.IGNORECASE
)
_HIDDEN = re.compile(r"<!--|<(script|style)\b[^<>]{0,300}>", re.IGNORECASE)
_TOKEN = re.compile(r"<\|[^<>|\n]{1,40}\|>|\[/?INST\]|<</?SYS>>|<0x[0-9A-Fa-f]{2}>")
_LINE_FEED = re.compile(r"<0x0[aA]>")
_INLINE_TAG = re.compile(
    r"</?(?:b|i|u|s|em|strong|span|a|code|mark|font|small|big|sub|sup|kbd|ref)"
    r"(?:\s[^<>]{0,300})?/?>",
    re.IGNORECASE,
)
_TAG = re.compile(r"<[/!?]?[a-zA-Z][^<>]{0,300}>")
_TARGET = re.compile(r"(?<=\])\((?:[a-z]{2,10}:|[/#.])[^()\s]{0,2000}\)", re.IGNORECASE)
_ADDRESS = re.compile(
    r"\b(?:https?://|www\.|data:[a-z]{2,15}/)[^\s\"'<>\])}]{1,100000}", re.IGNORECASE
)
_FENCE = re.compile(
    r"(?:```+|~~~+)(?:[\w+#-]{0,20}(?=[ \t]*(?:\n|$))"
    r"|(?:python|json|py|text|yaml|csv|xml|html|javascript)\b)?"
)
# Short runs of spaces keep every later pattern linear; eight of them still show an indent.
_SPACES = (
    (re.compile(r"[^\S\n]{9,}"), " " * 8),
    (re.compile(r"[^\S\n]+(?=\n)"), ""),
    (re.compile(r"\n{3,}"), "\n\n"),
)


def clean(reply: Text) -> tuple[Text, bool]:
    """The part of a reply that answers, readable, and whether it ended amid a model's thoughts.

    Without thoughts, special tokens, tags, addresses and code fences, without what cannot be
    seen (control characters, marks of direction, zero width) and with escapes resolved. Line
    ends are "\\n".
    """
    text = _visible(reply)
    nested = _NESTED.search(text.chars) is not None
    text = text.replace(_ENTITY, lambda found: html.unescape(found[0]))
    text = text.replace(_ESCAPE, lambda found: _unescape(found[0][1:], nested))
    text = _visible(text, keep="".join(ESCAPED.values())).drop(_PILED_ACCENTS)
    text, thinking = _without_thoughts(text)
    text = _own_turn(text)
    text = _without_hidden(text).drop(_INLINE_TAG)
    text = text.replace(_LINE_FEED, "\n").drop(_TOKEN).replace(_TAG, "\n")
    text = text.replace(_FENCE, "\n")
    text = text.drop(_TARGET).drop(_ADDRESS)
    for pattern, by in _SPACES:
        text = text.replace(pattern, by)
    return text, thinking


def _visible(text: Text, keep: str = "") -> Text:
    """Without what writes nothing; line ends and tabs as line ends and spaces."""
    if text.chars.isascii() and text.chars.isprintable():
        return text
    text = text.drop(_TERMINAL).replace(_LINE_ENDS, "\n").replace(re.compile("[\t\xa0\u3000]"), " ")
    unseen = "".join(
        re.escape(char) for char in set(text.chars) - set(keep) - {"\n"} if _invisible(char)
    )
    return text.drop(re.compile(f"[{unseen}]")) if unseen else text


def _invisible(char: str) -> bool:
    return (
        unicodedata.category(char)[0] == "C"
        or char == "\ufffd"
        or "\ufe00" <= char <= "\ufe0f"
        or "\U000e0100" <= char <= "\U000e01ef"
        or char in "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2800"
    )


def _unescape(code: str, nested: bool) -> str:
    """What an escape, without its backslash, stands for."""
    if code in _CONTROLS:
        return _CONTROLS[code]
    if len(code) == 3 and code.isdigit():
        return chr(int(code, 8))
    if code[0] in "btm" and len(code) > 1:
        return ""  # LaTeX around the answer.
    if code[0] in "uUx" and len(code) > 1:
        if "\\" in code:
            high, low = int(code[1:5], 16), int(code[7:11], 16)
            return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
        value = int(code[1:].strip("{}"), 16)
        return chr(value) if value <= 0x10FFFF else ""
    if nested and code in "\"'":
        return code
    return ESCAPED.get(code, code)


def _without_thoughts(text: Text) -> tuple[Text, bool]:
    """Without what a model said to itself, and whether it never came to its answer."""
    final = list(_FINAL.finditer(text.chars))
    if final:
        text = text.part(final[-1].end())
    over = list(_THOUGHT_OVER.finditer(text.chars))
    if over:
        text = text.part(over[-1].end())
    begun = _THOUGHT.search(text.chars)
    return (text.part(0, begun.start()), True) if begun else (text, False)


def _own_turn(text: Text) -> Text:
    """Up to where the model ended its answer and went on with somebody else's words."""
    begin = next((i for i, char in enumerate(text.chars) if char.isalnum()), 0)
    for pattern in (_END, _TURN):
        found = pattern.search(text.chars, begin)
        if found:
            text = text.part(0, found.start())
    return text


def _without_hidden(text: Text) -> Text:
    """Without comments, scripts and styles of a page."""

    def hidden() -> Iterator[tuple[int, int, str]]:
        at = 0
        while found := _HIDDEN.search(text.chars, at):
            close = "-->" if found[1] is None else f"</{found[1].lower()}"
            end = text.chars.find(close, found.end())
            if end < 0:
                break
            at = end + len(close)
            yield found.start(), at, ""

    return text.edit(hidden())
