from __future__ import annotations

import pytest
import torch

from annotator.backends.device import device
from annotator.core.errors import AnnotatorError


def test_the_device_is_chosen_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANNOTATOR_DEVICE", "cpu")
    assert device() == "cpu"
    monkeypatch.setenv("ANNOTATOR_DEVICE", "AUTO")
    assert device() == ("cuda" if torch.cuda.is_available() else "cpu")
    monkeypatch.delenv("ANNOTATOR_DEVICE")
    assert device() == ("cuda" if torch.cuda.is_available() else "cpu")


def test_a_device_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("ANNOTATOR_DEVICE", "cuda")
    with pytest.raises(AnnotatorError, match="finds no CUDA device"):
        device()


def test_an_unknown_device_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANNOTATOR_DEVICE", "toaster")
    with pytest.raises(AnnotatorError, match="'toaster': set it to auto, cpu or cuda"):
        device()
