"""Pictures with true masks for the benchmarks, read from $ANNOTATOR_DATA (default ../shared/data).

CamVid: masks of classes (road, car, ...; pixels without a label are not counted). ADE20K's full
release: in NAME_seg.png a pixel's class is red / 10 * 256 + green and its object is blue. COCO
panoptic: an object is red + 256 * green + 256^2 * blue. labelme: rectangles, so its "masks" are
boxes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotator.core import images

Pixels = NDArray[np.uint8]
Bools = NDArray[np.bool_]

DATA = Path(os.environ.get("ANNOTATOR_DATA", "../shared/data"))
#: Things that cover less of the picture are left out: at 28 x 28 they are less than 4 cells.
SMALLEST = 0.005
UNLABELLED = 11


@dataclass(frozen=True)
class Thing:
    """``name`` with commas between synonyms; ``mask`` bool[H, W]."""

    name: str
    mask: Bools


@dataclass(frozen=True)
class Scene:
    """``known`` bool[H, W]: where the truth says something."""

    name: str
    image: Pixels
    known: Bools
    things: tuple[Thing, ...]


def iou(found: Bools, thing: Thing, scene: Scene) -> float:
    """Over the pixels where the truth says something."""
    both = int((found & thing.mask & scene.known).sum())
    return both / max(int(((found | thing.mask) & scene.known).sum()), 1)


def camvid(part: slice = slice(None)) -> Iterator[Scene]:
    """One thing a class. ``part`` chooses among the pictures in the order of their names."""
    lines = (DATA / "camvid/classes.txt").read_text().split()
    names = {int(number): name for number, _, name in (x.partition(":") for x in lines)}
    for path in sorted((DATA / "camvid/images").glob("*.jpg"))[part]:
        classes = _png(DATA / f"camvid/masks/{path.stem}.png")[..., 0]
        things = [Thing(name, classes == n) for n, name in names.items() if n != UNLABELLED]
        yield _scene(path, classes != UNLABELLED, things)


def ade20k(merged: bool = False) -> Iterator[Scene]:
    """One thing an object, or with ``merged`` one a class."""
    for path in sorted((DATA / "ade20k_full_sample").rglob("*.jpg")):
        facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        names = {o["name_ndx"]: o["name"] for o in facts["annotation"]["object"]}
        seg = _png(path.with_name(f"{path.stem}_seg.png")).astype(np.int64)
        classes = seg[..., 0] // 10 * 256 + seg[..., 1]
        objects = classes if merged else classes * 256 + seg[..., 2]
        things = []
        for number in np.unique(objects[classes > 0]):
            name = names.get(int(number if merged else number // 256))
            if name:
                things.append(Thing(name, objects == number))
        yield _scene(path, classes > 0, things)


def coco(merged: bool = False) -> Iterator[Scene]:
    """One thing a segment, or with ``merged`` one a class."""
    root = DATA / "coco_panoptic_sample"
    facts: dict[str, Any] = json.loads((root / "panoptic_examples.json").read_text())
    names = {c["id"]: c["name"] for c in facts["categories"]}
    for annotation in facts["annotations"]:
        png = _png(root / "panoptic_examples" / annotation["file_name"]).astype(np.int64)
        segments = png @ np.array([1, 256, 65536])
        masks: dict[tuple[str, int], Bools] = {}
        for segment in annotation["segments_info"]:
            key = names[segment["category_id"]], 0 if merged else segment["id"]
            masks[key] = masks.get(key, np.zeros(segments.shape, np.bool_)) | (
                segments == segment["id"]
            )
        path = root / "input_images" / f"{Path(annotation['file_name']).stem}.jpg"
        things = [Thing(_plain(name), mask) for (name, _), mask in masks.items()]
        yield _scene(path, segments > 0, things)


def labelme() -> Iterator[Scene]:
    """One thing a class: the union of its rectangles."""
    for path in sorted((DATA / "labelme_sample").glob("*.jpg")):
        facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        shape = facts["imageHeight"], facts["imageWidth"]
        masks: dict[str, Bools] = {}
        for one in facts["shapes"]:
            (x, y), (u, v) = one["points"]
            box = np.zeros(shape, np.bool_)
            box[round(min(y, v)) : round(max(y, v)), round(min(x, u)) : round(max(x, u))] = True
            masks[one["label"]] = masks.get(one["label"], np.zeros(shape, np.bool_)) | box
        things = [Thing(name, mask) for name, mask in masks.items()]
        yield _scene(path, np.ones(shape, np.bool_), things)


def _plain(name: str) -> str:
    """COCO says "wall-other-merged"."""
    return name.removesuffix("-merged").removesuffix("-other").removesuffix("-stuff")


def _scene(path: Path, known: Bools, things: list[Thing]) -> Scene:
    image = images.load(path)
    if image.shape[:2] != known.shape:
        raise SystemExit(f"{path} has another size than its masks")
    large = tuple(t for t in things if SMALLEST <= t.mask.mean() <= 1 - SMALLEST)
    return Scene(path.stem, image, known, large)


def _png(path: Path) -> Pixels:
    found = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if found is None:
        raise SystemExit(f"{path} is not there; set ANNOTATOR_DATA to the folder of the data.")
    return np.ascontiguousarray(found[..., ::-1], dtype=np.uint8)
