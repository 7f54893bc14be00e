"""What is exported is read back by other code, and every kind of damage to it is noticed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from annotator.core.errors import AnnotatorError
from annotator.core.records import Region
from annotator.project import queries
from annotator.project.project import Project
from annotator.self_test import exports

Change = Callable[[Any], object]


@pytest.fixture
def written(path: Path, tmp_path: Path) -> tuple[Path, Path, list[Region]]:
    """Where the exports are, where the photos, and the masks."""
    out = tmp_path / "out"
    out.mkdir()
    with Project.open(path) as project:
        found = exports.export(project, out)
        with project.read() as db:
            regions = list(queries.all_regions(db))
    assert found.said == "COCO with 4 masks and ADE20K with 2568 labelled pixels read back"
    return out, path.with_name("photos"), regions


def swap_masks(data: Any) -> None:
    rows = data["annotations"]
    rows[0]["segmentation"], rows[1]["segmentation"] = (
        rows[1]["segmentation"],
        rows[0]["segmentation"],
    )
    rows[0]["area"], rows[1]["area"] = rows[1]["area"], rows[0]["area"]
    rows[0]["image_id"] = rows[2]["image_id"]


COCO_DAMAGE: dict[str, tuple[Change, str]] = {
    "area": (lambda data: data["annotations"][0].update(area=7), "not the area that it says"),
    "lost": (lambda data: data["annotations"].pop(), "are not those of the project"),
    "twice": (lambda data: data["annotations"].append(data["annotations"][0]), "same number"),
    "elsewhere": (swap_masks, "are not those of the project"),
    "file": (lambda data: data["images"][0].update(file_name="no.jpg"), "no.jpg cannot be read"),
    "size": (lambda data: data["images"][0].update(width=61), "size of"),
    "counts": (
        lambda data: data["annotations"][0]["segmentation"].update(counts=5),
        "pycocotools cannot read it",
    ),
}


@pytest.mark.parametrize("damage", COCO_DAMAGE)
def test_a_damaged_coco_file_is_noticed(
    damage: str, written: tuple[Path, Path, list[Region]]
) -> None:
    out, photos, regions = written
    file = out / "coco.json"
    assert exports.read_coco(file, photos, regions) == 4
    data = json.loads(file.read_text())
    change, says = COCO_DAMAGE[damage]
    change(data)
    file.write_text(json.dumps(data))
    with pytest.raises(AnnotatorError, match=says):
        exports.read_coco(file, photos, regions)


def test_a_coco_file_that_is_cut_short_is_noticed(
    written: tuple[Path, Path, list[Region]],
) -> None:
    out, photos, regions = written
    file = out / "coco.json"
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(AnnotatorError, match="is wrong: pycocotools cannot read it"):
        exports.read_coco(file, photos, regions)


def repaint(change: Callable[[np.ndarray], None]) -> Change:
    def damage(folder: Path) -> None:
        path = folder / "annotations/training/one.png"
        labels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
        change(labels)
        path.write_bytes(cv2.imencode(".png", labels)[1].tobytes())

    return damage


def paint(row: int, column: int, label: int) -> Callable[[np.ndarray], None]:
    return lambda labels: labels.__setitem__((row, column), label)


def below(labels: np.ndarray) -> None:
    """The smaller mask under the larger one."""
    labels[labels > 0] = labels[6, 6]


def cut(folder: Path) -> None:
    path = folder / "annotations/training/one.png"
    path.write_bytes(path.read_bytes()[:30])


def rename_class(folder: Path) -> None:
    path = folder / "objectInfo.txt"
    path.write_text(path.read_text().replace("sofa", "settee"))


def drop_last(folder: Path) -> None:
    path = folder / "training.odgt"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))


def other_picture(folder: Path) -> None:
    (folder / "images/training/one.jpg").write_bytes(b"another")


ADE_DAMAGE: dict[str, tuple[Change, str]] = {
    "pixel lost": (repaint(paint(20, 30, 0)), "one.png does not show the project's masks"),
    "pixel more": (repaint(paint(0, 0, 1)), "does not show the project's masks"),
    "wrong class": (repaint(paint(20, 30, 3)), "does not show the project's masks"),
    "order": (repaint(below), "does not show the project's masks"),
    "cut short": (cut, "one.png"),
    "names": (rename_class, "does not show the project's masks"),
    "row lost": (drop_last, "is not in it"),
    "picture": (other_picture, "belongs to no photo of the project"),
    "table": (lambda folder: (folder / "objectInfo.txt").unlink(), "its tables cannot be read"),
}


@pytest.mark.parametrize("damage", ADE_DAMAGE)
def test_a_damaged_ade20k_folder_is_noticed(
    damage: str, written: tuple[Path, Path, list[Region]]
) -> None:
    out, photos, regions = written
    folder = out / "ade20k"
    assert exports.read_ade20k(folder, photos, regions) == 2568
    change, says = ADE_DAMAGE[damage]
    change(folder)
    with pytest.raises(AnnotatorError, match=says):
        exports.read_ade20k(folder, photos, regions)


def test_hashes_are_of_what_an_export_says(written: tuple[Path, Path, list[Region]]) -> None:
    out, _, _ = written
    file, folder = out / "coco.json", out / "ade20k"
    before = exports.coco_hash(file), exports.ade20k_hash(folder)
    data = json.loads(file.read_text())
    data["info"]["date_created"], data["info"]["version"] = "1999-12-31", "99"
    file.write_text(json.dumps(data, indent=1))
    (folder / "export.json").write_text("{}")
    assert (exports.coco_hash(file), exports.ade20k_hash(folder)) == before
    data["annotations"][0]["area"] += 1
    file.write_text(json.dumps(data))
    (folder / "objectInfo.txt").rename(folder / "classes.txt")
    after = exports.coco_hash(file), exports.ade20k_hash(folder)
    assert after[0] != before[0]
    assert after[1] != before[1]


def test_an_export_that_is_not_the_same_twice_is_noticed(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from annotator.exchange import coco

    export = coco.export

    def numbered(project: Project, file: Path, include: Any) -> Any:
        yield from export(project, file, include)
        text = file.read_text()
        file.write_text(text.replace('"licenses": []', f'"licenses": ["{file.stem}"]'))

    monkeypatch.setattr(coco, "export", numbered)
    out = tmp_path / "out"
    out.mkdir()
    with (
        Project.open(path) as project,
        pytest.raises(AnnotatorError, match="exported twice is not the same"),
    ):
        exports.export(project, out)


def test_what_a_person_rejected_is_not_expected(path: Path, tmp_path: Path) -> None:
    from annotator.operations import regions, tags

    with Project.open(path) as project:
        with project.read() as db:
            first, _, third, _ = queries.all_regions(db)
        regions.reject(project, first.id)
        tags.reject(project, third.image_id, third.synset_id)
        out = tmp_path / "out"
        out.mkdir()
        assert exports.export(project, out).said.startswith("COCO with 2 masks")
