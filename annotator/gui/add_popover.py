"""A model that a person has on disk: what it is, what it fits, and the pack that is made of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import shiboken6
from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QWidget,
)

from annotator.core.errors import AnnotatorError
from annotator.core.records import Progress
from annotator.gui.download_facts import ROLE_WORDS
from annotator.gui.faults import in_words
from annotator.gui.form import Form, hint, say
from annotator.gui.jobs import Job
from annotator.gui.session import Session
from annotator.gui.status_line import PREPARING
from annotator.gui.words import size_words

if TYPE_CHECKING:
    from annotator.backends.identify import Found

_EXPLAINS = (
    "A file or folder of weights that you have. It is looked at without running anything in it, "
    "and nothing is sent."
)
_MODELS = "Models (*.safetensors *.gguf *.pth *.pt *.bin *.ckpt *.json);;All files (*)"
JOB = "add model"


@dataclass(frozen=True, slots=True)
class Look:
    """What a file or folder is, a name for its pack, and the packs there are with those of them
    that it could work on top of."""

    found: Found
    name: str
    packs: tuple[tuple[str, str], ...]
    bases: tuple[tuple[str, str], ...]


def look(path: Path) -> Look:
    """On a worker: importing what looks takes a moment the first time."""
    from annotator.backends import added, registry
    from annotator.backends.identify import identify

    found = identify(path)
    packs, bases = [], []
    for name in registry.list_packs():
        try:
            pack = registry.load_pack(name)
        except AnnotatorError:
            continue  # a manifest that a person has to correct is no use here
        packs.append((name, pack.title or name))
        if "grounder" in pack.specs and pack.specs["grounder"].folder is not None:
            bases.append((name, pack.title or name))
    return Look(found, added.default_name(found), tuple(packs), tuple(bases))


class AddPopover(Form):
    """Emits ``added`` with the name of the pack and the role of the model in it."""

    added = Signal(str, str)

    def __init__(self, session: Session, window: QWidget) -> None:
        super().__init__("Add a model from disk", _EXPLAINS, "Add", window, width=520)
        self._session = session
        self._look: Look | None = None
        self._job: Job | None = None
        self.path = QLineEdit(self)
        self.path.setPlaceholderText("a file or a folder")
        self.file = QPushButton("File…", self)
        self.folder = QPushButton("Folder…", self)
        place = QHBoxLayout()
        place.setSpacing(6)
        place.addWidget(self.path, 1)
        place.addWidget(self.file)
        place.addWidget(self.folder)
        self.path.setAccessibleName("Model")
        self.what = hint("", self)
        self.role = QComboBox(self)
        self.name = QLineEdit(self)
        self.base = QComboBox(self)
        self.rest = QComboBox(self)
        self.copy = QCheckBox("Copy it into the folder of models", self)
        self.attempt = QCheckBox("Try it once before it is added", self)
        self.attempt.setChecked(True)
        self.says = hint("", self)
        self.row("Model", place)
        self.form.addRow(self.what)
        self.row("For", self.role)
        self.row("Name", self.name)
        self.row("On top of", self.base)
        self.row("The rest from", self.rest)
        self.form.addRow("", self.copy)
        self.form.addRow("", self.attempt)
        self.form.addRow(self.says)
        self.file.clicked.connect(self._choose_file)
        self.folder.clicked.connect(self._choose_folder)
        self.path.textChanged.connect(self._typed)
        self.path.editingFinished.connect(self._ask)
        self.name.textChanged.connect(self._refresh)
        self.go.clicked.connect(self._go)
        self._refresh()

    def ask(self, under: QWidget | None = None) -> None:
        """Open, as it was left."""
        self._refresh()
        self.open_at(under)
        self.path.setFocus()

    # --- which model

    def _choose_file(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(
            self, "A file of weights", self.path.text(), _MODELS
        )
        self.look_at(chosen)

    def _choose_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "A folder of a model", self.path.text())
        self.look_at(chosen)

    def look_at(self, place: str) -> None:
        """Say what is there; nothing for ""."""
        if place:
            self.path.setText(place)
            self._ask()

    def _typed(self, _: str) -> None:
        self._look = None
        self._say("")

    def _ask(self) -> None:
        place = self.path.text().strip()
        if not place or self._look is not None or self._job is not None:
            return
        self._say("Looking at it…")

        def show(found: Look) -> None:
            if shiboken6.isValid(self) and place == self.path.text().strip():
                self._show(found)

        self._session.work(
            lambda: look(Path(place)), show, key="identify", priority=10, failed=self._refused
        )

    def _show(self, one: Look) -> None:
        self._look, found = one, one.found
        if found.reason:
            self._say(in_form(found.reason), "error")
            return
        facts = [f"This is {found.title}"]
        if found.size_bytes:
            facts.append(size_words(found.size_bytes))
        if found.memory_mb:
            facts.append(f"about {size_words(found.memory_mb * 10**6)} of memory at work")
        words = ", ".join(facts) + f". Licence: {found.licence}."
        say(self.what, " ".join([words, *found.remarks]))
        self.role.clear()
        for role in found.roles:
            self.role.addItem(ROLE_WORDS[role], role)
        self.name.setText(one.name)
        self.base.clear()
        if found.needs == "clip":
            self.base.addItem("the CLIP that it was trained from", "")
        for name, title in one.bases if found.needs else ():
            self.base.addItem(title, name)
        self.rest.clear()
        for name, title in one.packs:
            self.rest.addItem(title, name)
        self.rest.setCurrentIndex(max(0, self.rest.findData(self._session.models.name)))
        self._say("")
        self.name.setFocus()

    # --- making the pack

    def _go(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self._refresh()
            return
        if not self._ready():
            self._ask()
            return
        one = self._look
        assert one is not None
        role, name, copy = self.role.currentData(), self.name.text().strip(), self.copy.isChecked()
        extends, base = self.rest.currentData(), self.base.currentData() or ""
        attempt, path = self.attempt.isChecked(), one.found.path

        def work() -> Iterator[Progress]:
            from annotator.backends import added

            for progress in added.add(
                role, path, name=name, extends=extends, base=base, copy=copy, attempt=attempt
            ):
                # Trying a model is neither images nor bytes: it takes as long as it takes.
                if progress.step == "load":
                    yield replace(progress, step=PREPARING, message="trying it")
                else:
                    yield progress

        try:
            job = self._session.jobs.start(JOB, work, f"Adding {name}", droppable=not copy)
        except AnnotatorError as error:
            self._say(str(error), "error")
            return
        self._job = job
        job.finished.connect(self._added)
        job.failed.connect(self._failed)
        job.cancelled.connect(self._cancelled)
        self._say("You can close this and go on; the line at the bottom shows how far it is.")

    def _added(self, last: Progress | None) -> None:
        self._job = None
        result = (last.result if last is not None else None) or {}
        self.path.clear()
        self.close_it()
        self._refresh()
        self.added.emit(result["pack"], result["role"])

    def _failed(self, why: str) -> None:
        self._job = None
        why = in_form(why)
        self._say(why, "error")
        if not self.isVisible():
            self._session.message.emit("error", why)

    def _cancelled(self) -> None:
        self._job = None
        self._say("Stopped; nothing was left behind.")

    def _refused(self, error: Exception) -> None:
        if shiboken6.isValid(self):
            known = isinstance(error, AnnotatorError)
            words = in_form(str(error)) if known else in_words(error, "That did not work")
            self._say(words, "error")

    # --- how it looks

    def _ready(self) -> bool:
        one = self._look
        return one is not None and not one.found.reason and bool(self.name.text().strip())

    def _say(self, words: str, kind: str = "hint") -> None:
        say(self.says, words, kind)
        self._refresh()

    def _refresh(self, _: object = None) -> None:
        one, running = self._look, self._job is not None
        known = one is not None and not one.found.reason
        for field in (self.what, self.name, self.rest, self.copy, self.attempt):
            self.form.setRowVisible(field, known)
        self.form.setRowVisible(self.role, known and self.role.count() > 1)
        self.form.setRowVisible(self.base, known and self.base.count() > 0)
        self.form.setRowVisible(self.says, bool(self.says.text()))
        for line in (self.path, self.name):
            line.setEnabled(not running)
        for choice in (self.role, self.base, self.rest):
            choice.setEnabled(not running)
        for button in (self.file, self.folder, self.copy, self.attempt):
            button.setEnabled(not running)
        stopping = self._job is not None and self._job.cancelling
        self.go.setText("Stopping…" if stopping else "Stop" if running else "Add")
        self.go.setEnabled(not stopping if running else self._ready())
        self.cancel.setText("Close" if running else "Cancel")
        if self.isVisible():
            self.place()


def in_form(sentence: str) -> str:
    """A sentence that may name options of the command, for a form that has fields instead."""
    return re.sub(r"--(\w+)", r"“\1”", re.sub(r" with --(name|with)\b", "", sentence))
