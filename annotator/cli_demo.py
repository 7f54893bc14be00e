"""The command demo: sample photos through every step, and where to look then."""

from __future__ import annotations

import time
from argparse import Namespace
from typing import Any

from annotator.cli_output import NOTHING_WRITTEN, Output, duration
from annotator.core.errors import AnnotatorError


def demo(words: Namespace, out: Output) -> int:
    from annotator.backends.registry import load_pack
    from annotator.exchange import ade20k, coco
    from annotator.pipeline import demo as job
    from annotator.pipeline.overview import overview

    started = time.monotonic()
    folder = words.folder
    coco_file, ade_folder, picture = (
        folder / "coco.json",
        folder / "ade20k",
        folder / "overview.png",
    )
    try:
        result = out.drive(job.demo(folder, load_pack("starter")))
        with job.open_project(folder) as project:
            out.drive(coco.export(project, coco_file, "proposed"), NOTHING_WRITTEN)
            out.drive(ade20k.export(project, ade_folder, "proposed"), NOTHING_WRITTEN)
            overview(project, picture, "What Annotator's starter pack says of its sample photos")
    except OSError as error:
        raise AnnotatorError(f"The demo cannot use {folder} ({error.strerror}).") from error
    out.failures(result)
    seconds = time.monotonic() - started
    document = {
        **result,
        "seconds": round(seconds, 3),
        "overview": str(picture),
        "coco": str(coco_file),
        "ade20k": str(ade_folder),
    }
    out.result(document, _summary(document))
    if words.no_gui or out.as_json:
        return 0
    if words.window is None:
        out.remark("There is no display, so the window stays closed.")
        return 0
    status: int = words.window(job.project_path(folder))
    return status


def _summary(done: dict[str, Any]) -> str:
    missed = f", {len(done['failed'])} failed" if done["failed"] else ""
    project = done["project"]
    return f"""\
{done["done"]} photos in {duration(done["seconds"])}{missed}: {done["tags"]} tags.

  overview   {done["overview"]}   one picture: tags and masks
  project    {project}
  COCO       {done["coco"]}
  ADE20K     {done["ade20k"]}

Nobody has accepted anything yet, so the two exports hold what is only proposed.

next:
{_next(done["project"])}"""


def _next(project: str) -> str:
    commands = {
        f"annotator {project}": "review them in the window",
        f"annotator vocabulary {project}": "the words that were found",
        f"annotator suggestions {project}": "words that may be the same",
        "annotator create my.annot FOLDER": "begin with your own photos",
    }
    width = max(map(len, commands))
    return "\n".join(f"  {command:<{width}}   {why}" for command, why in commands.items())


COMMANDS = {"demo": demo}
