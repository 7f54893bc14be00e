"""The libraries of larger models, at work on small ones with random weights."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from annotator.backends import rehearsal
from annotator.backends.protocols import (
    Grounder,
    MaskCandidate,
    Pixels,
    Refiner,
    StoringRefiner,
    TagText,
)
from annotator.core.errors import AnnotatorError
from annotator.self_test.steps import Found

T = TypeVar("T")
#: The mask of the click, in the folder of the self-test.
MASK = "hq-sam.png"


def click(photo: Pixels, folder: Path) -> Found:
    """A click on ``photo`` through HQ-SAM by segment-anything-hq and torchvision; the mask is kept
    as ``MASK``, so that those of two installs can be compared. Raises AnnotatorError."""
    refiner = built("segment-anything-hq", lambda: rehearsal.sam(folder).refiner())
    found = answer(refiner, photo)
    _, data = cv2.imencode(".png", found.mask.astype(np.uint8) * 255)
    (folder / MASK).write_bytes(data.tobytes())
    share = float(found.mask.mean())
    facts = {
        "share": share,
        "score": found.score,
        "sha256": hashlib.sha256(np.packbits(found.mask).tobytes()).hexdigest(),
    }
    return Found(f"HQ-SAM answers a click, {share:.1%} of the photo is inside", facts)


def answer(refiner: Refiner, photo: Pixels) -> MaskCandidate:
    """The best answer to a click in the middle. Raises AnnotatorError for one that cannot be."""
    height, width = photo.shape[:2]
    encoding = refiner.encode(photo)
    if isinstance(refiner, StoringRefiner):
        encoding = refiner.unpack(refiner.pack(encoding))
    found = refiner.refine(encoding, points=[(width / 2, height / 2, True)])
    for one in found:
        if one.mask.shape != (height, width) or not math.isfinite(one.score):
            raise AnnotatorError(
                f"HQ-SAM answers a click with {one.mask.shape} pixels and the score {one.score} "
                f"for a photo of {(height, width)}: PyTorch or torchvision is damaged, install "
                "Annotator again."
            )
    if not found:
        raise AnnotatorError("HQ-SAM does not answer a click: install Annotator again.")
    return found[0]


def compare(photo: Pixels, folder: Path) -> Found:
    """Pixels of ``photo`` and words through a CLIP by transformers, saved and loaded from disk.
    Raises AnnotatorError."""
    grounder = built("transformers", lambda: rehearsal.clip(folder).grounder())
    heat = likeness(grounder, photo, ("a cat", "été 猫"))
    facts = {"least": float(heat.min()), "most": float(heat.max())}
    rows, columns = heat.shape[:2]
    return Found(f"CLIP compares {rows} x {columns} cells with 2 words", facts)


def likeness(grounder: Grounder, photo: Pixels, words: tuple[str, ...]) -> np.ndarray:
    """float32[h, w, n]: the cosine of each cell and word. Raises AnnotatorError for one that
    cannot be."""
    cells = grounder.pixels(photo)
    texts = grounder.texts([TagText(word) for word in words])
    heat = cells @ texts.T
    units = np.linalg.norm(cells, axis=-1).ravel(), np.linalg.norm(texts, axis=-1)
    unit = all(np.allclose(one, 1.0, atol=1e-3) for one in units)
    if heat.shape[2:] != (len(words),) or not heat.size or not unit or not np.ptp(heat) > 1e-6:
        raise AnnotatorError(
            "CLIP compares pixels and words with numbers that cannot be: PyTorch or transformers "
            "is damaged, install Annotator again."
        )
    return heat


def built(library: str, make: Callable[[], T]) -> T:
    """What ``make`` makes. Raises AnnotatorError, naming the library, where it cannot."""
    try:
        return make()
    except Exception as error:  # libraries that do not fit each other raise anything
        what = " ".join(f"{type(error).__name__}: {error}".split())
        raise AnnotatorError(
            f"{library} does not work here ({what}): install Annotator again with its dependencies."
        ) from error
