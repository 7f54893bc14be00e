"""The long steps that the window starts. Everything heavy is imported on the job's own thread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from annotator.core.records import Progress
from annotator.gui.jobs import Job
from annotator.gui.popovers import Export
from annotator.gui.session import Session


def scan(session: Session) -> Job:
    """List what is in the folder and read what is new."""

    def run() -> Iterator[Progress]:
        from annotator.pipeline.scan import scan as pipeline

        yield from pipeline(session.project)

    job = session.jobs.start("scan", run, "Scanning the folder")
    _report(session, job, "")
    return job


def propose(session: Session, pack: str, options: Mapping[str, Any]) -> Job:
    """Tags and vocabulary. ``options``: keyword arguments of ProposeOptions."""

    def run() -> Iterator[Progress]:
        from annotator.pipeline.options import ProposeOptions
        from annotator.pipeline.propose import propose as pipeline

        session.models.use(pack)
        yield from pipeline(session.project, session.models.pack(), ProposeOptions(**options))

    job = session.jobs.start("propose", run, "Proposing tags")
    _report(session, job, "Proposed tags: review them here, or as a vocabulary (Ctrl+2).")
    return job


def segment(session: Session, synset: int | None) -> Job:
    """Masks for one synset, or for the strongest tags of every image."""

    def run() -> Iterator[Progress]:
        from annotator.pipeline.segment import segment as pipeline

        yield from pipeline(session.project, session.models.pack(), synset)

    job = session.jobs.start("segment", run, "Drawing masks")
    _report(session, job, "The masks are drawn; accept or reject them under Regions.")
    return job


def export(session: Session, what: Export) -> Job:
    """Write the files."""

    def run() -> Iterator[Progress]:
        if what.format == "coco":
            from annotator.exchange import coco

            yield from coco.export(session.project, what.out, what.include)  # type: ignore[arg-type]
        else:
            from annotator.exchange import ade20k

            yield from ade20k.export(session.project, what.out, what.include)  # type: ignore[arg-type]

    job = session.jobs.start("export", run, "Exporting")
    _report(session, job, f"Exported to {what.out}.")
    return job


def demo(folder: Path) -> Iterator[Progress]:
    """Sample photos through every step, into ``folder``."""
    from annotator.backends.registry import load_pack
    from annotator.pipeline.demo import demo as pipeline

    yield from pipeline(folder, load_pack("starter"))


def _report(session: Session, job: Job, done: str) -> None:
    """Say how it ended: in the message bar, with the first failure by name."""

    def finished() -> None:
        if job.failures:
            first = job.failures[0]
            more = len(job.failures) - 1
            others = f" and {more:,} more" if more else ""
            words = f"{done} {first.image}{others} could not be done: {first.reason}".strip()
            session.message.emit("info" if done else "error", words.rstrip(".") + ".")
        elif done:
            session.message.emit("info", done)

    job.finished.connect(finished)
    job.failed.connect(lambda why: session.message.emit("error", why))
    job.cancelled.connect(
        lambda: session.message.emit(
            "info", f"{job.title} was stopped. What was finished is kept; start it again to go on."
        )
    )
