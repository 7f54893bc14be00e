from __future__ import annotations

import gc
from types import SimpleNamespace
from typing import Any

from annotator.gui.models import Models


def test_what_a_model_brings_is_not_searched_for_garbage_again() -> None:
    brought: list[Any] = []

    def load() -> object:
        brought.extend([] for _ in range(1000))
        return brought

    models = Models("fake")
    models._pack = SimpleNamespace(name="fake", grounder=load)  # type: ignore[assignment]
    gc.unfreeze()
    try:
        assert not models.loaded("grounder")
        assert models.grounder() is brought  # type: ignore[comparison-overlap]
        assert models.loaded("grounder")
        assert gc.get_freeze_count() > 1000
        known = {id(one) for one in gc.get_objects()}
        assert not any(id(one) in known for one in brought)
    finally:
        gc.unfreeze()
