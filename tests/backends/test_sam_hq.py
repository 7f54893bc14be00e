"""HQ-SAM with random weights against the package's own predictor, and everything around it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import tiny_sam
import torch
from hypothesis import given
from hypothesis import strategies as st

from annotator.backends import sam_hq_refiner
from annotator.backends.protocols import Pixels, StoringRefiner, Substituting
from annotator.backends.sam_hq import PackageNetwork, library
from annotator.backends.sam_hq_frames import SURE, fitted, mask_prompt, places, resized
from annotator.backends.sam_hq_refiner import Options, SamRefiner
from annotator.core.errors import AnnotatorError

ResizeLongestSide = library().utils.transforms.ResizeLongestSide
#: Odd sizes: landscape, portrait, smaller and larger than the frame, long.
SIZES = [(97, 131), (301, 200), (40, 33), (12, 411)]


@pytest.fixture(scope="module")
def sam() -> Any:
    return tiny_sam.package_sam()


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """The same sums in the same order on both sides."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def refiner(sam: Any) -> SamRefiner:
    return SamRefiner("tiny-sam@0", PackageNetwork(sam))


def noise(size: tuple[int, int], seed: int = 0) -> Pixels:
    """Smooth patches with some noise."""
    rng = np.random.default_rng(seed)
    patches = rng.integers(0, 256, (size[0] // 20 + 1, size[1] // 20 + 1, 3))
    image = patches.repeat(20, 0).repeat(20, 1)[: size[0], : size[1]]
    noisy = image + rng.integers(-9, 10, image.shape)
    return np.asarray(noisy.clip(0, 255), dtype=np.uint8)


def prompts(size: tuple[int, int]) -> dict[str, dict[str, Any]]:
    """What a person may give, as the Refiner takes it."""
    height, width = size
    one = (width * 0.31, height * 0.42, True)
    other = (width * 0.8, height * 0.15, False)
    box = (width * 0.1, height * 0.2, width * 0.83, height * 0.9)
    rows, columns = np.mgrid[:height, :width]
    soft = np.exp(-(((rows / height - 0.5) * 3) ** 2) - ((columns / width - 0.4) * 4) ** 2)
    mask = soft.astype(np.float32)
    return {
        "point": {"points": [one]},
        "two points": {"points": [one, other]},
        "box": {"box": box},
        "mask": {"mask": mask},
        "box and mask": {"box": box, "mask": mask},
        "point and box": {"points": [one], "box": box},
        "points and mask": {"points": [one, other], "mask": mask},
        "all": {"points": [other, one], "box": box, "mask": mask},
    }


def asked(predictor: Any, prompt: dict[str, Any], hq_token_only: bool = False) -> Any:
    """The package's answer to a prompt: masks, scores and low-resolution masks."""
    points, box, mask = prompt.get("points"), prompt.get("box"), prompt.get("mask")
    low = predictor.model.prompt_encoder.mask_input_size[0]
    return predictor.predict(
        point_coords=np.array([point[:2] for point in points]) if points else None,
        point_labels=np.array([int(point[2]) for point in points]) if points else None,
        box=np.array(box) if box else None,
        mask_input=mask_prompt(mask, low)[None] if mask is not None else None,
        multimask_output=list(prompt) == ["points"] and len(prompt["points"]) == 1,
        hq_token_only=hq_token_only,
    )


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_masks_are_those_of_the_packages_predictor_bit_for_bit(
    size: tuple[int, int], sam: Any, refiner: SamRefiner
) -> None:
    image = noise(size)
    theirs, encoding = tiny_sam.predictor(sam, image), refiner.encode(image)
    shares = []
    for name, prompt in prompts(size).items():
        masks, scores, _ = asked(theirs, prompt)
        ours = refiner.refine(encoding, **prompt)
        assert ours[0].mask.dtype == np.bool_
        assert ours[0].mask.shape == size
        assert np.array_equal(ours[0].mask, masks[0]), name
        assert ours[0].score == pytest.approx(float(np.clip(scores[0], 0, 1)), abs=0), name
        shares.append(ours[0].mask.mean())
    # Not all empty or full, and not all the same: there was something to compare.
    assert len(set(shares)) > 3
    assert any(0.02 < share < 0.98 for share in shares)


def test_one_point_has_three_answers_best_first(sam: Any, refiner: SamRefiner) -> None:
    size = SIZES[0]
    image = noise(size)
    theirs, encoding = tiny_sam.predictor(sam, image), refiner.encode(image)
    prompt = prompts(size)["point"]
    ours = refiner.refine(encoding, **prompt)
    assert len(ours) == 3
    x, y, _ = prompt["points"][0]
    at = theirs.transform.apply_coords(np.array([[x, y]]), size)
    with torch.no_grad():
        sparse, dense = sam.prompt_encoder(
            points=(torch.tensor(at, dtype=torch.float)[None], torch.ones(1, 1)),
            boxes=None,
            masks=None,
        )
        early = theirs.interm_features[0].permute(0, 3, 1, 2)
        decoder = sam.mask_decoder
        masks, scores = decoder.predict_masks(
            image_embeddings=theirs.features,
            image_pe=sam.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            hq_features=decoder.embedding_encoder(theirs.features)
            + decoder.compress_vit_feat(early),
        )
        order = (1 + torch.argsort(scores[0, 1:4], descending=True)).tolist()
        for candidate, index in zip(ours, order, strict=True):
            full = sam.postprocess_masks(
                masks[:, index : index + 1] + masks[:, 4:], theirs.input_size, size
            )
            assert (candidate.mask == (full[0, 0] > 0).numpy()).mean() > 0.9999
            assert candidate.score == pytest.approx(float(scores[0, index].clamp(0, 1)))
    assert [one.score for one in ours] == sorted((one.score for one in ours), reverse=True)
    assert not np.array_equal(ours[0].mask, ours[1].mask)
    for name in ("two points", "box", "mask", "point and box"):
        assert len(refiner.refine(encoding, **prompts(size)[name])) == 1


def test_options_choose_the_high_quality_token_alone_or_fewer_answers(sam: Any) -> None:
    size = SIZES[0]
    image = noise(size)
    theirs = tiny_sam.predictor(sam, image)
    alone = SamRefiner("tiny", PackageNetwork(sam), Options(hq_token_only=True))
    encoding = alone.encode(image)
    for name in ("point", "box"):
        prompt = prompts(size)[name]
        masks, scores, _ = asked(theirs, prompt, hq_token_only=True)
        (ours,) = alone.refine(encoding, **prompt)
        assert np.array_equal(ours.mask, masks[0])
        assert ours.score == pytest.approx(float(np.clip(scores[0], 0, 1)))
    few = SamRefiner("tiny", PackageNetwork(sam), Options(candidates=2))
    assert len(few.refine(encoding, **prompts(size)["point"])) == 2


def test_a_mask_prompt_is_its_log_odds_in_the_frame() -> None:
    """Worked by hand: log(p / (1 - p)), cut at 10, padded with surely outside."""
    mask = np.array([[0.5, 0.75, 1.0, 0.0], [0.9, 0.1, 1e-9, 0.2]], np.float32)
    expected = np.array(
        [
            [0, np.log(3), 10, -10],
            [np.log(9), -np.log(9), -10, -np.log(4)],
            [-10, -10, -10, -10],
            [-10, -10, -10, -10],
        ]
    )
    assert SURE == 10
    found = mask_prompt(mask, 4)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_mask_prompt_is_shrunk_by_means_and_enlarged_smoothly() -> None:
    mask = np.zeros((4, 8), np.float32)
    mask[:2, :2] = [[1, 1], [1, 0]]  # one cell of the frame: three quarters inside
    found = mask_prompt(mask, 4)
    assert found[0, 0] == pytest.approx(np.log(3), abs=1e-5)
    assert (found.ravel()[1:] == -10).all()
    tall = mask_prompt(np.array([[1.0], [0.0]], np.float32), 8)
    assert tall[:, 0].tolist() == sorted(tall[:, 0], reverse=True)
    assert (tall[:, 0] > 0).sum() == 4
    assert (tall[:, 4:] == -10).all()


@given(st.integers(1, 30_000), st.integers(1, 30_000), st.sampled_from([256, 1024]))
def test_the_frame_is_the_packages(height: int, width: int, edge: int) -> None:
    theirs = ResizeLongestSide.get_preprocess_shape(height, width, edge)
    assert fitted(height, width, edge) == tuple(max(side, 1) for side in theirs)


def test_points_and_pixels_move_to_the_frame_as_in_the_package() -> None:
    theirs = ResizeLongestSide(256)
    for size in SIZES:
        image = noise(size)
        small = resized(image, 256)
        assert np.array_equal(small[0].permute(1, 2, 0).numpy(), theirs.apply_image(image))
        xy = [(0.0, 0.0), (size[1] - 0.3, size[0] / 3)]
        ours = places(xy, size, fitted(*size, 256))
        assert np.array_equal(ours, theirs.apply_coords(np.array(xy), size))


@pytest.mark.parametrize("size", [(1, 1), (20_000, 300), (1, 5_000), (64, 64)], ids=str)
def test_any_image_has_an_answer(size: tuple[int, int], refiner: SamRefiner) -> None:
    image = np.full((*size, 3), 127, np.uint8)
    encoding = refiner.unpack(refiner.pack(refiner.encode(image)))
    for prompt in prompts(size).values():
        for candidate in refiner.refine(encoding, **prompt):
            assert candidate.mask.shape == size
            assert 0 <= candidate.score <= 1


def test_every_device_gives_about_the_same(on: str, sam: Any) -> None:
    refiner = SamRefiner("tiny-sam@0", PackageNetwork(sam))
    assert not refiner.fallback
    size = SIZES[0]
    encoding = refiner.encode(noise(size))
    assert {one.device.type for one in encoding.tensors} == {on}
    theirs = tiny_sam.predictor(sam, noise(size))
    for prompt in prompts(size).values():
        masks, _, _ = asked(theirs, prompt)
        (best, *_) = refiner.refine(encoding, **prompt)
        assert (best.mask == masks[0]).mean() > 0.99


def test_what_is_no_prompt_is_refused(refiner: SamRefiner) -> None:
    encoding = refiner.encode(noise((30, 40)))
    with pytest.raises(AnnotatorError, match="There is nothing to refine"):
        refiner.refine(encoding)
    with pytest.raises(AnnotatorError, match="There is nothing to refine"):
        refiner.refine(encoding, points=[(3.0, 4.0, False)])
    with pytest.raises(ValueError, match="a mask of"):
        refiner.refine(encoding, mask=np.zeros((40, 30), np.float32))


def test_damaged_weights_are_said() -> None:
    """Else every mask would be empty, as if nothing was found."""
    module = tiny_sam.package_sam()
    with torch.no_grad():
        module.image_encoder.patch_embed.proj.bias[0] = float("nan")
    with pytest.raises(AnnotatorError, match="tiny-sam computes values that are no numbers"):
        SamRefiner("tiny-sam@0", PackageNetwork(module)).encode(noise((40, 33)))


def test_many_threads_may_ask_at_once(refiner: SamRefiner) -> None:
    images = [noise(size, seed) for seed, size in enumerate(SIZES)]
    alone = [
        refiner.refine(refiner.encode(image), **prompt)[0].mask
        for image in images
        for prompt in prompts(image.shape[:2]).values()
    ]
    start = threading.Barrier(4)

    def work(image: Pixels) -> list[Any]:
        start.wait()
        torch.set_num_threads(1)
        encoding = refiner.encode(image)
        return [refiner.refine(encoding, **p)[0].mask for p in prompts(image.shape[:2]).values()]

    with ThreadPoolExecutor(4) as pool:
        together = [mask for masks in pool.map(work, images) for mask in masks]
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


# Encodings on disk


def test_a_kept_encoding_gives_the_same_masks(refiner: SamRefiner) -> None:
    assert isinstance(refiner, StoringRefiner)
    union = inter = 0
    for size in SIZES:
        fresh = refiner.encode(noise(size))
        data = refiner.pack(fresh)
        assert len(data) < 2.01 * sum(tensor.numel() for tensor in fresh.tensors)
        kept = refiner.unpack(data)
        assert (kept.height, kept.width) == size
        for one, other in zip(fresh.tensors, kept.tensors, strict=True):
            assert one.shape == other.shape
            assert other.dtype == torch.float32
            torch.testing.assert_close(one, other, rtol=2**-11, atol=1e-6)
        assert refiner.pack(kept) == data
        for prompt in prompts(size).values():
            a = refiner.refine(fresh, **prompt)[0].mask
            b = refiner.refine(kept, **prompt)[0].mask
            inter, union = inter + int((a & b).sum()), union + int((a | b).sum())
    assert inter / union >= 0.98


def test_values_too_large_for_half_precision_stay_numbers(refiner: SamRefiner) -> None:
    fresh = refiner.encode(noise((30, 40)))
    fresh.tensors[0].view(-1)[:2] = torch.tensor([1e9, -1e9])
    kept = refiner.unpack(refiner.pack(fresh))
    assert kept.tensors[0].view(-1)[:2].tolist() == [65504, -65504]


def test_a_damaged_encoding_is_refused(refiner: SamRefiner) -> None:
    data = refiner.pack(refiner.encode(noise((30, 40))))
    assert refiner.unpack(data).height == 30
    rng = np.random.default_rng(0)
    bad = [b"", data[:10], data[:-1], data + b"x", b"X" + data[1:], b"\0" * len(data)]
    bad += [data[:4] + b"\2" + data[5:]]  # another version
    for place in rng.integers(33, len(data), 20):
        flipped = bytearray(data)
        flipped[place] ^= 1 << int(rng.integers(8))
        bad.append(bytes(flipped))
    bad.append(data[:2000] + bytes(4096) + data[2000 + 4096 :])
    for one in bad:
        with pytest.raises(ValueError, match="an encoding"):
            refiner.unpack(one)


def test_an_encoding_of_another_model_is_refused(sam: Any, refiner: SamRefiner) -> None:
    data = refiner.pack(refiner.encode(noise((30, 40))))
    other = SamRefiner("tiny-sam@1", PackageNetwork(sam))
    with pytest.raises(ValueError, match="of another model"):
        other.unpack(data)


# Memory


class Tight:
    """A network on a "GPU" (a name that PyTorch takes for the CPU) that runs out of memory."""

    device = "cpu:0"

    def __init__(self, network: Any, failures: int, error: Exception | None = None) -> None:
        self._network, self.failures = network, failures
        self._error = error or torch.OutOfMemoryError("CUDA out of memory.")
        self.edge, self.low, self.shapes = network.edge, network.low, network.shapes
        self.asked = 0

    def _try(self) -> None:
        self.asked += 1
        if self.asked <= self.failures:
            raise self._error

    def encode(self, frame: Any) -> Any:
        self._try()
        return self._network.encode(frame)

    def decode(self, *args: Any) -> Any:
        self._try()
        return self._network.decode(*args)

    def on(self, device: str) -> Any:
        if device != "cpu":
            self._try()
            return self
        return self._network.on(device)


def tight(network: Any, monkeypatch: pytest.MonkeyPatch) -> SamRefiner:
    monkeypatch.setattr(sam_hq_refiner, "device", lambda: "cpu:0")
    return SamRefiner("tiny-sam@0", network)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        MemoryError(),
    ],
    ids=repr,
)
def test_memory_that_runs_out_once_is_freed(
    error: Exception, sam: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Tight(PackageNetwork(sam), 1, error)
    refiner = tight(network, monkeypatch)
    image = noise(SIZES[0])
    encoding = refiner.encode(image)
    assert isinstance(refiner, Substituting)
    assert refiner.fallback == ""
    assert network.asked == 2
    assert refiner.refine(encoding, **prompts(SIZES[0])["box"])
    assert network.asked == 3


@pytest.mark.parametrize("when", ["encode", "refine"])
def test_memory_that_stays_short_means_the_cpu_and_nothing_is_lost(
    when: str, sam: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Tight(PackageNetwork(sam), failures=0)
    refiner = tight(network, monkeypatch)
    image, prompt = noise(SIZES[0]), prompts(SIZES[0])["box"]
    before = refiner.encode(image)
    expected = refiner.refine(before, **prompt)[0].mask
    network.failures = 10**9
    if when == "encode":
        refiner.encode(image)
    found = refiner.refine(before, **prompt)[0].mask
    assert refiner.fallback == (
        "tiny-sam runs on the CPU, as the GPU has too little free memory for it."
    )
    assert np.array_equal(found, expected)
    asked = network.asked
    assert np.array_equal(refiner.refine(refiner.encode(image), **prompt)[0].mask, expected)
    assert network.asked == asked  # the GPU is left alone from then on


def test_a_model_that_does_not_fit_is_loaded_on_the_cpu(
    sam: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Large(PackageNetwork):
        def on(self, device: str) -> Any:
            if device != "cpu":
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return super().on(device)

    refiner = tight(Large(sam), monkeypatch)
    assert "runs on the CPU" in refiner.fallback
    assert refiner.refine(refiner.encode(noise((30, 40))), box=(3, 3, 20, 20))


def test_no_memory_anywhere_is_one_sentence(sam: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    error = RuntimeError("DefaultCPUAllocator: can't allocate memory")
    network = Tight(PackageNetwork(sam), 10**9, error)
    network.device = "cpu"
    refiner = SamRefiner("tiny-sam@0", network)
    with pytest.raises(AnnotatorError, match="tiny-sam needs more memory than there is: choose"):
        refiner.encode(noise((30, 40)))


def test_other_failures_are_not_taken_for_memory(sam: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    network = Tight(PackageNetwork(sam), 10**9, RuntimeError("a defect"))
    refiner = SamRefiner("tiny-sam@0", network.on("cpu"))
    refiner._network = network
    with pytest.raises(RuntimeError, match="a defect"):
        refiner.encode(noise((30, 40)))
    assert refiner.fallback == ""


def test_a_copy_shares_nothing_with_its_original(sam: Any) -> None:
    image = noise(SIZES[0])
    network = PackageNetwork(tiny_sam.package_sam())
    copy = network.on("cpu")
    frame = resized(image, network.edge)
    before = copy.encode(frame)
    with torch.no_grad():
        for one in network._module.parameters():
            one.zero_()
    after = copy.encode(frame)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
