"""What a model generated, made into an Answer: its labels, each with the probabilities of the
tokens it was written with. Shared by every tagger that talks."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, takewhile

from annotator.core import nouns, replies
from annotator.core.records import Answer, Proposed, Strategy


@dataclass(frozen=True, slots=True)
class Token:
    """A generated token: it wrote ``text[start:end]`` of the reply (start == end for one that
    wrote nothing), with ``probability`` in [0, 1] under the distribution it was drawn from."""

    start: int
    end: int
    probability: float


@dataclass(frozen=True, slots=True)
class Generated:
    """A reply and its tokens in order; no tokens where a server gives no probabilities.
    ``cut``: the token limit ended it."""

    text: str
    tokens: tuple[Token, ...] = ()
    cut: bool = False


def read(generated: Generated, strategy: Strategy) -> Answer:
    """The labels of a reply. A label has the probabilities of the tokens that wrote at least one
    of its letters or digits (LLM2Labels, section 3.3: eq. 1 token by token; eq. 3 combines them
    later), none where the server gave none. Never raises on what a model says."""
    parse = nouns.phrases if strategy == "caption" else replies.parse
    found = parse(generated.text, cut=generated.cut)
    if found.failure is not None:
        return Answer((), generated.text, found.failure)
    ends = [token.end for token in generated.tokens]
    labels = tuple(Proposed(one.text, _probabilities(generated, ends, one)) for one in found.labels)
    return Answer(labels, generated.text)


def _probabilities(
    generated: Generated, ends: Sequence[int], label: replies.Label
) -> tuple[float, ...]:
    tokens = islice(generated.tokens, bisect_right(ends, label.start), None)
    return tuple(
        # In this order NaN, which some servers send, becomes 0.
        min(max(0.0, token.probability), 1.0)
        for token in takewhile(lambda one: one.start < label.end, tokens)
        if _writes(generated.text, token, label)
    )


def _writes(text: str, token: Token, label: replies.Label) -> bool:
    part = text[max(token.start, label.start) : min(token.end, label.end)]
    return any(letter.isalnum() for letter in part)


def prior(answers: Sequence[str]) -> str:
    """Labels of a first answer as they are put into a prompt of self-correction."""
    return ", ".join(answers)
