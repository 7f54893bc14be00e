"""The starter pack, loaded once, and real photographs that pip installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from annotator.backends.registry import Pack, load_pack
from annotator.core import images

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
