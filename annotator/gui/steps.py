"""The long steps that the window starts. Everything heavy is imported on the job's own thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.core.records import Progress
from annotator.gui.jobs import Factory, Job
from annotator.gui.session import Session

if TYPE_CHECKING:
    from annotator.gui.popovers import Export

#: A scan makes way for the first image on screen, but never for longer, in seconds.
_FIRST_S = 1.0


def scan(
    session: Session, shown: threading.Event | None = None, *, new: bool = False
) -> Job | None:
    """List what is in the folder and read what is new. ``shown``: set when the first image is on
    screen; until then the scan rests, in a ``new`` project after the first images are listed."""

    def run() -> Iterator[Progress]:
        from annotator.pipeline.scan import scan as pipeline

        if shown is not None and not new:
            shown.wait(_FIRST_S)
        steps = pipeline(session.project)
        for progress in steps:
            yield progress
            if shown is not None and new:
                shown.wait(_FIRST_S)
                break
        yield from steps

    return _start(session, "scan", "Scanning the folder", run, "")


def propose(session: Session, pack: str, options: Mapping[str, Any]) -> Job | None:
    """Tags and vocabulary. ``options``: keyword arguments of ProposeOptions."""

    def run() -> Iterator[Progress]:
        from annotator.pipeline.options import ProposeOptions
        from annotator.pipeline.propose import propose as pipeline

        session.models.use(pack)
        yield from pipeline(session.project, session.models.pack(), ProposeOptions(**options))

    done = "Proposed tags: review them here, or as a vocabulary (Ctrl+2)."
    return _start(session, "propose", "Proposing tags", run, done)


def segment(session: Session, synset: int | None) -> Job | None:
    """Masks for one synset, or for the strongest tags of every image."""

    def run() -> Iterator[Progress]:
        from annotator.pipeline.segment import segment as pipeline

        yield from pipeline(session.project, session.models.pack(), synset)

    done = "The masks are drawn; accept or reject them under Regions."
    return _start(session, "segment", "Drawing masks", run, done)


def export(session: Session, what: Export) -> Job | None:
    """Write the files."""

    def run() -> Iterator[Progress]:
        if what.format == "coco":
            from annotator.exchange import coco

            yield from coco.export(session.project, what.out, what.include)  # type: ignore[arg-type]
        else:
            from annotator.exchange import ade20k

            yield from ade20k.export(session.project, what.out, what.include)  # type: ignore[arg-type]

    return _start(session, "export", "Exporting", run, f"Exported to {what.out}.")


def demo(folder: Path) -> Iterator[Progress]:
    """Sample photos through every step, into ``folder``."""
    from annotator.backends.registry import load_pack
    from annotator.pipeline.demo import demo as pipeline

    yield from pipeline(folder, load_pack("starter"))


def _start(session: Session, name: str, title: str, run: Factory, done: str) -> Job | None:
    """The job, which tells the message bar how it ended; None when one like it is under way."""
    if session.jobs.get(name) is not None:
        session.message.emit("info", f"{title} is under way already; see the line at the bottom.")
        return None
    job = session.jobs.start(name, run, title)
    _report(session, job, done)
    return job


def _report(session: Session, job: Job, done: str) -> None:
    """Say how it ended: in the message bar, with the first failure by name. ``done``: what is
    said when all went well, "" for a scan, which then is silent."""

    def finished() -> None:
        if job.failures:
            first = job.failures[0]
            more = len(job.failures) - 1
            others = f" and {more:,} more" if more else ""
            verb = "done" if done else "read"
            words = f"{done} {first.image}{others} could not be {verb}: {first.reason}".strip()
            # A scan tries broken files again each time: that is a note, and no news.
            session.message.emit("error" if done else "note", words.rstrip(".") + ".")
        elif done:
            session.message.emit("info", done)

    job.finished.connect(finished)
    job.failed.connect(lambda why: session.message.emit("error", why))
    job.cancelled.connect(
        lambda: session.message.emit(
            "info", f"{job.title} was stopped. What was finished is kept; start it again to go on."
        )
    )
