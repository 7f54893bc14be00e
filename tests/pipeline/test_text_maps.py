"""Maps of a text and of its words, against numbers worked out by hand."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotator.backends.protocols import Floats, Pixels, TagText
from annotator.core.errors import AnnotatorError
from annotator.core.images import ImageUnreadable
from annotator.core.records import Image
from annotator.pipeline.scan import scan
from annotator.pipeline.text_maps import text_map, union
from annotator.project import queries
from annotator.project.project import Project

ROOT = np.sqrt(0.5)
#: What each word looks like, in red, green and blue.
WORDS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1)}


class Colours:
    """Four cells; a word is its colour, a sentence the mean of its words; others are grey."""

    id = "colours@2"

    def __init__(self) -> None:
        self.asked: list[TagText] = []
        self.looked = 0

    def pixels(self, image: Pixels) -> Floats:
        self.looked += 1
        cells = image[::16, ::16].astype(np.float32)
        return cells / np.maximum(np.linalg.norm(cells, axis=-1, keepdims=True), 1e-6)

    def texts(self, tags: Sequence[TagText]) -> Floats:
        self.asked.extend(tags)
        rows = []
        for tag in tags:
            known = [WORDS[word] for word in tag.name.split() if word in WORDS]
            row = np.sum(known, axis=0) if known else np.array([-1.0, -1.0, -1.0])
            rows.append(row / np.linalg.norm(row))
        return np.array(rows, np.float32)


@pytest.fixture
def image(
    project: Project, save: Callable[..., Path], finish: Callable[..., dict[str, Any]]
) -> Image:
    """Two by two cells: red, green / red and green mixed, red."""
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:16, :16] = pixels[16:, 16:] = (200, 0, 0)
    pixels[:16, 16:] = (0, 200, 0)
    pixels[16:, :16] = (200, 200, 0)
    save("a.png", pixels)
    finish(scan(project))
    with project.read() as db:
        return queries.find_image(db, "a.png")


def test_maps_of_a_sentence_and_of_its_words(project: Project, image: Image) -> None:
    grounder = Colours()
    found = text_map(project, image, "  Red \n green blue red", grounder)
    assert found.text == "Red green blue red"
    # The whole text goes as a sentence, each word once as a tag.
    assert grounder.asked == [
        TagText("Red green blue red", sentence=True),
        TagText("red"),
        TagText("green"),
        TagText("blue"),
    ]
    assert found.heat.dtype == np.float32
    # "Red" with a capital is no word of this model: green, blue and red, 1 : 1 : 1.
    third = 1 / np.sqrt(3)
    expected = [[third, third], [2 * third * ROOT, third]]
    np.testing.assert_allclose(found.heat, expected, atol=1e-3)
    words = {word.text: word for word in found.words}
    assert list(words) == ["red", "green", "blue"]
    np.testing.assert_allclose(words["red"].heat, [[1, 0], [ROOT, 1]], atol=1e-3)
    np.testing.assert_allclose(words["green"].heat, [[0, 1], [ROOT, 0]], atol=1e-3)
    assert [word.score for word in found.words] == pytest.approx([1.0, 1.0, 0.0], abs=1e-3)
    assert [word.selected for word in found.words] == [True, True, False]
    np.testing.assert_allclose(found.union, [[1, 1], [ROOT, 1]], atol=1e-3)


def test_a_second_text_looks_at_no_pixels(project: Project, image: Image) -> None:
    grounder = Colours()
    text_map(project, image, "red", grounder)
    text_map(project, image, "green", grounder)
    assert grounder.looked == 1


def test_a_single_word_is_its_own_union(project: Project, image: Image) -> None:
    found = text_map(project, image, "green", Colours())
    (word,) = found.words
    assert word.selected
    np.testing.assert_array_equal(found.heat, word.heat)
    np.testing.assert_allclose(found.union, [[0, 1], [ROOT, 0]], atol=1e-3)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (" ".join(f"word{n}" for n in range(300)), 300),
        ("🐶", 1),
        ("ein grünes Auto, ein Hund", 4),
        ("狗和猫", 1),
    ],
)
def test_any_text_has_maps(project: Project, image: Image, text: str, count: int) -> None:
    found = text_map(project, image, text, Colours())
    assert len(found.words) == count
    assert np.isfinite(found.heat).all()
    assert 0.0 <= found.union.min() <= found.union.max() <= 1.0


@pytest.mark.parametrize("text", ["", " \n", "... !"])
def test_a_text_without_words_is_refused(project: Project, image: Image, text: str) -> None:
    with pytest.raises(AnnotatorError, match="type what to look for"):
        text_map(project, image, text, Colours())


def test_a_file_that_is_gone_has_a_reason(project: Project, image: Image, folder: Path) -> None:
    (folder / "a.png").unlink()
    with pytest.raises(ImageUnreadable, match="not there"):
        text_map(project, image, "red", Colours())


def test_the_union_of_nothing_is_empty() -> None:
    maps = np.array([[[0.1, 0.3]], [[0.5, 0.5]]], np.float32)
    assert union(maps, np.array([False, False])).tolist() == [[0.0, 0.0]]
    assert union(maps, np.array([True, True])).tolist() == [[0.0, 1.0]]  # a constant map is 0
