"""Vision-language models from tiny random checkpoints, through manifests and the registry, held
against a reference that runs the model's forward pass token by token."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
import tiny_tokenizers
import torch
import transformers
from PIL import Image

from annotator.backends import answers, generation
from annotator.backends.answers import Generated
from annotator.backends.protocols import Metered, Pixels, PreparingTagger, Sampling, Tagger
from annotator.backends.registry import load_pack

PROMPT = "list of the"
SAMPLING = Sampling(samples=2, max_tokens=12, seeds=tuple(range(8)), temperature=1.0)
SAMPLING_2 = replace(SAMPLING, seeds=(0, 1))
MODELS = pytest.mark.parametrize("name", tiny_models.TAGGERS)
Checkpoint = Callable[[str], Path]


@pytest.fixture(scope="module")
def taggers() -> dict[tuple[str, str], Tagger]:
    """Those built so far, by name and device."""
    return {}


@pytest.fixture
def tagger(
    on: str, checkpoint: Checkpoint, taggers: dict[tuple[str, str], Tagger]
) -> Callable[[str], Tagger]:
    def made(name: str) -> Tagger:
        if (name, on) not in taggers:
            pack = load_pack(tiny_models.manifest(checkpoint(name)))
            taggers[name, on] = pack.tagger()
        return taggers[name, on]

    return made


def reference(
    folder: Path, photo: Pixels, prompt: str, sampling: Sampling, key: tuple[int, ...], on: str
) -> Generated:
    """One reply by plain forward passes over all tokens so far, without cache, batch or
    generate(), drawn with the numbers of the key."""
    name = folder.name
    loader = {
        "instructblip": transformers.InstructBlipForConditionalGeneration,
        "blip2": transformers.Blip2ForConditionalGeneration,
    }.get(name.removesuffix("-t5"), transformers.AutoModelForImageTextToText)
    model = loader.from_pretrained(folder, dtype=torch.float32).to(on).eval()
    processor = transformers.AutoProcessor.from_pretrained(folder)
    picture = Image.fromarray(photo)
    chat = "user: {}" + prompt + "\nassistant:"
    text = {
        "qwen-vl": chat.format("<|vision_start|><|image_pad|><|vision_end|>"),
        "smolvlm": chat.format("<image>"),
        "idefics3": chat.format("<image>"),
        "internvl": chat.format("<IMG_CONTEXT>"),
        "llava": f"<image>\n{prompt}",
    }.get(name, prompt)
    inputs = dict(processor(images=[picture], text=[text], return_tensors="pt").to(on))
    tokenizer = processor.tokenizer
    encodes = model.config.get_text_config().is_encoder_decoder
    if encodes:
        inputs["decoder_input_ids"] = torch.tensor([[tokenizer.pad_token_id]], device=on)
    point = generation.numbers([key], sampling.max_tokens)[0]
    tokens: list[int] = []
    chances: list[float] = []
    while len(tokens) < sampling.max_tokens and tokenizer.eos_token_id not in tokens:
        with torch.inference_mode():
            logits = model(**inputs, use_cache=False).logits[0, -1].double().cpu().numpy()
        for token in set(tokens):
            penalty = sampling.repetition_penalty
            logits[token] = (
                logits[token] * penalty if logits[token] < 0 else logits[token] / penalty
            )
        weights = np.exp((logits - logits.max()) / sampling.temperature)
        weights /= weights.sum()
        order = np.argsort(-weights, kind="stable")
        enough = int(np.argmax(np.cumsum(weights[order]) >= sampling.nucleus)) + 1
        inside = np.zeros_like(weights)
        inside[order[:enough]] = weights[order[:enough]]
        inside /= inside.sum()
        token = int(np.argmax(np.cumsum(inside) > point[len(tokens)]))
        tokens.append(token)
        chances.append(float(inside[token]))
        grows = {"decoder_input_ids": token} if encodes else {"input_ids": token}
        if not encodes:
            grows |= {"attention_mask": 1, "mm_token_type_ids": 0}
        for part, value in grows.items():
            if part in inputs:
                more = torch.tensor([[value]], device=on)
                inputs[part] = torch.cat([inputs[part], more], dim=1)
    cut = tokens[-1] != tokenizer.eos_token_id
    tokens = tokens if cut else tokens[:-1]
    text, spans = generation.written(tokenizer, tokens)
    made = [
        answers.Token(*span, chance)
        for span, chance in zip(spans, chances[: len(tokens)], strict=True)
    ]
    return Generated(text, tuple(made), cut)


def same(one: Generated, other: Generated, within: float = 1e-4) -> None:
    assert one.text == other.text
    assert one.cut == other.cut
    assert [(t.start, t.end) for t in one.tokens] == [(t.start, t.end) for t in other.tokens]
    assert [t.probability for t in one.tokens] == pytest.approx(
        [t.probability for t in other.tokens], abs=within
    )


@MODELS
def test_replies_and_probabilities_are_those_of_the_reference(
    name: str,
    on: str,
    tagger: Callable[[str], Tagger],
    checkpoint: Checkpoint,
    photos: list[Pixels],
    said: list[Generated],
) -> None:
    sampling = replace(SAMPLING, seeds=(5, 6, 7))
    tagger(name).propose(photos[:3], PROMPT, sampling)
    for place in (0, 3, 4):
        image, sample = divmod(place, 2)
        key = (sampling.seeds[image], sample)
        wanted = reference(checkpoint(name), photos[image], PROMPT, sampling, key, on)
        same(said[place], wanted)


@MODELS
def test_a_batch_says_what_each_image_alone_is_answered(
    name: str, tagger: Callable[[str], Tagger], photos: list[Pixels], said: list[Generated]
) -> None:
    asked = tagger(name)
    asked.propose(photos, PROMPT, SAMPLING)
    together, said[:] = said[:], []
    for photo, seed in zip(photos, SAMPLING.seeds, strict=True):
        asked.propose([photo], PROMPT, replace(SAMPLING, seeds=(seed,)))
    assert len(together) == len(said) == 16
    for one, other in zip(together, said, strict=True):
        same(one, other, within=1e-5)
    # Samples and images are not all alike, or this would show little.
    assert len({one.text for one in said}) > 12


def test_the_same_seed_repeats_and_another_differs(
    tagger: Callable[[str], Tagger], photos: list[Pixels]
) -> None:
    asked = tagger("smolvlm")
    first = asked.propose(photos[:2], PROMPT, SAMPLING_2)
    assert asked.propose(photos[:2], PROMPT, SAMPLING_2) == first
    other = asked.propose(photos[:2], PROMPT, replace(SAMPLING_2, seeds=(2, 3)))
    assert all(a[0].text != b[0].text for a, b in zip(first, other, strict=True))
    assert first[0][0].text != first[0][1].text
    # The first samples of an image are the same however many are drawn.
    more = asked.propose(photos[:1], PROMPT, replace(SAMPLING_2, samples=11, seeds=(0,)))
    assert [one.text for one in more[0][:2]] == [one.text for one in first[0]]
    assert len(more[0]) == 11


def test_it_has_the_shape_of_its_role(
    tagger: Callable[[str], Tagger], photos: list[Pixels], checkpoint: Checkpoint
) -> None:
    asked = tagger("llava")
    assert isinstance(asked, Tagger)
    assert isinstance(asked, PreparingTagger)
    assert isinstance(asked, Metered)
    assert asked.id == load_pack(tiny_models.manifest(checkpoint("llava"))).model_id("tagger")
    assert asked.batch == 8
    assert asked.propose([], PROMPT, Sampling()) == []
    before = asked.usage()
    asked.propose(photos[:3], PROMPT, replace(SAMPLING, seeds=(), max_tokens=4))
    spent = asked.usage()
    assert spent.requests - before.requests == 3
    # <s>, the four tokens of the image, a line break and the words
    words = len(tiny_tokenizers.pieces_tokenizer()(f"\n{PROMPT}")["input_ids"])
    assert spent.prompt_tokens - before.prompt_tokens == 3 * (4 + words)
    assert 6 <= spent.completion_tokens - before.completion_tokens <= 24


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (2000, 2), (3, 3), (50, 70), (1500, 900)])
def test_any_image_can_be_shown(size: tuple[int, int], tagger: Callable[[str], Tagger]) -> None:
    photo = np.full((*size, 3), 90, dtype=np.uint8)
    for name in ("qwen-vl", "smolvlm", "blip2"):
        asked = tagger(name)
        assert isinstance(asked, PreparingTagger)
        seen = asked.prepare(photo)
        assert seen.dtype == np.uint8
        assert 32 <= min(seen.shape[:2]) <= max(seen.shape[:2]) <= 1024
        if size == (50, 70):
            assert seen is photo
        sampling = Sampling(samples=1, max_tokens=3)
        assert asked.answer([seen], PROMPT, sampling) == asked.propose([photo], PROMPT, sampling)


def test_a_second_round_is_the_same_in_a_batch_and_alone(
    on: str, checkpoint: Checkpoint, photos: list[Pixels], said: list[Generated]
) -> None:
    """Prompts of different lengths are padded; nobody may notice."""
    sampling = replace(SAMPLING, correction="the {labels} list")
    for name in ("instructblip", "instructblip-t5", "blip2", "qwen-vl"):
        path = tiny_models.manifest(checkpoint(name), options='dtype = "float32"\nbatch = 16')
        asked = load_pack(path).tagger()
        said.clear()
        first = asked.propose(photos, PROMPT, SAMPLING)
        said.clear()
        together = asked.propose(photos, PROMPT, sampling)
        # Each answer with labels is asked about again, and has new ones.
        assert len(said) == 16 + sum(bool(one.labels) for one in chain(*first))
        assert together != first
        alone = [
            asked.propose([photo], PROMPT, replace(sampling, seeds=(seed,)))[0]
            for photo, seed in zip(photos, sampling.seeds, strict=True)
        ]
        for one, other in zip(chain(*together), chain(*alone), strict=True):
            assert one.text == other.text
            assert [label.text for label in one.labels] == [label.text for label in other.labels]


def test_a_label_cannot_pass_for_an_image_or_end_the_turn(
    tagger: Callable[[str], Tagger], photos: list[Pixels]
) -> None:
    for name in ("smolvlm", "qwen-vl", "llava", "instructblip", "internvl"):
        asked = tagger(name)
        marks = "<image><|image_pad|><IMG_CONTEXT></s><s>"
        sampling = replace(SAMPLING, samples=1, seeds=(1,))
        assert asked.propose(photos[:1], f"list {marks} of", sampling)


def test_the_models_own_settings_of_generation_do_not_leak_in(
    on: str, tmp_path: Path, photos: list[Pixels], said: list[Generated]
) -> None:
    theirs = {
        "temperature": 7.0,
        "top_k": 2,
        "top_p": 0.2,
        "num_beams": 3,
        "length_penalty": 5.0,
        "repetition_penalty": 9.0,
        "no_repeat_ngram_size": 1,
        "min_new_tokens": 12,
        "suppress_tokens": list(range(100, 300)),
        "max_new_tokens": 2,
        "max_time": 1e-9,
        "do_sample": False,
    }
    for name in ("qwen-vl", "blip2", "instructblip-t5"):
        folder = tmp_path / name
        tiny_models.TAGGERS[name](folder)
        heard = []
        path = folder / "generation_config.json"
        own = json.loads(path.read_text())
        for more in ({}, theirs):
            path.write_text(json.dumps(own | more))
            said.clear()
            load_pack(tiny_models.manifest(folder)).tagger().propose(photos, PROMPT, SAMPLING)
            heard.append(list(said))
        assert heard[0] == heard[1]
        assert max(len(one.tokens) for one in heard[0]) == 12


def test_too_little_memory_halves_the_batch(
    checkpoint: Checkpoint, photos: list[Pixels], said: list[Generated], monkeypatch: Any
) -> None:
    monkeypatch.setenv("ANNOTATOR_DEVICE", "cpu")
    asked: Any = load_pack(tiny_models.manifest(checkpoint("smolvlm"))).tagger()
    asked.propose(photos[:3], PROMPT, replace(SAMPLING, samples=3, seeds=(0, 1, 2)))
    wanted, said[:] = said[:], []
    asked = load_pack(tiny_models.manifest(checkpoint("smolvlm"))).tagger()
    sizes = []
    generate = asked._model.generate

    def small(**given: Any) -> Any:
        rows = len(given["input_ids"]) * given["generation_config"].num_return_sequences
        sizes.append(rows)
        if rows > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return generate(**given)

    asked._model.generate = small
    asked.propose(photos[:3], PROMPT, replace(SAMPLING, samples=3, seeds=(0, 1, 2)))
    assert sizes == [6, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1]
    for one, other in zip(said, wanted, strict=True):
        same(one, other, within=1e-5)


def test_too_little_memory_for_one_says_what_to_do(
    checkpoint: Checkpoint, photos: list[Pixels]
) -> None:
    asked: Any = load_pack(tiny_models.manifest(checkpoint("smolvlm"))).tagger()

    def never(**given: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    asked._model.generate = never
    with pytest.raises(Exception, match="smolvlm needs more GPU memory: choose a smaller model"):
        asked.propose(photos[:2], PROMPT, SAMPLING_2)


def test_threads_take_turns(tagger: Callable[[str], Tagger], photos: list[Pixels]) -> None:
    asked = tagger("qwen-vl")
    wanted = [asked.propose([photo], PROMPT, replace(SAMPLING, seeds=(9,))) for photo in photos[:4]]
    found: dict[int, Any] = {}

    def ask(i: int) -> None:
        found[i] = asked.propose([photos[i]], PROMPT, replace(SAMPLING, seeds=(9,)))

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[i] for i in range(4)] == wanted


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_narrow_dtypes_answer_and_write_nothing_on_the_terminal(
    dtype: str,
    on: str,
    checkpoint: Checkpoint,
    photos: list[Pixels],
    capfd: pytest.CaptureFixture[str],
) -> None:
    for name in tiny_models.TAGGERS:
        path = tiny_models.manifest(checkpoint(name), options=f'dtype = "{dtype}"')
        asked: Any = load_pack(path).tagger()
        replies = asked.propose(photos[:2], PROMPT, replace(SAMPLING_2, max_tokens=3))
        assert len(list(chain(*replies))) == 4
        assert getattr(torch, dtype) in {one.dtype for one in asked._model.parameters()}
    assert capfd.readouterr() == ("", "")


def test_older_checkpoints_without_an_image_token(
    on: str, checkpoint: Checkpoint, tmp_path: Path, photos: list[Pixels], said: list[Generated]
) -> None:
    for name in ("instructblip", "blip2"):
        folder = tmp_path / name
        shutil.copytree(checkpoint(name), folder)
        for file, key in (
            ("config.json", "image_token_index"),
            ("config.json", "image_token_id"),
            ("processor_config.json", "num_query_tokens"),
        ):
            facts = json.loads((folder / file).read_text())
            facts.pop(key, None)
            (folder / file).write_text(json.dumps(facts))
        said.clear()
        for home in (checkpoint(name), folder):
            load_pack(tiny_models.manifest(home)).tagger().propose(photos[:2], PROMPT, SAMPLING_2)
        assert said[:4] == said[4:]
