"""Masks from heatmaps, and the walk that makes them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotator.backends.protocols import MaskCandidate
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
from annotator.pipeline.segment_cut import Cutter
from annotator.project import queries, store
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


def test_a_word_that_is_taken_back_meanwhile_gets_none(
    proposed: Project, pack: Any, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proposed.read() as db:
        image = queries.find_image(db, "0.png").id
    decide_tags.add_word(proposed, image, "kite")
    cut, kites = Cutter.cut, []

    def slow(self: Cutter, image: Any, tags: Any, pixels: Any) -> Any:
        found = cut(self, image, tags, pixels)
        if len(tags) == 3:
            kites.extend(found.rows)
            assert proposed.undo() is not None
        return found

    monkeypatch.setattr(Cutter, "cut", slow)
    result = finish(segment(proposed, pack))
    assert len(kites) == 3
    assert result["regions"] == 8
    assert sorted(regions(proposed, 0)) == ["beagle", "tabby"]


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


@pytest.mark.parametrize(
    "wrong",
    [
        *({"top": 0}, {"limit": 0}, {"threshold": 1.5}, {"overlap": "forget"}),
        *({"min_score": float("nan")}, {"min_score": -0.1}, {"min_score": 1.1}),
    ],
)
def test_wrong_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(AnnotatorError):
        SegmentOptions(**wrong)


def all_regions(project: Project, name: str) -> list[Region]:
    with project.read() as db:
        return queries.regions(db, queries.find_image(db, name).id)


@pytest.fixture
def several(project: Project, save: Callable[..., Path], pack: Any, finish: Finish) -> Project:
    """One image with two red squares (tabby) on blue (beagle), scanned and proposed."""
    pixels = np.zeros((64, 128, 3), np.uint8)
    pixels[..., 2] = 150
    pixels[16:48, 16:48] = pixels[16:48, 80:112] = (255, 0, 0)
    save("two.png", pixels)
    finish(scan(project))
    finish(propose(project, pack, ProposeOptions(filter="none", top=2)))
    return project


def test_each_thing_of_a_tag_has_its_region(several: Project, pack: Any, finish: Finish) -> None:
    assert finish(segment(several, pack))["regions"] == 3
    cats = [region for region in all_regions(several, "two.png") if region.synset == "tabby"]
    assert len(cats) == 2
    assert sorted(cat.bbox[0] > 60 for cat in cats) == [False, True]
    assert [cat.prompt["instance"] for cat in cats] == [[1, 2], [2, 2]]
    assert {cat.prompt["kind"] for cat in cats} == {"heatmap"}
    for cat in cats:
        left, top, right, bottom = cat.prompt["box"]
        assert left <= cat.bbox[0] + 8 < right
        assert (bottom - top) * (right - left) < 64 * 64
        assert cat.prompt["predicted_iou"] == 1.0
        assert 0.0 < cat.prompt["agreement"] <= 1.0
    dog = next(r for r in all_regions(several, "two.png") if r.synset == "beagle")
    assert "instance" not in dog.prompt


def test_one_region_a_tag_where_that_is_wanted(several: Project, pack: Any, finish: Finish) -> None:
    assert finish(segment(several, pack, options=SegmentOptions(instances=False)))["regions"] == 2
    found = {region.synset: region for region in all_regions(several, "two.png")}
    assert found["tabby"].bbox[2] > 80  # both squares


class Overlapping:
    """A Refiner that draws each mask as the left or right two thirds of the image."""

    id = "thirds"

    def encode(self, image: Any) -> Any:
        return image.shape[:2]

    def refine(
        self, encoding: Any, points: Any = (), box: Any = None, mask: Any = None
    ) -> list[MaskCandidate]:
        found = np.zeros(encoding, bool)
        third = encoding[1] // 3
        # The red thing is left, the blue one right.
        if mask[:, :third].mean() > mask[:, -third:].mean():
            found[:, : 2 * third] = True
        else:
            found[:, third:] = True
        return [MaskCandidate(found, 0.9)]


@pytest.fixture
def halves(project: Project, save: Callable[..., Path], pack: Any, finish: Finish) -> Project:
    """Red (tabby) on the left, blue (beagle) on the right, scanned and proposed."""
    pixels = np.zeros((48, 96, 3), np.uint8)
    pixels[:, :48, 0], pixels[:, 48:, 2] = 255, 230
    save("halves.png", pixels)
    finish(scan(project))
    finish(propose(project, pack, ProposeOptions(filter="none", top=2)))
    pack.refiner = Overlapping
    return project


def test_what_two_tags_claim_goes_to_the_one_that_fits(
    halves: Project, pack: Any, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pace, "due", lambda self: True)
    *steps, last = segment(halves, pack)
    assert last.result is not None
    found = {region.synset: region for region in all_regions(halves, "halves.png")}
    cat, dog = masks.decode(found["tabby"].rle), masks.decode(found["beagle"].rle)
    assert not (cat & dog).any()
    assert (cat | dog).all()
    assert cat[:, :44].all()
    assert dog[:, 52:].all()
    # Told with the masks, in the result and on the way.
    told = found["tabby"].prompt["overlap"]
    assert {row["given"] for row in told} == {"kept", "lost"}
    assert {row["name"] for row in told} == {"beagle"}
    assert sum(row["pixels"] for row in told) == 32 * 48
    kept = next(row for row in told if row["given"] == "kept")
    assert {"synset": found["tabby"].synset_id, "name": "tabby"}.items() <= next(
        row for row in found["beagle"].prompt["overlap"] if row["given"] == "lost"
    ).items()
    assert {
        "image": "halves.png",
        "kept": "tabby",
        "lost": "beagle",
        "pixels": kept["pixels"],
    } in last.result["overlaps"]
    assert any("pixels of" in step.message and "went to" in step.message for step in steps)


def test_overlaps_stay_where_that_is_wanted(halves: Project, pack: Any, finish: Finish) -> None:
    result = finish(segment(halves, pack, options=SegmentOptions(overlap="keep")))
    assert result["overlaps"] == []
    found = all_regions(halves, "halves.png")
    assert [region.area for region in found] == [64 * 48] * 2
    assert all("overlap" not in region.prompt for region in found)


def test_a_tag_below_the_other_keeps_what_it_shares(
    halves: Project, pack: Any, finish: Finish
) -> None:
    names = ids(halves)
    decide_synsets.move(halves, names["beagle"], names["tabby"])
    result = finish(segment(halves, pack))
    assert result["overlaps"] == []
    for region in all_regions(halves, "halves.png"):
        assert region.area == 64 * 48
        assert [row["given"] for row in region.prompt["overlap"]] == ["nested"]


def test_what_a_person_accepted_never_changes(halves: Project, pack: Any, finish: Finish) -> None:
    names = ids(halves)
    drawn = np.zeros((48, 96), bool)
    drawn[:, 40:] = True
    with halves.read() as db:
        image = queries.find_image(db, "halves.png").id
    kept = decide_regions.keep(halves, image, names["beagle"], masks.encode(drawn))
    finish(segment(halves, pack))
    found = {region.synset: region for region in all_regions(halves, "halves.png")}
    assert found["beagle"].id == kept
    assert np.array_equal(masks.decode(found["beagle"].rle), drawn)
    assert np.array_equal(masks.decode(found["tabby"].rle), ~drawn)
    assert [row["given"] for row in found["tabby"].prompt["overlap"]] == ["lost"]


class Network(Overlapping):
    """A Refiner with encodings to be stored, that runs on less than it was told to."""

    id = "network@1"
    fallback = ""

    def __init__(self) -> None:
        self.looked, self.asked = 0, 0
        self.pointed: list[Any] = []

    def encode(self, image: Any) -> Any:
        self.looked += 1
        self.fallback = "The model runs on the CPU."
        return image.shape[:2]

    def refine(
        self, encoding: Any, points: Any = (), box: Any = None, mask: Any = None
    ) -> list[MaskCandidate]:
        assert box is not None
        self.asked += 1
        self.pointed += [points] if points else []
        return [MaskCandidate(mask > 0.5, 0.8)]

    def pack(self, encoding: Any) -> bytes:
        return bytes(encoding)

    def unpack(self, data: bytes) -> Any:
        if len(data) != 2:
            raise ValueError("not two sides")
        return tuple(data)


def test_one_encoding_for_all_tags_and_none_again(
    several: Project, pack: Any, finish: Finish
) -> None:
    network = Network()
    pack.refiner = lambda: network
    result = finish(segment(several, pack))
    assert result["regions"] == 3
    assert network.looked == 1
    assert network.asked == 6  # each thing with its box and mask, and with points beside them
    assert len(network.pointed) == 3
    for points in network.pointed:
        assert any(inside for _, _, inside in points)
        assert not all(inside for _, _, inside in points)
    # What was done with less is said.
    assert result["notes"] == ["The model runs on the CPU."]
    cats = [region for region in all_regions(several, "two.png") if region.synset == "tabby"]
    assert all(len(cat.prompt["points"]) >= 2 for cat in cats)
    finish(segment(several, pack, options=SegmentOptions(points=False)))
    assert network.looked == 1  # on the disk
    assert network.asked == 9
    assert len(network.pointed) == 3


def test_a_refiner_that_goes_astray_is_not_followed(
    several: Project, pack: Any, finish: Finish
) -> None:
    class Astray(Network):
        def refine(
            self, encoding: Any, points: Any = (), box: Any = None, mask: Any = None
        ) -> list[MaskCandidate]:
            return [MaskCandidate(mask < 0.1, 0.99)]

    pack.refiner = Astray
    finish(segment(several, pack))
    cats = [region for region in all_regions(several, "two.png") if region.synset == "tabby"]
    assert len(cats) == 2
    assert all(cat.prompt["refined"] is False for cat in cats)
    assert all(cat.area < 64 * 64 for cat in cats)


def test_only_what_the_pixels_support(proposed: Project, pack: Any, finish: Finish) -> None:
    names = ids(proposed)
    with proposed.read() as db:
        images = queries.image_ids(db)
    with proposed.write("tags") as db:
        store.set_tag_pixels(
            db,
            [store.PixelsRow(image, names["beagle"], 0.1, 0.5, 0.5, False) for image in images[:2]],
        )
    only = SegmentOptions(supported_only=True)
    assert finish(segment(proposed, pack, options=only))["regions"] == 6
    decide_tags.accept(proposed, images[0], names["beagle"])
    assert finish(segment(proposed, pack, options=only))["regions"] == 7


def test_smoothing_draws_along_the_edges(proposed: Project, pack: Any, finish: Finish) -> None:
    finish(segment(proposed, pack, options=SegmentOptions(smooth=True, refine=False)))
    tabby = regions(proposed)["tabby"]
    assert tabby.prompt["smooth"] is True
    truth = np.zeros((48, 64), bool)
    truth[12:36, 16:48] = True
    assert masks.iou(tabby.rle, masks.encode(truth)) > 0.8


def test_runs_of_before_are_other_runs(proposed: Project, pack: Any, finish: Finish) -> None:
    """A run that stopped before there were instances is not gone on with: its masks are others."""
    first = finish(segment(proposed, pack))
    old = ("top", "min_score", "threshold", "refine", "synset")
    with proposed.write("runs") as db:
        params = {"synset": None} | SegmentOptions().params
        db.execute(
            "UPDATE runs SET params = ?, status = 'cancelled' WHERE id = ?",
            (json.dumps({key: params[key] for key in old}), first["run"]),
        )
    again = finish(segment(proposed, pack))
    assert again["run"] != first["run"]
    assert again["skipped"] == 0
