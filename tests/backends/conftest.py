"""The starter pack, loaded once, real photographs that pip installed, and tiny random models."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from annotator.backends import answers
from annotator.backends.answers import Generated
from annotator.backends.protocols import Pixels
from annotator.backends.registry import Pack, load_pack
from annotator.core import images

# For tiny_models, which the benchmarks use too.
sys.path.insert(0, str(Path(__file__).parent))

Photo = NDArray[np.uint8]


def _photo(package: str, *parts: str) -> Photo:
    import importlib.util

    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    return images.load(Path(spec.submodule_search_locations[0]).joinpath(*parts))


@pytest.fixture(scope="session")
def starter() -> Pack:
    return load_pack("starter")


@pytest.fixture(scope="session")
def chelsea() -> Photo:
    """A tabby's face, 300x451; background only at the right border."""
    return _photo("skimage", "data", "chelsea.png")


@pytest.fixture(scope="session")
def coffee() -> Photo:
    """A cup of espresso on a table, 400x600."""
    return _photo("skimage", "data", "coffee.png")


@pytest.fixture(scope="session")
def china() -> Photo:
    """A tower of the Summer Palace, 427x640, sky and trees around."""
    return _photo("sklearn", "datasets", "images", "china.jpg")


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny random model by its name in tiny_models.MODELS, made once."""
    from tiny_models import MODELS

    home = tmp_path_factory.mktemp("models")

    def made(name: str) -> Path:
        if not (home / name).is_dir():
            MODELS[name](home / name)
        return home / name

    return made


def _devices() -> list[str]:
    import torch

    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


@pytest.fixture(params=_devices())
def on(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every device there is, one test each."""
    monkeypatch.setenv("ANNOTATOR_DEVICE", request.param)
    return str(request.param)


@pytest.fixture(scope="session")
def photos() -> list[Pixels]:
    """Eight small images of noise, of as many sizes."""
    rng = np.random.default_rng(0)
    sizes = rng.integers(33, 90, (8, 2))
    return [rng.integers(0, 256, (int(h), int(w), 3), dtype=np.uint8) for h, w in sizes]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[Generated]:
    """Replies as they came out of the models, in order."""
    found: list[Generated] = []
    read = answers.read

    def listen(generated: Generated, strategy: Any) -> Any:
        found.append(generated)
        return read(generated, strategy)

    monkeypatch.setattr(answers, "read", listen)
    return found
