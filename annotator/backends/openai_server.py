"""A Tagger and a LanguageModel behind an OpenAI-compatible server: vLLM, Ollama, llama.cpp,
LM Studio or a service. Images and words leave this machine when the address is another one."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.backends import answers, openai_replies
from annotator.backends.openai_client import Server
from annotator.backends.openai_errors import Refused
from annotator.backends.openai_extras import Extra, limit, optional
from annotator.backends.openai_language import ServerLanguageModel
from annotator.backends.openai_loop import all_of, wait_for
from annotator.backends.openai_settings import settings
from annotator.backends.protocols import Pixels, Sampling
from annotator.core.errors import AnnotatorError
from annotator.core.records import Answer, Usage

if TYPE_CHECKING:
    from annotator.backends.registry import Pack, RoleSpec

_JPEG_QUALITY = 90
#: Images for each request of the concurrency: enough to keep all of them busy most of the time,
#: few because a server that stops answering takes the answers of its call with it.
_ROUNDS = 2
#: So many images in a row that a server refuses are a fault of the pack and not of the images:
#: when it never answered, and when it did.
_REFUSED_AT_ONCE, _REFUSED_LATER = 5, 25


class ServerTagger:
    """Asks a vision-language model behind a server, one request for each image and sample, so
    that a sample does not depend on what else is asked. Plays PreparingTagger and Metered; any
    thread may call.

    ``propose`` returns probabilities where the server gives them, see ``openai_replies.said``,
    and labels without them where not. An image that the server refuses for what it shows, or a
    reply that cannot be read, is an Answer with a failure; one for which it has no answer after
    all retries is unanswered. AnnotatorError: the server is not there, refuses the
    key, lacks the model, or refuses one image after the other.
    """

    def __init__(self, server: Server, model_id: str) -> None:
        self._server, self._id = server, model_id
        self._watching = threading.Lock()
        #: Images refused since the last one that was answered.
        self._refused: set[int] = set()
        self._answered = False

    @property
    def id(self) -> str:
        """Model and address; the server is asked, once, where the manifest names no model."""
        return self._id if self._server.settings.model else self._server.id()

    @property
    def batch(self) -> int:
        return _ROUNDS * self._server.settings.concurrency

    def usage(self) -> Usage:
        """What the answers took so far; ``cost`` where the manifest names prices."""
        return self._server.usage()

    def prepare(self, image: Pixels) -> Pixels:
        """The image as it is sent: uint8[n], the bytes of a JPEG of quality 90 whose longest side
        has at most ``max_side`` pixels. Any thread may call."""
        import cv2

        pixels: Any = image
        longest = self._server.settings.max_side
        height, width = image.shape[:2]
        if max(height, width) > longest:
            scale = longest / max(height, width)
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
        done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        if not done:
            raise AnnotatorError(f"An image of {width} x {height} pixels cannot be sent as a JPEG.")
        return np.asarray(data, np.uint8).reshape(-1)

    def propose(
        self, images: Sequence[Pixels], prompt: str, sampling: Sampling
    ) -> list[list[Answer]]:
        """Answers as [image][sample]."""
        return self.answer([self.prepare(image) for image in images], prompt, sampling)

    def answer(
        self, prepared: Sequence[Pixels], prompt: str, sampling: Sampling
    ) -> list[list[Answer]]:
        """As ``propose``, for images that ``prepare`` made."""
        count = len(prepared)
        seeds = sampling.seeds or (0,) * count
        if len(seeds) != count:
            raise ValueError(f"{len(seeds)} seeds for {count} images")
        urls = [_data_url(image) for image in prepared]
        asked = [
            self._sample(url, prompt, sampling, seed, sample)
            for url, seed in zip(urls, seeds, strict=True)
            for sample in range(sampling.samples)
        ]
        found = wait_for(all_of(asked))
        rows = [
            found[start : start + sampling.samples]
            for start in range(0, len(found), sampling.samples)
        ]
        return rows if rows else [[] for _ in prepared]

    async def _sample(
        self, url: str, prompt: str, sampling: Sampling, seed: int, sample: int
    ) -> Answer:
        """One sample of one image, asked twice for self-correction."""
        first = await self._ask(url, prompt, sampling, _seed(seed, sample))
        if not sampling.correction or not first.labels:
            return first
        again = sampling.correction.replace(
            "{labels}", answers.prior([one.text for one in first.labels])
        )
        return await self._ask(url, again, sampling, _seed(seed, sample, 1))

    async def _ask(self, url: str, prompt: str, sampling: Sampling, seed: int) -> Answer:
        content = [
            {"type": "image_url", "image_url": {"url": url}},
            {"type": "text", "text": prompt},
        ]
        body = {
            "messages": [{"role": "user", "content": content}],
            "temperature": sampling.temperature,
            "top_p": sampling.nucleus,
        }
        try:
            found = await self._server.chat(body, self._extras(sampling, seed))
        except Refused as refused:
            self._watch(hash(url), refused)
            reason = f"the server did not answer for this image: {refused.reason}"
            # What it was shown will be the same next time; what befell it may not.
            return Answer((), "", reason, unanswered=not refused.content)
        self._watch(hash(url))
        said = openai_replies.said(found)
        if said.failure is not None:
            return Answer((), said.generated.text, said.failure)
        # A long reply must not hold the other requests up.
        return await asyncio.to_thread(answers.read, said.generated, sampling.strategy)

    def _extras(self, sampling: Sampling, seed: int) -> list[Extra]:
        options = self._server.settings
        found = [limit(sampling.max_tokens)]
        if options.send_logprobs:
            # llama.cpp gives no probabilities for 0 alternatives, and all allow 1.
            params: dict[str, Any] = {"logprobs": True, "top_logprobs": 1}
            found.append(optional("logprobs", params, "log prob", "logits_all"))
        if options.send_seed:
            found.append(optional("seed", {"seed": seed}))
        if name := options.repetition_penalty:
            found.append(optional(name, {name: sampling.repetition_penalty}))
        if options.frequency_penalty:
            params = {"frequency_penalty": options.frequency_penalty}
            found.append(optional("frequency_penalty", params))
        return found

    def _watch(self, image: int, refused: Refused | None = None) -> None:
        """Stops when a server refuses one image after the other: the next would fare no better.
        What a server says is the fault of an image does not count."""
        with self._watching:
            if refused is None:
                self._answered = True
                self._refused.clear()
                return
            if refused.content:
                return
            self._refused.add(image)
            many = len(self._refused)
            if many < (_REFUSED_LATER if self._answered else _REFUSED_AT_ONCE):
                return
            self._refused.clear()
        raise AnnotatorError(
            f"The server at {self._server.settings.base_url} answered for none of {many} images in "
            f"a row ({refused.reason}): correct {self._server.where}, or choose a model that takes "
            "images."
        )


def _data_url(jpeg: Pixels) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg.tobytes()).decode("ascii")


def _seed(seed: int, sample: int, turn: int = 0) -> int:
    """A seed of 31 bits, which every server takes, for one request."""
    name = f"{seed}/{sample}/{turn}".encode()
    return int.from_bytes(hashlib.blake2b(name, digest_size=4).digest(), "big") >> 1


def tagger(spec: RoleSpec, pack: Pack) -> ServerTagger:
    where = f"{pack.path}, section [roles.{spec.role}.options]"
    return ServerTagger(Server(settings(spec.options, where), where), spec.id)


def language_model(spec: RoleSpec, pack: Pack) -> ServerLanguageModel:
    where = f"{pack.path}, section [roles.{spec.role}.options]"
    return ServerLanguageModel(Server(settings(spec.options, where), where), spec.id)
