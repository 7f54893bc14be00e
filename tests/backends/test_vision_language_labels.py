"""Replies that are known beforehand: labels, their probabilities, the end, the second round."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import tiny_models
import tiny_tokenizers
import torch
import transformers

from annotator.backends import answers, vision_language
from annotator.backends.answers import Generated
from annotator.backends.protocols import Metered, Pixels, Sampling
from annotator.backends.registry import load_pack

PROMPT = "list of the"


class Speaker:
    """A SmolVLM that says "wooden bench, sky" or "wooden grass, sky" and ends: what follows a
    token depends on that token alone, with known logits."""

    LOGITS: ClassVar = {
        ":": {"Ġwooden": 9.0},
        "Ġwooden": {"Ġbench": 9.0, "Ġgrass": 8.0},
        "Ġbench": {",": 8.0},
        "Ġgrass": {",": 8.0},
        ",": {"Ġsky": 9.0},
        "Ġsky": {"</s>": 12.0},
    }

    def __init__(self, folder: Path) -> None:
        tiny_models.smolvlm(folder)
        model = transformers.SmolVLMForConditionalGeneration.from_pretrained(folder)
        self.tokenizer = tiny_tokenizers.bytes_tokenizer()
        text = model.model.text_model
        with torch.no_grad():
            for layer in text.layers:
                # Nothing but a token's own embedding reaches the end.
                layer.self_attn.o_proj.weight.zero_()
                layer.mlp.down_proj.weight.zero_()
            text.norm.weight.fill_(1.0)
            text.embed_tokens.weight.fill_(0.0)
            text.embed_tokens.weight[:, 31] = 1.0
            model.lm_head.weight.zero_()
            for i, (before, follow) in enumerate(self.LOGITS.items()):
                text.embed_tokens.weight[self.id(before)] = torch.eye(32)[i]
                for after, logit in follow.items():
                    # A lone 1 among 32 numbers has a root mean square of 1 / sqrt(32).
                    model.lm_head.weight[self.id(after), i] = logit / 32**0.5
        model.save_pretrained(folder)

    def id(self, token: str) -> int:
        return int(self.tokenizer.convert_tokens_to_ids(token))

    def chance(self, before: str, after: str, temperature: float) -> float:
        """With a nucleus of 1: all other tokens have the logit 0."""
        follow = self.LOGITS[before]
        rest = len(self.tokenizer) - len(follow)
        total = rest + sum(np.exp(logit / temperature) for logit in follow.values())
        return float(np.exp(follow[after] / temperature) / total)


@pytest.fixture(scope="module")
def speaker(tmp_path_factory: pytest.TempPathFactory) -> tuple[Speaker, Path]:
    folder = tmp_path_factory.mktemp("speaker") / "speaker"
    return Speaker(folder), tiny_models.manifest(folder)


def test_labels_carry_the_probabilities_of_their_own_tokens(
    on: str, speaker: tuple[Speaker, Path], photos: list[Pixels], said: list[Generated]
) -> None:
    model, manifest = speaker
    asked = load_pack(manifest).tagger()
    sampling = Sampling(samples=16, temperature=0.8, nucleus=1.0, seeds=(3,))
    replies = asked.propose(photos[:1], PROMPT, sampling)[0]
    first = model.chance(":", "Ġwooden", 0.8)
    sky = model.chance(",", "Ġsky", 0.8)
    heard = set()
    for reply, generated in zip(replies, said, strict=True):
        if reply.text not in (" wooden bench, sky", " wooden grass, sky"):
            continue  # the other 400 tokens have a chance too
        thing = reply.text.split()[1].rstrip(",")
        heard.add(thing)
        second = model.chance("Ġwooden", "Ġ" + thing, 0.8)
        assert not generated.cut
        assert [one.text for one in reply.labels] == [f"wooden {thing}", "sky"]
        assert reply.labels[0].token_probabilities == pytest.approx((first, second), abs=1e-4)
        assert reply.labels[1].token_probabilities == pytest.approx((sky,), abs=1e-4)
    assert heard == {"bench", "grass"}


def test_a_limit_cuts_the_reply_and_the_end_token_ends_it(
    on: str, speaker: tuple[Speaker, Path], photos: list[Pixels], said: list[Generated]
) -> None:
    asked = load_pack(speaker[1]).tagger()
    assert isinstance(asked, Metered)
    sampling = Sampling(temperature=0.1, nucleus=0.5)
    for limit, text, spent in ((100, " wooden bench, sky", 5), (3, " wooden bench,", 3)):
        before = asked.usage().completion_tokens
        asked.propose(photos[:1], PROMPT, replace(sampling, max_tokens=limit))
        assert said[-1].text == text
        assert said[-1].cut == (limit == 3)
        assert asked.usage().completion_tokens - before == spent
        # A nucleus of one token: it is certain.
        assert {one.probability for one in said[-1].tokens} == {1.0}


@pytest.mark.parametrize("strategy", ["list", "caption", "vqa"])
def test_replies_are_read_as_the_strategy_says(
    strategy: Any,
    on: str,
    speaker: tuple[Speaker, Path],
    photos: list[Pixels],
    said: list[Generated],
) -> None:
    asked = load_pack(speaker[1]).tagger()
    sampling = Sampling(temperature=0.1, nucleus=0.5, strategy=strategy)
    (reply,) = asked.propose(photos[:1], PROMPT, sampling)[0]
    assert reply == answers.read(said[0], strategy)
    assert "sky" in [one.text for one in reply.labels]
    assert all(set(one.token_probabilities) == {1.0} for one in reply.labels)


def test_a_correction_asks_again_with_the_labels_of_each_first_answer(
    on: str, speaker: tuple[Speaker, Path], photos: list[Pixels], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = load_pack(speaker[1]).tagger()
    asked_for: list[str] = []
    inputs = vision_language.VisionLanguageTagger._inputs

    def listen(self: Any, images: Any, prompts: Any) -> Any:
        asked_for.extend(prompts)
        return inputs(self, images, prompts)

    monkeypatch.setattr(vision_language.VisionLanguageTagger, "_inputs", listen)
    sampling = Sampling(samples=2, temperature=0.1, nucleus=0.5, seeds=(0, 1))
    plain = asked.propose(photos[:2], PROMPT, sampling)
    assert asked_for == [PROMPT] * 2
    asked_for.clear()
    again = asked.propose(photos[:2], PROMPT, replace(sampling, correction="{labels}? {x}"))
    assert asked_for == [PROMPT] * 2 + ["wooden bench, sky? {x}"] * 4
    assert again == plain  # this model says the same whatever it is asked


def test_each_answer_of_the_second_round_is_drawn_with_numbers_of_its_own(
    on: str, speaker: tuple[Speaker, Path], photos: list[Pixels], said: list[Generated]
) -> None:
    """This model draws from the same distribution in both rounds."""
    asked = load_pack(speaker[1]).tagger()
    sampling = Sampling(samples=24, temperature=0.8, nucleus=0.99, seeds=(1,))
    asked.propose(photos[:1], PROMPT, replace(sampling, correction="{labels}"))
    first, second = [one.text for one in said[:24]], [one.text for one in said[24:]]
    assert len(second) == 24
    assert len(set(second)) > 1
    assert sum(a != b for a, b in zip(first, second, strict=True)) > 2
