"""LoRA adapters, merged and kept; and what is no model, or not this one: one sentence each."""

from __future__ import annotations

import json
import pickle
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_clip
import tiny_models
import torch
import transformers
from safetensors.torch import load_file, save_file

from annotator.backends import clip
from annotator.backends.clip_dense import load_folder
from annotator.backends.protocols import Pixels, TagText
from annotator.backends.weights import WeightFolder
from annotator.core.errors import AnnotatorError

WEIGHTS = "model.safetensors"
LORA = "adapter_model.safetensors"
SETTINGS = [
    {},
    {"r": 2, "lora_alpha": 16, "use_rslora": True, "target_modules": ["q_proj", "out_proj"]},
    {"target_modules": "all-linear"},
    {"use_dora": True, "bias": "none", "rank_pattern": {"v_proj": 2}},
    {"target_modules": ["fc1"], "modules_to_save": ["final_layer_norm"]},
]


@pytest.fixture(autouse=True)
def _cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANNOTATOR_DEVICE", "cpu")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, "clip", and an adapter for it, "lora"."""
    made = tmp_path_factory.mktemp("home")
    tiny_clip.clip(made / "clip")
    tiny_clip.lora(made / "lora", load_folder(made / "clip", dtype="float32").model)
    return made


@pytest.fixture
def both(home: Path, tmp_path: Path) -> tuple[Path, Path]:
    """The two, to be damaged."""
    shutil.copytree(home, tmp_path, dirs_exist_ok=True)
    return tmp_path / "clip", tmp_path / "lora"


@pytest.fixture
def photo() -> Pixels:
    return np.random.default_rng(3).integers(0, 256, (50, 70, 3), dtype=np.uint8)


def build(folder: Path, adapter: Path | None = None, **given: Any) -> clip.ClipGrounder:
    spec = tiny_clip.spec(folder, adapter, size=40, **given)
    return clip.grounder(spec, None)  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("settings", SETTINGS)
def test_merged_and_kept_are_the_same(
    settings: dict[str, Any], home: Path, tmp_path: Path, photo: Pixels
) -> None:
    folder, adapter = home / "clip", tmp_path / "lora"
    own = load_folder(folder, dtype="float32")
    tiny_clip.lora(adapter, own.model, **settings)
    tags = [TagText("dog"), TagText("the green bench", sentence=True)]
    plain, merged, kept = (
        build(folder),
        build(folder, adapter),
        build(folder, adapter, keep_adapter=True),
    )
    # What peft itself computes with the model that the adapter was saved from.
    with torch.no_grad():
        expected = own.pixels(own.prepare(photo, 40, 56)[None])[0].numpy()
    assert np.abs(merged.pixels(photo) - expected).max() < 1e-5
    assert np.abs(merged.pixels(photo) - kept.pixels(photo)).max() < 1e-5
    assert np.abs(merged.texts(tags) - kept.texts(tags)).max() < 1e-5
    assert np.abs(merged.texts(tags) - plain.texts(tags)).max() > 0.01
    assert np.abs(merged.pixels(photo) - plain.pixels(photo)).max() > 0.01
    names = {name for name, _ in kept._dense.model.named_parameters()}
    assert any("lora_" in name for name in names)
    assert not any("lora_" in name for name, _ in merged._dense.model.named_parameters())
    assert plain.id != merged.id == kept.id


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("kind", ["siglip", "siglip2"])
def test_adapters_of_siglip(kind: str, tmp_path: Path, photo: Pixels) -> None:
    folder, adapter = tmp_path / kind, tmp_path / "lora"
    tiny_clip.MODELS[kind](folder)
    tiny_clip.lora(adapter, load_folder(folder, dtype="float32").model)
    merged, kept = build(folder, adapter), build(folder, adapter, keep_adapter=True)
    assert np.abs(merged.pixels(photo) - kept.pixels(photo)).max() < 1e-5
    assert np.abs(merged.pixels(photo) - build(folder).pixels(photo)).max() > 0.01


def test_an_adapter_in_half_precision(home: Path, photo: Pixels) -> None:
    folder, adapter = home / "clip", home / "lora"
    exact = build(folder, adapter).pixels(photo)
    for keep in (False, True):
        half = build(folder, adapter, dtype="bfloat16", keep_adapter=keep)
        assert half._dense.dtype == torch.bfloat16
        assert (half.pixels(photo) * exact).sum(-1).min() > 0.98


class Canary:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.path, "ran")


def edit(path: Path, **facts: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **facts}))


def one_sentence(folder: Path, load: Callable[[], object]) -> str:
    with pytest.raises(AnnotatorError) as raised:
        load()
    text = str(raised.value)
    assert str(folder) in text
    assert text.endswith(".")
    assert "\n" not in text
    assert len(text) < 450
    assert not re.search(r"\.\. |Traceback", text)
    assert not (folder.parent / "ran").exists()
    return text


def other_rank(adapter: Path) -> None:
    edit(adapter / "adapter_config.json", r=3)


def other_base(adapter: Path) -> None:
    """Layers of a wider model."""
    weights = {k: torch.cat([v, v], dim=1) for k, v in load_file(adapter / LORA).items()}
    save_file(weights, adapter / LORA)


def deeper_base(adapter: Path) -> None:
    """A model with more layers, of the same width."""
    weights = load_file(adapter / LORA)
    more = {k.replace("layers.2", "layers.7"): v.clone() for k, v in weights.items()}
    save_file({**weights, **more}, adapter / LORA)


def half_of_it(adapter: Path) -> None:
    weights = load_file(adapter / LORA)
    save_file(dict(list(weights.items())[::2]), adapter / LORA)


def no_weights(adapter: Path) -> None:
    (adapter / LORA).unlink()


def pickled(adapter: Path) -> None:
    (adapter / LORA).unlink()
    with (adapter / "adapter_model.bin").open("wb") as file:
        pickle.dump(Canary(adapter.parent / "ran"), file)


def pickle_under_its_name(adapter: Path) -> None:
    with (adapter / LORA).open("wb") as file:
        pickle.dump(Canary(adapter.parent / "ran"), file)


def cut(adapter: Path) -> None:
    (adapter / LORA).write_bytes((adapter / LORA).read_bytes()[:-100])


def broken_config(adapter: Path) -> None:
    (adapter / "adapter_config.json").write_text("{")


def config_is_a_list(adapter: Path) -> None:
    (adapter / "adapter_config.json").write_text("[]")


def other_method(adapter: Path) -> None:
    edit(adapter / "adapter_config.json", peft_type="PROMPT_TUNING")


def no_such_layers(adapter: Path) -> None:
    edit(adapter / "adapter_config.json", target_modules=["query_key_value"])


def senseless_rank(adapter: Path) -> None:
    edit(adapter / "adapter_config.json", r=-4)


ADAPTERS = [
    other_rank,
    other_base,
    deeper_base,
    half_of_it,
    no_weights,
    pickled,
    pickle_under_its_name,
    cut,
    broken_config,
    config_is_a_list,
    other_method,
    no_such_layers,
    senseless_rank,
]


@pytest.mark.parametrize("damage", ADAPTERS)
def test_an_adapter_that_is_none(damage: Callable[[Path], None], both: tuple[Path, Path]) -> None:
    folder, adapter = both
    damage(adapter)
    said = one_sentence(adapter, lambda: build(folder, adapter))
    assert said == one_sentence(adapter, lambda: build(folder, adapter, keep_adapter=True))
    if damage is pickled:
        assert "pickle" in said
    if damage in (other_rank, other_base, deeper_base, half_of_it, no_such_layers):
        assert "of another model" in said


def test_an_adapter_that_is_not_there(home: Path, tmp_path: Path) -> None:
    with pytest.raises(AnnotatorError, match=r"adapter_config\.json"):
        build(home / "clip", tmp_path / "nothing")


def test_no_module_that_an_adapter_names_is_imported(
    both: tuple[Path, Path], tmp_path: Path
) -> None:
    """peft's own loader imports what megatron_core says."""
    folder, adapter = both
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    edit(
        adapter / "adapter_config.json",
        megatron_config={"a": 1},
        megatron_core="evil",
        auto_mapping={"base_model_class": "evil", "parent_library": "evil"},
        base_model_name_or_path="evil/evil",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        build(folder, adapter)
    assert not (tmp_path / "ran").exists()


def model_pickled(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    with (folder / "pytorch_model.bin").open("wb") as file:
        pickle.dump(Canary(folder.parent / "ran"), file)


def model_cut(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-100])


def model_other_shapes(folder: Path) -> None:
    edit(folder / "config.json", projection_dim=24)


def model_no_tokenizer(folder: Path) -> None:
    for path in folder.glob("token*"):
        path.unlink()


def model_own_code(folder: Path) -> None:
    (folder / "evil.py").write_text(f"open({str(folder.parent / 'ran')!r}, 'w')")
    names = {"AutoConfig": "evil.Config", "AutoModel": "evil.Model"}
    edit(folder / "config.json", model_type="megaclip", auto_map=names)


def model_no_colours(folder: Path) -> None:
    (folder / "preprocessor_config.json").write_text('{"image_mean": "grey"}')


def model_two_colours(folder: Path) -> None:
    (folder / "preprocessor_config.json").write_text('{"image_mean": [0.5, 0.5]}')


MODELS = [
    model_pickled,
    model_cut,
    model_other_shapes,
    model_no_tokenizer,
    model_own_code,
    model_no_colours,
    model_two_colours,
]


@pytest.mark.parametrize("damage", MODELS)
def test_a_folder_that_is_no_model(damage: Callable[[Path], None], both: tuple[Path, Path]) -> None:
    damage(both[0])
    said = one_sentence(both[0], lambda: build(both[0]))
    if damage is model_pickled:
        assert "would run code" in said
    if damage is model_other_shapes:
        assert "text_projection.weight is 20×32 and not 24×32" in said
    if damage is model_own_code:
        assert "code in the folder" in said


def test_a_model_of_another_kind(tmp_path: Path) -> None:
    tiny_models.llama(tmp_path / "llama")
    said = one_sentence(tmp_path / "llama", lambda: build(tmp_path / "llama"))
    assert "of type llama does not compare pixels with texts" in said


def test_a_siglip_without_its_head(tmp_path: Path) -> None:
    words = tiny_clip.tokenizer()
    vision = tiny_clip.shape(image_size=32, patch_size=8, vision_use_head=False)
    config = transformers.SiglipConfig(
        text_config=tiny_clip.text_shape(words), vision_config=vision
    )
    tiny_clip.save(tmp_path / "headless", transformers.SiglipModel(config), words)
    said = one_sentence(tmp_path / "headless", lambda: build(tmp_path / "headless"))
    assert "no pooling head" in said


def test_more_words_than_the_model_has(both: tuple[Path, Path]) -> None:
    folder = both[0]
    weights = load_file(folder / WEIGHTS)
    name = "text_model.embeddings.token_embedding.weight"
    weights[name] = weights[name][:50].clone()
    save_file(weights, folder / WEIGHTS, {"format": "pt"})
    facts = json.loads((folder / "config.json").read_text())
    facts["text_config"]["vocab_size"] = 50
    (folder / "config.json").write_text(json.dumps(facts))
    said = one_sentence(folder, lambda: build(folder).texts([TagText("dog")]))
    assert "more words" in said


def test_damaged_numbers(both: tuple[Path, Path], photo: Pixels) -> None:
    folder = both[0]
    weights = load_file(folder / WEIGHTS)
    damaged = {name: torch.full_like(value, torch.nan) for name, value in weights.items()}
    save_file(damaged, folder / WEIGHTS, {"format": "pt"})
    model = build(folder)
    one_sentence(folder, lambda: model.pixels(photo))
    assert "no numbers" in one_sentence(folder, lambda: model.texts([TagText("dog")]))


def test_weights_in_one_pickle_are_read_without_running_it(tmp_path: Path) -> None:
    """As the first CLIP models are saved, with a buffer that newer code has not."""
    folder = tmp_path / "clip"
    folder.mkdir()
    tiny_clip.clip(folder)
    before = load_folder(folder).model.state_dict()
    told = WeightFolder(str(folder)).fingerprint()
    (path,) = folder.glob("*.safetensors")
    state = load_file(path)
    path.unlink()
    state["text_model.embeddings.position_ids"] = torch.arange(24)[None]
    torch.save(state, folder / "pytorch_model.bin")
    after = load_folder(folder).model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert WeightFolder(str(folder)).fingerprint() != told
    del state["logit_scale"]
    torch.save(state, folder / "pytorch_model.bin")
    with pytest.raises(AnnotatorError, match="1 of its weights are missing"):
        load_folder(folder)
