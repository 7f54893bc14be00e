"""A LanguageModel behind an OpenAI-compatible server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from annotator.backends import openai_replies, openai_scores
from annotator.backends.openai_client import Server
from annotator.backends.openai_errors import Refused
from annotator.backends.openai_extras import Extra, held_to, limit, optional
from annotator.backends.openai_loop import all_of, wait_for
from annotator.backends.protocols import Floats
from annotator.core.errors import AnnotatorError
from annotator.core.records import Usage

#: Alternatives of a token that servers tell of at most.
_ALTERNATIVES = 20
#: The same where each token's probability has to be looked up among them: llama-cpp-python, which
#: gives as many as it is asked for.
_MANY = 2000


class ServerLanguageModel:
    """Answers in text through /chat/completions. Plays LanguageModel and Metered; any thread may
    call."""

    def __init__(self, server: Server, model_id: str) -> None:
        self._server, self._id = server, model_id
        #: Whether the server may repeat what it is given; and whether it tells the probabilities
        #: one token late, None until it was tried.
        self._echoes = True
        self._late: bool | None = None

    @property
    def id(self) -> str:
        """Model and address; the server is asked, once, where the manifest names no model."""
        return self._id if self._server.settings.model else self._server.id()

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
        Whether it does, and for which tokens it gives the probabilities, is tried out once.

        From a server that does not, the log-probability of the first token of each option as the
        reply of a chat; options that the likeliest tokens leave out get that of the least likely
        of them. Raises AnnotatorError when a server tells neither, or the first tokens do not
        tell the options apart."""
        if not options:
            return np.zeros(0, np.float32)
        if self._late is None and self._echoes:
            try:
                self._late = wait_for(self._tried())
            except Refused:
                self._echoes = False
        if not self._echoes:
            return np.asarray(self._one(self._first_tokens(prompt, options)), np.float32)
        late = self._late is True
        work = [self._scored(prompt, option, late) for option in options]
        return np.asarray(self._one(all_of(work)), np.float32)

    async def _tried(self) -> bool:
        return openai_scores.is_late(await self._echo(openai_scores.COUNTING, 5))

    async def _scored(self, prompt: str, option: str, late: bool) -> float:
        found = await self._echo(prompt + option, _MANY if late else 1)
        return openai_scores.of_option(found, prompt, option, late=late)

    async def _echo(self, text: str, alternatives: int) -> dict[str, Any]:
        # llama-cpp-python takes 0 new tokens for any number of them.
        how = {"echo": True, "logprobs": alternatives, "max_tokens": 1, "temperature": 0.0}
        return await self._server.text({"prompt": text, **how})

    async def _first_tokens(self, prompt: str, options: Sequence[str]) -> list[float]:
        body = {"messages": [{"role": "user", "content": prompt}], "temperature": 0.0}
        asked: dict[str, Any] = {"logprobs": True, "top_logprobs": _ALTERNATIVES}
        extras = [limit(1), *self._repeatable()]
        found = await self._server.chat({**body, **asked}, extras)
        scores = openai_scores.by_first_token(found, options)
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
