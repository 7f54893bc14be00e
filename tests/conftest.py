"""A project with four images and three words, and a digest of everything but the history."""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from annotator.project import store
from annotator.project.project import Project

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication


def pytest_configure() -> None:
    # A shell starts what runs in the background with Ctrl-C ignored, and processes inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass
class Made:
    project: Project
    images: list[int]
    sofa: int
    couch: int
    dog: int


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test keeps for a person is not found by the next test, nor by that person."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache of the user"))


@pytest.fixture(scope="session")
def _garbage(qapp: QApplication) -> Callable[[], None]:
    from annotator.gui.garbage import Garbage

    made = Garbage(qapp)
    made.start()
    return made.look


_looks: list[Callable[[], None]] = []


@pytest.fixture(autouse=True)
def _collected(request: pytest.FixtureRequest) -> None:
    """From the first test with a widget on, garbage is collected between events, as in the
    program, and between tests."""
    if not _looks and "qapp" in request.fixturenames:
        _looks.append(request.getfixturevalue("_garbage"))
    for look in _looks:
        look()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "photos"
    path.mkdir()
    return path


@pytest.fixture
def project(tmp_path: Path, folder: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "my.annot", folder) as made:
        yield made


def tag(image: int, synset: int, score: float, kept: bool = True) -> store.TagRow:
    reason = None if kept else "below 0.68"
    return store.TagRow(image, synset, score, score, 1, 5, ("whole",), kept, reason)


@pytest.fixture
def made(project: Project) -> Made:
    """Images 1 and 2 have sofa and couch, 3 has couch, 4 has a dropped dog."""
    with project.write("images", "synsets", "tags") as db:
        files = [store.FileSeen(f"a/{name}.jpg", 10, 1) for name in ("one", "two", "three", "four")]
        images = store.upsert_images(db, files)
        for id in images:
            store.set_image_read(db, id, hash=f"h{id}", width=8, height=6, format="JPEG")
        sofa = store.ensure_synset(db, "sofa", wordnet_id="n04256520", lemmas=["lounge"], score=3)
        couch = store.ensure_synset(db, "couch", wordnet_id="n03100346", score=2)
        dog = store.ensure_synset(db, "dog", score=1)
        rows = [tag(images[0], sofa, 0.9), tag(images[1], sofa, 0.8), tag(images[0], couch, 0.7)]
        rows += [tag(images[1], couch, 0.5), tag(images[2], couch, 0.95)]
        rows += [tag(images[3], dog, 0.1, kept=False)]
        store.set_tags(db, rows)
    return Made(project, images, sofa, couch, dog)


@pytest.fixture
def digest() -> Callable[[Project], str]:
    def of(project: Project) -> str:
        value = hashlib.blake2b()
        left_out = {"steps", "journal", "open_step", "sqlite_sequence"}
        with project.read() as db:
            found = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
            for table in [name for (name,) in found if name not in left_out]:
                rows = sorted(map(repr, db.execute(f"SELECT * FROM {table}")))
                value.update(repr((table, rows)).encode())
        return value.hexdigest()

    return of
