"""Dense features against the same computed by hand, step by step, from the weights in the file."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_clip
import torch
import transformers
from safetensors.torch import load_file
from tiny_clip import HEADS, HIDDEN, LAYERS, PATCH

from annotator.backends.clip_dense import Dense, load, load_folder
from annotator.backends.protocols import Pixels

Array = np.ndarray[Any, np.dtype[np.float64]]
Weights = Mapping[str, Array]
#: Heights and widths of inputs: the model's own, others, other aspects, one patch.
SIZES = [(32, 32), (40, 40), (24, 56), (64, 16), (8, 8), (8, 80)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    home = tmp_path_factory.mktemp("clip")

    def made(kind: str) -> Path:
        if not (home / kind).is_dir():
            tiny_clip.MODELS[kind](home / kind)
        return home / kind

    return made


@pytest.fixture(scope="module")
def photo() -> Pixels:
    return np.random.default_rng(3).integers(0, 256, (50, 70, 3), dtype=np.uint8)


@pytest.fixture
def dense(folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Dense]:
    monkeypatch.setenv("ANNOTATOR_DEVICE", "cpu")
    return lambda kind: load_folder(folder(kind), dtype="float32")


def weights(folder: Path) -> Weights:
    """Of the vision model and what follows it, in double precision."""
    return {
        name.removeprefix("vision_model."): value.double().numpy()
        for name, value in load_file(folder / "model.safetensors").items()
    }


def linear(w: Weights, name: str, x: Array) -> Array:
    out = x @ w[f"{name}.weight"].T
    return out + w[f"{name}.bias"] if f"{name}.bias" in w else out


def norm(w: Weights, name: str, x: Array, eps: float) -> Array:
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + eps) * w[f"{name}.weight"] + w[f"{name}.bias"]


def quick_gelu(x: Array) -> Array:
    return x / (1 + np.exp(-1.702 * x))


def tanh_gelu(x: Array) -> Array:
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def attention(w: Weights, name: str, x: Array) -> Array:
    """Multi-head self-attention of float[n, d]."""
    n, size = len(x), HIDDEN // HEADS
    q, k, v = (
        linear(w, f"{name}.{one}_proj", x).reshape(n, HEADS, size).transpose(1, 0, 2)
        for one in "qkv"
    )
    scores = q @ k.transpose(0, 2, 1) / math.sqrt(size)
    share = np.exp(scores - scores.max(-1, keepdims=True))
    share /= share.sum(-1, keepdims=True)
    return linear(w, f"{name}.out_proj", (share @ v).transpose(1, 0, 2).reshape(n, HIDDEN))


def block(w: Weights, i: int, x: Array, act: Callable[[Array], Array], eps: float) -> Array:
    name = f"encoder.layers.{i}"
    x = x + attention(w, f"{name}.self_attn", norm(w, f"{name}.layer_norm1", x, eps))
    inner = act(linear(w, f"{name}.mlp.fc1", norm(w, f"{name}.layer_norm2", x, eps)))
    return x + linear(w, f"{name}.mlp.fc2", inner)


def cubic(t: float) -> Array:
    """Weights of the four neighbours for a place ``t`` after the second (Keys 1981, a = -0.75)."""
    a = -0.75

    def near(x: float) -> float:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x: float) -> float:
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return np.array([far(t + 1), near(t), near(1 - t), far(2 - t)])


def resample(length: int, wanted: int) -> Array:
    """float[wanted, length]: bicubic, edges repeated, pixel centres at halves."""
    matrix = np.zeros((wanted, length))
    for i in range(wanted):
        place = (i + 0.5) * length / wanted - 0.5
        first = math.floor(place)
        for offset, weight in zip(range(-1, 3), cubic(place - first), strict=True):
            matrix[i, min(max(first + offset, 0), length - 1)] += weight
    return matrix


def positions(grid: Array, rows: int, columns: int) -> Array:
    """float[n * n, d] -> float[rows * columns, d]."""
    side = math.isqrt(len(grid))
    if (rows, columns) == (side, side):
        return grid
    table = grid.reshape(side, side, -1)
    table = np.einsum("ri,cj,ijd->rcd", resample(side, rows), resample(side, columns), table)
    return table.reshape(rows * columns, -1)


def patches(w: Weights, x: Array) -> Array:
    """float[3, H, W] -> float[h * w, d]: each patch times the convolution's matrix."""
    kernel = w["embeddings.patch_embedding.weight"].reshape(HIDDEN, -1)
    _, height, width = x.shape
    cut = [
        x[:, y : y + PATCH, z : z + PATCH].ravel()
        for y in range(0, height, PATCH)
        for z in range(0, width, PATCH)
    ]
    return np.stack(cut) @ kernel.T + w.get("embeddings.patch_embedding.bias", 0.0)


def by_hand(kind: str, w: Weights, x: Array) -> Array:
    """float[3, H, W] -> float[h, w, c], unit norm."""
    rows, columns = x.shape[1] // PATCH, x.shape[2] // PATCH
    table = w["embeddings.position_embedding.weight"]
    if kind == "clip":
        eps = 1e-5
        found = patches(w, x) + positions(table[1:], rows, columns)
        found = np.concatenate([[w["embeddings.class_embedding"] + table[0]], found])
        found = norm(w, "pre_layrnorm", found, eps)
        for i in range(LAYERS - 1):
            found = block(w, i, found, quick_gelu, eps)
        last = f"encoder.layers.{LAYERS - 1}"
        found = linear(w, f"{last}.self_attn.v_proj", norm(w, f"{last}.layer_norm1", found, eps))
        found = linear(w, f"{last}.self_attn.out_proj", found)
        found = linear(w, "visual_projection", norm(w, "post_layernorm", found, eps))[1:]
    else:
        eps = 1e-6
        found = patches(w, x) + positions(table, rows, columns)
        for i in range(LAYERS):
            found = block(w, i, found, tanh_gelu, eps)
        found = norm(w, "post_layernorm", found, eps)
        stacked, bias = w["head.attention.in_proj_weight"], w["head.attention.in_proj_bias"]
        found = found @ stacked[2 * HIDDEN :].T + bias[2 * HIDDEN :]
        found = linear(w, "head.attention.out_proj", found)
        inner = linear(w, "head.mlp.fc1", norm(w, "head.layernorm", found, eps))
        found = found + linear(w, "head.mlp.fc2", tanh_gelu(inner))
    found = found / np.linalg.norm(found, axis=-1, keepdims=True)
    return found.reshape(rows, columns, -1)


@pytest.mark.parametrize("kind", ["clip", "siglip"])
@pytest.mark.parametrize("size", SIZES)
def test_every_step_by_hand(
    kind: str,
    size: tuple[int, int],
    dense: Callable[[str], Dense],
    folder: Callable[[str], Path],
    photo: Pixels,
) -> None:
    model = dense(kind)
    x = model.prepare(photo, *size)
    with torch.no_grad():
        found = model.pixels(x[None])[0].numpy()
    expected = by_hand(kind, weights(folder(kind)), x.double().numpy())
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-5


def test_a_batch_is_its_images(dense: Callable[[str], Dense], photo: Pixels) -> None:
    for kind in tiny_clip.MODELS:
        model = dense(kind)
        both = torch.stack([model.prepare(photo, 24, 40), model.prepare(photo[::-1], 24, 40)])
        with torch.no_grad():
            together = model.pixels(both)
            alone = torch.cat([model.pixels(one[None]) for one in both])
        assert torch.allclose(together, alone, atol=1e-5)
        assert not torch.allclose(together[0], together[1], atol=0.1)


@pytest.mark.parametrize("kind", ["siglip", "siglip2"])
def test_an_image_of_one_patch_is_the_models_own_answer(
    kind: str, dense: Callable[[str], Dense], photo: Pixels
) -> None:
    """The pooling head has one patch to look at: its answer is the patch's."""
    model = dense(kind)
    x = model.prepare(photo, PATCH, PATCH)[None]
    with torch.no_grad():
        found = model.pixels(x)[0, 0, 0]
        if kind == "siglip":
            own = model.model.get_image_features(x, interpolate_pos_encoding=True)
        else:
            flat = x.permute(0, 2, 3, 1).reshape(1, 1, -1)
            own = model.model.get_image_features(flat, torch.ones(1, 1), torch.tensor([[1, 1]]))
    expected = torch.nn.functional.normalize(own.pooler_output[0], dim=0)
    assert torch.allclose(found, expected, atol=1e-5)


def test_naflex_is_shown_what_its_own_processor_shows(
    dense: Callable[[str], Dense], photo: Pixels
) -> None:
    """All patches, at their places: through the whole of transformers' encoder."""
    model = dense("siglip2")
    processor = transformers.Siglip2ImageProcessor(patch_size=PATCH, max_num_patches=35)
    image = photo[:40, :56]  # a size at which nothing is resized
    shown = processor(images=[image], return_tensors="pt")
    assert shown["spatial_shapes"].tolist() == [[5, 7]]
    vision = model.model.vision_model
    with torch.no_grad():
        seen = vision(**shown).last_hidden_state[0]
        head = vision.head
        values = torch.nn.functional.linear(
            seen,
            head.attention.in_proj_weight[2 * HIDDEN :],
            head.attention.in_proj_bias[2 * HIDDEN :],
        )
        values = head.attention.out_proj(values)
        expected = values + head.mlp(head.layernorm(values))
        found = model.pixels(model.prepare(image, 40, 56)[None])[0]
    expected = torch.nn.functional.normalize(expected, dim=-1).reshape(5, 7, -1)
    assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("kind", list(tiny_clip.MODELS))
def test_texts_are_the_models_own(kind: str, dense: Callable[[str], Dense]) -> None:
    model = dense(kind)
    texts = ["dog", "a green bench", "the list of"]
    words = model.tokenizer
    with torch.no_grad():
        found = model.texts(texts)
        for text, vector in zip(texts, found, strict=True):
            padded: dict[str, Any] = {"padding": "max_length", "max_length": model.context}
            ids = words(text, return_tensors="pt", **({} if kind == "clip" else padded))
            own = model.model.get_text_features(input_ids=ids["input_ids"]).pooler_output[0]
            assert torch.allclose(vector, torch.nn.functional.normalize(own, dim=0), atol=1e-5)
    assert found.shape == (3, model.width)


@pytest.mark.parametrize("kind", list(tiny_clip.MODELS))
def test_texts_of_any_kind(kind: str, dense: Callable[[str], Dense]) -> None:
    model = dense(kind)
    long = " ".join(["wooden bench"] * 150)
    texts = ["wooden green bench", long, "🙂🚲" * 30, "自転車のある道", "", "a\n\tb", long + " dog"]
    with torch.no_grad():
        found = model.texts(texts)
    assert model.tokens(texts).shape[1] <= model.context
    assert torch.isfinite(found).all()
    assert torch.allclose(found.norm(dim=-1), torch.ones(len(texts)), atol=1e-5)
    # What is beyond the context is lost, and nothing else is.
    assert torch.allclose(found[1], found[-1], atol=1e-5)
    assert not torch.allclose(found[0], found[1], atol=0.05)
    assert not torch.allclose(found[2], found[3], atol=0.05)
    assert model.texts([]).shape == (0, model.width)


def test_siglip_reads_small_letters(dense: Callable[[str], Dense]) -> None:
    assert torch.allclose(*dense("siglip").texts(["Green DOG", "green dog"]))
    assert not torch.allclose(*dense("clip").texts(["Green DOG", "green dog"]), atol=0.05)


def test_gradients_reach_both_encoders(dense: Callable[[str], Dense], photo: Pixels) -> None:
    for kind in tiny_clip.MODELS:
        model = dense(kind)
        model.model.requires_grad_(True)
        cells = model.pixels(model.prepare(photo, 24, 24)[None])
        (cells.flatten(0, 2) @ model.texts(["dog", "sky"]).T).square().sum().backward()
        reached = {
            name
            for name, value in model.model.named_parameters()
            if value.grad is not None and value.grad.abs().max() > 0
        }
        first = {name for name in reached if "layers.0" in name}
        assert any(name.startswith("vision_model.") for name in first)
        assert any(name.startswith("text_model.") for name in first)


def test_colours_of_the_folder(folder: Callable[[str], Path], tmp_path: Path) -> None:
    tiny_clip.clip(tmp_path / "own")
    processor = transformers.CLIPImageProcessor(image_mean=[0.1, 0.2, 0.3], image_std=[1, 2, 4])
    processor.save_pretrained(tmp_path / "own")
    white = np.full((8, 8, 3), 255, np.uint8)
    found = load_folder(tmp_path / "own", dtype="float32").prepare(white, 8, 8)
    assert np.allclose(found[:, 0, 0], [0.9, 0.4, 0.175])
    black = load_folder(folder("clip"), dtype="float32").prepare(white * 0, 8, 16)
    assert black.shape == (3, 8, 16)
    assert np.allclose(black[0], -0.48145466 / 0.26862954)


def test_sizes_that_are_no_multiples(dense: Callable[[str], Dense]) -> None:
    with pytest.raises(ValueError, match="30x32 is not a multiple of 8"):
        dense("clip").pixels(torch.zeros(1, 3, 30, 32))


@pytest.mark.parametrize("kind", list(tiny_clip.MODELS))
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(
    kind: str, dtype: str, folder: Callable[[str], Path], photo: Pixels, on: str
) -> None:
    """Close to full precision, and float32 outside; on the GPU where there is one."""
    full, half = load_folder(folder(kind), dtype="float32"), load_folder(folder(kind), dtype=dtype)
    assert str(half.dtype) == f"torch.{dtype}"
    assert half.device.type == on
    x = full.prepare(photo, 24, 40)[None]
    with torch.no_grad():
        pairs = [(one.pixels(x).cpu(), one.texts(["dog", "sky"]).cpu()) for one in (full, half)]
    for exact, rough in zip(*pairs, strict=True):
        assert rough.dtype == torch.float32
        assert torch.allclose(rough.norm(dim=-1), torch.ones(rough.shape[:-1]), atol=1e-5)
        assert (exact * rough).sum(-1).min() > (0.999 if dtype == "float16" else 0.98)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_a_gpu_takes_half_precision_by_default(folder: Callable[[str], Path]) -> None:
    assert load_folder(folder("clip")).dtype == torch.float16


def test_training_asks_for_full_precision(folder: Callable[[str], Path]) -> None:
    assert load(tiny_clip.spec(folder("clip"), dtype="bfloat16")).dtype == torch.bfloat16
    given = load(tiny_clip.spec(folder("clip"), dtype="bfloat16"), dtype="float32")
    assert given.dtype == torch.float32
