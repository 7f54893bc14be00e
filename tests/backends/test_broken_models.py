"""Folders that are not the model they should be: one sentence each, and none of their code runs."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
import torch
from safetensors.torch import load_file, save_file

from annotator.backends.protocols import Sampling
from annotator.backends.registry import load_pack
from annotator.core.errors import AnnotatorError

WEIGHTS = "model.safetensors"


class Canary:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def edit(path: Path, **facts: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))


def no_weights(folder: Path) -> None:
    (folder / WEIGHTS).unlink()


def pickle_only(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    for name in ("pytorch_model.bin", "tokenizer.pkl"):
        (folder / name).write_bytes(pickle.dumps(Canary(folder.parent / "ran")))


def pickle_beside(folder: Path) -> None:
    """Some safetensors, but not the model's; the pickle must not stand in."""
    (folder / WEIGHTS).rename(folder / "other.safetensors")
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Canary(folder.parent / "ran")))


def cut_weights(folder: Path) -> None:
    whole = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole[: len(whole) // 2])


def empty_weights(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(b"")


def one_weight_missing(folder: Path) -> None:
    weights = load_file(folder / WEIGHTS)
    del weights[sorted(weights)[0]]
    save_file(weights, folder / WEIGHTS, {"format": "pt"})


def other_shapes(folder: Path) -> None:
    weights = {name: torch.zeros(3, 5) for name in load_file(folder / WEIGHTS)}
    save_file(weights, folder / WEIGHTS, {"format": "pt"})


def broken_config(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def config_is_a_list(folder: Path) -> None:
    (folder / "config.json").write_text("[1]")


def no_model_type(folder: Path) -> None:
    (folder / "config.json").write_text("{}")


def unknown_model_type(folder: Path) -> None:
    edit(folder / "config.json", model_type="megamodel")


def own_code(folder: Path) -> None:
    code = f"import pathlib\npathlib.Path({str(folder.parent / 'ran')!r}).touch()\n"
    (folder / "code.py").write_text(code)
    (folder / "custom_generate").mkdir()
    (folder / "custom_generate" / "generate.py").write_text(code)
    names = {"AutoConfig": "code.Config", "AutoModelForCausalLM": "code.Model"}
    edit(folder / "config.json", model_type="megamodel", auto_map=names)


def broken_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{")


def no_tokenizer(folder: Path) -> None:
    for path in folder.glob("token*"):
        path.unlink()


def damaged_numbers(folder: Path) -> None:
    weights = load_file(folder / WEIGHTS)
    damaged = {name: torch.full_like(value, torch.nan) for name, value in weights.items()}
    save_file(damaged, folder / WEIGHTS, {"format": "pt"})


BOTH = [
    no_weights,
    pickle_only,
    pickle_beside,
    cut_weights,
    empty_weights,
    one_weight_missing,
    other_shapes,
    broken_config,
    config_is_a_list,
    no_model_type,
    unknown_model_type,
    own_code,
    broken_tokenizer,
    no_tokenizer,
]


def sentence(error: AnnotatorError, folder: Path) -> None:
    text = str(error)
    assert str(folder) in text
    assert text.endswith(".")
    assert "\n" not in text
    assert len(text) < 400
    assert not re.search(r"\.\. |Traceback", text)


def one_sentence(folder: Path, role: str, ask: Callable[[Any], object]) -> str:
    pack = load_pack(tiny_models.manifest(folder, role))
    with pytest.raises(AnnotatorError) as raised:
        ask(pack)
    sentence(raised.value, folder)
    assert not (folder.parent / "ran").exists()
    return str(raised.value)


def propose(pack: Any) -> object:
    photo = np.zeros((40, 40, 3), dtype=np.uint8)
    return pack.tagger().propose([photo], "list", Sampling(max_tokens=3))


def complete(pack: Any) -> object:
    return pack.language_model().complete([{"role": "user", "content": "sky"}], max_tokens=3)


@pytest.mark.parametrize("damage", [*BOTH, damaged_numbers])
def test_a_tagger(damage: Callable[[Path], None], tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    tiny_models.llava(folder)
    damage(folder)
    said = one_sentence(folder, "tagger", propose) if damage is not damaged_numbers else ""
    if damage is pickle_only:
        assert "pickle" in said
    if damage is own_code:
        assert "code in the folder" in said
    if damage is damaged_numbers:
        with pytest.raises(AnnotatorError, match="no numbers"):
            propose(load_pack(tiny_models.manifest(folder)))


@pytest.mark.parametrize("damage", BOTH)
def test_a_language_model(damage: Callable[[Path], None], tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    tiny_models.llama(folder)
    damage(folder)
    one_sentence(folder, "language_model", complete)


def test_a_processor_that_is_not_there(tmp_path: Path) -> None:
    for name in ("smolvlm", "instructblip", "llava"):
        folder = tmp_path / name
        tiny_models.TAGGERS[name](folder)
        for path in folder.glob("*processor*"):
            path.unlink()
        one_sentence(folder, "tagger", propose)


def test_a_tokenizer_that_is_not_there(tmp_path: Path) -> None:
    """The library makes an empty one: the model would be asked nothing, and answer that."""
    for name in ("blip2", "instructblip", "qwen-vl"):
        folder = tmp_path / name
        tiny_models.TAGGERS[name](folder)
        no_tokenizer(folder)
        one_sentence(folder, "tagger", propose)


def test_a_model_of_the_wrong_kind(tmp_path: Path) -> None:
    tiny_models.llama(tmp_path / "llama")
    one_sentence(tmp_path / "llama", "tagger", propose)
    tiny_models.blip2(tmp_path / "blip2")
    one_sentence(tmp_path / "blip2", "language_model", complete)


def test_more_words_than_the_model_has(tmp_path: Path) -> None:
    folder = tmp_path / "llama"
    tiny_models.llama(folder)
    weights = load_file(folder / WEIGHTS)
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        weights[name] = weights[name][:40].clone()
    save_file(weights, folder / WEIGHTS, {"format": "pt"})
    edit(folder / "config.json", vocab_size=40)
    one_sentence(folder, "language_model", complete)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ('dtype = "int4"', "dtype is 'int4', not one of float32, float16, bfloat16"),
        ("batch = 0", "batch is 0, not a whole number from 1"),
        ("batch = true", "batch is True, not a whole number from 1"),
        ('max_side = "big"', "max_side is 'big', not a whole number from 32"),
        ("quantize = true", "quantize is not known; there are dtype, batch, max_side"),
    ],
)
def test_options(options: str, complaint: str, tmp_path: Path) -> None:
    tiny_models.llava(tmp_path / "llava")
    pack = load_pack(tiny_models.manifest(tmp_path / "llava", options=options))
    with pytest.raises(AnnotatorError, match=re.escape(complaint)):
        pack.tagger()
