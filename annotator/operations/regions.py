"""What a person does with masks. Each call is one step of the history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from annotator.core.errors import AnnotatorError
from annotator.core.records import Image, Rle, Verdict
from annotator.project import decisions, queries
from annotator.project.decisions import Words
from annotator.project.project import Project


def accept(project: Project, ids: Sequence[int] | int) -> None:
    """The masks are right."""
    _decide(project, "Accept", ids, "accepted")


def reject(project: Project, ids: Sequence[int] | int) -> None:
    """The masks are wrong."""
    _decide(project, "Reject", ids, "rejected")


def clear(project: Project, ids: Sequence[int] | int) -> None:
    """Take back the verdicts on the masks."""
    _decide(project, "Clear", ids, "unknown")


def _decide(project: Project, verb: str, ids: Sequence[int] | int, verdict: Verdict) -> None:
    wanted = list(dict.fromkeys((ids,) if isinstance(ids, int) else ids))
    if not wanted:
        raise AnnotatorError(f"Choose the masks to {verb.lower()} first.")
    with project.read() as db:
        first = queries.region(db, wanted[0])
    where = f"mask of {first.synset} on {first.image.rsplit('/', 1)[-1]}"
    label = f"{verb} {where}" if len(wanted) == 1 else f"{verb} {len(wanted)} masks"
    with project.transact(label) as db:
        for id in wanted:
            queries.region(db, id)
            decisions.decide_region(db, id, verdict)


def keep(
    project: Project,
    image_id: int,
    synset_id: int,
    rle: Rle,
    threshold: float | None = None,
    prompt: Mapping[str, Any] | None = None,
) -> int:
    """Keep a mask that the person made or corrected, accepted at once; its id.

    ``threshold``: the raw similarity at which the heatmap was cut; ``prompt``: points, boxes
    and the like, as JSON. Raises AnnotatorError on an empty mask, or one whose size is not
    that of the image.
    """
    with project.read() as db:
        image = queries.image(db, image_id)
        words = Words(db)
        root = words.root(synset_id)
        name = words.name(root)
    file, box, area = _measured(image, name, rle)
    with project.transact(f"Keep mask of {name} on {file}") as db:
        return decisions.add_region(
            db, image_id, root, rle, box, area, threshold, dict(prompt or {})
        )


def replace(
    project: Project, region_id: int, rle: Rle, prompt: Mapping[str, Any] | None = None
) -> int:
    """Put a corrected mask in the place of another, accepted at once; its id.

    The old one stays as it was made and is rejected in the same step; the ``prompt`` of the new
    one names it under "replaces". The threshold stays that of the old one. Raises AnnotatorError
    as ``keep`` does.
    """
    with project.read() as db:
        old = queries.region(db, region_id)
        image = queries.image(db, old.image_id)
    file, box, area = _measured(image, old.synset, rle)
    told = {**(prompt or {}), "replaces": old.id}
    with project.transact(f"Correct mask of {old.synset} on {file}") as db:
        decisions.decide_region(db, old.id, "rejected")
        return decisions.add_region(
            db, old.image_id, old.synset_id, rle, box, area, old.threshold, told
        )


def _measured(image: Image, name: str, rle: Rle) -> tuple[str, tuple[int, int, int, int], int]:
    """File name, box and area of a mask that fits the image; AnnotatorError for one that does
    not."""
    from annotator.core import masks  # numpy, which the window's start does without

    file = image.path.rsplit("/", 1)[-1]
    if image.width and image.height and (rle.width, rle.height) != (image.width, image.height):
        raise AnnotatorError(
            f"The mask is {rle.width}x{rle.height} pixels and {file} is "
            f"{image.width}x{image.height}; draw it again."
        )
    area = masks.area(rle)
    if not area:
        raise AnnotatorError(f"The mask of {name} on {file} is empty; lower the threshold.")
    return file, masks.bbox(rle), area
