"""The Vocabulary view: the tree, the evidence, and the merge under way with the history."""

from __future__ import annotations

from collections.abc import Callable

import shiboken6
from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QApplication,
    QLabel,
    QSplitter,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from annotator.core.errors import AnnotatorError, NameTaken
from annotator.core.records import Suggestion, Synset
from annotator.gui.commands import Commands, takes_text
from annotator.gui.item_models.vocabulary_forest import Forest
from annotator.gui.item_models.vocabulary_loader import VocabularyLoader
from annotator.gui.key_button import KeyButton
from annotator.gui.panels.evidence import EvidencePanel
from annotator.gui.panels.evidence_style import style_sheet
from annotator.gui.panels.evidence_tile import EvidenceTile, Thumbs
from annotator.gui.panels.history import HistoryPanel
from annotator.gui.panels.merge import MergePane
from annotator.gui.panels.merge_preview import MergeCard, Mode, Plan
from annotator.gui.panels.queue_column import QueueColumn
from annotator.gui.panels.suggestions import SuggestionsPanel
from annotator.gui.panels.synset_tree_panel import SynsetTreePanel
from annotator.gui.session import Session
from annotator.operations import synsets, tags

ALL_KINDS = frozenset({"images", "proposals", "synsets", "tags", "suggestions", "history"})
_OF_TREE = frozenset({"proposals", "synsets", "tags"})
_OF_QUEUE = frozenset({"suggestions", "synsets", "tags"})
_VERBS: dict[str, Callable[..., None]] = {
    "accept": synsets.accept,
    "reject": synsets.reject,
    "clear": synsets.clear,
}
_TAG_VERBS: dict[str, Callable[..., None]] = {
    "accept": tags.accept,
    "reject": tags.reject,
    "clear": tags.clear,
}


class VocabularyView(QWidget):
    """Wires the three columns to the session. It holds no facts: every one is read again."""

    def __init__(self, session: Session, commands: Commands, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._commands = commands
        self._stale = True
        self._first = True
        self.loader = VocabularyLoader(session, self)
        thumbs = Thumbs(session, self)
        self._thumbs = thumbs
        self.left = SynsetTreePanel(self)
        self.tree = self.left.tree
        self.evidence = EvidencePanel(session, thumbs, self)
        self.suggestions = SuggestionsPanel(session, self)
        self.merge = MergePane(session, thumbs, self)
        self.history = HistoryPanel(session, self)
        self._lay_out()
        self.setFocusProxy(self.tree)
        self._register(commands)

        self.loader.loaded.connect(self._loaded)
        self.tree.selected.connect(self._selected)
        self.tree.dropped.connect(self._dropped)
        self.tree.rename_asked.connect(self._rename)
        self.tree.merge_asked.connect(lambda s, t: self._propose("merge", [s], t))
        self.evidence.action.connect(self._action)
        self.evidence.tag_judged.connect(self._judge_tag)
        self.evidence.image_wanted.connect(self._open_image)
        self.evidence.synset_wanted.connect(self.show_synset)
        self.merge.opened.connect(self._open_image)
        self.merge.confirmed.connect(self._carry_out)
        self.merge.closed.connect(self.tree.setFocus)
        self.suggestions.previewed.connect(self._preview)
        self.suggestions.swap_wanted.connect(self._swap_suggestion)
        self.suggestions.group_wanted.connect(lambda: commands.run("group"))
        self.suggestions.left.connect(self.tree.setFocus)
        session.changed.connect(self._changed)
        session.synset_changed.connect(self._synset_changed)
        session.theme_changed.connect(self._restyle)
        QApplication.instance().focusChanged.connect(self._focus_moved)  # type: ignore[union-attr]
        self._restyle()

    def _restyle(self) -> None:
        self.setStyleSheet(style_sheet())
        self.update()

    def _lay_out(self) -> None:
        centre = QWidget(self)
        centre.setObjectName("column")
        self.nothing = QLabel("Select a synset to see why it is here.", centre)
        self.nothing.setObjectName("hint")
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._centre = QStackedLayout(centre)
        self._centre.addWidget(self.nothing)
        self._centre.addWidget(self.evidence)
        right = QueueColumn(self.suggestions, self.merge, self.history, self)
        self.columns = QSplitter(Qt.Orientation.Horizontal, self)
        self.columns.setHandleWidth(1)
        self.columns.setChildrenCollapsible(False)
        for part, least in ((self.left, 340), (centre, 320), (right, 300)):
            part.setMinimumWidth(least)
            self.columns.addWidget(part)
        self.columns.setSizes([440, 580, 420])
        self.columns.setStretchFactor(1, 1)
        self.empty = _empty_page(self, lambda: self._commands.run("propose"))
        self._pages = QStackedLayout(self)
        self._pages.addWidget(self.columns)
        self._pages.addWidget(self.empty)

    def _register(self, commands: Commands) -> None:
        for name, title, key, run in (
            ("accept", "Accept synset", "Y", lambda: self._decide("accept")),
            ("reject", "Reject synset", "X", lambda: self._decide("reject")),
            ("clear", "Clear the decision on a synset", "U", lambda: self._decide("clear")),
            ("rename", "Rename synset", "F2", self.tree.begin_rename),
            ("merge", "Merge synset into…", "M", lambda: self._choose("merge")),
            ("move", "Move synset under…", "P", lambda: self._choose("move")),
        ):
            commands.add(
                f"vocabulary.{name}", title, key, run, scope=self, enabled=self._tree_has_keys
            )

        queue = self.suggestions
        commands.add(
            "suggestions.go",
            "Go to the suggestions",
            "G",
            self.focus_suggestions,
            scope=self,
            enabled=self._queue_can_be_reached,
        )
        for name, title, keys, act in (
            ("take", "Take the selected suggestions", ("Y", "Return", "Enter"), queue.take),
            ("reject", "Reject the selected suggestions", ("X",), queue.reject),
            ("swap", "Merge the other way round", ("S",), queue.swap),
            ("many", "Take all suggestions above a confidence…", ("A",), queue.ask_many),
            ("leave", "Back to the tree", ("Esc",), self._leave_suggestions),
        ):
            commands.add(
                f"suggestions.{name}", title, keys, act, scope=queue, enabled=queue.has_keys
            )
        commands.add(
            "vocabulary.search", "Search the vocabulary", "/", self.focus_search, scope=self
        )

    def focus_search(self) -> None:
        """Put the keyboard into the search box."""
        self.left.focus_search()

    def _tree_has_keys(self) -> bool:
        """Letters mean the selected synset, unless an image or the merge has the keyboard."""
        return self.tree.current_id() is not None and self._are_of_tree(QApplication.focusWidget())

    def _are_of_tree(self, focus: QWidget | None) -> bool:
        other = isinstance(focus, (EvidenceTile, MergeCard))
        return not other and not self.suggestions.has_keys()

    def _focus_moved(self, _old: QWidget | None, new: QWidget | None) -> None:
        """Of the buttons with the same key, the one that the key would press now stands out."""
        if new is not None and self.isAncestorOf(new):
            self.suggestions.show_keys()
            self.evidence.show_keys(self._are_of_tree(new) and not takes_text(new))

    # --- reading

    @property
    def idle(self) -> bool:
        """Everything that was asked for is on screen, thumbnails too."""
        tiles = self.evidence.tiles()
        shown = self.evidence.found is None or all(tile.loaded for tile in tiles)
        return not self._stale and self.loader.idle and shown and self.merge.idle

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._stale:
            self._changed(ALL_KINDS)

    def _changed(self, kinds: frozenset[str]) -> None:
        if not self.isVisible():
            self._stale = True
            return
        self._stale = False
        if "images" in kinds:
            self._thumbs.forget()
        if not kinds.isdisjoint(_OF_TREE):
            self.loader.ask(kinds)
        if not kinds.isdisjoint(_OF_QUEUE):
            self.suggestions.reload()
        if "history" in kinds:
            self.history.reload()

    def _loaded(self, forest: Forest) -> None:
        self.evidence.set_forest(forest)
        wanted = self._session.synset
        elsewhere = wanted != self.tree.current_id()
        self.left.load(forest)
        self._pages.setCurrentWidget(self.columns if forest.synsets else self.empty)
        if elsewhere and wanted in forest.synsets:
            self.show_synset(wanted)  # chosen in another view before this was read
        elif self.tree.current_id() is None:
            # Something to look at: the best word that is still to be decided.
            shown = [forest.synsets[i] for i in self.tree.vocabulary.shown.order()]
            first = next((s for s in shown if not s.inner and s.verdict == "unknown"), None)
            if first is not None:
                self.tree.select(first.id)
        self.evidence.show_synset(self.tree.current_id())
        self.merge.set_forest(forest)
        if self._first and forest.synsets:
            self._first = False
            self.tree.setFocus()

    def _synset_changed(self, synset_id: int | None) -> None:
        if synset_id != self.tree.current_id():
            self.show_synset(synset_id)

    def show_synset(self, synset_id: int | None) -> None:
        """Select a synset, also one that the search hides."""
        vocabulary = self.tree.vocabulary
        if synset_id is not None and synset_id not in vocabulary.forest.synsets:
            return  # not read yet: the next reload looks at the session's synset
        if synset_id is not None and synset_id not in vocabulary.shown.rows:
            self.left.clear_filter()
        self.tree.select(synset_id)

    def _selected(self, ids: list[int]) -> None:
        current = ids[0] if ids else None
        self._centre.setCurrentWidget(self.evidence if ids else self.nothing)
        self.evidence.set_selected(len(ids))
        if current != self.evidence.synset_id:
            self.evidence.show_synset(current)
        if self.tree.vocabulary.forest.synsets and current != self._session.synset:
            self._session.select_synset(current)

    # --- deciding

    def _chosen(self) -> list[Synset]:
        known = self.tree.vocabulary.forest.synsets
        return [known[i] for i in self.tree.selected_ids() if i in known]

    def _action(self, name: str) -> None:
        if name == "rename":
            self.tree.begin_rename()
        elif name == "merge" or name == "move":
            self._choose("merge" if name == "merge" else "move")
        else:
            self._decide(name)

    def _decide(self, verb: str) -> None:
        ids = [s.id for s in self._chosen()]
        if ids:
            self._session.act(_VERBS[verb], ids)

    def _judge_tag(self, verb: str, image_id: int, synset_id: int) -> None:
        self._session.act(_TAG_VERBS[verb], image_id, synset_id)

    def _open_image(self, image_id: int) -> None:
        self._session.select_image(image_id)
        self._session.select_view("images")

    def _rename(self, synset_id: int, name: str) -> None:
        def renamed(_nothing: None) -> None:
            if shiboken6.isValid(self):
                self.tree.end_rename()

        def refused(error: AnnotatorError) -> None:
            if not shiboken6.isValid(self):
                return
            taken_by = error.synset_id if isinstance(error, NameTaken) else None
            if not self.tree.refuse_rename(taken_by, str(error)):
                self._session.message.emit("error", str(error))

        self._session.act(synsets.rename, synset_id, name, done=renamed, failed=refused)

    # --- suggestions

    def focus_suggestions(self) -> None:
        """Put the keyboard into the list of suggestions."""
        self.suggestions.begin()

    def _queue_can_be_reached(self) -> bool:
        return not isinstance(QApplication.focusWidget(), MergeCard)

    def _preview(self, suggestion: Suggestion | None) -> None:
        known = self.tree.vocabulary.forest.synsets
        source = target = None
        if suggestion is not None:
            source, target = known.get(suggestion.source), known.get(suggestion.target)
        if suggestion is None or source is None or target is None:
            self.merge.end_preview()
            return
        self.show_synset(source.id)
        self.merge.preview("merge" if suggestion.kind == "merge" else "move", source, target)

    def _swap_suggestion(self, suggestion: Suggestion) -> None:
        self._propose("merge", [suggestion.target], suggestion.source)

    def _leave_suggestions(self) -> None:
        self.suggestions.drop()
        self.merge.end_preview()
        self.tree.setFocus()

    # --- merging and moving

    def _choose(self, mode: Mode) -> None:
        chosen = self._chosen()
        if chosen:
            self.suggestions.drop()
            self.merge.choose(mode, chosen)

    def _dropped(self, ids: list[int], target_id: int, below: bool) -> None:
        self._propose("move" if below else "merge", ids, target_id)

    def _propose(self, mode: Mode, ids: list[int], target_id: int) -> None:
        known = self.tree.vocabulary.forest.synsets
        target, sources = known.get(target_id), [known[i] for i in ids if i in known]
        if target is not None and sources:
            self.suggestions.drop()
            self.merge.propose(mode, sources, target)

    def _carry_out(self, plan: Plan) -> None:
        ids, target = [s.id for s in plan.sources], plan.target
        follow = target.id if plan.mode == "merge" and target is not None else ids[0]

        def done(_nothing: None) -> None:
            if not shiboken6.isValid(self):
                return
            self.merge.close_plan()
            self.show_synset(follow)
            self.tree.setFocus()

        def failed(error: AnnotatorError) -> None:
            if shiboken6.isValid(self):
                self.merge.show_error(str(error))

        if plan.mode == "merge" and target is not None:
            self._session.act(synsets.merge, ids, target.id, done=done, failed=failed)
            return
        *before, last = ids
        for synset_id in before:
            self._session.act(synsets.move, synset_id, plan.target_id, failed=failed)
        self._session.act(synsets.move, last, plan.target_id, done=done, failed=failed)


def _empty_page(parent: QWidget, propose: Callable[[], object]) -> QWidget:
    """What is shown while there is no vocabulary: what is missing, and what to do."""
    page = QWidget(parent)
    page.setObjectName("column")
    title = QLabel("No vocabulary yet", page)
    title.setObjectName("emptyTitle")
    text = QLabel(
        "Propose looks at every image and collects what it sees: "
        "words become synsets, synsets become a tree, and you decide what stays.",
        page,
    )
    text.setObjectName("hint")
    text.setWordWrap(True)
    text.setMaximumWidth(420)
    text.setAlignment(Qt.AlignmentFlag.AlignHCenter)
    button = KeyButton("Propose labels", primary=True, parent=page)
    button.setObjectName("proposeButton")
    button.clicked.connect(lambda: propose())
    box = QVBoxLayout(page)
    box.setSpacing(14)
    box.addStretch(1)
    for part in (title, text, button):
        box.addWidget(part, 0, Qt.AlignmentFlag.AlignHCenter)
    box.addStretch(1)
    return page
