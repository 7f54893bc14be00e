"""Vectors are embedded once: words for a project, WordNet's nouns for a person."""

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from annotator.core import senses
from annotator.core.records import Progress
from annotator.pipeline import vectors
from annotator.project.project import Project


class Counting:
    """Vectors of two numbers; counts the texts it was given."""

    id = "counting@1"

    def __init__(self) -> None:
        self.read = 0

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.read += len(texts)
        lengths = np.array([len(text) for text in texts], np.float32)
        return np.stack([np.cos(lengths), np.sin(lengths)], axis=1)


def end(steps: Generator[Progress, None, Any]) -> Any:
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def test_nouns_are_embedded_once_for_all_projects(project: Project, tmp_path: Path) -> None:
    embedder = Counting()
    first = end(vectors.of_nouns(project.cache, embedder))
    assert first.shape == (len(senses.everyday()), 2)
    with Project.create(tmp_path / "other.annot", project.folder) as other:
        again = end(vectors.of_nouns(other.cache, embedder))
    assert np.array_equal(first, again)
    assert embedder.read == len(senses.everyday())


def test_a_cut_file_is_made_again(project: Project) -> None:
    embedder = Counting()
    first = end(vectors.of_nouns(project.cache, embedder))
    (file,) = vectors._shared("x").parent.glob("*.f32")
    file.write_bytes(file.read_bytes()[:1001])
    assert np.array_equal(first, end(vectors.of_nouns(project.cache, embedder)))
    assert embedder.read == 2 * len(senses.everyday())


def test_where_a_person_has_no_cache_the_project_keeps_them(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a file"))
    embedder = Counting()
    first = end(vectors.of_nouns(project.cache, embedder))
    assert np.array_equal(first, end(vectors.of_nouns(project.cache, embedder)))
    assert embedder.read == len(senses.everyday())


def test_words_are_kept_by_model(project: Project) -> None:
    embedder = Counting()
    words = ["cat", "wooden bench", "cat"]
    first = end(vectors.of_texts(project.cache, embedder, words))
    assert first.shape == (3, 2)
    assert np.array_equal(first[0], first[2])
    end(vectors.of_texts(project.cache, embedder, [*words, "dog"]))
    assert embedder.read == 3
