"""The long steps that the window starts. Everything heavy is imported on the job's own thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.core.errors import AnnotatorError
from annotator.core.records import Progress
from annotator.gui.jobs import Factory, Job
from annotator.gui.session import Offers, Session
from annotator.gui.words import plural, usage_words

if TYPE_CHECKING:
    from annotator.gui.popovers import Export

Result = Mapping[str, Any]
#: What is said at the end, and what can be done next: (words of the button, command id).
Said = tuple[str, Offers]
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

    return _start(session, "propose", "Proposing tags", run, _proposed, droppable=True)


def group(session: Session) -> Job | None:
    """Suggestions of merges and parents, from the models of the chosen pack."""

    def run() -> Iterator[Progress]:
        from annotator.pipeline.group import GroupOptions
        from annotator.pipeline.group import group as pipeline

        yield from pipeline(session.project, session.models.pack(), GroupOptions())

    return _start(session, "group", "Looking for groups of words", run, _grouped, droppable=True)


def support(session: Session) -> Job | None:
    """Which tags the pixels show, and where."""

    def run() -> Iterator[Progress]:
        from annotator.pipeline.support import support as pipeline

        yield from pipeline(session.project, session.models.pack())
        session.models.grounder()  # built by now: what it has to say of itself is told at the end

    return _start(
        session, "support", "Looking for the tags in the pixels", run, _supported, droppable=True
    )


def segment(
    session: Session, synset: int | None, options: Mapping[str, Any] | None = None
) -> Job | None:
    """Masks for one synset, or for the strongest tags of every image. ``options``: keyword
    arguments of SegmentOptions."""

    def run() -> Iterator[Progress]:
        from annotator.pipeline.segment import SegmentOptions
        from annotator.pipeline.segment import segment as pipeline

        pack = session.models.pack()
        yield from pipeline(session.project, pack, synset, SegmentOptions(**(options or {})))
        if pack.has("refiner"):
            session.models.refiner()  # built by now, as the grounder
        session.models.grounder()

    return _start(session, "segment", "Drawing masks", run, _segmented, droppable=True)


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


def _proposed(result: Result) -> Said:
    """What came of it, what it took, and what can be done next."""
    words = ["Proposed tags: review them here, or as a vocabulary (Ctrl+2)."]
    offers: Offers = (("Suggest groups (Ctrl+G)", "group"),)
    every, unread = result.get("replies") or 0, result.get("unreadable_replies") or 0
    if unread:
        words.append(f"{unread:,} of {every:,} replies could not be read.")
        offers = (("Show them", "replies"), *offers)
    return _with_usage(words, result), offers


def _grouped(result: Result) -> Said:
    merges, parents = result.get("merges") or 0, result.get("parents") or 0
    if not merges and not parents:
        return _with_usage(["Nothing to suggest: no words that belong together."], result), ()
    if not result.get("suggestions"):
        return _with_usage(["Nothing new to suggest: all of it is decided already."], result), ()
    counted = [plural(n, noun) for n, noun in ((merges, "merge"), (parents, "parent")) if n]
    words = [f"{' and '.join(counted)} suggested; see Suggestions in the Vocabulary (Ctrl+2)."]
    if result["suggestions"] < merges + parents:
        words = [
            f"{' and '.join(counted)} found, {result['suggestions']:,} of them not decided yet; "
            "see Suggestions in the Vocabulary (Ctrl+2)."
        ]
    fallbacks = result.get("fallbacks") or 0
    if fallbacks:
        words.append(
            f"The language model left {plural(fallbacks, 'word')} without a usable answer; "
            "these were compared by meaning."
        )
    if result.get("note"):
        words.append(f"Meanings of ambiguous words were not looked at: {result['note']}")
    return _with_usage(words, result), (("Show them (Ctrl+2)", "view.vocabulary"),)


def _segmented(result: Result) -> Said:
    words = "The masks are drawn; accept or reject them under Regions."
    met = {row["image"] for row in result.get("overlaps") or ()}
    if met:
        words += f" On {plural(len(met), 'image')} masks of different tags met: each says there "
        words += "what it gave."
    return words, ()


def _supported(result: Result) -> Said:
    tags, unsupported = result.get("tags") or 0, result.get("unsupported") or 0
    if not unsupported:
        return f"Looked for {plural(tags, 'tag')}: the pixels show all of them.", ()
    words = f"Looked for {plural(tags, 'tag')}: no pixel shows {unsupported:,} of them."
    return words, (("Show their images", "images.unsupported"),)


def _with_usage(words: list[str], result: Result) -> str:
    usage = usage_words(result.get("usage"))
    return " ".join([*words, f"It took {usage}."] if usage else words)


def _start(
    session: Session,
    name: str,
    title: str,
    run: Factory,
    done: str | Callable[[Result], Said],
    *,
    droppable: bool = False,
) -> Job | None:
    """The job, which tells the message bar how it ended; None, and why, when one like it is under
    way or the project is being closed."""
    if session.jobs.get(name) is not None:
        session.message.emit("info", f"{title} is under way already; see the line at the bottom.")
        return None
    try:
        job = session.jobs.start(name, run, title, droppable=droppable)
    except AnnotatorError as error:
        session.message.emit("error", str(error))
        return None
    _report(session, job, done)
    return job


def _report(session: Session, job: Job, done: str | Callable[[Result], Said]) -> None:
    """Say how it ended: in the message bar, with the first failure by name. ``done``: what is
    said when all went well, "" for a scan, which then is silent."""

    def finished(last: Progress | None) -> None:
        result = (last.result if last is not None else None) or {}
        words, offers = (done, ()) if isinstance(done, str) else done(result)
        level = "info"
        if job.failures:
            first = job.failures[0]
            more = len(job.failures) - 1
            others = f" and {more:,} more" if more else ""
            verb = "done" if done else "read"
            words = f"{words} {first.image}{others} could not be {verb}: {first.reason}".strip()
            words = words.rstrip(".") + "."
            # A scan tries broken files again each time: that is a note, and no news.
            level = "error" if done else "note"
        words = " ".join([words, *session.models.fallbacks()]).strip()
        if offers:
            session.offered.emit(level, words, offers)
        elif words:
            session.message.emit(level, words)

    job.finished.connect(finished)
    job.failed.connect(lambda why: session.message.emit("error", why))
    job.cancelled.connect(
        lambda: session.message.emit(
            "info", f"{job.title} was stopped. What was finished is kept; start it again to go on."
        )
    )
