"""Reads what stands below the tags: the small tree and the evidence of the selected tag."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, QTimer

from annotator.core.records import Image, Tag
from annotator.gui.panels.image_vocabulary import Branch, EvidenceStrip, branches
from annotator.gui.panels.tags import TagsPanel
from annotator.gui.session import Session
from annotator.project import queries
from annotator.project.sqlite import sqlite3

#: Counts over the folder are read again at most so often while facts change, in milliseconds.
_REST = 500

_Shown = tuple[Tag, list[tuple[Image, Tag]]]


class VocabularyReader(QObject):
    """At once for another image or tag; after a rest when facts changed, for these counts go over
    the whole folder and a running step changes facts several times a second."""

    def __init__(self, session: Session, panel: TagsPanel) -> None:
        super().__init__(panel)
        self._session, self._panel = session, panel
        self._tags: Sequence[Tag] = ()
        self._tag: Tag | None = None
        self.rest = QTimer(self)
        self.rest.setSingleShot(True)
        self.rest.setInterval(_REST)
        self.rest.timeout.connect(self._read_all)

    def show_tags(self, tags: Sequence[Tag], *, at_once: bool) -> None:
        """Tags of the image, as they are now."""
        self._tags = tags
        if at_once:
            self._read_branches()
        elif not self.rest.isActive():
            self.rest.start()

    def show_tag(self, tag: Tag | None) -> None:
        """The selected tag."""
        before = None if self._tag is None else (self._tag.image_id, self._tag.synset_id)
        after = None if tag is None else (tag.image_id, tag.synset_id)
        self._tag = tag
        if after != before:
            self._read_evidence()

    def _read_all(self) -> None:
        self._read_branches()
        self._read_evidence()

    def _read_branches(self) -> None:
        tags = self._tags

        def show(lines: list[Branch]) -> None:
            self._panel.set_branches(lines)

        self._session.read(lambda db: branches(db, tags), show, key="image.branches")

    def _read_evidence(self) -> None:
        tag = self._tag
        if tag is None:
            self._panel.set_evidence("", [], None)
            return

        def read(db: sqlite3.Connection) -> _Shown:
            count = EvidenceStrip.COUNT
            found = queries.evidence(db, tag.synset_id, count)
            # Best first; a rare word has too few to fill the strip with its strongest alone.
            best = (*found.strongest, *found.doubtful, *found.weakest)[:count]
            by_id = {image.id: image for image in queries.images(db, [t.image_id for t in best])}
            return tag, [(by_id[t.image_id], t) for t in best if t.image_id in by_id]

        def show(answer: _Shown) -> None:
            self._panel.set_evidence(answer[0].synset, answer[1], self._session.image)

        self._session.read(read, show, key="image.evidence")
