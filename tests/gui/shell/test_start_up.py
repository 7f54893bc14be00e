"""The first image comes before everything else, and news of a job as often as it is cheap."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image as Picture
from PySide6.QtGui import QColor
from pytestqt.qtbot import QtBot

from annotator.core import images
from annotator.core.records import Progress
from annotator.gui import session as session_module
from annotator.gui import steps
from annotator.gui.canvas.frame import frame_of
from annotator.gui.session import Session
from annotator.pipeline import scan as scan_module
from annotator.project import queries, store
from annotator.project.project import Project


def listed(project: Project) -> int:
    with project.read() as db:
        return len(queries.image_ids(db))


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A new project of five photos whose scan lists two at a time."""
    folder = tmp_path / "many"
    folder.mkdir()
    for i in range(5):
        Picture.new("RGB", (8, 8), (40 * i, 0, 0)).save(folder / f"{i}.png")
    monkeypatch.setattr(scan_module, "FIRST_BATCH", 2)
    monkeypatch.setattr(steps, "_FIRST_S", 3600.0)
    with Project.create(tmp_path / "many.annot", folder) as project:
        session = Session(project)
        yield session
        session.close()


def test_a_new_scan_lists_the_first_images_and_rests_until_one_is_shown(
    qtbot: QtBot, many: Session
) -> None:
    shown = threading.Event()
    job = steps.scan(many, shown, new=True)
    assert job is not None
    with qtbot.waitSignal(job.progressed, timeout=10_000):
        pass
    assert listed(many.project) == 2
    with qtbot.waitSignal(job.finished, timeout=10_000):
        shown.set()
    assert listed(many.project) == 5


def test_a_scan_of_a_known_folder_rests_before_it_begins(qtbot: QtBot, many: Session) -> None:
    shown = threading.Event()
    job = steps.scan(many, shown)
    assert job is not None
    assert listed(many.project) == 0
    with qtbot.waitSignal(job.finished, timeout=10_000):
        shown.set()
    assert listed(many.project) == 5


def test_the_first_news_comes_at_once_and_the_rest_when_the_job_ends(
    qtbot: QtBot, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "_COALESCE_MS", 3_600_000)
    monkeypatch.setattr(session_module, "_SELDOM_MS", 3_600_000)
    told: list[frozenset[str]] = []
    session.changed.connect(told.append)
    go_on = threading.Event()

    def work() -> Iterator[Progress]:
        for i in range(3):
            with session.project.write("images") as db:
                store.upsert_images(db, [store.FileSeen(f"{i}.jpg", 1, 1)])
            yield Progress("work", i + 1, 3)
            if i == 0:
                go_on.wait()

    job = session.jobs.start("work", work)
    qtbot.waitUntil(lambda: len(told) == 1, timeout=10_000)
    with qtbot.waitSignal(job.ended, timeout=10_000):
        go_on.set()
    qtbot.waitUntil(lambda: len(told) == 2, timeout=10_000)
    assert told == [frozenset({"images"}), frozenset({"images"})]


def test_a_frame_has_the_pixels_that_models_are_given(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    picture = Picture.new("RGB", (5, 3))
    picture.putpixel((4, 2), (10, 20, 30))
    picture.save(path)
    frame = frame_of(*images.load_bytes(path))
    assert (frame.width, frame.height) == (5, 3)
    assert (frame.pixels == images.load(path)).all()
    assert frame.levels[0].pixelColor(4, 2) == QColor(10, 20, 30)
