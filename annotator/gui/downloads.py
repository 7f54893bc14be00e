"""Models that are being fetched. That outlives the project which is open: it belongs to nobody's
photos, and a large model takes longer than one look at them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from annotator.core.records import Progress
from annotator.gui.jobs import Job, Jobs
from annotator.gui.status_line import PREPARING

if TYPE_CHECKING:
    from annotator.backends.downloads import Item


class Downloads(QObject):
    """One job for each pack. ``said``: how it ended, as the message bar shows it, when nobody
    else has told the person (see ``watched``)."""

    said = Signal(str, str, object)  # level, sentence, Offers
    changed = Signal(str)  # a pack: it began or ended

    def __init__(self, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        #: The pack whose form is on screen: how its download ended is said there.
        self.watched = ""
        #: Command of a form -> the pack that came for it last: it is chosen there next.
        self.arrived: dict[str, str] = {}

    def job(self, pack: str) -> Job | None:
        """The download of a pack that is under way."""
        return self._jobs.get(_name(pack))

    def start(self, pack: str, title: str, items: Sequence[Item], command: str) -> Job:
        """Fetch what is missing of ``items``; one that is under way goes on. ``command``: opens
        the form where the pack can be chosen then. Raises AnnotatorError once the program ends."""
        running = self.job(pack)
        if running is not None:
            return running
        job = self._jobs.start(
            _name(pack), lambda: _fetch(items), f"Downloading {title}", droppable=True
        )

        def finished() -> None:
            if pack != self.watched:
                self.arrived[command] = pack
            self._say(
                pack, "info", f"{title} is downloaded and can be used.", (("Choose it", command),)
            )

        job.finished.connect(finished)
        job.failed.connect(lambda why: self._say(pack, "error", why))
        job.cancelled.connect(
            lambda: self._say(
                pack, "info", f"The download of {title} was stopped. What is there is kept."
            )
        )
        job.ended.connect(lambda: self.changed.emit(pack))
        self.changed.emit(pack)
        return job

    def _say(self, pack: str, level: str, words: str, offers: object = ()) -> None:
        if pack != self.watched:
            self.said.emit(level, words, offers)


def _name(pack: str) -> str:
    return f"download {pack}"


def _fetch(items: Sequence[Item]) -> Iterator[Progress]:
    """On the job's thread. What goes before the bytes is a step of its own, so that the rate is
    that of the line."""
    from annotator.backends.downloads import download

    for progress in download(items):
        name, _, doing = progress.message.partition(", ")
        first = progress.total is None and not progress.done
        if progress.result is None and (doing or first):
            yield replace(progress, step=PREPARING, message=doing or name)
        else:
            yield progress
