"""A small project with real images, tags and masks, some of them decided."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest

from annotator.core import masks
from annotator.core.images import content_hash, probe
from annotator.project import store
from annotator.project.project import Project


@dataclass
class Made:
    """The project and the ids of what was put into it, by name."""

    project: Project
    images: dict[str, int] = field(default_factory=dict)
    synsets: dict[str, int] = field(default_factory=dict)

    def image(self, name: str, width: int = 48, height: int = 32) -> int:
        """Write a picture into the folder and note it as scanned."""
        path = self.project.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            noise = np.random.default_rng(len(self.images)).integers(0, 255, (height, width, 3))
            cv2.imwrite(str(path), noise.astype(np.uint8))
        return self.note(name)

    def note(self, name: str) -> int:
        path = self.project.folder / name
        seen = probe(path)
        stat = path.stat()
        with self.project.write("images") as db:
            (key,) = store.upsert_images(db, [store.FileSeen(name, stat.st_size, stat.st_mtime_ns)])
            store.set_image_read(
                db,
                key,
                hash=content_hash(path),
                width=seen.width,
                height=seen.height,
                format=seen.format,
            )
        self.images[name] = key
        return key

    def tag(self, image: str, word: str, score: float = 0.5, kept: bool = True) -> None:
        with self.project.write("synsets", "tags") as db:
            key = store.ensure_synset(db, word, lemmas=(f"{word}let",), score=score)
            self.synsets[word] = key
            row = store.TagRow(
                image_id=self.images[image],
                synset_id=key,
                score=score,
                probability=score,
                occurrence=1,
                crops=1,
                seen=("whole",),
                kept=kept,
                reason=None if kept else "percentile",
            )
            store.set_tags(db, [row])

    def region(self, image: str, word: str, mask: np.ndarray) -> int:
        rle = masks.encode(mask)
        row = store.RegionRow(
            self.images[image],
            self.synsets[word],
            rle,
            masks.bbox(rle),
            masks.area(rle),
            0.25,
            0.125,
        )
        with self.project.write("regions") as db:
            (key,) = store.add_regions(db, [row])
        return key


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    folder = tmp_path / "photos"
    folder.mkdir()
    with Project.create(tmp_path / "my.annot", folder) as project:
        yield Made(project)


def box(height: int, width: int, top: int, left: int, bottom: int, right: int) -> np.ndarray:
    mask = np.zeros((height, width), dtype=bool)
    mask[top:bottom, left:right] = True
    return mask


@pytest.fixture
def ring() -> np.ndarray:
    """bool[32, 48]: a box with a hole."""
    mask = box(32, 48, 4, 6, 28, 40)
    mask[10:20, 15:30] = False
    return mask
