"""Heatmaps, their cache, and the walk over a folder for one tag."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotator.backends.protocols import TagText
from annotator.core.errors import AnnotatorError
from annotator.core.images import ImageUnreadable
from annotator.core.records import Image
from annotator.operations import synsets as decide
from annotator.pipeline.ground import ground, heatmap, heatmaps, text_vectors, upsample
from annotator.pipeline.scan import scan
from annotator.pipeline.thumbnails import thumbnail
from annotator.project import queries
from annotator.project.project import Project

Save = Callable[..., Path]
Finish = Callable[..., dict[str, Any]]
BEAGLE = TagText("beagle", (), "n02088364")
TABBY = TagText("tabby", (), "n02123045")


def image(project: Project, name: str = "a.png") -> Image:
    with project.read() as db:
        return queries.find_image(db, name)


@pytest.fixture
def halves(project: Project, save: Save, finish: Finish) -> Project:
    """One scanned image, red on the left, blue on the right."""
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, :40, 0] = pixels[:, 40:, 2] = 255
    save("a.png", pixels)
    finish(scan(project))
    return project


def test_a_heatmap_is_the_raw_cosine_of_every_cell(halves: Project, pack: Any) -> None:
    heat = heatmap(halves, image(halves), BEAGLE, pack.grounder())
    assert (heat.dtype, heat.shape) == (np.float32, (8, 8))
    assert np.allclose(heat[:, :4], 0.0)
    assert np.allclose(heat[:, 4:], 1.0)


def test_a_second_tag_looks_at_no_pixels(halves: Project, folder: Path, pack: Any) -> None:
    one = image(halves)
    first = heatmap(halves, one, BEAGLE, pack.grounder())
    (folder / "a.png").unlink()
    other = heatmap(halves, one, TABBY, pack.grounder())
    assert pack.grounder().looked == 1
    assert np.array_equal(first, heatmap(halves, one, BEAGLE, pack.grounder()))
    assert np.allclose(other[:, :4], 1.0)


def test_many_heatmaps_are_those_of_each_tag(halves: Project, pack: Any) -> None:
    one, grounder = image(halves), pack.grounder()
    tags = [BEAGLE, TABBY, BEAGLE]
    found = heatmaps(halves, one, tags, grounder)
    assert (found.dtype, found.shape) == (np.float32, (3, 8, 8))
    for tag, heat in zip(tags, found, strict=True):
        assert np.allclose(heat, heatmap(halves, one, tag, grounder), atol=1e-6)
    assert grounder.looked == 1
    assert heatmaps(halves, one, [], grounder).shape == (0, 8, 8)


def test_a_damaged_entry_of_the_cache_is_computed_again(halves: Project, pack: Any) -> None:
    one = image(halves)
    first = heatmap(halves, one, BEAGLE, pack.grounder())
    halves.cache.put("heat", f"{one.hash}|{pack.grounder().id}", b"px16 but not really")
    assert np.array_equal(first, heatmap(halves, one, BEAGLE, pack.grounder()))


def test_a_file_that_is_gone_has_a_reason(halves: Project, folder: Path, pack: Any) -> None:
    one = image(halves)
    (folder / "a.png").unlink()
    with pytest.raises(ImageUnreadable, match="not there"):
        heatmap(halves, one, BEAGLE, pack.grounder())


def test_upsampling_keeps_range_and_place() -> None:
    heat = np.zeros((4, 6), np.float32)
    heat[1, 4] = 0.5
    large = upsample(heat, 40, 60)
    assert (large.dtype, large.shape) == (np.float32, (40, 60))
    assert large.min() == 0.0
    assert 0.45 < large.max() <= 0.5
    row, column = np.unravel_index(large.argmax(), large.shape)
    assert (row // 10, column // 10) == (1, 4)


@pytest.fixture
def three(project: Project, photo: Callable[..., Path], finish: Finish) -> Project:
    """Red, blue and purple, scanned."""
    photo("red.png", 0, (200, 0, 0))
    photo("blue.png", 1, (0, 0, 200))
    photo("purple.png", 2, (150, 0, 150))
    finish(scan(project))
    return project


def test_ground_ranks_images_by_their_peak(
    three: Project, folder: Path, pack: Any, finish: Finish
) -> None:
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    finish(scan(three))
    beagle = decide.add(three, "beagle", "n02088364")
    result = finish(ground(three, pack, synset=beagle))
    assert [row["image"] for row in result["rows"]] == ["blue.png", "purple.png", "red.png"]
    best = result["rows"][0]
    assert best["synset"] == "beagle"
    assert best["score"] == pytest.approx(
        float(heatmap(three, image(three, "blue.png"), BEAGLE, pack.grounder()).max())
    )
    assert result["done"] == 3
    assert pack.grounder().looked == 3  # the walk filled the cache
    assert len(finish(ground(three, pack, text="tabby", limit=2))["rows"]) == 2


def test_ground_says_which_file_failed(
    three: Project, folder: Path, pack: Any, finish: Finish
) -> None:
    (folder / "red.png").write_bytes(b"no image any more")
    result = finish(ground(three, pack, text="tabby"))
    assert [row["image"] for row in result["failed"]] == ["red.png"]
    assert result["done"] == 2


@pytest.mark.parametrize("wrong", [{}, {"synset": 1, "text": "cat"}, {"text": "  "}])
def test_ground_wants_one_tag(
    three: Project, pack: Any, finish: Finish, wrong: dict[str, Any]
) -> None:
    with pytest.raises(AnnotatorError, match="either a synset or a text"):
        finish(ground(three, pack, **wrong))


def test_a_thumbnail_is_made_once_and_follows_the_content(
    three: Project, folder: Path, photo: Callable[..., Path], finish: Finish
) -> None:
    red = image(three, "red.png")
    first = thumbnail(three, red, 32)
    assert first.startswith(b"\xff\xd8")
    (folder / "red.png").unlink()
    assert thumbnail(three, red, 32) == first
    photo("red.png", 9, (0, 200, 0))
    finish(scan(three))
    assert thumbnail(three, image(three, "red.png"), 32) != first


def test_a_thumbnail_needs_no_scan_and_follows_the_file(
    three: Project, photo: Callable[..., Path]
) -> None:
    unread = Image(99, "red.png", 1)
    first = thumbnail(three, unread, 32)
    photo("red.png", 9, (0, 200, 0))
    assert thumbnail(three, unread, 32) != first
    with pytest.raises(ImageUnreadable, match="cannot be read"):
        thumbnail(three, Image(98, "nothing.png", 1), 32)


def test_many_texts_are_given_some_at_a_time(pack: Any) -> None:
    texts = [TagText("beagle", (), "n02088364")] * 600
    assert text_vectors(pack.grounder(), texts).shape == (600, 3)
