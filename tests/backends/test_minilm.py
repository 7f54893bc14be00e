from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from annotator.backends.minilm import MiniLM
from annotator.backends.registry import Pack, verify
from annotator.core.errors import AnnotatorError


def test_vectors_are_unit_and_in_order(starter: Pack) -> None:
    embedder = starter.embedder()
    words = ["a very long description of one single thing on a photograph", "cat", "dog"] * 30
    vectors = embedder.embed(words)
    assert vectors.shape == (90, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    for i, word in enumerate(words[:3]):
        np.testing.assert_allclose(vectors[i], embedder.embed([word])[0], atol=1e-5)
        np.testing.assert_allclose(vectors[i], vectors[i + 87], atol=1e-5)


def test_synonyms_are_nearer_than_strangers(starter: Pack) -> None:
    couch, sofa, volcano = starter.embedder().embed(["couch", "sofa", "volcano"])
    assert couch @ sofa > 0.7
    assert couch @ volcano < 0.4


def test_padding_changes_nothing(starter: Pack) -> None:
    embedder = starter.embedder()
    alone = embedder.embed(["sofa"])[0]
    padded = embedder.embed(["sofa", "a three-piece suite of garden furniture made of teak"])[0]
    np.testing.assert_allclose(alone, padded, atol=1e-5)


def test_a_very_long_text_is_cut(starter: Pack) -> None:
    assert np.isfinite(starter.embedder().embed(["word " * 5000])).all()


def test_no_texts_no_vectors(starter: Pack) -> None:
    assert starter.embedder().embed([]).shape == (0, 384)


def test_a_folder_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    weights = next(Path(file) for role, file, _, _ in verify("starter") if role == "embedder")
    shutil.copy(weights.with_name("config.json"), tmp_path)
    (tmp_path / "model.safetensors").symlink_to(weights)
    with pytest.raises(AnnotatorError, match=r"cannot be loaded.*install its package again"):
        MiniLM(tmp_path / "model.safetensors", "minilm")
