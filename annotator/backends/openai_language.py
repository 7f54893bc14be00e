"""A LanguageModel behind an OpenAI-compatible server."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from annotator.backends import openai_replies
from annotator.backends.openai_client import Server
from annotator.backends.openai_errors import Refused
from annotator.backends.openai_extras import Extra, held_to, limit, optional
from annotator.backends.openai_loop import all_of, wait_for
from annotator.backends.protocols import Floats
from annotator.core.errors import AnnotatorError
from annotator.core.records import Usage

#: Alternatives of a token that servers tell of at most.
_ALTERNATIVES = 20


class ServerLanguageModel:
    """Answers in text through /chat/completions. Plays LanguageModel and Metered; any thread may
    call."""

    def __init__(self, server: Server, model_id: str) -> None:
        self._server, self._id = server, model_id
        #: Whether the server repeats what it is given; None until it was asked.
        self._echoes: bool | None = None

    @property
    def id(self) -> str:
        return self._id

    @property
    def context(self) -> int:
        """Tokens as the manifest says: servers have no common way to tell."""
        return self._server.settings.context

    def count(self, text: str) -> int:
        """A third of the bytes, rounded up: the tokenizer is the server's, and those of today's
        models need fewer for English and most other text."""
        return -(-len(text.encode("utf-8", "replace")) // 3)

    def usage(self) -> Usage:
        """What the answers took so far; ``cost`` where the manifest names prices."""
        return self._server.usage()

    def complete(
        self,
        messages: Sequence[Mapping[str, str]],
        schema: Mapping[str, Any] | None = None,
        *,
        max_tokens: int = 1024,
    ) -> str:
        """The reply at temperature 0 and seed 0. It is held to ``schema`` where the server takes
        one, in OpenAI's form or in llama-cpp-python's. A reply that is empty or was refused is
        returned as the text that came, maybe "". Raises AnnotatorError when there is none."""
        body = {"messages": [dict(one) for one in messages], "temperature": 0.0}
        extras = [limit(max_tokens), *self._repeatable()]
        if schema is not None:
            extras.append(held_to(schema))
        found = self._one(self._server.chat(body, extras))
        said = openai_replies.said(found)
        if said.failure == openai_replies.NO_REPLY:
            raise AnnotatorError(
                f"The model server at {self._server.settings.base_url} gave no reply "
                f"({said.failure}): check that it is an OpenAI-compatible one."
            )
        return said.generated.text

    def score(self, prompt: str, options: Sequence[str]) -> Floats:
        """float32[n]: log-probability of each option as it goes on after ``prompt``, summed over
        the tokens that wrote at least a part of it, from a server that repeats what it is given
        (vLLM and llama-cpp-python; /completions with echo; the prompt is not put into a template).
        From one that does not, the log-probability of the first token of each option as the reply
        of a chat; options that the likeliest tokens leave out get that of the least likely of
        them. Raises AnnotatorError when a server tells neither, or the first tokens do not tell
        the options apart."""
        if not options:
            return np.zeros(0, np.float32)
        if self._echoes is not False:
            try:
                work = [self._echoed(prompt, option) for option in options]
                found = wait_for(all_of(work))
            except Refused as refused:
                if self._echoes:
                    raise self._failed(refused.reason) from None
                self._echoes = False
            else:
                self._echoes = True
                return np.asarray(found, np.float32)
        return np.asarray(self._one(self._first_tokens(prompt, options)), np.float32)

    async def _echoed(self, prompt: str, option: str) -> float:
        text = prompt + option
        body = {
            "prompt": text,
            "echo": True,
            "logprobs": 1,
            # llama-cpp-python takes 0 for no limit.
            "max_tokens": 1,
            "temperature": 0.0,
        }
        return _of_option(await self._server.text(body), prompt, option)

    async def _first_tokens(self, prompt: str, options: Sequence[str]) -> list[float]:
        body = {"messages": [{"role": "user", "content": prompt}], "temperature": 0.0}
        asked: dict[str, Any] = {"logprobs": True, "top_logprobs": _ALTERNATIVES}
        extras = [limit(1), *self._repeatable()]
        found = await self._server.chat({**body, **asked}, extras)
        scores = _by_first_token(found, options)
        if scores is None:
            raise self._failed("it gives no probabilities that tell the answers apart")
        return scores

    def _repeatable(self) -> list[Extra]:
        return [optional("seed", {"seed": 0})] if self._server.settings.send_seed else []

    def _one(self, work: Any) -> Any:
        try:
            return wait_for(work)
        except Refused as refused:
            raise self._failed(refused.reason) from None

    def _failed(self, reason: str) -> AnnotatorError:
        return AnnotatorError(
            f"The model server at {self._server.settings.base_url} does not answer this request "
            f"({reason}): choose another model, or correct {self._server.where}."
        )


def _of_option(answer: Mapping[str, Any], prompt: str, option: str) -> float:
    """The sum over the tokens of an echo that wrote a part of ``option``. Raises Refused when the
    answer is no echo with probabilities."""
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    rows = choice.get("logprobs") if isinstance(choice, dict) else None
    if not isinstance(rows, dict):
        raise Refused(200, "it repeats no text with probabilities")
    tokens, logprobs = rows.get("tokens"), rows.get("token_logprobs")
    if not isinstance(tokens, list) or not isinstance(logprobs, list):
        raise Refused(200, "it repeats no text with probabilities")
    text, seam = (
        (prompt + option).encode("utf-8", "replace"),
        len(prompt.encode("utf-8", "replace")),
    )
    pieces = [openai_replies.token_bytes(one) or b"" for one in tokens[: len(logprobs)]]
    total, told = 0.0, 0
    for (start, end), logprob in zip(
        openai_replies.spans(text, pieces) or (), logprobs, strict=False
    ):
        if start < end and end > seam:
            if openai_replies.probability(logprob) is None:
                raise Refused(200, "it repeats the text without probabilities")
            total, told = total + min(float(logprob), 0.0), told + 1
    if not told:
        raise Refused(200, "it does not repeat the text")
    return total


def _by_first_token(answer: Mapping[str, Any], options: Sequence[str]) -> list[float] | None:
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    logprobs = choice.get("logprobs") if isinstance(choice, dict) else None
    rows = logprobs.get("content") if isinstance(logprobs, dict) else None
    first = rows[0] if isinstance(rows, list) and rows else None
    told = first.get("top_logprobs") if isinstance(first, dict) else None
    if not isinstance(told, list):
        return None
    mass = [0.0] * len(options)
    least = 1.0
    for one in told:
        piece = one.get("token") if isinstance(one, dict) else None
        chance = openai_replies.probability(one.get("logprob")) if isinstance(one, dict) else None
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
    # exp(-700) is about the smallest number there is.
    return [max(math.log(chance), -700.0) if (chance := one or least) else -700.0 for one in mass]
