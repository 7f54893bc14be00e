"""Opens the forms of a project: what they need is read first, what they say is started."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import shiboken6
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QWidget

from annotator.core.errors import AnnotatorError
from annotator.core.records import Synset
from annotator.gui import steps
from annotator.gui.overlay import Overlay
from annotator.gui.pack_facts import (
    MaskPack,
    PackFacts,
    pack_facts,
    read_mask_packs,
    read_packs,
)
from annotator.gui.session import Session
from annotator.project import queries
from annotator.project.sqlite import sqlite3

if TYPE_CHECKING:
    from annotator.gui.download_facts import Plan
    from annotator.gui.propose_popover import ProposePopover

F = TypeVar("F", bound=Overlay)
#: Setting: the pack that was chosen last for heatmaps and masks.
MODELS = "models"


class Forms:
    """One of each form, made when it is first asked for; it keeps what was typed into it."""

    def __init__(self, session: Session, window: Callable[[], QWidget]) -> None:
        self._session = session
        self._window = window
        self._made: dict[str, Overlay] = {}

    def dismiss(self) -> None:
        """Before the project goes: the forms belong to the window, and go with the project; what
        the window itself shows may speak of the project too."""
        for shown in self._window().findChildren(Overlay):
            shown.close_it()
        for form in self._made.values():
            form.deleteLater()
        self._made.clear()

    def ask(self, what: str, under: QWidget | None) -> None:
        """Open the form of "propose", "segment", "models", "add", "export", "group",
        "server" or "replies"; to look for tags in the pixels nothing has to be asked."""
        asks: dict[str, Callable[[QWidget | None], object]] = {
            "propose": self._propose,
            "support": lambda _: steps.support(self._session),
            "segment": self._segment,
            "models": self._models,
            "add": lambda _: self._add_model(),
            "export": self._export,
            "group": self._group,
            "server": self._server,
            "replies": self._replies,
        }
        asks[what](under)

    def _get(self, what: str, make: Callable[[QWidget], F]) -> tuple[F, bool]:
        """The form, and whether it was made just now."""
        found = self._made.get(what)
        if found is not None:
            return found, False  # type: ignore[return-value]
        made = make(self._window())
        self._made[what] = made
        return made, True

    def _propose(self, under: QWidget | None) -> None:
        form = self._propose_form()

        def show(found: list[PackFacts]) -> None:
            if shiboken6.isValid(form):
                arrived = self._session.downloads.arrived.pop("propose", "")
                if arrived:
                    form.choose_pack(arrived)
                form.set_packs(found, self._session.models.name)
                form.open_at(under)
                form.grid.setFocus()

        self._session.work(read_packs, show, key="packs", priority=10)

    def _propose_form(self) -> ProposePopover:
        from annotator.gui.propose_popover import ProposePopover

        form, new = self._get("propose", ProposePopover)
        if new:
            form.chosen.connect(self._start_propose)
            form.server_wanted.connect(lambda: self._server(None))
            form.get_wanted.connect(lambda pack: self._get_models(pack, "propose"))
            form.add_wanted.connect(self._add_model)
        return form

    def _start_propose(self, pack: str, options: dict[str, Any]) -> None:
        steps.propose(self._session, pack, options)

    def _segment(self, under: QWidget | None) -> None:
        from annotator.gui.popovers import SegmentPopover

        form, new = self._get("segment", SegmentPopover)
        if new:
            form.chosen.connect(
                lambda synset, options: steps.segment(self._session, synset, options)
            )
        chosen = self._session.synset

        def read(db: sqlite3.Connection) -> Synset | None:
            try:
                return None if chosen is None else queries.synset(db, chosen)
            except AnnotatorError:  # the word was taken back: nothing is selected any more
                return None

        def show(synset: Synset | None) -> None:
            if shiboken6.isValid(form):
                form.set_synset(
                    synset.id if synset is not None else None, synset.name if synset else ""
                )
                form.open_at(under)
                form.what.setFocus()

        self._session.read(read, show, key="segment-popover")

    def _models(self, under: QWidget | None) -> None:
        from annotator.gui.models_popover import ModelsPopover

        form, new = self._get("models", ModelsPopover)
        if new:
            form.chosen.connect(self._use_models)
            form.get_wanted.connect(lambda pack: self._get_models(pack, "models"))
            form.add_wanted.connect(self._add_model)

        def show(found: list[MaskPack]) -> None:
            if shiboken6.isValid(form):
                arrived = self._session.downloads.arrived.pop("models", "")
                form.set_packs(found, arrived or self._session.models.name)
                form.open_at(under)
                form.packs.setFocus()

        self._session.work(read_mask_packs, show, key="packs", priority=10)

    def _use_models(self, pack: str) -> None:
        """For the next start too."""
        QSettings().setValue(MODELS, pack)
        self._session.use_models(pack)

    def _get_models(self, pack: str, command: str) -> None:
        """What is missing of a pack, for the form that ``command`` opens."""
        from annotator.gui.get_popover import GetPopover

        form, new = self._get(
            f"get {command}", lambda window: GetPopover(self._session, window, command)
        )
        if new:
            form.chosen.connect(lambda name: self._chosen(name, command))
            form.list_wanted.connect(self._list_files)
        form.ask(pack, ("tagger",) if command == "propose" else ("grounder", "refiner"))

    def _list_files(self, plan: Plan) -> None:
        from annotator.gui.files_popover import FilesPopover

        form, _ = self._get("files", lambda window: FilesPopover(self._session, window))
        form.show_plan(plan)

    def _add_model(self) -> None:
        from annotator.gui.add_popover import AddPopover

        form, new = self._get("add", lambda window: AddPopover(self._session, window))
        if new:
            form.added.connect(self._model_added)
        form.ask()

    def _model_added(self, pack: str, role: str) -> None:
        command = "propose" if role in ("tagger", "language_model") else "models"
        used = "" if command == "propose" else " and is used for heatmaps and masks now"
        self._session.message.emit("info", f"The model was added as the pack {pack}{used}.")
        self._chosen(pack, command)

    def _chosen(self, pack: str, command: str) -> None:
        """Use a pack that is here now, for what it was wanted for."""
        if command == "propose":
            self._propose_form().choose_pack(pack)
            self._propose(None)
        else:
            self._use_models(pack)

    def _export(self, under: QWidget | None) -> None:
        from annotator.gui.popovers import ExportPopover

        form, new = self._get("export", ExportPopover)
        if new:
            form.chosen.connect(lambda chosen: steps.export(self._session, chosen))
        form.set_project(self._session.project.path)
        form.open_at(under)
        form.format.setFocus()

    def _group(self, under: QWidget | None) -> None:
        """At once where the models run here; asked first where words leave this computer."""
        name = self._session.models.name

        def show(facts: PackFacts) -> None:
            if facts.word_server:
                self._ask_to_send(facts, under)
            else:
                steps.group(self._session)

        self._session.work(lambda: pack_facts(name), show, key="pack", priority=10)

    def _ask_to_send(self, facts: PackFacts, under: QWidget | None) -> None:
        from annotator.gui.popovers import GroupPopover

        form, new = self._get("group", GroupPopover)
        if new:
            form.chosen.connect(lambda: steps.group(self._session))
        form.set_server(facts.word_server, facts.open_way)
        form.open_at(under)
        form.go.setFocus()

    def _server(self, under: QWidget | None) -> None:
        from annotator.gui.server_popover import ServerPopover

        form, new = self._get("server", lambda window: ServerPopover(self._session, window))
        if new:
            form.saved.connect(self._server_saved)
        form.open_at(under)
        form.name.setFocus()

    def _server_saved(self, name: str) -> None:
        self._session.message.emit(
            "info",
            f"The pack {name} is saved. Nothing was sent; propose with it to ask the server.",
        )
        self._propose_form().choose_pack(name)
        self._propose(None)

    def _replies(self, under: QWidget | None) -> None:
        from annotator.gui.replies_popover import RepliesPopover

        form, _ = self._get("replies", lambda window: RepliesPopover(self._session, window))
        form.ask(under)
