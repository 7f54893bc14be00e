"""A small real project with a tree, and the Vocabulary view on it in a real window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image as Picture
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMainWindow, QWidget
from pytestqt.qtbot import QtBot

from annotator.core.records import Proposed, Synset
from annotator.gui.commands import Commands
from annotator.gui.session import Session
from annotator.gui.vocabulary_view import VocabularyView
from annotator.project import queries, store
from annotator.project.project import Project

#: name -> (score, {image number: tag score})
WORDS = {
    "sofa": (1.8, {0: 0.9, 1: 0.8, 2: 0.55, 9: 0.1}),
    "couch": (0.9, {2: 0.7, 3: 0.4}),
    "beagle": (1.2, {4: 0.95, 5: 0.6, 2: 0.5}),
    "bluetick": (0.3, {6: 0.3}),
    "tabby": (0.8, {7: 0.8}),
    "car": (0.5, {8: 0.5, 0: 0.2, 6: 0.15}),
}
PARENTS = {"dog": "animal", "beagle": "dog", "bluetick": "dog", "tabby": "animal"}


def fill(project: Project, folder: Path, images: int = 10) -> dict[str, int]:
    """Ten photos of one colour each, six words in a tree; ids by name."""
    for i in range(images):
        Picture.new("RGB", (32, 24), (20 * i, 120, 255 - 20 * i)).save(folder / f"photo{i}.jpg")
    with project.write("images", "proposals", "synsets", "tags", "runs") as db:
        seen = [store.FileSeen(f"photo{i}.jpg", 900, 1) for i in range(images)]
        image_ids = store.upsert_images(db, seen)
        for i, image_id in enumerate(image_ids):
            store.set_image_read(db, image_id, hash=f"h{i}", width=32, height=24, format="JPEG")
        run = store.start_run(db, "propose", pack="test", total=images)
        ids = {
            name: store.ensure_synset(db, name, inner=True, score=0.0) for name in ("animal", "dog")
        }
        for name, (score, _) in WORDS.items():
            ids[name] = store.ensure_synset(db, name, lemmas=(name,), score=score)
        said: dict[int, list[store.Said]] = {i: [] for i in image_ids}
        rows = []
        for name, (_, tags) in WORDS.items():
            for number, score in tags.items():
                text = "settee" if number == 9 else name
                label = store.ensure_label(db, text)
                store.set_label(db, label, ids[name], "same word")
                proposed = Proposed(text, (score,))
                said[image_ids[number]].append(store.Said(proposed, "whole", 0, score))
                kept = number != 9
                rows.append(
                    store.TagRow(
                        image_ids[number], ids[name], score, score, 1, 1, ("whole",), kept,
                        None if kept else "below the percentile",
                    )
                )  # fmt: skip
        store.add_run_images(db, run, [(i, None, words) for i, words in said.items()])
        store.set_tags(db, rows, run_id=run)
        store.set_parents(db, {ids[a]: ids[b] for a, b in PARENTS.items()})
        store.finish_run(db, run, "done")
    return ids


@dataclass
class Bench:
    """The view with its session, and shorthands for what tests do and see."""

    view: VocabularyView
    session: Session
    window: QMainWindow
    qtbot: QtBot
    ids: dict[str, int]

    def settle(self) -> None:
        """Wait until everything asked for is on screen."""
        self.qtbot.waitUntil(lambda: self.session.idle and self.view.idle, timeout=10_000)

    def select(self, name: str) -> None:
        self.view.tree.select(self.ids[name])
        self.settle()

    def press(self, key: Qt.Key, widget: QWidget | None = None) -> None:
        """Press a key where the keyboard is, as the window would get it."""
        target = widget or QApplication.focusWidget() or self.window
        QTest.keyClick(target, key)
        self.settle()

    def type(self, text: str) -> None:
        focus = QApplication.focusWidget()
        assert focus is not None
        QTest.keyClicks(focus, text)
        self.settle()

    def synset(self, name: str) -> Synset:
        """As the project has it now."""
        with self.session.project.read() as db:
            return queries.synset(db, self.ids[name])

    def shown(self) -> list[str]:
        """Names in the tree from top to bottom, two spaces a level, folded ones left out."""
        tree = self.view.tree
        out, index = [], tree.model().index(0, 0)
        while index.isValid():
            synset = tree.vocabulary.synset(index)
            assert synset is not None
            out.append("  " * len(tree.vocabulary.forest.above(synset.id)) + synset.name)
            index = tree.indexBelow(index)
        return out

    def labels(self) -> list[str]:
        """The history as the panel lists it; undone steps in brackets."""
        steps = self.view.history.model.steps
        return [f"({s.label})" if s.undone else s.label for s in steps]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    folder = tmp_path / "photos"
    folder.mkdir()
    with Project.create(tmp_path / "test.annot", folder) as made:
        yield made


@pytest.fixture
def ids(project: Project) -> dict[str, int]:
    return fill(project, project.folder)


def open_view(qtbot: QtBot, project: Project, ids: dict[str, int]) -> Bench:
    session = Session(project)
    window = QMainWindow()
    qtbot.addWidget(window)
    view = VocabularyView(session, Commands(window))
    window.setCentralWidget(view)
    window.resize(1440, 820)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    made = Bench(view, session, window, qtbot, ids)
    made.settle()
    return made


@pytest.fixture
def bench(qtbot: QtBot, project: Project, ids: dict[str, int]) -> Iterator[Bench]:
    made = open_view(qtbot, project, ids)
    yield made
    made.session.close()


@pytest.fixture
def empty_bench(qtbot: QtBot, project: Project) -> Iterator[Bench]:
    made = open_view(qtbot, project, {})
    yield made
    made.session.close()
