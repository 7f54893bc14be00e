"""A project on disk for the commands, and a way to run one inside this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from annotator import cli
from annotator.core import masks
from annotator.project import store
from annotator.project.project import Project

Run = Callable[..., "Ran"]


class Ran:
    """What a command left behind."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*words: object) -> Ran:
        capsys.readouterr()
        status = cli.main([str(word) for word in words])
        said = capsys.readouterr()
        return Ran(status, said.out, said.err)

    return run


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for number, name in enumerate(("cat.jpg", "pets/dog.jpg", "pets/empty.png")):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(number).integers(0, 255, (32, 48, 3))
        cv2.imwrite(str(path), noise.astype(np.uint8))
    return folder


@pytest.fixture
def project(tmp_path: Path, photos: Path, run: Run) -> Path:
    """cat.jpg: cat, wolf; pets/dog.jpg: dog, wolf; a mask each for cat and dog."""
    path = tmp_path / "my.annot"
    assert run("create", path, photos).status == 0
    with Project.open(path) as opened, opened.write("synsets", "tags", "regions") as db:
        images = {name: row.id for name, row in store.known_files(db).items()}
        synsets = {
            "cat": store.ensure_synset(db, "cat", wordnet_id="n02121620", score=0.9),
            "dog": store.ensure_synset(db, "dog", lemmas=("domestic dog",), score=0.8),
            "wolf": store.ensure_synset(db, "wolf", score=0.1),
        }
        pairs = (
            *(("cat.jpg", "cat"), ("cat.jpg", "wolf")),
            *(("pets/dog.jpg", "dog"), ("pets/dog.jpg", "wolf")),
        )
        for image, word in pairs:
            score = 0.1 if word == "wolf" else 0.9
            row = store.TagRow(images[image], synsets[word], score, score, 1, 1, ("whole",), True)
            store.set_tags(db, [row])
            if word != "wolf":
                mask = np.zeros((32, 48), dtype=bool)
                mask[4:20, 6:30] = True
                rle = masks.encode(mask)
                made = store.RegionRow(
                    images[image], synsets[word], rle, masks.bbox(rle), masks.area(rle), 0.3, 0.2
                )
                store.add_regions(db, [made])
    return path
