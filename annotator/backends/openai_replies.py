"""Answers of OpenAI-compatible servers: what was said, and with which probabilities."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from annotator.backends.answers import Generated, Token

#: Bytes of a reply that a token may be ahead of the one before it: letters whose bytes several
#: tokens share are told of by some servers in none of them.
_GAP = 16
NO_REPLY = "the server's answer has no reply in it"


@dataclass(frozen=True, slots=True)
class Said:
    """The reply in an answer of /chat/completions, or ``failure``: why there is none; NO_REPLY
    when the answer is none of that kind."""

    generated: Generated
    failure: str | None = None


def said(answer: Mapping[str, Any]) -> Said:
    """What the model said. A probability is exp(logprob) as the server gives it: mostly of the
    model's own distribution, before temperature and nucleus (vLLM and llama.cpp by default), so
    lower than under the distribution that was drawn from. Where a server gives none, or some that
    cannot be read or be found in the reply, there are no tokens. Never raises."""
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, dict):
        return _nothing(NO_REPLY)
    message = choice.get("message")
    if not isinstance(message, dict):
        return _nothing(NO_REPLY)
    text = _clean(_text(message.get("content")))
    ended = choice.get("finish_reason")
    if not text.strip():
        return Said(Generated(text), _why_empty(message, ended))
    if ended == "content_filter":
        return Said(Generated(text), "the server's content filter stopped the reply")
    return Said(Generated(text, tokens(text, choice.get("logprobs")), ended == "length"))


def _nothing(failure: str) -> Said:
    return Said(Generated(""), failure)


def _why_empty(message: Mapping[str, Any], ended: Any) -> str:
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal.strip():
        return f"the model refused: {one_line(refusal)}"
    if ended == "content_filter":
        return "the server's content filter stopped the reply"
    if message.get("tool_calls") or message.get("function_call"):
        return "the model called a tool instead of answering"
    if ended == "length":
        return "the model used up its tokens before it said anything"
    return "the reply is empty"


def _text(content: Any) -> str:
    """The text of a message: one text, or a list of parts of which some are text."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = [one.get("text") if isinstance(one, dict) else one for one in content]
    return "".join(one for one in parts if isinstance(one, str))


def _clean(text: str) -> str:
    """Without halves of letters, which JSON can name and no file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def one_line(text: str) -> str:
    """A text of a server as a message can hold it: short, printable, without a last full stop."""
    line = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return (line[:297] + "…" if len(line) > 300 else line).rstrip(" .")


def tokens(text: str, logprobs: Any) -> tuple[Token, ...]:
    """Tokens of a reply with the letters that each of them wrote, () where the server gave none,
    where a probability is not a number, or where they are not those of the reply."""
    rows = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not isinstance(rows, list) or not rows:
        return ()
    pieces: list[bytes] = []
    probabilities: list[float] = []
    for row in rows:
        found = probability(row.get("logprob")) if isinstance(row, dict) else None
        piece = token_bytes(row.get("token"), row.get("bytes")) if found is not None else None
        if found is None or piece is None:
            return ()
        pieces.append(piece)
        probabilities.append(found)
    data = text.encode("utf-8")
    places = spans(data, pieces)
    if places is None:
        return ()
    # Letter that each byte belongs to, counted from 1.
    letters = np.cumsum((np.frombuffer(data, np.uint8) & 0xC0) != 0x80)
    made = []
    for (start, end), found in zip(places, probabilities, strict=True):
        first = int(letters[start]) - 1 if start < len(data) else len(text)
        made.append(Token(first, int(letters[end - 1]) if end > start else first, found))
    return tuple(made)


def probability(logprob: Any) -> float | None:
    """exp of a log-probability, at most 1; None when it is not a number."""
    if isinstance(logprob, bool) or not isinstance(logprob, (int, float)) or logprob != logprob:
        return None
    return math.exp(min(float(logprob), 0.0))


def token_bytes(token: Any, given: Any = None) -> bytes | None:
    """The bytes of a token: as given, else those of its text, b"" where that is only a sign for a
    part of a letter; None when there is neither."""
    if isinstance(given, list) and all(isinstance(one, int) and 0 <= one < 256 for one in given):
        return bytes(given)
    if not isinstance(token, str):
        return None
    return b"" if "�" in token else _clean(token).encode("utf-8")


def spans(data: bytes, pieces: list[bytes]) -> list[tuple[int, int]] | None:
    """Which bytes of ``data`` each of the tokens wrote: (start, end), start == end for one that
    wrote nothing of it. None when they did not write it."""
    return _exact(data, pieces) or _loose(data, pieces)


def _exact(data: bytes, pieces: list[bytes]) -> list[tuple[int, int]] | None:
    """Spans when the reply is a part of what all tokens wrote: servers cut spaces, thoughts and
    signs of the end off."""
    joined = b"".join(pieces)
    # The reply comes last: a model may have thought the same words before.
    before = joined.rfind(data)
    if before < 0:
        return None
    spans, at = [], -before
    for piece in pieces:
        start, end = max(at, 0), min(at + len(piece), len(data))
        spans.append((min(start, len(data)), max(end, min(start, len(data)))))
        at += len(piece)
    return spans


def _loose(data: bytes, pieces: list[bytes]) -> list[tuple[int, int]] | None:
    """Spans when some tokens are not given whole: each is looked for a little ahead, and what
    lies between belongs to those just before it that were given as nothing. Tokens before and
    after the reply wrote nothing. None when one in the middle is not there."""
    spans: list[tuple[int, int]] = []
    at, over = 0, False
    silent: list[int] = []
    for number, piece in enumerate(pieces):
        wanted = piece.lstrip() if at == 0 else piece
        found = data.find(wanted, at, at + len(wanted) + _GAP) if wanted else -1
        if found < 0:
            if not piece and not over:
                silent.append(number)
            over = over or (bool(piece) and at > 0)
            spans.append((at, at))
            continue
        if over or (found > at and not silent):
            return None
        for one in silent:
            spans[one] = (at, found)
        silent.clear()
        at = found + len(wanted)
        spans.append((found, at))
    if at < len(data.rstrip()):
        if not silent or len(data) - at > _GAP:
            return None
        for one in silent:
            spans[one] = (at, len(data))
    return spans
