"""The commands of the main job: create, scan, status, propose, export."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.cli_output import (
    NOTHING_WRITTEN,
    Output,
    duration,
    facts,
    opened,
    opened_to_read,
    typed,
    used,
)
from annotator.cli_project import given, require_images
from annotator.core.errors import AnnotatorError, Cancelled, NothingToExport
from annotator.core.records import Progress

if TYPE_CHECKING:
    from annotator.project.project import Project


def create(words: Namespace, out: Output) -> int:
    from annotator.pipeline.scan import scan as read_folder
    from annotator.project.project import Project

    project = Project.create(words.project, words.folder)
    try:
        with project:
            result = out.drive(
                read_folder(project),
                f"The project is made; annotator scan {typed(words.project)} goes on.",
            )
            if result["images"] == 0:
                raise AnnotatorError(
                    f"There are no images in {words.folder}: Annotator looks for JPEG, PNG, "
                    "WebP, BMP, GIF, TIFF, HEIC and AVIF files, also in folders below it. No "
                    "project was made."
                )
            folder = str(project.folder)
    except Cancelled:
        raise
    except AnnotatorError:
        # Nobody wants an empty project left behind; one that was only stopped is kept.
        if not _has_images(words.project):
            _remove(words.project)
        raise
    out.failures(result)
    text = (
        f"{words.project}: {result['images']} images of {folder}.\n"
        f"Next: annotator propose {typed(words.project)}"
    )
    out.result({"project": str(words.project), "folder": folder, **result}, text)
    return 0


def scan(words: Namespace, out: Output) -> int:
    from annotator.pipeline.scan import scan as read_folder

    with opened(words.project) as project:
        result = out.drive(read_folder(project))
    out.failures(result)
    parts = [
        f"{result[key]} {key}" for key in ("added", "changed", "moved", "missing") if result[key]
    ]
    text = f"{result['images']} images: {', '.join(parts) or 'nothing changed'}."
    out.result(result, text)
    return 0


def status(words: Namespace, out: Output) -> int:
    from annotator.project import queries

    with opened_to_read(words.project) as project, project.read() as db:
        found = queries.status(db)
    accepted = found["accepted"]
    text = facts(
        [
            ("project", found["project"]),
            ("folder", found["folder"]),
            ("images", f"{found['images']} ({found['unreadable']} unreadable)"),
            ("proposals", found["proposals"]),
            ("synsets", f"{found['synsets']} ({accepted['synsets']} accepted)"),
            ("tags", f"{found['tags']} ({accepted['tags']} accepted)"),
            ("regions", f"{found['regions']} ({accepted['regions']} accepted)"),
            *((f"run {run['id']}", _run_line(run)) for run in found["runs"][:5]),
        ]
    )
    out.result(found, text)
    return 0


_PROPOSE = (
    *("grid", "samples", "filter", "threshold", "pixels", "combine", "rank", "seed", "limit"),
    *("prompt", "strategy", "correct", "temperature", "nucleus"),
)


def propose(words: Namespace, out: Output) -> int:
    from annotator.backends.registry import load_pack
    from annotator.pipeline.options import ProposeOptions
    from annotator.pipeline.propose import propose as ask

    options = ProposeOptions(**given(words, _PROPOSE))
    pack = load_pack(words.pack)
    with opened(words.project) as project:
        require_images(project)
        result = out.drive(ask(project, pack, options))
    out.failures(result)
    named = typed(words.project)
    before = f" ({result['skipped']} were done before)" if result["skipped"] else ""
    text = (
        f"{result['done']} images in {duration(result['seconds'])}{before}: "
        f"{result['synsets']} words, "
        f"{result['tags']} tags.{_said(words.project, result)}\n"
        f"Next: annotator vocabulary {named}, or the window: annotator {named}"
    )
    out.result(result, text)
    return 0


def _said(project: Path, result: dict[str, Any]) -> str:
    """What a model that talks left behind; nothing for a classifier."""
    text = ""
    if result.get("unreadable_replies"):
        text += (
            f"\n{result['unreadable_replies']} of {result['replies']} replies could not be read: "
            f"annotator replies {project} --unreadable"
        )
    return text + used(result.get("usage"))


def export_coco(words: Namespace, out: Output) -> int:
    from annotator.exchange import coco

    def steps(project: Project) -> Iterator[Progress]:
        return coco.export(
            project, words.out, words.include, polygons=words.polygons, force=words.force
        )

    return _export(words, out, steps, "{annotations} masks in {categories} categories")


def export_ade20k(words: Namespace, out: Output) -> int:
    from annotator.exchange import ade20k

    def steps(project: Project) -> Iterator[Progress]:
        return ade20k.export(project, words.out, words.include)

    return _export(words, out, steps, "{regions} masks in {classes} classes, {bits} bits a pixel")


def _export(
    words: Namespace,
    out: Output,
    steps: Callable[[Project], Iterator[Progress]],
    what: str,
) -> int:
    with opened_to_read(words.project) as project:
        try:
            result = out.drive(steps(project), NOTHING_WRITTEN)
        except NothingToExport as error:
            if not error.remedy:
                raise
            raise AnnotatorError(f"{str(error).rstrip('.')} ({error.remedy}).") from error
    out.failures(result)
    if result["unreviewed"]:
        out.remark(
            f"{result['unreviewed']} images that nobody reviewed were left out; "
            "--include proposed takes them too."
        )
    out.result(result, f"{words.out}: {result['images']} images, {what.format(**result)}.")
    return 0


def _has_images(path: Path) -> bool:
    from annotator.project import queries

    with opened(path) as project, project.read() as db:
        return bool(queries.image_ids(db))


def _remove(path: Path) -> None:
    """A project made a moment ago, with its cache."""
    for one in (path, path.with_name(path.name + "-cache")):
        with suppress(FileNotFoundError):
            one.unlink()


def _run_line(run: dict[str, Any]) -> str:
    # Grouping goes by words, and is done or not as a whole.
    whole = run["kind"] == "group"
    amount = f"{run['total']} words" if whole else f"{run['done']} of {run['total']}"
    return f"{run['kind']}: {run['status']}, {amount}, {run['started']}"


COMMANDS = {
    "create": create,
    "scan": scan,
    "status": status,
    "propose": propose,
    "export coco": export_coco,
    "export ade20k": export_ade20k,
}
