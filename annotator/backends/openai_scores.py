"""Log-probabilities of given answers, out of what OpenAI-compatible servers tell."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from annotator.backends.openai_errors import Refused
from annotator.backends.openai_replies import probability, spans, token_bytes

#: A text whose end any language model can tell from its beginning, and few by chance.
COUNTING = " one two three four five six seven eight nine ten eleven twelve" * 4
#: Log-probability that a model which repeats COUNTING gives its last words on average, at least.
_SURE = -3.0
#: Instead of exp(-inf): about the smallest number there is.
_NEVER = -700.0


def is_late(answer: Mapping[str, Any]) -> bool:
    """Whether an echo of COUNTING tells each token's probability as the next one after itself,
    and not as the next one after those before it. llama-cpp-python does with models that have no
    token for the start of a text: there the right ones are among the alternatives of the token
    before. Raises Refused when neither is likely: then these are no probabilities of the text."""
    rows = _echoed(answer, COUNTING)
    last = rows[-len(rows) // 4 :]
    right = sum(_number(row, late=False) for row in last) / len(last)
    late = sum(_number(row, late=True) for row in last) / len(last)
    if max(right, late) < _SURE:
        raise Refused(200, "what it repeats has no probabilities of the text")
    return late > right


def of_option(answer: Mapping[str, Any], prompt: str, option: str, *, late: bool = False) -> float:
    """The sum of the log-probabilities of the tokens of an echo that wrote a part of ``option``;
    see ``is_late``. Raises Refused when the answer is no echo with probabilities."""
    seam = len(prompt.encode("utf-8", "replace"))
    rows = [row for row in _echoed(answer, prompt + option) if row[0] > seam]
    if not rows:
        raise Refused(200, "it does not repeat the text")
    return sum(_number(row, late=late) for row in rows)


#: (end in the text, token, its log-probability, alternatives of the token before).
_Row = tuple[int, str, Any, Mapping[str, Any]]


def _echoed(answer: Mapping[str, Any], text: str) -> list[_Row]:
    """The tokens that wrote a part of the text."""
    told = _choice(answer).get("logprobs")
    told = told if isinstance(told, dict) else {}
    tokens, logprobs = told.get("tokens"), told.get("token_logprobs")
    if not isinstance(tokens, list) or not isinstance(logprobs, list):
        raise Refused(200, "it repeats no text with probabilities")
    top = told.get("top_logprobs")
    top = top if isinstance(top, list) else []
    pieces = [token_bytes(one) or b"" for one in tokens[: len(logprobs)]]
    found = spans(text.encode("utf-8", "replace"), pieces)
    if found is None:
        raise Refused(200, "it does not repeat the text")
    rows: list[_Row] = []
    for at, (start, end) in enumerate(found):
        before = top[at - 1] if 0 < at <= len(top) else None
        if start < end:
            token = tokens[at] if isinstance(tokens[at], str) else ""
            rows.append((end, token, logprobs[at], before if isinstance(before, dict) else {}))
    return rows


def _number(row: _Row, *, late: bool) -> float:
    _, token, logprob, before = row
    if late:
        # One that is not among the alternatives is at most as likely as the least of them.
        told = [value for value in before.values() if probability(value) is not None]
        logprob = before.get(token, min(told, default=_NEVER))
    if probability(logprob) is None:
        raise Refused(200, "it repeats the text without probabilities")
    return max(min(float(logprob), 0.0), _NEVER)


def by_first_token(answer: Mapping[str, Any], options: Sequence[str]) -> list[float] | None:
    """Log-probabilities that a chat's reply begins as each of the options, from the alternatives
    of its first token: all that are the beginning of an option add up. An option that they leave
    out gets the least of them. None when they do not tell the options apart."""
    logprobs = _choice(answer).get("logprobs")
    rows = logprobs.get("content") if isinstance(logprobs, dict) else None
    first = rows[0] if isinstance(rows, list) and rows else None
    told = first.get("top_logprobs") if isinstance(first, dict) else None
    if not isinstance(told, list):
        return None
    mass = [0.0] * len(options)
    least = 1.0
    for one in told:
        piece = one.get("token") if isinstance(one, dict) else None
        chance = probability(one.get("logprob")) if isinstance(one, dict) else None
        if not isinstance(piece, str) or chance is None:
            return None
        least = min(least, chance)
        begun = [
            number
            for number, option in enumerate(options)
            if piece.strip() and option.lstrip().startswith(piece.lstrip())
        ]
        if len(begun) > 1:
            return None
        for number in begun:
            mass[number] += chance
    if not any(mass):
        return None
    return [max(math.log(one or least), _NEVER) if one or least else _NEVER for one in mass]


def _choice(answer: Mapping[str, Any]) -> dict[str, Any]:
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    return choice if isinstance(choice, dict) else {}
