"""All steps, in their order."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from annotator.backends.registry import load_pack
from annotator.core import images
from annotator.core.errors import AnnotatorError
from annotator.project.project import Project
from annotator.self_test import (
    decisions,
    exports,
    models,
    proposing,
    starter,
    versions,
    window,
)
from annotator.self_test.steps import Found, Step, perform

#: The photo that is clicked at.
_CLICKED = "cat.jpg"


@dataclass(slots=True)
class Report:
    """What came of the self-test."""

    versions: dict[str, str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return all(step.ok for step in self.steps)

    @property
    def hashes(self) -> dict[str, str]:
        """Name -> SHA-256, to be compared with those of another install."""
        found: dict[str, str] = {}
        for step in self.steps:
            mark = step.facts.get("sha256", {})
            named = mark if isinstance(mark, dict) else {"mask": mark}
            found |= {f"{step.name} {name}": str(value) for name, value in named.items()}
        return found

    def document(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "steps": [step.document() for step in self.steps],
            "versions": self.versions,
            "hashes": self.hashes,
        }


def steps(folder: Path, picture: Path | None, *, window_wanted: bool) -> Iterator[Report]:
    """Carry the steps out in the empty ``folder``; the report after each, one step longer.
    ``picture``: where the window's picture goes, None for a place in ``folder``."""
    report = Report()
    test = _Test(folder, report)
    todo: dict[str, Callable[[], Found]] = {
        "versions": test.versions,
        "weights": starter.weights,
        "project": test.project,
        "proposals": test.proposals,
        "killed proposing": test.killed_proposing,
        "masks": test.masks,
        "killed deciding": test.killed_deciding,
        "exports": test.exports,
        "hq-sam": test.click,
        "clip": test.compare,
    }
    if window_wanted:
        todo["window"] = lambda: test.window(picture)
    for name, work in todo.items():
        report.steps.append(perform(name, work))
        yield report


class _Test:
    """The steps that share a folder. One that cannot run for what failed before it says so."""

    def __init__(self, folder: Path, report: Report) -> None:
        self._folder = folder
        self._report = report
        self._photos = folder / "photos of mine – été 写真"
        self._path = folder / "my project é.annot"
        #: As it was before proposals.
        self._scanned = folder / "scanned.annot"
        self._pack = load_pack("starter")

    def versions(self) -> Found:
        self._report.versions.update(versions.versions())
        return versions.look(self._report.versions)

    def project(self) -> Found:
        found = starter.make(self._photos, self._path)
        shutil.copyfile(self._path, self._scanned)
        return found

    def proposals(self) -> Found:
        with self._opened("project") as project:
            return starter.look(project, self._pack)

    def killed_proposing(self) -> Found:
        with self._opened("project", "proposals") as project:
            return proposing.kill(self._scanned, project, self._pack, self._folder)

    def masks(self) -> Found:
        with self._opened("project") as project:
            return starter.draw(project, self._pack)

    def killed_deciding(self) -> Found:
        self._require("project", "masks")
        return decisions.kill(self._path, self._folder)

    def exports(self) -> Found:
        with self._opened("project", "masks") as project:
            return exports.export(project, self._folder)

    def click(self) -> Found:
        self._require("project")
        return models.click(images.load(self._photos / _CLICKED), self._folder)

    def compare(self) -> Found:
        self._require("project")
        return models.compare(images.load(self._photos / _CLICKED), self._folder)

    def window(self, picture: Path | None) -> Found:
        self._require("project")
        return window.show(self._path, picture or self._folder / "window.png", self._folder)

    @contextmanager
    def _opened(self, *needed: str) -> Iterator[Project]:
        self._require(*needed)
        with Project.open(self._path) as project:
            yield project

    def _require(self, *needed: str) -> None:
        wrong = [step.name for step in self._report.steps if step.name in needed and not step.ok]
        if wrong:
            raise AnnotatorError(f"This could not be tried: put {wrong[0]} in order first.")
