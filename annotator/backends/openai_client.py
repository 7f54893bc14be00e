"""Requests to an OpenAI-compatible server: how many at once, when they are sent again, what a
server turns out not to understand, and what they took.

Proxies are taken from the environment, as the HTTP library does by itself; a key or an address
never is, only where a manifest names it.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from annotator.backends import keys, openai_loop
from annotator.backends.openai_errors import (
    Again,
    Refused,
    hard_stop,
    of_connection,
    of_reading,
    of_status,
    too_late,
)
from annotator.backends.openai_extras import Attempt, Extra, Known
from annotator.backends.openai_replies import one_line
from annotator.backends.openai_settings import Settings
from annotator.core.errors import AnnotatorError
from annotator.core.records import Usage

#: Bytes of an answer that are read at most; the longest sensible one is a few MB.
MOST_BYTES = 64 * 2**20
#: Seconds that a server may ask to wait; a longer wait is a person's to decide.
LONGEST_WAIT = 120.0
_LONGEST_BACK_OFF = 30.0
_PLAIN_HEADERS = ("accept", "content-type")


class Server:
    """A model behind an address. ``where``: what names the settings, for errors. Any thread may
    ask. Nothing is sent, and the key is not looked for, before the first request."""

    def __init__(self, settings: Settings, where: str) -> None:
        self.settings, self.where = settings, where
        self._gate = asyncio.Semaphore(settings.concurrency)
        self._client: Any = None
        self._key: str | None = None
        self._model = settings.model
        self._finding = asyncio.Lock()
        self._resume_at = 0.0
        self._answered = False
        self._known = Known()
        self._counting = threading.Lock()
        self._usage = Usage()

    def usage(self) -> Usage:
        """What the answers took so far. ``requests`` counts all that were sent, ``retries`` those
        of them that repeat one that was not answered."""
        with self._counting:
            return self._usage

    async def chat(self, body: Mapping[str, Any], extras: Sequence[Extra] = ()) -> dict[str, Any]:
        """An answer of /chat/completions to ``body``, the model put in. Raises Refused when this
        one request is at fault, AnnotatorError when no other would be answered either."""
        found = await self._asked("chat", body, extras)
        self._count_tokens(found)
        return found

    async def text(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """As ``chat``, of /completions; Refused too when the server has no such thing."""
        found = await self._asked("text", body, ())
        self._count_tokens(found)
        return found

    async def models(self) -> list[str]:
        """Names of the models that the server offers, in its order."""
        found = await self._with_retries("models", {}, self._known.attempt(()))
        rows = found.get("data")
        if not isinstance(rows, list):
            raise Refused(200, "its list of models cannot be read")
        names = [row.get("id") for row in rows if isinstance(row, dict)]
        return [name for name in names if isinstance(name, str) and name]

    def id(self) -> str:
        """The model that answers, and where: what a run is known by. Raises AnnotatorError when
        the server, asked for its first model, does not name one."""
        return f"{openai_loop.wait_for(self.model())}@{self.settings.base_url}"

    async def model(self) -> str:
        """The model that is asked: the one of the settings, else the first that is offered."""
        async with self._finding:
            if not self._model:
                try:
                    offered = await self.models()
                except Refused as refused:
                    raise self._stop(f"does not list its models ({refused.reason})") from None
                if not offered:
                    raise self._stop("serves no model")
                self._model = offered[0]
        return self._model

    def _stop(self, what: str) -> AnnotatorError:
        return AnnotatorError(
            f"The server at {self.settings.base_url} {what}: check the address, and the model "
            f"that {self.where} names."
        )

    async def _asked(
        self, kind: str, body: Mapping[str, Any], extras: Sequence[Extra]
    ) -> dict[str, Any]:
        """Asks with the extras in the forms that the server may understand, in others where it
        refuses them; what helped is remembered."""
        body = {**body, "model": await self.model()}
        # A request keeps its place while it waits to be sent again: a busy server gets fewer.
        async with self._gate:
            attempt = self._known.attempt(extras)
            while True:
                try:
                    found = await self._with_retries(kind, {**body, **attempt.params}, attempt)
                except Refused as refused:
                    if not attempt.refused(refused):
                        raise
                else:
                    attempt.taken()
                    return found

    async def _with_retries(
        self, kind: str, body: Mapping[str, Any], attempt: Attempt
    ) -> dict[str, Any]:
        for number in range(self.settings.retries + 1):
            try:
                found = await self._once(kind, body, attempt.again or number > 0)
            except Again as again:
                # Some servers answer a parameter they do not know with an internal error.
                if attempt.doubts(again):
                    raise Refused(again.status, again.reason) from None
                if number == self.settings.retries or not self._worth(again, number):
                    raise again.final(self.settings.base_url, number + 1) from None
                await self._wait(number, again)
            else:
                self._answered = True
                return found
        raise AssertionError("the loop returns or raises")

    def _worth(self, again: Again, number: int) -> bool:
        """Whether asking once more may help: not where nothing ever answered, nor when the time
        was up twice, nor after a wait that only a person should decide on."""
        if again.unreachable and not self._answered:
            return False
        if again.slow and number > 0:
            return False
        return again.after is None or again.after <= LONGEST_WAIT

    async def _wait(self, number: int, again: Again) -> None:
        if again.after is not None:
            # The server speaks to all requests, not only to this one.
            now = asyncio.get_running_loop().time()
            self._resume_at = max(self._resume_at, now + again.after)
            return
        longest = min(self.settings.wait * 2**number, _LONGEST_BACK_OFF)
        await asyncio.sleep(longest * random.uniform(0.5, 1.0))

    async def _once(self, kind: str, body: Mapping[str, Any], repeats: bool) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        while (left := self._resume_at - loop.time()) > 0:
            await asyncio.sleep(left)
        self._count(Usage(requests=1, retries=int(repeats)))
        return await self._send(kind, body)

    async def _send(self, kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """One request and the JSON object it is answered with, within the timeout as a whole: a
        server that sends a byte now and then must not hold a run up."""
        import openai

        call, arguments = self._call(kind, body)
        try:
            async with asyncio.timeout(self.settings.timeout):
                return _object(await _read(call, arguments))
        except TimeoutError:
            raise too_late(self.settings.timeout) from None
        except openai.APITimeoutError:
            raise too_late(self.settings.timeout) from None
        except openai.APIConnectionError as error:
            raise of_connection(error, self._clean) from None
        except openai.APIStatusError as error:
            fault: Refused | Again | None = of_status(error, self._clean)
            assert fault is not None
            if fault.status in (401, 403):
                # The next one who asks looks for the key again: it may be the right one then.
                self._client = None
            if isinstance(fault, Refused) and fault.model_missing and kind == "chat":
                raise await self._no_model() from None
            stop = hard_stop(fault, self.settings, self.where, kind)
            raise (stop or fault) from None
        except openai.OpenAIError as error:
            raise self._stop(f"could not be asked ({type(error).__name__})") from None
        except Exception as error:
            fault = of_reading(error, self.settings.timeout, self._clean)
            if fault is None:
                raise
            raise fault from None

    async def _no_model(self) -> AnnotatorError:
        try:
            offered = await self.models()
        except (Refused, AnnotatorError):
            return self._stop("has nothing to chat with at this address (its end is mostly /v1)")
        if self._model in offered:
            return self._stop(f"lists the model {self._model} and does not answer with it (404)")
        names = ", ".join(offered[:20]) or "none"
        return AnnotatorError(
            f"The server at {self.settings.base_url} has no model {self._model}: choose one of "
            f"those it has ({names}) in {self.where}."
        )

    def _call(
        self, kind: str, body: Mapping[str, Any]
    ) -> tuple[Callable[..., Any], dict[str, Any]]:
        client = self._connected()
        rest = dict(body)
        arguments: dict[str, Any] = {"extra_headers": self._headers()}
        if kind == "models":
            return client.models.with_streaming_response.list, arguments
        arguments["model"] = rest.pop("model")
        if kind == "chat":
            call = client.chat.completions.with_streaming_response.create
            arguments["messages"] = rest.pop("messages")
        else:
            call = client.completions.with_streaming_response.create
            arguments["prompt"] = rest.pop("prompt")
        return call, {**arguments, "extra_body": rest}

    def _connected(self) -> Any:
        if self._client is None:
            import openai

            self._key = keys.key(self.settings.key)
            try:
                self._client = openai.AsyncOpenAI(
                    # Never None: the library would look into the environment.
                    api_key=self._key or "none",
                    base_url=self.settings.base_url,
                    timeout=openai.Timeout(self.settings.timeout, connect=10.0),
                    max_retries=0,
                    # Images go where the manifest says, not where a server sends them on to.
                    http_client=openai.DefaultAsyncHttpxClient(follow_redirects=False),
                )
            except Exception as error:  # settings of proxies and certificates, of many kinds
                raise self._stop(
                    f"cannot be asked with the settings of this system ({self._clean(str(error))})"
                ) from None
            weakref.finalize(self, _close, self._client).atexit = False
        return self._client

    def _headers(self) -> dict[str, Any]:
        """Headers of a request. What the library adds of itself, of this machine and from the
        environment is left out, whatever it is."""
        import openai

        nothing = openai.Omit()
        added = [*self._client.default_headers, "X-Stainless-Retry-Count"]
        added += ["X-Stainless-Read-Timeout", "Authorization"]
        found: dict[str, Any] = {
            name: nothing for name in added if name.lower() not in _PLAIN_HEADERS
        }
        found["User-Agent"] = "annotator"
        return found | ({"Authorization": f"Bearer {self._key}"} if self._key else {})

    def _clean(self, text: str) -> str:
        """A text of the server on one line and without the key, should it repeat it."""
        if self._key:
            text = text.replace(self._key, "…")
        return one_line(text)

    def _count_tokens(self, found: Mapping[str, Any]) -> None:
        used = found.get("usage")
        used = used if isinstance(used, dict) else {}
        asked, said = _whole(used.get("prompt_tokens")), _whole(used.get("completion_tokens"))
        prices = self.settings.price_prompt, self.settings.price_completion
        cost = None
        if prices != (None, None):
            cost = (asked * (prices[0] or 0.0) + said * (prices[1] or 0.0)) / 1e6
        self._count(Usage(prompt_tokens=asked, completion_tokens=said, cost=cost))

    def _count(self, more: Usage) -> None:
        with self._counting:
            self._usage = self._usage + more


def _close(client: Any) -> None:
    openai_loop.leave(client.close())


async def _read(call: Callable[..., Any], arguments: Mapping[str, Any]) -> bytes:
    parts: list[bytes] = []
    size = 0
    async with call(**arguments) as response:
        async for part in response.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                raise Refused(200, f"the answer is larger than {MOST_BYTES >> 20} MB")
    return b"".join(parts)


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        page = data.lstrip()[:1] == b"<"
        what = "a web page" if page else "something that is not JSON"
        raise Again(200, f"it answers with {what}") from None
    if not isinstance(found, dict):
        raise Again(200, "it answers with JSON that is no answer of a model")
    return found


def _whole(value: Any) -> int:
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53
    return value if fits else 0
