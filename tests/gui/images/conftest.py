"""A small real project with tags and masks, and the Images view on it in a real window."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMainWindow, QWidget
from pytestqt.qtbot import QtBot

from annotator.backends.protocols import MaskCandidate, TagText
from annotator.core import masks
from annotator.core.records import Region, Tag
from annotator.gui import faults
from annotator.gui.commands import Commands
from annotator.gui.images_view import ImagesView
from annotator.gui.session import Session
from annotator.pipeline.scan import scan
from annotator.project import queries, store
from annotator.project.project import Project

WIDTH, HEIGHT = 64, 48
#: image -> {word: score}; a score below 0.05 was dropped by the filter.
TAGS = {
    "a.jpg": {"dog": 0.9, "cat": 0.5, "sofa": 0.3, "kite": 0.01},
    "b.jpg": {"dog": 0.8},
    "c.png": {"sofa": 0.7},
    "d.jpg": {},
}


def paint(path: Path, shade: int) -> None:
    """A photo whose left half is dark and whose right half is bright."""
    pixels = np.full((HEIGHT, WIDTH, 3), shade, np.uint8)
    pixels[:, WIDTH // 2 :] = 230
    Picture.fromarray(pixels).save(path)


def fill(project: Project) -> dict[str, int]:
    """Four photos and a broken file, scanned; three words in use and one dropped. Ids by name."""
    for i, name in enumerate(TAGS):
        paint(project.folder / name, 20 + 30 * i)
    (project.folder / "e_broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 this is no picture")
    for _ in scan(project):
        pass
    ids: dict[str, int] = {}
    with project.write("images", "synsets", "tags", "runs") as db:
        run = store.start_run(db, "propose", pack="test", total=4)
        for word in ("dog", "cat", "sofa", "kite"):
            ids[word] = store.ensure_synset(db, word, score=1.0)
        rows = []
        for image in queries.images(db, queries.image_ids(db)):
            ids[image.path] = image.id
            for word, score in TAGS.get(image.path, {}).items():
                reason = "below the threshold 0.05" if score < 0.05 else None
                rows.append(
                    store.TagRow(
                        *(image.id, ids[word], score, score, 2, 5, ("whole", "top left")),
                        kept=reason is None,
                        reason=reason,
                    )
                )
        store.set_tags(db, rows, run_id=run)
        store.finish_run(db, run, "done")
    return ids


def add_region(project: Project, ids: dict[str, int], image: str, word: str, box: slice) -> int:
    """A machine's mask over the columns ``box``, with a hole of one pixel."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[8:40, box] = True
    mask[20, (box.start + box.stop) // 2] = False
    rle = masks.encode(mask)
    row = store.RegionRow(*(ids[image], ids[word], rle, masks.bbox(rle), masks.area(rle), 0.5, 0.2))
    with project.write("regions") as db:
        return store.add_regions(db, [row])[0]


class FakeModels:
    """Stands behind the protocols of Grounder and Refiner, and can be made slow or to fail.

    The similarity of a pixel with any tag rises evenly from the left, 0 to 1.
    """

    name = "test"
    id = "fake"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.go_on = threading.Event()
        self.go_on.set()
        self.error: Exception | None = None
        self.looking = threading.Event()
        self.excuses: list[str] = []
        self.vectors: dict[str, tuple[float, float]] = {}
        self.encoded: list[int] = []  # shades, by which ``paint`` tells photos apart
        self.slow: int | None = None  # the shade whose encoding waits
        self.encoding, self.encode_on = threading.Event(), threading.Event()
        self.refined: list[tuple[tuple[Any, ...], Any, bool]] = []  # points, box, with a mask
        self.refining, self.answer = threading.Event(), threading.Event()
        self.answer.set()
        self.broken: Exception | None = None

    def loaded(self, role: str) -> bool:
        return bool(self.encoded if role == "refiner" else self.asked)

    def fallbacks(self) -> list[str]:
        said, self.excuses = self.excuses, []
        return said

    def grounder(self) -> FakeModels:
        if self.error is not None:
            raise self.error
        return self

    def refiner(self) -> FakeModels:
        return self

    def pixels(self, image: np.ndarray) -> np.ndarray:
        self.off_the_ui_thread()
        column = np.linspace(0.0, 1.0, 8, dtype=np.float32)
        row = np.stack([column, np.sqrt(1 - column**2)], axis=1)
        return np.repeat(row[None], 6, axis=0)

    def texts(self, tags: Sequence[TagText]) -> np.ndarray:
        self.asked.extend(tag.name for tag in tags)
        self.looking.set()
        assert self.go_on.wait(10)
        vectors = [self.vectors.get(tag.name, (1.0, 0.0)) for tag in tags]
        return np.array(vectors, np.float32).reshape(-1, 2)

    def explain(self, tag: TagText) -> list[tuple[str, float]]:
        return [("couch", 0.7), ("armchair", 0.3)] if tag.name == "sofa" else [(tag.name, 1.0)]

    def encode(self, image: np.ndarray) -> Any:
        self.off_the_ui_thread()
        shade = int(image[4, 4, 0])
        self.encoded.append(shade)
        if shade == self.slow:
            self.encoding.set()
            assert self.encode_on.wait(10)
        return shade

    def refine(self, encoding: Any, points: Any = (), box: Any = None, mask: Any = None) -> Any:
        """The mask so far or the box, with a square of 9 x 9 pixels around each inside point and
        without one around each outside point."""
        self.off_the_ui_thread()
        self.refined.append((tuple(points), box, mask is not None))
        self.refining.set()
        assert self.answer.wait(10)
        if self.broken is not None:
            raise self.broken
        found = np.zeros((HEIGHT, WIDTH), bool) if mask is None else mask > 0.5
        if mask is None and box is not None:
            left, top, right, bottom = (round(edge) for edge in box)
            found[top:bottom, left:right] = True
        for x, y, inside in points:
            found[max(0, int(y) - 4) : int(y) + 5, max(0, int(x) - 4) : int(x) + 5] = inside
        return [MaskCandidate(found, 1.0)]

    def off_the_ui_thread(self) -> None:
        assert threading.current_thread() is not threading.main_thread()


class StoringModels(FakeModels):
    """Its encodings can be kept on disk."""

    id = "storing"

    def pack(self, encoding: int) -> bytes:
        return bytes([encoding])

    def unpack(self, data: bytes) -> int:
        return data[0]


@dataclass
class Bench:
    """The view with its session, and shorthands for what tests do and see."""

    view: ImagesView
    session: Session
    window: QMainWindow
    qtbot: QtBot
    ids: dict[str, int]
    models: FakeModels
    messages: list[tuple[str, str]] = field(default_factory=list)

    def settle(self) -> None:
        """Wait until everything asked for is on screen."""
        self.qtbot.waitUntil(self.quiet, timeout=10_000)

    def quiet(self) -> bool:
        timers = (
            self.view.left._typing,
            self.view.reader.rest,
            self.view.desk.grounding._rest,
            self.view.tags.word._typing,
            self.view.left.grid._tell,
        )
        paces = (self.view.left._following, self.view.left._counting)
        return (
            self.session.idle
            and not self.view.left.waiting  # counts and thumbnails come after the first image
            and not any(timer.isActive() for timer in timers)
            and not any(pace.waiting for pace in paces)
        )

    def open(self, image: str) -> None:
        self.session.select_image(self.ids[image])
        self.settle()

    def press(
        self,
        *keys: Qt.Key,
        modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
        wait: bool = True,
    ) -> None:
        """Press keys where the keyboard is, as the window would get them."""
        for key in keys:
            QTest.keyClick(QApplication.focusWidget() or self.window, key, modifier)
        if wait:
            self.settle()

    def click(
        self,
        x: float,
        y: float,
        button: Qt.MouseButton = Qt.MouseButton.LeftButton,
        *,
        wait: bool = True,
    ) -> None:
        """A click on a pixel of the image."""
        at = self.view.canvas.viewport.to_screen(QPointF(x + 0.5, y + 0.5)).toPoint()
        QTest.mouseClick(self.view.canvas, button, pos=at)
        if wait:
            self.settle()

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """The left button, from one place of the image to another."""
        canvas = self.view.canvas
        one, other = (canvas.viewport.to_screen(QPointF(*at)).toPoint() for at in (start, end))
        QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=one)
        QTest.mouseMove(canvas, (one + other) / 2)
        QApplication.processEvents()
        QTest.mouseMove(canvas, other)
        QApplication.processEvents()
        QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=other)
        self.settle()

    @property
    def image(self) -> str:
        """Path of the selected image."""
        return next(name for name, i in self.ids.items() if i == self.session.image and "." in name)

    @property
    def word(self) -> str:
        """Name of the selected tag."""
        tag = self.view.tags.tag
        return "" if tag is None else tag.synset

    def verdicts(self) -> dict[str, str]:
        """Of the tags of the image, as the panel shows them."""
        return {tag.synset: tag.verdict for tag in self.view.tags.shown}

    def on_disk(self, image: str) -> dict[str, str]:
        """The same from the file, through a project that is opened for the question."""
        with Project.open(self.session.project.path) as other, other.read() as db:
            return {t.synset: t.verdict for t in queries.tags(db, self.ids[image], dropped=True)}

    def tags(self, image: str) -> list[Tag]:
        with self.session.project.read() as db:
            return queries.tags(db, self.ids[image], dropped=True)

    def regions(self, image: str) -> list[Region]:
        with self.session.project.read() as db:
            return queries.regions(db, self.ids[image])

    def shown_images(self) -> list[str]:
        names = {i: name for name, i in self.ids.items() if "." in name}
        return [names[i] for i in self.view.left.model.ids]


def wheel(
    widget: QWidget,
    at: QPointF,
    notches: float,
    modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
) -> None:
    """A turn of the wheel, as the window system would send it."""
    event = QWheelEvent(
        at,
        QPointF(widget.mapToGlobal(at.toPoint())),
        QPoint(0, 0),
        QPoint(0, round(120 * notches)),
        Qt.MouseButton.NoButton,
        modifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


@pytest.fixture(autouse=True)
def _own_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong on purpose is not for the person's own log."""
    monkeypatch.setattr(faults, "log_file", lambda: tmp_path / "annotator.log")


@pytest.fixture
def storing_models() -> StoringModels:
    return StoringModels()


@pytest.fixture
def turn() -> Callable[..., None]:
    return wheel


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    folder = tmp_path / "photos"
    folder.mkdir()
    with Project.create(tmp_path / "test.annot", folder) as made:
        yield made


@pytest.fixture
def ids(project: Project) -> dict[str, int]:
    return fill(project)


def open_view(qtbot: QtBot, project: Project, ids: dict[str, int]) -> Bench:
    session = Session(project)
    models = FakeModels()
    session.models = models  # type: ignore[assignment]
    window = QMainWindow()
    qtbot.addWidget(window)
    view = ImagesView(session, Commands(window))
    made = Bench(view, session, window, qtbot, ids, models)
    session.message.connect(lambda level, text: made.messages.append((level, text)))
    window.setCentralWidget(view)
    window.resize(1440, 820)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    made.settle()
    return made


@pytest.fixture
def bench(qtbot: QtBot, project: Project, ids: dict[str, int]) -> Iterator[Bench]:
    made = open_view(qtbot, project, ids)
    yield made
    made.models.go_on.set()
    made.models.answer.set()
    made.models.encode_on.set()
    made.session.close()


@pytest.fixture
def opened(qtbot: QtBot, project: Project) -> Iterator[Callable[[dict[str, int]], Bench]]:
    """Opens the view when the test has made its project."""
    made: list[Bench] = []

    def open_now(ids: dict[str, int]) -> Bench:
        made.append(open_view(qtbot, project, ids))
        return made[-1]

    yield open_now
    for one in made:
        one.models.answer.set()
        one.session.close()


@pytest.fixture
def masked(project: Project, ids: dict[str, int]) -> dict[str, int]:
    """Two masks on the first image: ids of the regions by word."""
    return {
        "dog": add_region(project, ids, "a.jpg", "dog", slice(4, 24)),
        "sofa": add_region(project, ids, "a.jpg", "sofa", slice(36, 60)),
    }
