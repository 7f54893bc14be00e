from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from annotator.core import images, masks
from annotator.core.errors import AnnotatorError
from annotator.operations import regions
from annotator.pipeline.overview import _Colours, overview
from annotator.pipeline.scan import scan
from annotator.project import store
from annotator.project.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Five grey photos; the first has a mask over its left half."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(5):
        grey = np.full((200, 300, 3), 128, dtype=np.uint8)
        grey[0, 0] = number
        cv2.imwrite(str(folder / f"{number}.png"), grey)
    with Project.create(tmp_path / "my.annot", folder) as project:
        for _ in scan(project):
            pass
        with project.write("synsets", "tags", "regions") as db:
            synset = store.ensure_synset(db, "a word with a name that is far too long for a card")
            store.set_tags(db, [store.TagRow(1, synset, 0.5, 0.5, 1, 1, ("whole",), True)])
            mask = np.zeros((200, 300), dtype=bool)
            mask[:, :150] = True
            rle = masks.encode(mask)
            row = store.RegionRow(1, synset, rle, masks.bbox(rle), masks.area(rle), 0.3, 0.2)
            store.add_regions(db, [row])
        yield project


def coloured(sheet: np.ndarray) -> int:
    """Pixels of a picture made of greys that are not grey."""
    return int((np.ptp(sheet.astype(int), axis=2) > 40).sum())


def test_masks_are_drawn_and_rejected_ones_are_not(project: Project, tmp_path: Path) -> None:
    overview(project, tmp_path / "with.png", "Title")
    regions.reject(project, [1])
    overview(project, tmp_path / "without.png", "Title")
    drawn, plain = (images.load(tmp_path / f"{name}.png") for name in ("with", "without"))
    assert drawn.shape == plain.shape
    assert drawn.shape[1] == 1600
    # Half of a photo that fills a card 366 pixels wide.
    assert coloured(drawn) - coloured(plain) > 0.4 * 334 * 222


def test_an_image_that_went_away_leaves_its_reason(project: Project, tmp_path: Path) -> None:
    (project.folder / "0.png").unlink()
    overview(project, tmp_path / "out.png", "Title")
    assert images.load(tmp_path / "out.png").shape[1] == 1600


def test_a_place_that_cannot_be_written_is_named(project: Project, tmp_path: Path) -> None:
    with pytest.raises(AnnotatorError, match=r"out\.png could not be written"):
        overview(project, tmp_path / "nowhere" / "out.png", "Title")


def test_a_project_without_images_has_no_overview(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with (
        Project.create(tmp_path / "e.annot", tmp_path / "empty") as project,
        pytest.raises(AnnotatorError, match="no images"),
    ):
        overview(project, tmp_path / "out.png", "Title")


def test_colours_differ_within_a_photo_and_stay_the_same_on_all() -> None:
    colours = _Colours()
    for number in range(40):
        here = [number, number + 1, number + 2]
        given = [colours.give(synset, here) for synset in here]
        assert len(set(given)) == 3
        assert given == [colours.give(synset, here) for synset in here]
