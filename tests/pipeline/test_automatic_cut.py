"""Where a tag's heatmap is cut when nobody says where."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotator.core.records import Region
from annotator.core.scoring import heat_threshold
from annotator.operations import tags
from annotator.pipeline.ground import automatic_cut
from annotator.pipeline.options import ProposeOptions
from annotator.pipeline.propose import propose
from annotator.pipeline.scan import scan
from annotator.pipeline.segment import SegmentOptions, segment
from annotator.project import queries
from annotator.project.project import Project

Finish = Callable[..., dict[str, Any]]
#: Similarities of the tabby's face below: of the fur, of the eyes, of the corner beside it.
FUR, EYES, BESIDE = 0.5, 1.0, 0.0


def face() -> Any:
    """uint8[64, 64, 3]: red eyes in fur that is half as red, which fills all but a corner."""
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[...] = (100, 0, 173)
    pixels[:16, :16] = (0, 0, 255)
    pixels[24:40, 8:24] = pixels[24:40, 40:56] = (255, 0, 0)
    return pixels


@pytest.fixture
def cat(project: Project, save: Callable[..., Path], pack: Any, finish: Finish) -> Project:
    """A project with that face, on which "tabby" is accepted."""
    save("cat.png", face())
    finish(scan(project))
    finish(propose(project, pack, ProposeOptions(filter="none", top=2)))
    with project.read() as db:
        image, tabby = queries.find_image(db, "cat.png"), queries.find_synset(db, "tabby")
    tags.accept(project, image.id, tabby.id)
    return project


def tabbies(project: Project, pack: Any, finish: Finish) -> list[Region]:
    with project.read() as db:
        image, tabby = queries.find_image(db, "cat.png"), queries.find_synset(db, "tabby")
    finish(segment(project, pack, tabby.id, SegmentOptions(refine=False, instances=False)))
    with project.read() as db:
        return queries.regions(db, image.id, tabby.id)


def test_a_map_that_starts_nowhere_is_cut_by_its_values_alone(pack: Any) -> None:
    heat = np.full((8, 8), FUR, np.float32)
    heat[:2, :2], heat[3, 2] = BESIDE, EYES
    grounder = pack.grounder()
    assert automatic_cut(heat, grounder) == heat_threshold(heat)
    grounder.filled = 0.3
    assert automatic_cut(heat, grounder) == heat_threshold(heat, 0.3)


def test_eyes_are_no_thing_of_their_own_in_a_face_that_fills_the_picture(
    cat: Project, pack: Any, finish: Finish
) -> None:
    [eyes] = tabbies(cat, pack, finish)
    assert eyes.threshold == pytest.approx((FUR + EYES) / 2, abs=0.01)
    pack.grounder().filled = 0.3
    [whole] = tabbies(cat, pack, finish)
    assert whole.threshold == pytest.approx(0.3 * EYES, abs=0.01)
    assert whole.area > 0.85 * 64 * 64 > 5 * eyes.area
