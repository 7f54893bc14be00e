from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from annotator.core import masks
from annotator.core.errors import AnnotatorError, NothingToExport
from annotator.core.records import Failure
from annotator.exchange import coco
from annotator.operations import regions, synsets, tags
from annotator.project import store


def run(steps: Any) -> dict[str, Any]:
    failed: list[Failure] = []
    result: dict[str, Any] = {}
    for progress in steps:
        failed.extend(progress.failed)
        result.update(progress.result or {})
    assert result["failed"] == [{"image": f.image, "reason": f.reason} for f in failed]
    return result


def loaded(path: Path) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


@pytest.fixture
def pets(made: Any, ring: np.ndarray) -> Any:
    """dog.jpg: dog accepted with an accepted ring; cat.jpg: cat undecided with a mask."""
    made.image("cat.jpg")
    made.image("sub/dog.jpg")
    made.tag("sub/dog.jpg", "dog", 0.9)
    made.tag("sub/dog.jpg", "wolf", 0.3)
    made.tag("cat.jpg", "cat", 0.8)
    made.dog = made.region("sub/dog.jpg", "dog", ring)
    made.cat = made.region("cat.jpg", "cat", np.ones((32, 48), dtype=bool))
    tags.accept(made.project, made.images["sub/dog.jpg"], made.synsets["dog"])
    regions.accept(made.project, [made.dog])
    return made


def test_only_what_was_accepted_leaves(pets: Any, tmp_path: Path, ring: np.ndarray) -> None:
    result = run(coco.export(pets.project, tmp_path / "coco.json"))
    assert (result["images"], result["annotations"], result["unreviewed"]) == (1, 1, 1)
    data = loaded(tmp_path / "coco.json")
    (image,) = data.loadImgs(data.getImgIds())
    assert (image["id"], image["file_name"]) == (1, "sub/dog.jpg")
    assert (image["width"], image["height"]) == (48, 32)
    (annotation,) = data.loadAnns(data.getAnnIds())
    assert annotation["id"] == 1
    assert annotation["iscrowd"] == 0
    assert annotation["area"] == ring.sum()
    assert annotation["bbox"] == [6, 4, 34, 24]
    assert (data.annToMask(annotation).astype(bool) == ring).all()
    (category,) = data.loadCats(data.getCatIds())
    assert category["id"] == annotation["category_id"] == 1
    assert (category["name"], category["supercategory"]) == ("dog", "dog")
    assert category["lemmas"] == ["dog", "doglet"]
    assert category["wordnet_id"] is None
    assert [(tag["name"], tag["verdict"]) for tag in image["tags"]] == [("dog", "accepted")]


def test_proposed_adds_what_nobody_decided(pets: Any, tmp_path: Path) -> None:
    run(coco.export(pets.project, tmp_path / "coco.json", "proposed"))
    data = loaded(tmp_path / "coco.json")
    names = {row["id"]: row["name"] for row in data.loadCats(data.getCatIds())}
    assert set(names.values()) == {"cat", "dog", "wolf"}
    assert sorted(names) == [1, 2, 3]
    verdicts = {names[a["category_id"]]: a["verdict"] for a in data.loadAnns(data.getAnnIds())}
    assert verdicts == {"dog": "accepted", "cat": "unknown"}


@pytest.mark.parametrize("what", ["region", "tag", "synset"])
def test_what_was_rejected_never_leaves(pets: Any, tmp_path: Path, what: str) -> None:
    if what == "region":
        regions.reject(pets.project, [pets.dog])
    elif what == "tag":
        tags.reject(pets.project, pets.images["sub/dog.jpg"], pets.synsets["dog"])
    else:
        synsets.reject(pets.project, [pets.synsets["dog"]])
    for include in ("accepted", "proposed"):
        with contextlib.suppress(AnnotatorError):  # nothing accepted may be left to export
            run(coco.export(pets.project, tmp_path / "coco.json", include))
            data = json.loads((tmp_path / "coco.json").read_text())
            names = {row["id"]: row["name"] for row in data["categories"]}
            assert "dog" not in {names[a["category_id"]] for a in data["annotations"]}
    assert (tmp_path / "coco.json").exists()


def test_a_parent_is_the_supercategory(pets: Any, tmp_path: Path) -> None:
    animal = synsets.add(pets.project, "animal", "n00015388")
    synsets.move(pets.project, pets.synsets["dog"], animal)
    run(coco.export(pets.project, tmp_path / "coco.json"))
    data = json.loads((tmp_path / "coco.json").read_text())
    above = {row["name"]: row["supercategory"] for row in data["categories"]}
    assert above["dog"] == "animal"


def test_two_synsets_of_one_name_stay_apart(pets: Any, tmp_path: Path) -> None:
    with pets.project.write("synsets", "tags") as db:
        for number, wordnet_id in enumerate(("n02012849", "n03126707")):
            key = store.ensure_synset(db, "crane", wordnet_id=wordnet_id)
            row = store.TagRow(
                list(pets.images.values())[number], key, 0.5, 0.5, 1, 1, ("whole",), True
            )
            store.set_tags(db, [row])
    run(coco.export(pets.project, tmp_path / "coco.json", "proposed"))
    names = [row["name"] for row in json.loads((tmp_path / "coco.json").read_text())["categories"]]
    assert "crane (n02012849)" in names
    assert "crane (n03126707)" in names


def test_the_official_evaluation_runs_on_it(pets: Any, tmp_path: Path) -> None:
    run(coco.export(pets.project, tmp_path / "coco.json", "proposed"))
    truth = loaded(tmp_path / "coco.json")
    found = [
        {
            "image_id": a["image_id"],
            "category_id": a["category_id"],
            "segmentation": a["segmentation"],
            "score": 0.9,
        }
        for a in truth.loadAnns(truth.getAnnIds())
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        scores = COCOeval(truth, truth.loadRes(found), "segm")
        scores.evaluate()
        scores.accumulate()
        scores.summarize()
    assert scores.stats[0] == pytest.approx(1.0)


def test_polygons_say_what_they_enclose(pets: Any, tmp_path: Path, ring: np.ndarray) -> None:
    run(coco.export(pets.project, tmp_path / "coco.json", polygons=True))
    data = loaded(tmp_path / "coco.json")
    (annotation,) = data.loadAnns(data.getAnnIds())
    assert isinstance(annotation["segmentation"], list)
    filled = data.annToMask(annotation).astype(bool)
    assert filled[15, 20]
    assert not ring[15, 20]
    assert annotation["area"] == filled.sum()


def test_masks_of_another_size_stay_behind(pets: Any, tmp_path: Path) -> None:
    with pets.project.write("images") as db:
        store.set_image_read(
            db, pets.images["sub/dog.jpg"], hash="0" * 32, width=20, height=10, format="JPEG"
        )
    result = run(coco.export(pets.project, tmp_path / "coco.json"))
    (failure,) = result["failed"]
    assert failure["image"] == "sub/dog.jpg"
    assert "48 x 32" in failure["reason"]
    assert "20 x 10" in failure["reason"]
    data = json.loads((tmp_path / "coco.json").read_text())
    assert data["annotations"] == []
    assert [tag["name"] for tag in data["images"][0]["tags"]] == ["dog"]


def test_an_accepted_image_that_is_gone_is_named(pets: Any, tmp_path: Path) -> None:
    tags.accept(pets.project, pets.images["cat.jpg"], pets.synsets["cat"])
    with pets.project.write("images") as db:
        store.mark_missing(db, [pets.images["sub/dog.jpg"]])
    result = run(coco.export(pets.project, tmp_path / "coco.json"))
    assert [f["image"] for f in result["failed"]] == ["sub/dog.jpg"]
    assert result["images"] == 1


def test_a_damaged_mask_is_named(pets: Any, tmp_path: Path) -> None:
    with pets.project.write("regions") as db:
        db.execute("UPDATE regions SET counts = '11' WHERE id = ?", (pets.dog,))
    result = run(coco.export(pets.project, tmp_path / "coco.json"))
    assert "damaged" in result["failed"][0]["reason"]
    assert result["annotations"] == 0


def test_nothing_decided_is_an_error_that_says_what_to_do(made: Any, tmp_path: Path) -> None:
    made.image("a.jpg")
    made.tag("a.jpg", "dog")
    with pytest.raises(NothingToExport, match="only proposed") as refused:
        run(coco.export(made.project, tmp_path / "coco.json"))
    assert refused.value.remedy == "--include proposed"
    assert not (tmp_path / "coco.json").exists()


def test_an_export_of_ours_is_replaced_and_another_file_is_not(pets: Any, tmp_path: Path) -> None:
    out = tmp_path / "coco.json"
    run(coco.export(pets.project, out))
    run(coco.export(pets.project, out, "proposed"))
    assert len(json.loads(out.read_text())["images"]) == 2
    out.write_text('{"images": []}')
    with pytest.raises(AnnotatorError, match="not an export of Annotator"):
        run(coco.export(pets.project, out))
    assert out.read_text() == '{"images": []}'
    run(coco.export(pets.project, out, force=True))
    assert len(json.loads(out.read_text())["images"]) == 1


def test_the_project_itself_and_a_folder_are_refused(pets: Any, tmp_path: Path) -> None:
    with pytest.raises(AnnotatorError, match="is the project itself"):
        run(coco.export(pets.project, pets.project.path, force=True))
    with pytest.raises(AnnotatorError, match="is a folder"):
        run(coco.export(pets.project, tmp_path))


def test_stopping_leaves_nothing(pets: Any, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    steps = coco.export(pets.project, tmp_path / "coco.json", "proposed")
    next(steps)
    steps.close()
    assert sorted(tmp_path.iterdir()) == before


def test_merged_synsets_leave_as_one(pets: Any, tmp_path: Path) -> None:
    synsets.merge(pets.project, [pets.synsets["wolf"]], pets.synsets["dog"])
    run(coco.export(pets.project, tmp_path / "coco.json", "proposed"))
    data = json.loads((tmp_path / "coco.json").read_text())
    dog = next(row for row in data["categories"] if row["name"] == "dog")
    assert set(dog["lemmas"]) == {"dog", "doglet", "wolf", "wolflet"}
    assert "wolf" not in {row["name"] for row in data["categories"]}


def test_masks_survive_the_way_out(made: Any, tmp_path: Path) -> None:
    made.image("a.png")
    made.tag("a.png", "thing")
    random = np.random.default_rng(7)
    shapes = [random.random((32, 48)) < density for density in (0.02, 0.5, 0.98)]
    for shape in shapes:
        made.region("a.png", "thing", shape)
    run(coco.export(made.project, tmp_path / "coco.json", "proposed"))
    data = loaded(tmp_path / "coco.json")
    for shape, annotation in zip(shapes, data.loadAnns(data.getAnnIds()), strict=True):
        assert (data.annToMask(annotation).astype(bool) == shape).all()
        assert annotation["bbox"] == list(masks.bbox(masks.encode(shape)))
