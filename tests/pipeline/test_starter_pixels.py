"""What the real starter pack's pixels say of tags and texts, on photographs that pip installed."""

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PilImage

from annotator.backends.registry import Pack, load_pack
from annotator.operations import tags as decide_tags
from annotator.pipeline.evaluate_masks import masks_table, text_masks_table
from annotator.pipeline.evaluate_tags import selection_table
from annotator.pipeline.options import ProposeOptions
from annotator.pipeline.propose import propose
from annotator.pipeline.scan import scan
from annotator.pipeline.support import SupportOptions, support
from annotator.pipeline.text_maps import text_map
from annotator.project import queries
from annotator.project.project import Project

pytestmark = pytest.mark.models

Finish = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def starter() -> Pack:
    return load_pack("starter")


@pytest.fixture(scope="module")
def cat(tmp_path_factory: pytest.TempPathFactory, starter: Pack) -> Iterator[Project]:
    """A photograph of a cat, scanned and proposed."""
    spec = importlib.util.find_spec("skimage")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = tmp_path_factory.mktemp("photos")
    shutil.copy(Path(spec.submodule_search_locations[0]) / "data" / "chelsea.png", folder)
    path = tmp_path_factory.mktemp("project") / "cat.annot"
    with Project.create(path, folder) as project:
        for steps in (scan(project), propose(project, starter, ProposeOptions(filter="none"))):
            for _ in steps:
                pass
        yield project


def test_pixels_support_the_cat_and_not_what_nobody_sees(
    cat: Project, starter: Pack, finish: Finish
) -> None:
    decide_tags.add_word(cat, 1, "airliner")
    result = finish(support(cat, starter, SupportOptions()))
    assert result["tags"] == 11
    with cat.read() as db:
        found = {tag.synset: tag for tag in queries.tags(db, 1, dropped=True)}
    best = max(found.values(), key=lambda tag: tag.peak or -1.0)
    assert best.synset in {"tabby", "tiger cat", "Egyptian cat"}
    assert best.supported
    assert best.peak_at is not None
    assert 0.3 < best.peak_at[0] < 0.9  # its head is in the middle
    assert found["airliner"].supported is False
    assert found["airliner"].verdict == "accepted"


def test_words_of_a_sentence(cat: Project, starter: Pack, tmp_path: Path) -> None:
    with cat.read() as db:
        image = queries.image(db, 1)
    found = text_map(cat, image, "a tabby beside an airliner", starter.grounder())
    scores = {word.text: word.score for word in found.words}
    assert scores["tabby"] > scores["airliner"]
    assert {word.text: word.selected for word in found.words}["tabby"]
    truth = tmp_path / "truth.csv"
    truth.write_text("file,caption,tags\nchelsea.png,tabby beside airliner,tabby\n")
    rows = {row["Scoring"]: row for row in selection_table(cat, [starter], truth)}
    assert rows["s_pixel"]["R"] == 100.0
    assert rows["s_pixel"]["mAP"] == 100.0


def test_masks_of_the_cat(cat: Project, starter: Pack, tmp_path: Path) -> None:
    # Roughly: the cat is everything but the upper left.
    mask = np.ones((300, 451), np.uint8)
    mask[:150, :120] = 0
    PilImage.fromarray(mask).save(tmp_path / "chelsea.png")
    (tmp_path / "classes.txt").write_text("0:background\n1:tabby\n")
    (row,) = masks_table(cat, [starter], tmp_path)
    assert 0.0 < row["mIoU"] < 100.0
    assert row["Images"] == 1
    truth = tmp_path / "truth.csv"
    truth.write_text("file,caption,mask\nchelsea.png,a tabby,chelsea.png\n")
    text, tags = text_masks_table(cat, [starter], truth)
    for row in (text, tags):
        assert row["CaptionIoU"] > 10.0
        assert row["CaptionIoU"] + row["mFPR"] + row["mFNR"] == pytest.approx(100.0)
