"""Replies drawn from a model of transformers, token by token, each with its probability.

``model.generate`` runs the model; what is drawn is decided here. A row of the batch has its own
random numbers and everything done to it looks at that row alone, so a reply does not depend on
the batch it is in (but for what rounding does to the model's own arithmetic)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from annotator.backends import pretrained
from annotator.backends.answers import Generated, Token
from annotator.backends.protocols import Floats, Sampling
from annotator.core.errors import AnnotatorError

#: What a row's random numbers are made from: the image's seed, the sample, the round.
Key = tuple[int, ...]


def numbers(keys: Sequence[Key], count: int) -> Floats:
    """float32[n, count] in [0, 1): the random numbers of each key, which depend on nothing else;
    asked for more, a key's first ones stay the same."""
    found = np.empty((len(keys), count), dtype=np.float32)
    for row, key in enumerate(keys):
        seed = hashlib.blake2b(repr(key).encode(), digest_size=16).digest()
        raw = np.random.PCG64(int.from_bytes(seed, "little")).random_raw(count)
        # 24 bits, all that a float32 below 1 can hold.
        found[row] = (raw >> np.uint64(40)).astype(np.float32) / 2**24
    return found


class Draw:
    """A logits processor that draws the next token of every row and lets no other through.

    The distribution: logits, those of tokens that the reply has already made less likely by the
    repetition penalty (Keskar et al. 2019, CTRL, section 4.1; the prompt's tokens do not count),
    divided by the temperature, as probabilities over the vocabulary, cut to the nucleus (the
    smallest set of most probable tokens whose sum reaches ``sampling.nucleus``; LLM2Labels,
    eq. 2; Holtzman et al. 2020, eq. 2) and brought to sum 1 again. The token is the one at which
    the running sum of that distribution, in the order of the vocabulary, passes the row's next
    random number. ``numbers``: float32[rows, max_tokens] in [0, 1).
    """

    def __init__(self, sampling: Sampling, numbers: Floats) -> None:
        import torch

        self._sampling = sampling
        self._numbers = torch.from_numpy(numbers)
        self._seen: Any = None
        self._chosen: list[Any] = []
        self._chances: list[Any] = []

    def __call__(self, input_ids: Any, scores: Any) -> Any:  # noqa: ARG002 - a processor's signature
        """float[rows, vocabulary] -> the same shape: 0 for the token drawn, -inf for others."""
        import torch

        if self._seen is None:
            self._seen = torch.zeros_like(scores, dtype=torch.bool)
            self._numbers = self._numbers.to(scores.device, torch.float64)
        inside = nucleus(self._penalised(scores.double()), self._sampling.nucleus)
        running = inside.cumsum(-1)
        total = running[:, -1:]
        step = len(self._chosen)
        point = (self._numbers[:, step : step + 1] * total).contiguous()
        chosen = torch.searchsorted(running, point, right=True).clamp(max=scores.shape[-1] - 1)
        self._chosen.append(chosen)
        self._chances.append(inside.gather(1, chosen) / total)
        self._seen.scatter_(1, chosen, True)
        return torch.full_like(scores, -torch.inf).scatter(1, chosen, 0.0)

    def _penalised(self, scores: Any) -> Any:
        import torch

        penalty = self._sampling.repetition_penalty
        lower = torch.where(scores < 0, scores * penalty, scores / penalty)
        return torch.where(self._seen, lower, scores) / self._sampling.temperature

    def drawn(self) -> tuple[list[list[int]], list[list[float]]]:
        """Tokens and their probabilities by row. A row that ended early goes on with what means
        nothing: cut it at its end token."""
        import torch

        tokens = torch.cat(self._chosen, dim=1).tolist()
        return tokens, torch.cat(self._chances, dim=1).tolist()


def nucleus(scores: Any, share: float) -> Any:
    """float64[rows, vocabulary]: softmax of the scores, 0 outside the smallest set of most
    probable tokens whose sum is at least ``share``; of equal ones the lower id first. Not
    normalised again."""
    import torch

    probabilities = scores.softmax(-1)
    if share >= 1.0:
        return probabilities
    falling, order = probabilities.sort(dim=-1, descending=True, stable=True)
    kept = falling.cumsum(-1) - falling < share
    # Scattered back, so that who is drawn does not hang on how near ties are sorted.
    return torch.where(torch.zeros_like(kept).scatter(-1, order, kept), probabilities, 0.0)


def generate(
    model: Any,
    tokenizer: Any,
    inputs: Mapping[str, Any],
    sampling: Sampling,
    keys: Sequence[Key],
) -> list[Generated]:
    """One reply for each key. ``inputs``: what the processor made of n prompts, on the model's
    device; len(keys) is a multiple of n, the keys of a prompt side by side. ``model`` was loaded
    by ``pretrained``, whose ``generation_config`` names the end tokens and nothing else. Raises
    AnnotatorError when the model computes no numbers; errors of the libraries pass."""
    import torch

    transformers = pretrained.library()
    draw = Draw(sampling, numbers(keys, sampling.max_tokens))
    # Sampling in name only: Draw leaves one token to draw from. Greedy search refuses copies.
    config = transformers.GenerationConfig(
        do_sample=True,
        num_return_sequences=len(keys) // len(inputs["input_ids"]),
        max_new_tokens=sampling.max_tokens,
        top_k=0,
        use_cache=True,
    )
    with torch.inference_mode():
        model.generate(
            **inputs,
            generation_config=config,
            logits_processor=transformers.LogitsProcessorList([draw]),
        )
    tokens, chances = draw.drawn()
    if not np.isfinite(chances).all():
        raise AnnotatorError(
            "The model computes values that are no numbers (NaN): its weights are damaged, or "
            "its dtype is too narrow for it; get its folder again or set dtype to float32."
        )
    ends = end_tokens(model)
    return [
        reply(tokenizer, row, chance, ends) for row, chance in zip(tokens, chances, strict=True)
    ]


def end_tokens(model: Any) -> frozenset[int]:
    """Tokens that end a reply."""
    found = model.generation_config.eos_token_id
    return frozenset([found] if isinstance(found, int) else found or ())


def reply(
    tokenizer: Any, tokens: Sequence[int], chances: Sequence[float], ends: frozenset[int]
) -> Generated:
    """What tokens say, up to the first end token, which is left out."""
    length = next((i for i, token in enumerate(tokens) if token in ends), len(tokens))
    text, spans = written(tokenizer, tokens[:length])
    made = tuple(
        Token(start, end, chance)
        for (start, end), chance in zip(spans, chances[:length], strict=True)
    )
    return Generated(text, made, cut=length == len(tokens))


def written(tokenizer: Any, tokens: Sequence[int]) -> tuple[str, list[tuple[int, int]]]:
    """The text of tokens and the part [start, end) of it that each wrote. Every token is decoded
    after those before it, so that spaces fall where they fall in the whole text. Tokens that
    each hold some bytes of one letter all wrote that letter; special tokens wrote nothing."""
    parts = [text_of(tokenizer, tokens[:i]) for i in range(len(tokens) + 1)]
    whole = parts[-1]
    spans: list[tuple[int, int]] = []
    at = 0
    waiting: list[int] = []
    for i in range(len(tokens)):
        part = parts[i + 1]
        reached = max(at, shared(part, whole))
        if reached == at and len(part) > at:
            waiting.append(i)  # bytes of a letter that is not whole yet
        elif reached > at:
            for earlier in waiting:
                spans[earlier] = (at, at + 1)
            waiting = []
        spans.append((at, reached))
        at = reached
    return whole, spans


def shared(one: Sequence[Any], other: Sequence[Any]) -> int:
    """Letters, or tokens, that two texts begin with together."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))


def text_of(tokenizer: Any, tokens: Sequence[int]) -> str:
    """Tokens as text, special ones left out, spaces as the model wrote them."""
    return str(
        tokenizer.decode(list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False)
    )
