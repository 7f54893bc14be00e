"""HQ-SAM from a manifest and a checkpoint: the smallest real size, and files that are not its."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_sam
import torch
from safetensors.torch import save_file

from annotator.backends import sam_hq
from annotator.backends.registry import load_pack, verify
from annotator.backends.sam_hq_refiner import SamRefiner
from annotator.core.errors import AnnotatorError

TINY = 'size = "vit_tiny"'


@pytest.fixture(scope="module")
def tiny() -> Any:
    """The package's own vit_tiny, with random weights everywhere."""
    return tiny_sam.random_weights(sam_hq.build("vit_tiny"))


@pytest.fixture(scope="module")
def checkpoint(tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "sam_hq_vit_tiny.pth"
    torch.save(tiny.state_dict(), path)
    return path


def load(file: Path, options: str = TINY, sha256: str | None = None) -> Any:
    """The refiner of a pack beside the file."""
    found = sha256 or hashlib.sha256(file.read_bytes()).hexdigest()
    weights = f'file = "{file.name}"\nsha256 = "{found}"'
    return load_pack(
        tiny_sam.manifest(file.with_suffix(".toml"), "hq-sam", weights, options)
    ).refiner()


def test_a_checkpoint_gives_the_masks_of_the_packages_predictor(
    tiny: Any, checkpoint: Path
) -> None:
    refiner = load(checkpoint)
    assert isinstance(refiner, SamRefiner)
    assert refiner.id.startswith("tiny-sam@")
    assert not refiner.fallback
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (9, 14, 3), dtype=np.uint8).repeat(23, 0).repeat(23, 1)[:, :-5]
    theirs, encoding = tiny_sam.predictor(tiny, image), refiner.encode(image)
    masks, scores, _ = theirs.predict(np.array([[101.0, 77.0]]), np.array([1]))
    ours = refiner.refine(encoding, points=[(101.0, 77.0, True)])
    assert np.array_equal(ours[0].mask, masks[0])
    assert ours[0].score == pytest.approx(float(np.clip(scores[0], 0, 1)))
    box = (30.0, 20.0, 250.5, 190.0)
    masks, _, _ = theirs.predict(box=np.array(box), multimask_output=False)
    (boxed,) = refiner.refine(encoding, box=box)
    assert np.array_equal(boxed.mask, masks[0])
    assert 0.02 < boxed.mask.mean() < 0.98
    kept = refiner.unpack(refiner.pack(encoding))
    (again,) = refiner.refine(kept, box=box)
    assert (again.mask & boxed.mask).sum() / (again.mask | boxed.mask).sum() >= 0.98


def test_what_tinyvit_computes_ahead_follows_the_weights(tiny: Any, checkpoint: Path) -> None:
    """Its builder computes attention biases before the weights are there, and keeps them."""
    module = sam_hq.load("vit_tiny", checkpoint)._module
    attention = module.image_encoder.layers[1].blocks[0].attn
    assert attention.attention_biases.abs().sum() > 0
    expected = attention.attention_biases[:, attention.attention_bias_idxs]
    assert torch.equal(attention.ab, expected)
    copy = sam_hq.PackageNetwork(module).on("cpu")._module
    assert torch.equal(copy.image_encoder.layers[1].blocks[0].attn.ab, expected)


def test_safetensors_serve_as_well(tiny: Any, tmp_path: Path) -> None:
    path = tmp_path / "sam.safetensors"
    save_file(tiny.state_dict(), path)
    module = sam_hq.load("vit_tiny", path)._module
    for name, value in tiny.state_dict().items():
        assert torch.equal(module.state_dict()[name], value), name


class Canary:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, (f"echo ran > {self.path}",))


def code(path: Path, ran: Path) -> None:
    torch.save({"mask_decoder.iou_token.weight": torch.zeros(1, 256), "x": Canary(ran)}, path)


def plain_pickle(path: Path, ran: Path) -> None:
    path.write_bytes(pickle.dumps(Canary(ran), protocol=2))


def web_page(path: Path, ran: Path) -> None:
    path.write_text("<!doctype html>")


def other_shapes(path: Path, ran: Path) -> None:
    torch.save(tiny_sam.package_sam().state_dict(), path)


def other_words(path: Path, ran: Path) -> None:
    torch.save({"model": {"fc.weight": torch.zeros(3, 4)}}, path)


BAD: dict[str, tuple[Callable[[Path, Path], None], str]] = {
    "code": (code, "would run code"),
    "pickle": (plain_pickle, "would run code"),
    "web page": (web_page, "it is no checkpoint of weights"),
    "a ViT's": (
        other_shapes,
        r"it is of another model, .* is missing; correct",
    ),
    "a classifier's": (other_words, "it is of another model"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_file_that_is_not_its_checkpoint_is_one_sentence(kind: str, tmp_path: Path) -> None:
    write, expected = BAD[kind]
    path, ran = tmp_path / "sam.pth", tmp_path / "ran"
    write(path, ran)
    with pytest.raises(AnnotatorError, match=expected) as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert not ran.exists()


def test_the_size_must_be_that_of_the_file(checkpoint: Path) -> None:
    with pytest.raises(AnnotatorError, match=r"it is of another model, image_encoder\.pos_embed"):
        load(checkpoint, 'size = "vit_b"')


def test_weights_that_are_not_there_or_others_are_one_sentence(checkpoint: Path) -> None:
    with pytest.raises(AnnotatorError, match="is not the one its manifest names"):
        load(checkpoint, sha256="0" * 64)
    manifest = tiny_sam.manifest(
        checkpoint.with_name("gone.toml"),
        "hq-sam",
        f'file = "gone.pth"\nsha256 = "{"0" * 64}"',
        TINY,
    )
    with pytest.raises(AnnotatorError, match=r"gone\.pth"):
        load_pack(manifest).refiner()
    ((role, _, ok, _),) = verify(manifest)
    assert (role, ok) == ("refiner", False)
    manifest = tiny_sam.manifest(checkpoint.with_name("none.toml"), "hq-sam", "", TINY)
    with pytest.raises(AnnotatorError, match="name the checkpoint with the key file"):
        load_pack(manifest).refiner()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", "size is None, not one of vit_tiny, vit_b, vit_l, vit_h"),
        ('size = "huge"', "size is 'huge'"),
        (f"{TINY}\nmode = 1", "mode is not known; there are size, hq_token_only, candidates"),
        (f"{TINY}\ncandidates = 7", "candidates is 7, not a whole number from 1 to 3"),
        (f"{TINY}\ncandidates = true", "candidates is True"),
        (f"{TINY}\nhq_token_only = 1", "hq_token_only is 1, not true or false"),
    ],
)
def test_wrong_options_are_one_sentence(options: str, expected: str, checkpoint: Path) -> None:
    with pytest.raises(AnnotatorError, match=expected):
        load(checkpoint, options)


_IMPORT = """
import os, socket, sys
def refuse(*args, **kwargs):
    raise SystemExit("the network was asked")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
from annotator.backends import sam_hq
sam_hq.build("vit_tiny")
"""


def test_the_package_is_imported_without_a_word_a_file_or_the_network(tmp_path: Path) -> None:
    names = ("HOME", "XDG_CACHE_HOME", "TORCH_HOME", "HF_HOME", "USERPROFILE", "LOCALAPPDATA")
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", _IMPORT],
        env={**os.environ, **dict.fromkeys(names, str(tmp_path))},
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "tiny_vit" not in done.stderr
    assert "Warning" not in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", sam_hq.SIZES)
def test_a_pack_is_shipped_for_every_size(size: str) -> None:
    spec = load_pack(f"hq-sam-{size.removeprefix('vit_')}").specs["refiner"]
    assert spec.kind == "hq-sam"
    assert spec.options["size"] == size
    assert spec.file is not None
    assert spec.file.name == f"sam_hq_{size}.pth"
    assert spec.file.sha256 == "" or len(spec.file.sha256) == 64
    assert "lkeab/hq-sam" in spec.source


def test_a_checkpoint_without_a_pinned_hash_is_known_by_its_own(checkpoint: Path) -> None:
    manifest = tiny_sam.manifest(
        checkpoint.with_name("unpinned.toml"), "hq-sam", f'file = "{checkpoint.name}"', TINY
    )
    found = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert load_pack(manifest).refiner().id == f"tiny-sam@{found[:12]}"
