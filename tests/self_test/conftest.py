"""A project with three photos, six words and four masks, two of which lie over each other."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from annotator.core import masks
from annotator.pipeline.scan import scan
from annotator.project import store
from annotator.project.project import Project

PHOTOS = ("one.jpg", "zwei – é.png", "in/drei.jpg")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The project, closed. Each photo has its best word and two that are shared."""
    folder, path = tmp_path / "photos", tmp_path / "my é.annot"
    for number, name in enumerate(PHOTOS):
        pixels = np.random.default_rng(number).integers(0, 255, (40, 60, 3)).astype(np.uint8)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        _, data = cv2.imencode(Path(name).suffix, pixels)
        (folder / name).write_bytes(data.tobytes())
    with Project.create(path, folder) as project:
        for _ in scan(project):
            pass
        with project.write("synsets", "tags", "regions") as db:
            ids = [store.known_files(db)[name].id for name in PHOTOS]
            words = [store.ensure_synset(db, word, score=1.0) for word in WORDS]
            for place, image in enumerate(ids):
                for rank, word in enumerate((words[place], words[3], words[4 + place % 2])):
                    score = 0.9 - 0.2 * rank
                    row = store.TagRow(image, word, score, score, 1, 1, ("whole",), True)
                    store.set_tags(db, [row])
            large, small = box(5, 5, 30, 40), box(10, 10, 12, 14)
            rows = [_row(ids[0], words[0], large), _row(ids[0], words[3], small)]
            rows += [_row(ids[1], words[1], large), _row(ids[2], words[2], small)]
            store.add_regions(db, rows)
    return path


WORDS = ("sofa", "dog", "lamp", "chair", "tree", "window")


def box(top: int, left: int, height: int, width: int) -> np.ndarray:
    mask = np.zeros((40, 60), dtype=bool)
    mask[top : top + height, left : left + width] = True
    return mask


def _row(image: int, word: int, mask: np.ndarray) -> store.RegionRow:
    rle = masks.encode(mask)
    return store.RegionRow(image, word, rle, masks.bbox(rle), masks.area(rle), 0.3, 0.2)
