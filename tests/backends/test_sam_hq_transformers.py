"""HQ-SAM of transformers: the package's masks from the package's weights, and broken folders."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_sam
import torch
from safetensors.torch import load_file, save_file

from annotator.backends.protocols import StoringRefiner
from annotator.backends.registry import load_pack
from annotator.backends.sam_hq import PackageNetwork
from annotator.backends.sam_hq_frames import fitted, mask_prompt, padded, places, resized
from annotator.backends.sam_hq_refiner import Prompts, SamRefiner
from annotator.backends.sam_hq_transformers import load
from annotator.core.errors import AnnotatorError

SIZE = (97, 131)
WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def sam() -> Any:
    return tiny_sam.package_sam()


@pytest.fixture(scope="module")
def saved(sam: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "sam"
    tiny_sam.transformers_sam(sam, folder)
    return folder


def refiner_of(folder: Path, options: str = "") -> Any:
    path = folder.with_suffix(".toml")
    weights = f'folder = "{folder.name}"'
    return load_pack(tiny_sam.manifest(path, "transformers-sam-hq", weights, options)).refiner()


@pytest.fixture(scope="module")
def image() -> Any:
    rng = np.random.default_rng(0)
    return (
        rng.integers(0, 256, (10, 14, 3), dtype=np.uint8)
        .repeat(10, 0)
        .repeat(10, 1)[: SIZE[0], : SIZE[1]]
    )


def inputs() -> dict[str, Prompts]:
    """Prompts in the frame of 256 pixels."""
    frame = fitted(*SIZE, tiny_sam.EDGE)
    xy = torch.tensor(places([(40.3, 31.0), (110.0, 80.5)], SIZE, frame), dtype=torch.float32)
    corners = places([(12.0, 9.5), (101.0, 88.0)], SIZE, frame).reshape(1, 4)
    box = torch.tensor(corners, dtype=torch.float32)
    soft = np.linspace(0, 1, SIZE[0] * SIZE[1], dtype=np.float32).reshape(SIZE)
    mask = torch.from_numpy(mask_prompt(soft, tiny_sam.EDGE // 4))[None, None]
    inside, outside = torch.tensor([[1]]), torch.tensor([[1, 0]])
    return {
        "point": Prompts(points=xy[None, :1], labels=inside),
        "points": Prompts(points=xy[None], labels=outside),
        "box": Prompts(box=box),
        "mask": Prompts(mask=mask),
        "all": Prompts(points=xy[None], labels=outside, box=box, mask=mask),
    }


def test_the_networks_agree_to_a_ten_thousandth(sam: Any, saved: Path, image: Any) -> None:
    theirs, ours = PackageNetwork(sam), load(saved)
    assert (ours.edge, ours.low, ours.device) == (theirs.edge, theirs.low, theirs.device)
    frame = resized(image, tiny_sam.EDGE)
    expected, found = theirs.encode(frame), ours.encode(frame)
    assert [tuple(one.shape) for one in found] == list(ours.shapes)
    torch.testing.assert_close(found[0], expected[0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found[1], expected[1], rtol=1e-4, atol=1e-4)
    for name, prompts in inputs().items():
        a, a_scores = theirs.decode(expected, prompts)
        b, b_scores = ours.decode(found, prompts)
        assert a.shape == b.shape == (1, 5, theirs.low, theirs.low)
        assert b_scores == pytest.approx(a_scores, abs=1e-4), name
        torch.testing.assert_close(b, a, rtol=1e-4, atol=1e-4)
        assert a.std() > 0.05


def test_the_librarys_own_decoder_would_draw_other_masks(sam: Any, saved: Path, image: Any) -> None:
    """Why the parts are put together here. When this fails, transformers has mended it."""
    network = load(saved)
    model, frame = network._model, resized(image, tiny_sam.EDGE)
    prompts = inputs()["box"]
    with torch.no_grad():
        embedding, early = model.get_image_embeddings(padded(frame, tiny_sam.EDGE))
        theirs = model(
            image_embeddings=embedding,
            intermediate_embeddings=early,
            input_boxes=prompts.box[:, None],
            multimask_output=False,
        )
    masks, scores = network.decode(network.encode(frame), prompts)
    assert float(theirs.iou_scores) == pytest.approx(scores[0], abs=1e-5)
    assert (theirs.pred_masks[0, 0, 0] - (masks[0, 0] + masks[0, -1])).abs().max() > 0.1


def test_the_refiner_does_as_the_other(sam: Any, saved: Path, image: Any) -> None:
    theirs, ours = SamRefiner("package@0", PackageNetwork(sam)), refiner_of(saved)
    assert isinstance(ours, StoringRefiner)
    assert ours.id.startswith("tiny-sam@")
    one, other = theirs.encode(image), ours.encode(image)
    kept = ours.unpack(ours.pack(other))
    soft = np.linspace(0, 1, SIZE[0] * SIZE[1], dtype=np.float32).reshape(SIZE)
    for prompt in (
        {"points": [(40.0, 31.0, True)]},
        {"points": [(40.0, 31.0, True), (3.0, 90.0, False)]},
        {"box": (12.0, 9.5, 101.0, 88.0)},
        {"mask": soft},
        {"points": [(40.0, 31.0, True)], "box": (12.0, 9.5, 101.0, 88.0), "mask": soft},
    ):
        expected = theirs.refine(one, **prompt)
        found, stored = ours.refine(other, **prompt), ours.refine(kept, **prompt)
        assert len(found) == len(expected)
        assert found[0].mask.shape == SIZE
        assert found[0].score == pytest.approx(expected[0].score, abs=1e-4)
        assert (found[0].mask == expected[0].mask).mean() > 0.999
        assert (found[0].mask == stored[0].mask).mean() > 0.98
    with pytest.raises(ValueError, match="of another model"):
        ours.unpack(theirs.pack(one))


def test_every_device_gives_about_the_same(on: str, sam: Any, saved: Path, image: Any) -> None:
    ours = refiner_of(saved)
    encoding = ours.encode(image)
    assert {one.device.type for one in encoding.tensors} == {on}
    theirs = tiny_sam.predictor(sam, image)
    masks, _, _ = theirs.predict(box=np.array([12.0, 9.5, 101, 88]), multimask_output=False)
    (found,) = ours.refine(encoding, box=(12.0, 9.5, 101.0, 88.0))
    assert (found.mask == masks[0]).mean() > 0.99


def test_a_copy_has_the_same_weights(saved: Path, image: Any) -> None:
    network = load(saved)
    frame = resized(image, tiny_sam.EDGE)
    before, after = network.encode(frame), network.on("cpu").encode(frame)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


class Canary:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, (f"echo ran > {self.path}",))


def edit(path: Path, **facts: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))


def pickle_only(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Canary(folder.parent / "ran")))


def one_missing(folder: Path) -> None:
    weights = load_file(folder / WEIGHTS)
    del weights["mask_decoder.hq_token.weight"]
    save_file(weights, folder / WEIGHTS, {"format": "pt"})


def other_shape(folder: Path) -> None:
    weights = load_file(folder / WEIGHTS)
    weights["mask_decoder.hq_token.weight"] = torch.zeros(3, 5)
    save_file(weights, folder / WEIGHTS, {"format": "pt"})


def cut(folder: Path) -> None:
    whole = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole[: len(whole) // 2])


BAD: dict[str, tuple[Callable[[Path], Any], str]] = {
    "pickle": (pickle_only, "its weights are a pickle"),
    "missing": (one_missing, "1 of its weights are missing"),
    "shape": (other_shape, "mask_decoder.hq_token.weight is 3×5 and not 1×32"),
    "cut": (cut, "cannot be used"),
    "plain SAM": (
        lambda folder: edit(folder / "config.json", model_type="sam"),
        "it holds a model of type sam, not sam_hq",
    ),
    "code": (
        lambda folder: edit(
            folder / "config.json", model_type="mine", auto_map={"AutoConfig": "code.Config"}
        ),
        "no such code is run here",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_folder_that_is_no_hq_sam_is_one_sentence(kind: str, sam: Any, tmp_path: Path) -> None:
    folder = tmp_path / "sam"
    tiny_sam.transformers_sam(sam, folder)
    spoil, expected = BAD[kind]
    spoil(folder)
    with pytest.raises(AnnotatorError, match=expected) as caught:
        refiner_of(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


def test_wrong_options_are_one_sentence(saved: Path) -> None:
    with pytest.raises(AnnotatorError, match="size is not known; there are hq_token_only"):
        refiner_of(saved, 'size = "vit_b"')
    path = tiny_sam.manifest(saved.with_name("none.toml"), "transformers-sam-hq", "")
    with pytest.raises(AnnotatorError, match="name the model's folder with the key folder"):
        load_pack(path).refiner()
