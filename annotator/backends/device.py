"""Where models run."""

from __future__ import annotations

import os

from annotator.core.errors import AnnotatorError


def device() -> str:
    """The device models run on, "cuda" or "cpu".

    The environment variable ANNOTATOR_DEVICE says auto, cpu or cuda; auto, the default, takes
    CUDA when there is some. Raises AnnotatorError for another value, and for cuda without CUDA.
    """
    import torch

    wish = os.environ.get("ANNOTATOR_DEVICE", "auto").lower()
    if wish not in ("auto", "cpu", "cuda"):
        raise AnnotatorError(f"ANNOTATOR_DEVICE is {wish!r}: set it to auto, cpu or cuda.")
    if wish == "cpu":
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    if wish == "cuda":
        raise AnnotatorError(
            "ANNOTATOR_DEVICE is cuda, but PyTorch finds no CUDA device: set it to auto or cpu."
        )
    return "cpu"
