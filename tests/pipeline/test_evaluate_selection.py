"""Tables of tag selection and of masks of texts, with numbers worked out by hand."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PilImage

from annotator.backends.protocols import Floats, Pixels, TagText
from annotator.core.errors import AnnotatorError
from annotator.core.records import Progress
from annotator.pipeline.evaluate import format_table
from annotator.pipeline.evaluate_masks import text_masks_table
from annotator.pipeline.evaluate_tags import selection_table
from annotator.pipeline.pages import Pace
from annotator.pipeline.scan import scan
from annotator.project.project import Project

Rows = list[dict[str, Any]]
#: What each word looks like, in red, green and blue; "big" like a bit of red.
WORDS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "big": (0.6, 0, -0.8)}


class Colours:
    """Cells of 8 x 8 pixels; a sentence is its first known word, or grey below black."""

    def __init__(self, id: str = "colours@3") -> None:
        self.id = id

    def pixels(self, image: Pixels) -> Floats:
        cells = image[::8, ::8].astype(np.float32)
        return cells / np.maximum(np.linalg.norm(cells, axis=-1, keepdims=True), 1e-6)

    def texts(self, tags: Sequence[TagText]) -> Floats:
        rows = []
        for tag in tags:
            known = [WORDS[word] for word in tag.name.split() if word in WORDS]
            row = np.array(known[0] if known else (-1.0, -1.0, -1.0))
            rows.append(row / np.linalg.norm(row))
        return np.array(rows, np.float32)


class Pack:
    def __init__(self, name: str) -> None:
        self.name = name

    def model_id(self, role: str) -> str:
        return f"{self.name}-{role}@1"

    def grounder(self) -> Colours:
        return Colours(f"{self.name}@1")


@pytest.fixture
def halves(
    project: Project, save: Callable[..., Path], finish: Callable[..., dict[str, Any]]
) -> Project:
    """Two images of 4 x 2 cells: three columns red and one green; all blue."""
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:, :24] = (200, 0, 0)
    pixels[:, 24:] = (0, 200, 0)
    save("a.png", pixels)
    save("sub/b.png", np.full((16, 32, 3), (0, 0, 99)))
    finish(scan(project))
    return project


def truth(tmp_path: Path, *lines: str, head: str = "file,caption,tags") -> Path:
    path = tmp_path / "truth.csv"
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return path


def by_scoring(rows: Rows) -> dict[str, dict[str, Any]]:
    return {row["Scoring"]: row for row in rows}


CAPTIONS = ("a.png,red beside green big,red;green", "sub/b.png,Blue sea,sea;blue")


def test_every_score_is_measured(halves: Project, tmp_path: Path) -> None:
    rows = selection_table(halves, [Pack("base")], truth(tmp_path, *CAPTIONS))
    assert [row["Scoring"] for row in rows] == [
        "s_image",
        "s_text",
        "s_image + s_text",
        "s_seg",
        "s_pixel",
    ]
    assert {row["Pack"] for row in rows} == {"base"}
    assert {(row["Texts"], row["Words"]) for row in rows} == {(2, 6)}
    found = by_scoring(rows)
    # a.png, words red, beside, green, big: best pixels 1, -0.58, 1, 0.6: the gap is below big.
    # b.png, words blue, sea: 1, -0.58. "Blue" of the text is no word of this model. Selected: red,
    # green, big and blue; true: red, green, blue, sea.
    pixel = found["s_pixel"]
    assert pixel["Select"] == "gap"
    assert (pixel["P"], pixel["R"]) == (pytest.approx(75.0), pytest.approx(75.0))
    assert pixel["F1"] == pytest.approx(75.0)
    assert pixel["Acc"] == pytest.approx(100 * 4 / 6)
    # Ranked red = green, big, beside: precision 1 at both true ones; blue, sea: 1 as well.
    assert pixel["mAP"] == pytest.approx(100.0)
    # The mean pixel is red more than anything: red alone, then blue alone. A softmax over cosines
    # of 0.95 (red), 0.32 (green), 0.57 (big) leaves nothing to the others.
    image = found["s_image"]
    assert image["Select"] == "0.5"
    assert (image["P"], image["R"]) == (pytest.approx(100.0), pytest.approx(50.0))
    # red, big, green: (1 + 2/3) / 2; blue, sea: 1.
    assert image["mAP"] == pytest.approx(100 * ((1 + 2 / 3) / 2 + 1) / 2)
    # The sentence is red for the first caption; of the second it is what "sea" is.
    text = found["s_text"]
    assert (text["P"], text["R"]) == (pytest.approx(100.0), pytest.approx(50.0))
    both = found["s_image + s_text"]
    assert (both["P"], both["R"]) == (pytest.approx(100.0), pytest.approx(75.0))
    # Shares of the pixels: red 6 of 8, green 2 of 8, blue all.
    seg = found["s_seg"]
    assert (seg["P"], seg["R"]) == (pytest.approx(100.0), pytest.approx(50.0))


def test_other_ways_to_normalise_and_packs_side_by_side(halves: Project, tmp_path: Path) -> None:
    packs = [Pack("base"), Pack("tuned")]
    path = truth(tmp_path, *CAPTIONS)
    rows = selection_table(halves, packs, path, normalise="min-max", sweep=True)
    assert [row["Pack"] for row in rows] == ["base"] * 9 + ["tuned"] * 9
    swept = [row for row in rows if row["Select"].startswith("best ")]
    assert len(swept) == 8
    for best in swept:
        (plain,) = (
            row
            for row in rows
            if (row["Pack"], row["Scoring"]) == (best["Pack"], best["Scoring"])
            and row["Select"] == "0.5"
        )
        assert best["F1"] >= plain["F1"]
    # min-max: cosines of red 0.95, green 0.32, big 0.57, beside -0.73 -> 1, 0.62, 0.77, 0.
    image = by_scoring([row for row in rows if row["Select"] == "0.5"])["s_image"]
    assert image["P"] == pytest.approx(75.0)
    assert image["R"] == pytest.approx(75.0)
    assert "s_image" in format_table(rows)
    raw = by_scoring(selection_table(halves, packs[:1], path, normalise="none", threshold=0.9))
    assert raw["s_image"]["R"] == pytest.approx(50.0)


def test_progress_is_told(halves: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pace, "due", lambda self: True)
    told: list[Progress] = []
    selection_table(halves, [Pack("base")], truth(tmp_path, *CAPTIONS), tell=told.append)
    assert [(one.done, one.total, one.message) for one in told] == [
        (0, 2, "a.png"),
        (1, 2, "sub/b.png"),
        (2, 2, ""),
    ]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["a.png,red,red", "c.png,red,red"], "There is no image c.png"),
        (["a.png,...,red"], "line 2: the caption of a.png has no words"),
        (["a.png,red car,car;dog"], "line 2: the tag dog is not in the caption"),
        (["a.png,red car,"], "has no tags: there is no truth"),
        ([], "has no captions: there is no truth"),
    ],
)
def test_a_truth_that_cannot_be_used(
    halves: Project, tmp_path: Path, lines: list[str], says: str
) -> None:
    with pytest.raises(AnnotatorError, match=says):
        selection_table(halves, [Pack("base")], truth(tmp_path, *lines))


def test_files_that_are_no_truth(halves: Project, tmp_path: Path, folder: Path) -> None:
    packs = [Pack("base")]
    with pytest.raises(AnnotatorError, match="cannot be read"):
        selection_table(halves, packs, tmp_path / "none.csv")
    with pytest.raises(AnnotatorError, match="tags is missing"):
        selection_table(halves, packs, truth(tmp_path, "a.png,red", head="file,caption"))
    (tmp_path / "latin.csv").write_bytes(b"file,caption,tags\na.png,\xe9t\xe9,\xe9t\xe9\n")
    with pytest.raises(AnnotatorError, match="no UTF-8"):
        selection_table(halves, packs, tmp_path / "latin.csv")
    path = truth(tmp_path, *CAPTIONS)
    with pytest.raises(AnnotatorError, match="at least one pack"):
        selection_table(halves, [], path)
    with pytest.raises(AnnotatorError, match="threshold nan"):
        selection_table(halves, packs, path, threshold=float("nan"))
    with pytest.raises(AnnotatorError, match="softmax, min-max, none"):
        selection_table(halves, packs, path, normalise="rank")  # type: ignore[arg-type]
    (folder / "a.png").unlink()
    with pytest.raises(AnnotatorError, match=r"a\.png"):
        selection_table(halves, [Pack("new")], path)


# --- masks of texts ------------------------------------------------------------------------------

MASKS = "file,caption,mask"


def mask(tmp_path: Path, name: str, columns: slice, width: int = 32) -> None:
    pixels = np.zeros((16, width), np.uint8)
    pixels[:, columns] = 255
    PilImage.fromarray(pixels).save(tmp_path / name)


def test_the_map_of_a_text_and_of_its_tags(halves: Project, tmp_path: Path) -> None:
    # The caption speaks of the whole image; the sentence is red only, the union is everything.
    mask(tmp_path, "all.png", slice(0, 32))
    path = truth(tmp_path, "a.png,red beside green,all.png", head=MASKS)
    text, tags = text_masks_table(halves, [Pack("base")], path)
    assert (text["Map"], tags["Map"], text["Texts"]) == ("text", "tags", 1)
    # Three of four columns of cells are red; between the third and the fourth the enlarged map
    # falls through a half at the border of the cells.
    assert text["CaptionIoU"] == pytest.approx(75.0, abs=4)
    assert text["mFPR"] == 0.0
    assert text["mFNR"] == pytest.approx(25.0, abs=4)
    assert tags["CaptionIoU"] == pytest.approx(100.0, abs=4)
    for row in (text, tags):
        assert row["CaptionIoU"] + row["mFPR"] + row["mFNR"] == pytest.approx(100.0)
    # Nothing above 1: all is missed. A cut found for each map is half way here.
    none, _ = text_masks_table(halves, [Pack("base")], path, threshold=1.0)
    assert (none["CaptionIoU"], none["mFNR"]) == (0.0, 100.0)
    found, _ = text_masks_table(halves, [Pack("base")], path, threshold=None)
    assert found["CaptionIoU"] == pytest.approx(75.0, abs=4)


def test_means_are_over_the_texts(halves: Project, tmp_path: Path) -> None:
    mask(tmp_path, "red.png", slice(0, 24))
    mask(tmp_path, "green.png", slice(24, 32))
    lines = ("a.png,red,red.png", "a.png,green,green.png", "a.png,red,green.png")
    path = truth(tmp_path, *lines, head=MASKS)
    (row, _) = text_masks_table(halves, [Pack("base")], path)
    # Two are right, of the third nothing is: 3/4 is found too much, 1/4 missed.
    assert row["CaptionIoU"] == pytest.approx(100 * 2 / 3, abs=6)
    assert row["mFPR"] == pytest.approx(100 * 0.75 / 3, abs=4)
    assert row["Texts"] == 3


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("a.png,red,none.png", "the mask .*none.png is not there"),
        ("a.png,red,", "a.png has no mask"),
        ("a.png,red,small.png", "small.png is 8 x 16 pixels, its image a.png 32 x 16"),
        ("a.png,!,small.png", "has no words"),
    ],
)
def test_masks_that_cannot_be_used(halves: Project, tmp_path: Path, line: str, says: str) -> None:
    mask(tmp_path, "small.png", slice(0, 4), width=8)
    with pytest.raises(AnnotatorError, match=says):
        text_masks_table(halves, [Pack("base")], truth(tmp_path, line, head=MASKS))


def test_wrong_options_are_refused(halves: Project, tmp_path: Path) -> None:
    mask(tmp_path, "all.png", slice(0, 32))
    path = truth(tmp_path, "a.png,red,all.png", head=MASKS)
    with pytest.raises(AnnotatorError, match="threshold 2"):
        text_masks_table(halves, [Pack("base")], path, threshold=2.0)
    with pytest.raises(AnnotatorError, match="at least one pack"):
        text_masks_table(halves, [], path)
