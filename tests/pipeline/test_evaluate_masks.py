"""Tables of masks of classes, with numbers worked out by hand."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PilImage

from annotator.backends.protocols import Floats, MaskCandidate, Pixels, TagText
from annotator.core import masks
from annotator.core.errors import AnnotatorError
from annotator.core.records import Progress
from annotator.operations import regions as decide_regions
from annotator.operations import synsets
from annotator.pipeline.evaluate import format_table
from annotator.pipeline.evaluate_masks import MaskOptions, masks_table
from annotator.pipeline.evaluate_masks_truth import IGNORED, LabelMaps
from annotator.pipeline.pages import Pace
from annotator.pipeline.scan import scan
from annotator.project import queries
from annotator.project.project import Project

COLOURS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1)}
CLASSES = "0:red,scarlet\n1:green\n2:blue\n11:unlabelled\n"


class Colours:
    """Cells of 8 x 8 pixels; a class is its colour."""

    id = "colours@4"

    def pixels(self, image: Pixels) -> Floats:
        cells = image[::8, ::8].astype(np.float32)
        return cells / np.maximum(np.linalg.norm(cells, axis=-1, keepdims=True), 1e-6)

    def texts(self, tags: Sequence[TagText]) -> Floats:
        return np.array([COLOURS[tag.name] for tag in tags], np.float32)


class Says:
    """A Refiner that answers every prompt in one way: with the mask it was given, with everything,
    with an empty mask, or not at all."""

    def __init__(self, answer: str) -> None:
        self.id, self.answer = f"says-{answer}", answer
        self.boxes: list[Any] = []

    def encode(self, image: Pixels) -> Any:
        return image.shape[:2]

    def refine(
        self, encoding: Any, points: Any = (), box: Any = None, mask: Floats | None = None
    ) -> list[MaskCandidate]:
        assert mask is not None
        assert mask.shape == encoding
        assert 0.0 <= mask.min() <= mask.max() <= 1.0
        self.boxes.append(box)
        of = {"same": mask > 0.5, "all": mask >= 0, "empty": mask < 0}
        return [MaskCandidate(of[self.answer], 1.0)] if self.answer in of else []


class Pack:
    def __init__(self, answer: str = "same") -> None:
        self.name = "colours"
        self._refiner = Says(answer)

    def grounder(self) -> Colours:
        return Colours()

    def refiner(self) -> Says:
        return self._refiner


@pytest.fixture
def halves(
    project: Project, save: Callable[..., Path], finish: Callable[..., dict[str, Any]]
) -> Project:
    """Two images, 32 x 16: red up to column 24 and then green; all blue."""
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:, :24] = (200, 0, 0)
    pixels[:, 24:] = (0, 200, 0)
    save("a.png", pixels)
    save("b.png", np.full((16, 32, 3), (0, 0, 99)))
    finish(scan(project))
    return project


def maps(folder: Path, classes: str = CLASSES, **columns: Sequence[tuple[int, int]]) -> Path:
    """A folder of label maps: of each image (columns, class) from the left."""
    folder.mkdir()
    (folder / "classes.txt").write_text(classes, encoding="utf-8")
    for name, parts in columns.items():
        row = np.concatenate([np.full(number, label, np.uint8) for number, label in parts])
        PilImage.fromarray(np.tile(row, (16, 1))).save(folder / f"{name}.png")
    return folder


def test_iou_of_classes_by_hand(halves: Project, tmp_path: Path) -> None:
    truth = maps(tmp_path / "t", a=[(16, 0), (12, 1), (4, 11)], b=[(32, 2)])
    (row,) = masks_table(halves, [Pack()], truth)
    # Of a.png 28 columns count. red: 16 true, 24 found; green: 12 true, 4 found; blue: all.
    assert (row["Pack"], row["Method"], row["Mode"]) == ("colours", "heatmap", "all")
    assert row["mIoU"] == pytest.approx(100 * (16 / 24 + 4 / 12 + 1) / 3)
    assert row["mFPR"] == pytest.approx(100 * (8 / 24) / 3)
    assert row["mFNR"] == pytest.approx(100 * (8 / 12) / 3)
    assert row["Acc"] == pytest.approx(100 * (20 + 32) / 60)
    assert (row["Classes"], row["Images"]) == (3, 2)
    red, green, blue = masks_table(halves, [Pack()], truth, classes=True)
    assert (red["Class"], red["IoU"]) == ("red", pytest.approx(100 * 16 / 24))
    assert (green["FPR"], green["FNR"]) == (0.0, pytest.approx(100 * 8 / 12))
    assert blue["IoU"] == 100.0
    assert "mIoU" in format_table([row])


def test_only_the_classes_that_are_there(halves: Project, tmp_path: Path) -> None:
    # The truth of the red and green image is blue and green, left and right.
    truth = maps(tmp_path / "t", a=[(24, 2), (8, 1)])
    (row,) = masks_table(halves, [Pack()], truth)
    assert row["mIoU"] == pytest.approx(100 * (0 + 0 + 1) / 3)  # red is found, too
    (row,) = masks_table(halves, [Pack()], truth, MaskOptions("present"))
    # Without red nothing there resembles anything: a tie, won by the first class, green.
    assert row["mIoU"] == pytest.approx(100 * (8 / 32 + 0) / 2)
    assert row["Images"] == 1


def test_a_background_is_a_class_where_it_is_named(halves: Project, tmp_path: Path) -> None:
    classes = "0:background\n1:red\n2:blue\n"
    truth = maps(tmp_path / "t", classes, a=[(16, 1), (16, 0)])
    (row,) = masks_table(halves, [Pack()], truth)
    # The threshold is found between red and nothing: 24 columns red, 16 of them true.
    assert row["mIoU"] == pytest.approx(100 * (16 / 24 + 8 / 16) / 2, abs=2)
    assert row["Classes"] == 2
    (row,) = masks_table(halves, [Pack()], truth, MaskOptions(background=-1.0))
    # Nothing is background: where it is green red and blue tie, and the first class wins.
    assert row["mIoU"] == pytest.approx(100 * (16 / 32 + 0) / 2)
    (row,) = masks_table(halves, [Pack()], truth, MaskOptions(background=1.0))
    assert row["mIoU"] == pytest.approx(100 * (0 + 16 / 32) / 2)


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("same", 24 + 8),  # what the heatmap said
        ("none", 24 + 8),  # no answer: what was asked
        ("all", 24 + 8),  # both claim all: the one it resembles more
        ("empty", 24 + 8),  # nobody claims anything, and there is no background
    ],
)
def test_refined_classes_are_put_together(
    halves: Project, tmp_path: Path, answer: str, right: int
) -> None:
    truth = maps(tmp_path / "t", a=[(24, 0), (8, 1)])
    pack = Pack(answer)
    rows = masks_table(halves, [pack], truth, MaskOptions(refine=True))
    assert [row["Method"] for row in rows] == ["heatmap", "+ refiner"]
    assert rows[1]["Acc"] == pytest.approx(100 * right / 32)
    assert pack.refiner().boxes == [(0.0, 0.0, 24.0, 16.0), (24.0, 0.0, 32.0, 16.0)]


def test_what_no_mask_claims_is_background(halves: Project, tmp_path: Path) -> None:
    truth = maps(tmp_path / "t", "0:background\n1:red\n", a=[(16, 1), (16, 0)])
    plain, refined = masks_table(halves, [Pack("empty")], truth, MaskOptions(refine=True))
    assert plain["mIoU"] > 50.0
    assert refined["mIoU"] == pytest.approx(100 * (0 + 16 / 32) / 2)


def test_drawn_along_the_edges(halves: Project, tmp_path: Path) -> None:
    truth = maps(tmp_path / "t", a=[(24, 0), (8, 1)])
    rows = masks_table(halves, [Pack()], truth, MaskOptions(pamr=True, refine=True))
    assert [row["Method"] for row in rows] == ["heatmap", "+ PAMR", "+ refiner"]
    assert [row["mIoU"] for row in rows] == pytest.approx([100.0] * 3, abs=8)


def test_accepted_regions_are_a_truth(halves: Project) -> None:
    with pytest.raises(AnnotatorError, match="no accepted masks"):
        masks_table(halves, [Pack()], "accepted")
    with halves.read() as db:
        image = queries.find_image(db, "a.png").id
    red, green = synsets.add(halves, "red"), synsets.add(halves, "green")
    whole, right = np.ones((16, 32), bool), np.zeros((16, 32), bool)
    whole[:, 28:] = False
    right[:, 16:28] = True
    for synset, mask in ((green, right), (red, whole)):
        decide_regions.keep(halves, image, synset, masks.encode(mask))
    (row,) = masks_table(halves, [Pack()], "accepted", MaskOptions(background=-1.0))
    # The smaller mask is on top: red 0 to 16, green 16 to 28, the rest is none of the two. Found:
    # red up to 24, then green.
    assert row["mIoU"] == pytest.approx(100 * (16 / 24 + 4 / 16) / 2)
    assert (row["Classes"], row["Images"]) == (2, 1)
    (row,) = masks_table(halves, [Pack()], "accepted", MaskOptions(background=1.0))
    assert (row["mIoU"], row["mFNR"]) == (0.0, 100.0)


def test_an_image_without_any_class_counts_what_was_found_too_much(
    halves: Project, tmp_path: Path
) -> None:
    truth = maps(tmp_path / "t", a=[(24, 0), (8, 1)], b=[(32, 11)])
    (row,) = masks_table(halves, [Pack()], truth, MaskOptions("present"))
    assert (row["mIoU"], row["Images"]) == (100.0, 2)


def test_label_maps_are_read_as_they_say(halves: Project, tmp_path: Path) -> None:
    classes = "5:background\n7:red,scarlet\n255:void\n"
    truth = LabelMaps(maps(tmp_path / "t", classes, a=[(8, 5), (8, 7), (8, 255), (8, 9)]))
    assert truth.tags == (TagText("red", ("scarlet",)),)
    assert truth.names == ("red", "background")
    (image,) = truth.images(halves)
    found = truth.labels(image, 16, 32)
    assert found[0].tolist() == [1] * 8 + [0] * 8 + [IGNORED] * 16


def test_maps_in_a_folder_of_their_own(halves: Project, tmp_path: Path) -> None:
    maps(tmp_path / "t", a=[(24, 0), (8, 1)])
    (tmp_path / "t" / "masks").mkdir()
    (tmp_path / "t" / "a.png").rename(tmp_path / "t" / "masks" / "a.png")
    for place in (tmp_path / "t", tmp_path / "t" / "masks"):
        (row,) = masks_table(halves, [Pack()], place)
        assert row["mIoU"] == 100.0


def test_a_truth_that_cannot_be_used(halves: Project, tmp_path: Path, folder: Path) -> None:
    def says(words: str, truth: Path) -> None:
        with pytest.raises(AnnotatorError, match=words):
            masks_table(halves, [Pack()], truth)

    says("is no folder", tmp_path / "none")
    says("has no label map of an image of my.annot", maps(tmp_path / "1", c=[(32, 0)]))
    size = r"a.png is 30 x 16 pixels, its image a.png 32 x 16"
    says(size, maps(tmp_path / "2", a=[(30, 0)]))
    says("not a list of classes", maps(tmp_path / "3", "red\n", a=[(32, 0)]))
    says("names no classes", maps(tmp_path / "4", "0:void\n", a=[(32, 0)]))
    lost = maps(tmp_path / "5", a=[(32, 0)])
    (lost / "classes.txt").unlink()
    says("has no classes.txt", lost)
    good = maps(tmp_path / "6", a=[(32, 0)])
    with pytest.raises(AnnotatorError, match="at least one pack"):
        masks_table(halves, [], good)
    PilImage.fromarray(np.zeros((16, 32, 3), np.uint8) + np.uint8([1, 2, 3])).save(good / "a.png")
    says("it is in colour", good)
    (folder / "a.png").unlink()
    says(r"a\.png", maps(tmp_path / "7", a=[(32, 0)]))


@pytest.mark.parametrize("wrong", [{"mode": "some"}, {"background": 2.0}, {"limit": 0}])
def test_wrong_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(AnnotatorError):
        MaskOptions(**wrong)


def test_progress_is_told(halves: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pace, "due", lambda self: True)
    told: list[Progress] = []
    truth = maps(tmp_path / "t", a=[(24, 0), (8, 1)], b=[(32, 2)])
    (row,) = masks_table(halves, [Pack()], truth, MaskOptions(limit=1), tell=told.append)
    assert [(one.done, one.total, one.message) for one in told] == [(0, 1, "a.png"), (1, 1, "")]
    assert row["Images"] == 1
