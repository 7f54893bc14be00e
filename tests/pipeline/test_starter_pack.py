"""The pipelines with the real starter pack, on photographs that pip installed, and on the 200
photographs of data/photos where they are."""

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotator.backends.registry import Pack, load_pack
from annotator.core import masks
from annotator.pipeline.evaluate import tags_table, vocabulary_table
from annotator.pipeline.ground import ground, heatmap, tag_text
from annotator.pipeline.options import ProposeOptions
from annotator.pipeline.propose import propose
from annotator.pipeline.scan import scan
from annotator.pipeline.segment import SegmentOptions, segment
from annotator.project import queries
from annotator.project.project import Project

pytestmark = pytest.mark.models

Finish = Callable[..., dict[str, Any]]
DATA = Path(os.environ.get("ANNOTATOR_DATA", "../shared/data"))
SAMPLES = {"bike.png": "motorcycle_left.png", "cat.png": "chelsea.png", "coffee.png": "coffee.png"}
CATS = {"n02123045", "n02123159", "n02124075"}  # tabby, tiger cat, Egyptian cat


@pytest.fixture(scope="module")
def starter() -> Pack:
    return load_pack("starter")


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory, starter: Pack) -> Iterator[Project]:
    """Three photographs, scanned and proposed."""
    spec = importlib.util.find_spec("skimage")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = tmp_path_factory.mktemp("photos")
    for name, file in SAMPLES.items():
        shutil.copy(Path(spec.submodule_search_locations[0]) / "data" / file, folder / name)
    path = tmp_path_factory.mktemp("project") / "samples.annot"
    with Project.create(path, folder) as project:
        for steps in (scan(project), propose(project, starter, ProposeOptions(filter="none"))):
            for _ in steps:
                pass
        yield project


def test_first_tags_are_what_the_photographs_show(samples: Project) -> None:
    first = {}
    with samples.read() as db:
        for name in SAMPLES:
            tag = queries.tags(db, queries.find_image(db, name).id)[0]
            first[name] = queries.synset(db, tag.synset_id).wordnet_id
    assert first["cat.png"] in CATS
    assert first["coffee.png"] in {"n07920052", "n07930864"}  # espresso, cup
    assert first["bike.png"] in {"n03791053", "n03785016"}  # motor scooter, moped


def test_the_vocabulary_is_a_tree(samples: Project) -> None:
    with samples.read() as db:
        known = {synset.wordnet_id: synset for synset in queries.vocabulary(db)}
    cats = [known[one] for one in CATS if one in known]
    assert len(cats) >= 2
    assert len({cat.parent for cat in cats}) == 1
    assert cats[0].parent is not None


def test_heat_is_where_the_thing_is_and_a_mask_covers_it(
    samples: Project, starter: Pack, finish: Finish
) -> None:
    with samples.read() as db:
        coffee = queries.find_image(db, "coffee.png")
        tag = queries.tags(db, coffee.id)[0]
        text = tag_text(queries.synset(db, tag.synset_id))
    heat = heatmap(samples, coffee, text, starter.grounder())
    assert heat.min() >= -1.0
    assert heat.max() <= 1.0
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    # The cup fills the middle of the picture.
    assert 0.25 < (row + 0.5) / heat.shape[0] < 0.85
    assert 0.25 < (column + 0.5) / heat.shape[1] < 0.85
    result = finish(segment(samples, starter, options=SegmentOptions(top=1, min_score=0.1)))
    assert result["regions"] == 3
    with samples.read() as db:
        (region,) = queries.regions(db, coffee.id)
    mask = masks.decode(region.rle)
    assert mask[60:150, 200:380].mean() > 0.6  # the coffee in its cup
    assert not mask[:, :80].any()  # the table
    assert not mask[:, -80:].any()


def test_any_word_ranks_the_images(samples: Project, starter: Pack, finish: Finish) -> None:
    result = finish(ground(samples, starter, text="kitten"))
    assert result["rows"][0]["image"] == "cat.png"


@pytest.mark.skipif(
    not (DATA / "photos").is_dir(), reason="the folder ANNOTATOR_DATA/photos is not there"
)
def test_two_hundred_photographs_give_the_promised_vocabulary(
    tmp_path: Path, starter: Pack, finish: Finish
) -> None:
    with Project.create(tmp_path / "photos.annot", DATA / "photos") as project:
        assert finish(scan(project))["images"] == 200
        finish(propose(project, starter))
        rows = vocabulary_table(project, DATA / "photos.csv", ["none"], ["none", "percentile"])
        tags, _ = tags_table(project, DATA / "photos.csv")
    for row in rows:
        assert row["P"] >= 88.0
        assert row["R"] >= 88.0
        assert row["AUC"] >= 94.0
    assert tags["Top-1"] >= 88.0
