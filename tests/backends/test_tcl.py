"""TCL's released layout against a second implementation under OpenAI's names."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_clip
import tiny_tcl
import torch
from torch import Tensor

from annotator.backends import tcl
from annotator.backends.clip_dense import load_folder
from annotator.backends.protocols import Grounder, Pixels, TagText
from annotator.backends.registry import load_pack
from annotator.core.errors import AnnotatorError

State = dict[str, Tensor]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    made = tmp_path_factory.mktemp("tcl") / "clip"
    return made, tiny_tcl.clip_folder(made)


@pytest.fixture
def photo() -> Pixels:
    return np.random.default_rng(3).integers(0, 256, (50, 70, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def _cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANNOTATOR_DEVICE", "cpu")


def load(folder: Path, file: Path, adapter: Path | None = None, **given: Any) -> tcl.TclDense:
    return tcl.load(tiny_clip.spec(folder, adapter, file=file, kind="tcl-grounder", **given))


def state_of_clip(folder: Path, model: tiny_tcl.Tcl) -> None:
    """Gives the reference the CLIP weights of a folder, by names written out here again."""
    own = load_folder(folder, dtype="float32").model.state_dict()

    def block(to: tiny_tcl.Block, name: str) -> None:
        for kind in ("weight", "bias"):
            parts = [own[f"{name}.self_attn.{one}_proj.{kind}"] for one in "qkv"]
            getattr(to.attn, f"in_proj_{kind}").copy_(torch.cat(parts))
            getattr(to.attn.out_proj, kind).copy_(own[f"{name}.self_attn.out_proj.{kind}"])
            getattr(to.ln_1, kind).copy_(own[f"{name}.layer_norm1.{kind}"])
            getattr(to.ln_2, kind).copy_(own[f"{name}.layer_norm2.{kind}"])
            getattr(to.mlp.c_fc, kind).copy_(own[f"{name}.mlp.fc1.{kind}"])
            getattr(to.mlp.c_proj, kind).copy_(own[f"{name}.mlp.fc2.{kind}"])

    images, texts = model.clip_image_encoder.clip_visual, model.clip_text_encoder
    images.class_embedding.copy_(own["vision_model.embeddings.class_embedding"])
    images.positional_embedding.copy_(own["vision_model.embeddings.position_embedding.weight"])
    images.conv1.weight.copy_(own["vision_model.embeddings.patch_embedding.weight"])
    texts.token_embedding.weight.copy_(own["text_model.embeddings.token_embedding.weight"])
    texts.positional_embedding.copy_(own["text_model.embeddings.position_embedding.weight"])
    texts.text_projection.copy_(own["text_projection.weight"].T)
    for kind in ("weight", "bias"):
        getattr(images.ln_pre, kind).copy_(own[f"vision_model.pre_layrnorm.{kind}"])
        getattr(texts.ln_final, kind).copy_(own[f"text_model.final_layer_norm.{kind}"])
    for i in range(tiny_clip.LAYERS):
        block(images.transformer.resblocks[i], f"vision_model.encoder.layers.{i}")
        block(texts.transformer.resblocks[i], f"text_model.encoder.layers.{i}")


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("more", [{}, {"first": 1}, {"double": False}])
def test_the_released_layout(
    frozen: bool, more: dict[str, Any], home: tuple[Path, int], tmp_path: Path, photo: Pixels
) -> None:
    """With CLIP's own weights in the file and without: then they are the folder's."""
    folder, words = home
    reference = tiny_tcl.tcl(words, **more)
    if not frozen:
        state_of_clip(folder, reference)
    tiny_tcl.save(tmp_path / "tcl.pth", tiny_tcl.state(reference, frozen=frozen))
    dense = load(folder, tmp_path / "tcl.pth")
    assert (dense.patch, dense.stride) == (8, 2)
    for size in ((32, 32), (40, 56), (8, 24)):
        x = dense.prepare(photo, *size)[None]
        with torch.no_grad():
            found, expected = dense.pixels(x), reference(x)
        assert found.shape == (1, size[0] // 2, size[1] // 2, tiny_clip.PROJECTION)
        assert (found - expected).abs().max() < 1e-5
    texts = ["dog", "the green bench", "自転車 🙂"]
    with torch.no_grad():
        own = reference.clip_text_encoder(dense.tokens(texts), dense.tokenizer.eos_token_id)
        found = dense.texts(texts)
    assert torch.allclose(found, torch.nn.functional.normalize(own, dim=-1), atol=1e-5)


def test_its_colours_are_those_of_imagenet(home: tuple[Path, int], tmp_path: Path) -> None:
    tiny_tcl.save(tmp_path / "tcl.pth", tiny_tcl.state(tiny_tcl.tcl(home[1])))
    found = load(home[0], tmp_path / "tcl.pth").prepare(np.zeros((8, 8, 3), np.uint8), 8, 8)
    expected = [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225]
    assert np.allclose(found[:, 3, 3], expected)


def test_as_a_grounder(home: tuple[Path, int], tmp_path: Path, photo: Pixels, on: str) -> None:
    """From a manifest, with windows; windows are cut at patches and joined at cells."""
    folder, words = home
    reference = tiny_tcl.tcl(words)
    tiny_tcl.save(tmp_path / "tcl.pth", tiny_tcl.state(reference))
    text = f"""
        name = "mine"
        [roles.grounder]
        kind = "tcl-grounder"
        model = "tiny"
        folder = "{folder.as_posix()}"
        file = "tcl.pth"
        licence = "none"
        size_bytes = 1
        memory_mb = 1
        [roles.grounder.options]
        dtype = "float32"
        size = 40
        window = 24
        stride = 16
    """
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    model = load_pack(tmp_path / "mine.toml").grounder()
    assert isinstance(model, Grounder)
    total, count = torch.zeros(20, 28, tiny_clip.PROJECTION), torch.zeros(20, 28, 1)
    dense = load(folder, tmp_path / "tcl.pth")
    x = dense.prepare(photo, 40, 56)[None]
    for top in (0, 16):
        for left in (0, 16, 32):
            cells = reference(x[..., top : top + 24, left : left + 24])[0]
            place = slice(top // 2, top // 2 + 12), slice(left // 2, left // 2 + 12)
            total[place] += cells
            count[place] += 1
    expected = torch.nn.functional.normalize(total / count, dim=-1).numpy()
    tolerance = 1e-5 if on == "cpu" else 1e-3
    assert np.abs(model.pixels(photo) - expected).max() < tolerance
    assert model.texts([TagText("dog")]).shape == (1, tiny_clip.PROJECTION)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_an_adapter_on_top(home: tuple[Path, int], tmp_path: Path, photo: Pixels) -> None:
    folder, words = home
    tiny_tcl.save(tmp_path / "tcl.pth", tiny_tcl.state(tiny_tcl.tcl(words)))
    plain = load(folder, tmp_path / "tcl.pth")
    x = plain.prepare(photo, 24, 40)[None]
    with torch.no_grad():
        before = plain.pixels(x)
    tiny_clip.lora(tmp_path / "lora", plain.model)  # as fine-tuning would leave it
    with torch.no_grad():
        expected = plain.pixels(x)
        for keep in (False, True):
            dense = load(folder, tmp_path / "tcl.pth", tmp_path / "lora", keep_adapter=keep)
            assert (dense.pixels(x) - expected).abs().max() < 1e-5
            assert dense.texts(["dog"]).shape == (1, tiny_clip.PROJECTION)
    assert (before - expected).abs().max() > 0.01


def without(state: State, part: str) -> State:
    return {name: value for name, value in state.items() if part not in name}


def no_decoder(state: State) -> State:
    return without(state, "decoder.net")


def no_blocks(state: State) -> State:
    return without(state, "backbone")


def one_weight_missing(state: State) -> State:
    return without(state, "net.1.conv2.conv.bias")


def a_gate_missing(state: State) -> State:
    return without(state, "net.0.conv.gate.gate")


def another_weight(state: State) -> State:
    return {**state, "masker.image_encoder.extra.weight": torch.zeros(3)}


def wider(state: State) -> State:
    return {name: torch.cat([value, value]) for name, value in state.items() if value.dim()}


def deeper(state: State) -> State:
    copies = {k.replace("resblocks.2", "resblocks.3"): v for k, v in state.items()}
    return {**state, **copies}


def a_layer_skipped(state: State) -> State:
    return {k.replace("decoder.net.1", "decoder.net.4"): v for k, v in state.items()}


@pytest.mark.parametrize(
    "damage",
    [
        no_decoder,
        no_blocks,
        one_weight_missing,
        a_gate_missing,
        another_weight,
        wider,
        deeper,
        a_layer_skipped,
    ],
)
def test_another_layout(
    damage: Callable[[State], State], home: tuple[Path, int], tmp_path: Path
) -> None:
    folder, words = home
    path = tmp_path / "tcl.pth"
    tiny_tcl.save(path, damage(tiny_tcl.state(tiny_tcl.tcl(words))))
    with pytest.raises(AnnotatorError) as raised:
        load(folder, path)
    text = str(raised.value)
    assert str(path) in text
    assert text.endswith(".")
    assert "\n" not in text
    assert len(text) < 400
    assert not re.search(r"\.\. |Traceback", text)


class Canary:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.path, "ran")


def test_a_checkpoint_that_would_run_code(home: tuple[Path, int], tmp_path: Path) -> None:
    state = tiny_tcl.state(tiny_tcl.tcl(home[1]))
    canary = Canary(tmp_path / "ran")
    with tiny_tcl.omegaconf() as config:
        config._metadata.flags = canary
        torch.save({"model": state, "config": config}, tmp_path / "inside.pth")
    torch.save({"model": state, "config": canary}, tmp_path / "beside.pth")
    (tmp_path / "bare.pth").write_bytes(pickle.dumps(canary))
    (tmp_path / "none.pth").write_bytes(b"no checkpoint")
    for name in ("inside.pth", "beside.pth", "bare.pth", "none.pth"):
        with pytest.raises(AnnotatorError, match=name):
            load(home[0], tmp_path / name)
    assert not (tmp_path / "ran").exists()


def test_a_folder_that_is_not_its_clip(home: tuple[Path, int], tmp_path: Path) -> None:
    tiny_tcl.save(tmp_path / "tcl.pth", tiny_tcl.state(tiny_tcl.tcl(home[1])))
    tiny_clip.siglip(tmp_path / "siglip")
    with pytest.raises(AnnotatorError, match=r"siglip cannot be used: TCL stands on a CLIP"):
        load(tmp_path / "siglip", tmp_path / "tcl.pth")
    words = tiny_clip.tokenizer()
    tiny_clip.save(tmp_path / "fine", tiny_clip.clip_model(words, patch_size=4), words)
    with pytest.raises(AnnotatorError, match=r"tcl\.pth cannot be used: its weight"):
        load(tmp_path / "fine", tmp_path / "tcl.pth")
    with pytest.raises(AnnotatorError, match="needs two keys"):
        tcl.load(tiny_clip.spec(home[0], kind="tcl-grounder"))
