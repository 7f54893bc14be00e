"""Masks from heatmaps, and the walk that makes them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotator.core import masks
from annotator.core.errors import AnnotatorError
from annotator.core.records import Region
from annotator.operations import regions as decide_regions
from annotator.operations import synsets as decide_synsets
from annotator.operations import tags as decide_tags
from annotator.pipeline.options import ProposeOptions
from annotator.pipeline.pages import Pace
from annotator.pipeline.propose import propose
from annotator.pipeline.scan import scan
from annotator.pipeline.segment import (
    SegmentOptions,
    mask_from_heatmap,
    segment,
    soft_mask,
    without_crumbs,
)
from annotator.project import queries
from annotator.project.project import Project

Finish = Callable[..., dict[str, Any]]
IMAGE = np.zeros((40, 60, 3), np.uint8)


def ring() -> Any:
    """A heatmap float32[40, 60]: 0.6 on a ring, 0.1 elsewhere."""
    rows, columns = np.mgrid[:40, :60]
    away = np.hypot(rows - 20, columns - 30)
    return np.where((away < 15) & (away > 6), 0.6, 0.1).astype(np.float32)


def test_a_mask_is_what_is_above_the_threshold_holes_included() -> None:
    mask, threshold = mask_from_heatmap(IMAGE, ring())
    assert threshold == pytest.approx(0.35)
    assert np.array_equal(mask, ring() > 0.35)
    assert not mask[20, 30]
    mask, threshold = mask_from_heatmap(IMAGE, ring(), threshold=0.7)
    assert threshold == 0.7
    assert not mask.any()


def test_a_refiner_gets_a_soft_mask_and_its_encoding_once(pack: Any) -> None:
    refiner = pack.refiner()
    encoding = refiner.encode(IMAGE)
    refiner.encode = lambda image: pytest.fail("encoded again")
    mask, _ = mask_from_heatmap(IMAGE, ring(), None, refiner, encoding)
    assert np.array_equal(mask, ring() > 0.35)


def test_the_soft_mask_is_half_at_the_threshold() -> None:
    heat = np.array([[-0.2, 0.3, 0.4]], np.float32)
    assert soft_mask(heat, 0.3) == pytest.approx(np.array([[0.0, 0.5, 1.0]]))
    assert soft_mask(heat, 0.9).tolist() == [[0.0, 0.0, 0.0]]


def test_crumbs_go_and_the_rest_stays() -> None:
    mask = np.zeros((50, 50), bool)
    mask[:20, :20] = mask[30:40, 30:40] = True
    expected = mask.copy()
    mask[45, 45] = True
    assert np.array_equal(without_crumbs(mask), expected)
    assert not without_crumbs(np.zeros((5, 5), bool)).any()
    one = np.zeros((50, 50), bool)
    one[3, 3] = True
    assert np.array_equal(without_crumbs(one), one)


@pytest.fixture
def proposed(project: Project, save: Callable[..., Path], pack: Any, finish: Finish) -> Project:
    """Four images with a red square (tabby) on blue (beagle), scanned and proposed."""
    for number in range(4):
        pixels = np.zeros((48, 64, 3), np.uint8)
        pixels[..., 2] = 150 + number
        pixels[12:36, 16:48] = (255, 0, 0)
        save(f"{number}.png", pixels)
    finish(scan(project))
    finish(propose(project, pack, ProposeOptions(filter="none", top=2)))
    return project


def regions(project: Project, number: int = 0) -> dict[str, Region]:
    with project.read() as db:
        image = queries.find_image(db, f"{number}.png")
        found = queries.regions(db, image.id)
    by_name = {region.synset: region for region in found}
    assert len(by_name) == len(found)
    return by_name


def ids(project: Project) -> dict[str, int]:
    with project.read() as db:
        return {synset.name: synset.id for synset in queries.vocabulary(db)}


def test_every_good_tag_gets_a_region_where_it_is(
    proposed: Project, pack: Any, finish: Finish
) -> None:
    result = finish(segment(proposed, pack))
    assert (result["done"], result["regions"], result["skipped"]) == (4, 8, 0)
    tabby = regions(proposed)["tabby"]
    truth = np.zeros((48, 64), bool)
    truth[12:36, 16:48] = True
    assert masks.iou(tabby.rle, masks.encode(truth)) > 0.8
    assert (tabby.source, tabby.verdict, tabby.score) == ("machine", "unknown", 1.0)
    assert tabby.threshold is not None
    assert 0.0 < tabby.threshold < 1.0
    assert tabby.area == masks.area(tabby.rle)


def test_options_choose_the_tags(proposed: Project, pack: Any, finish: Finish) -> None:
    assert finish(segment(proposed, pack, options=SegmentOptions(top=1)))["regions"] == 4
    assert finish(segment(proposed, pack, options=SegmentOptions(min_score=0.99)))["regions"] == 0
    assert regions(proposed) == {}
    beagle = ids(proposed)["beagle"]
    assert finish(segment(proposed, pack, beagle, SegmentOptions(limit=2)))["regions"] == 2
    assert list(regions(proposed, 1)) == ["beagle"]


def test_rejected_tags_and_synsets_get_none(proposed: Project, pack: Any, finish: Finish) -> None:
    names = ids(proposed)
    decide_synsets.reject(proposed, [names["beagle"]])
    with proposed.read() as db:
        image = queries.find_image(db, "0.png").id
    decide_tags.reject(proposed, image, names["tabby"])
    finish(segment(proposed, pack))
    assert regions(proposed, 0) == {}
    assert list(regions(proposed, 1)) == ["tabby"]


def test_again_replaces_only_what_no_person_judged(
    proposed: Project, pack: Any, finish: Finish
) -> None:
    finish(segment(proposed, pack))
    accepted, rejected = regions(proposed, 0)["tabby"], regions(proposed, 1)["tabby"]
    decide_regions.accept(proposed, [accepted.id])
    decide_regions.reject(proposed, [rejected.id])
    names = ids(proposed)
    drawn = decide_regions.keep(
        proposed, accepted.image_id, names["beagle"], masks.encode(np.eye(48, 64, dtype=bool))
    )
    replaced = regions(proposed, 2)["tabby"].id
    finish(segment(proposed, pack, options=SegmentOptions(threshold=0.9)))
    assert regions(proposed, 0)["tabby"].id == accepted.id
    assert regions(proposed, 0)["tabby"].verdict == "accepted"
    with proposed.read() as db:
        beagles = queries.regions(db, accepted.image_id, names["beagle"])
    assert [region.id for region in beagles] == [drawn]
    assert regions(proposed, 1)["tabby"].verdict == "rejected"
    assert regions(proposed, 2)["tabby"].id != replaced
    assert regions(proposed, 2)["tabby"].threshold == pytest.approx(0.9)


def test_closing_keeps_what_is_written_and_the_next_call_goes_on(
    proposed: Project, pack: Any, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pace, "due", lambda self: True)
    steps = segment(proposed, pack)
    for step in steps:
        if step.done == 2:
            break
    steps.close()
    kept = regions(proposed, 0)["tabby"].id
    result = finish(segment(proposed, pack))
    assert (result["done"], result["skipped"]) == (2, 2)
    assert regions(proposed, 0)["tabby"].id == kept
    with proposed.read() as db:
        run = queries.last_run(db, "segment")
    assert run is not None
    assert (run.status, run.done) == ("done", 4)


def test_an_unreadable_file_is_a_failure(
    proposed: Project, folder: Path, pack: Any, finish: Finish
) -> None:
    (folder / "2.png").write_bytes(b"not an image any more")
    result = finish(segment(proposed, pack))
    assert [row["image"] for row in result["failed"]] == ["2.png"]
    assert result["done"] == 3


def test_nothing_that_stands_out_is_no_region(
    project: Project, save: Callable[..., Path], pack: Any, finish: Finish
) -> None:
    save("flat.png", np.full((48, 64, 3), (200, 0, 0), np.uint8))
    finish(scan(project))
    finish(propose(project, pack))
    assert finish(segment(project, pack))["regions"] == 0


@pytest.mark.parametrize("wrong", [{"top": 0}, {"limit": 0}, {"threshold": 1.5}])
def test_wrong_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(AnnotatorError):
        SegmentOptions(**wrong)
