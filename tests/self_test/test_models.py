"""Libraries of larger models: they work on random weights, and what cannot be is said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotator.backends import rehearsal
from annotator.backends.protocols import Floats, MaskCandidate, Pixels, TagText
from annotator.core.errors import AnnotatorError
from annotator.self_test import models

PHOTO = np.random.default_rng(0).integers(0, 255, (96, 128, 3)).astype(np.uint8)


class Refiner:
    id = "fake"

    def __init__(self, answers: Sequence[MaskCandidate]) -> None:
        self.answers = answers

    def encode(self, image: Pixels) -> Any:
        return image

    def refine(self, encoding: Any, **_: Any) -> list[MaskCandidate]:
        return list(self.answers)


class Grounder:
    id = "fake"

    def __init__(self, cells: Floats, texts: Floats) -> None:
        self.cells, self.words = cells, texts

    def pixels(self, image: Pixels) -> Floats:
        return self.cells

    def texts(self, tags: Sequence[TagText]) -> Floats:
        return self.words


def test_clip_saved_and_loaded_compares(tmp_path: Path) -> None:
    found = models.compare(PHOTO, tmp_path)
    assert -1 <= found.facts["least"] < found.facts["most"] <= 1
    assert (tmp_path / "random-clip" / "model.safetensors").is_file()
    other = tmp_path / "other"
    other.mkdir()
    assert models.compare(PHOTO, other).facts == found.facts


def test_masks_that_cannot_be_are_said() -> None:
    good = MaskCandidate(np.ones((96, 128), dtype=bool), 0.5)
    assert models.answer(Refiner([good]), PHOTO) == good
    for wrong in (
        [],
        [good, MaskCandidate(np.ones((128, 96), dtype=bool), 0.5)],
        [MaskCandidate(good.mask, float("nan"))],
    ):
        with pytest.raises(AnnotatorError, match=r"HQ-SAM .* install Annotator again"):
            models.answer(Refiner(wrong), PHOTO)


def test_likenesses_that_cannot_be_are_said() -> None:
    rng = np.random.default_rng(0)
    cells = rng.standard_normal((3, 4, 8)).astype(np.float32)
    cells /= np.linalg.norm(cells, axis=-1, keepdims=True)
    texts = cells[0, :2]
    assert models.likeness(Grounder(cells, texts), PHOTO, ("a", "b")).shape == (3, 4, 2)
    for wrong in (
        Grounder(cells * 2, texts),
        Grounder(cells, texts * 0),
        Grounder(cells, texts[:1]),
        Grounder(np.full_like(cells, np.nan), texts),
        Grounder(np.zeros_like(cells) + cells[0, 0], np.stack([cells[0, 0]] * 2)),
    ):
        with pytest.raises(AnnotatorError, match="CLIP compares pixels and words"):
            models.likeness(wrong, PHOTO, ("a", "b"))


def test_a_library_that_does_not_work_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(folder: Path) -> Any:
        raise RuntimeError("operator torchvision::nms\n does not exist")

    monkeypatch.setattr(rehearsal, "sam", fails)
    monkeypatch.setattr(rehearsal, "clip", fails)
    says = r"does not work here \(RuntimeError: operator torchvision::nms does not exist\)"
    with pytest.raises(AnnotatorError, match=f"segment-anything-hq {says}"):
        models.click(PHOTO, tmp_path)
    with pytest.raises(AnnotatorError, match=f"transformers {says}"):
        models.compare(PHOTO, tmp_path)
