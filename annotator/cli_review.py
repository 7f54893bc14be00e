"""The commands of a reviewer: decisions, what they are about, undo and redo."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from annotator.cli_output import Output, opened, opened_to_read, table, typed
from annotator.core.errors import AnnotatorError, NameTaken
from annotator.core.records import Region, Step, Tag

if TYPE_CHECKING:
    from annotator.project.project import Project


def tags(words: Namespace, out: Output) -> int:
    from annotator.project import queries

    with opened_to_read(words.project) as project, project.read() as db:
        image = queries.find_image(db, words.image)
        found = queries.tags(db, image.id)
    rows = [
        (tag.synset, tag.score, tag.verdict, tag.source, ", ".join(tag.seen) or None)
        for tag in found
    ]
    text = table(("tag", "score", "verdict", "source", "seen in"), rows)
    out.result([_tag_row(tag) for tag in found], text if rows else f"{image.path} has no tags.")
    return 0


def regions(words: Namespace, out: Output) -> int:
    from annotator.project import queries

    with opened_to_read(words.project) as project, project.read() as db:
        image = queries.find_image(db, words.image)
        found = queries.regions(db, image.id)
    rows = [
        (one.id, one.synset, "{} {} {} {}".format(*one.bbox), one.area, one.score, one.verdict)
        for one in found
    ]
    text = table(("region", "tag", "x y w h", "pixels", "score", "verdict"), rows)
    out.result([_region_row(one) for one in found], text if rows else f"{image.path} has no masks.")
    return 0


def synset_verdict(words: Namespace, out: Output) -> int:
    from annotator.operations import synsets
    from annotator.project import queries

    decide = {"accept": synsets.accept, "reject": synsets.reject, "clear": synsets.clear}

    def act(project: Project) -> None:
        with project.read() as db:
            ids = [queries.find_synset(db, text).id for text in words.synsets]
        decide[_verb(words)](project, ids)

    return carry_out(words, out, act)


def synset_rename(words: Namespace, out: Output) -> int:
    from annotator.operations import synsets
    from annotator.project import queries

    def act(project: Project) -> None:
        with project.read() as db:
            synset = queries.find_synset(db, words.synset)
        try:
            synsets.rename(project, synset.id, words.name)
        except NameTaken as taken:
            raise AnnotatorError(
                f"{taken} To make the two one: annotator synset merge {typed(words.project)} "
                f"{synset.id} {taken.synset_id}"
            ) from taken

    return carry_out(words, out, act)


def synset_merge(words: Namespace, out: Output) -> int:
    from annotator.operations import synsets
    from annotator.project import queries

    def act(project: Project) -> None:
        with project.read() as db:
            sources = [queries.find_synset(db, text).id for text in words.sources]
            target = queries.find_synset(db, words.target).id
        synsets.merge(project, sources, target)

    return carry_out(words, out, act)


def synset_move(words: Namespace, out: Output) -> int:
    from annotator.operations import synsets
    from annotator.project import queries

    def act(project: Project) -> None:
        with project.read() as db:
            synset = queries.find_synset(db, words.synset).id
            parent = None if words.top else queries.find_synset(db, words.parent).id
        synsets.move(project, synset, parent)

    return carry_out(words, out, act)


def tag_verdict(words: Namespace, out: Output) -> int:
    from annotator.operations import tags as operations
    from annotator.project import queries

    decide = {
        "accept": operations.accept,
        "reject": operations.reject,
        "clear": operations.clear,
    }

    def act(project: Project) -> None:
        with project.read() as db:
            image = queries.find_image(db, words.image)
            synset = queries.find_synset(db, words.synset)
        decide[_verb(words)](project, image.id, synset.id)

    return carry_out(words, out, act)


def tag_add(words: Namespace, out: Output) -> int:
    from annotator.operations import tags as operations
    from annotator.project import queries

    def act(project: Project) -> None:
        with project.read() as db:
            image = queries.find_image(db, words.image)
        operations.add_word(project, image.id, words.text)

    return carry_out(words, out, act)


def region_verdict(words: Namespace, out: Output) -> int:
    from annotator.operations import regions as operations

    decide = {
        "accept": operations.accept,
        "reject": operations.reject,
        "clear": operations.clear,
    }

    def act(project: Project) -> None:
        decide[_verb(words)](project, words.regions)

    return carry_out(words, out, act)


def undo(words: Namespace, out: Output) -> int:
    from annotator.operations import history as operations

    with opened(words.project) as project:
        step = operations.undo(project)
    return _stepped(step, "Undone", "undo", out)


def redo(words: Namespace, out: Output) -> int:
    from annotator.operations import history as operations

    with opened(words.project) as project:
        step = operations.redo(project)
    return _stepped(step, "Done again", "redo", out)


def history(words: Namespace, out: Output) -> int:
    from annotator.project import queries

    with opened_to_read(words.project) as project, project.read() as db:
        found = queries.history(db, words.limit)
    rows = [(step.at, step.label, "undone" if step.undone else "") for step in found]
    text = table(("when", "decision", ""), rows) if rows else "No decisions yet."
    out.result([_step_row(step) for step in found], text)
    return 0


def carry_out(words: Namespace, out: Output, act: Callable[[Project], None]) -> int:
    """Run one operation and say which step of the history it became."""
    from annotator.project import queries

    with opened(words.project) as project:
        with project.read() as db:
            before = _newest(queries.history(db, 1))
        act(project)
        with project.read() as db:
            after = _newest(queries.history(db, 1))
    if after is None or (before is not None and after.id == before.id):
        out.result({"step": None}, "Nothing to change: it was decided so already.")
    else:
        out.result({"step": _step_row(after)}, f"{after.label}. (annotator undo takes it back.)")
    return 0


def _newest(steps: Sequence[Step]) -> Step | None:
    return next((step for step in steps if not step.undone), None)


def _stepped(step: Step | None, said: str, verb: str, out: Output) -> int:
    if step is None:
        raise AnnotatorError(f"There is nothing to {verb}.")
    out.result({"step": _step_row(step)}, f"{said}: {step.label}.")
    return 0


def _step_row(step: Step) -> dict[str, Any]:
    return {"id": step.id, "label": step.label, "at": step.at, "undone": step.undone}


def _tag_row(tag: Tag) -> dict[str, Any]:
    return {
        "image": tag.image,
        "synset": tag.synset,
        "synset_id": tag.synset_id,
        "score": tag.score,
        "probability": tag.probability,
        "verdict": tag.verdict,
        "source": tag.source,
        "seen": list(tag.seen),
    }


def _region_row(region: Region) -> dict[str, Any]:
    return {
        "id": region.id,
        "image": region.image,
        "synset": region.synset,
        "synset_id": region.synset_id,
        "bbox": list(region.bbox),
        "area": region.area,
        "score": region.score,
        "threshold": region.threshold,
        "verdict": region.verdict,
        "source": region.source,
        "rle": {"size": [region.rle.height, region.rle.width], "counts": region.rle.counts},
    }


def _verb(words: Namespace) -> str:
    verb: str = words.command.rpartition(" ")[2]
    return verb


COMMANDS = {
    "tags": tags,
    "regions": regions,
    "synset accept": synset_verdict,
    "synset reject": synset_verdict,
    "synset clear": synset_verdict,
    "synset rename": synset_rename,
    "synset merge": synset_merge,
    "synset move": synset_move,
    "tag accept": tag_verdict,
    "tag reject": tag_verdict,
    "tag clear": tag_verdict,
    "tag add": tag_add,
    "region accept": region_verdict,
    "region reject": region_verdict,
    "region clear": region_verdict,
    "undo": undo,
    "redo": redo,
    "history": history,
}
