"""What leaves the project: the one rule that every export follows.

``accepted``: regions and tags that a person accepted, of synsets that nobody rejected.
``proposed``: also those that nobody decided yet. What a person rejected never leaves: neither
the rejected thing, nor the regions of a rejected tag, nor anything of a rejected synset.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from annotator.core.errors import AnnotatorError, NothingToExport
from annotator.core.records import Failure, Image, Region, Synset, Tag, Verdict
from annotator.project import queries
from annotator.project.check import missing_images
from annotator.project.project import Project
from annotator.project.sqlite import sqlite3

Include = Literal["accepted", "proposed"]
INCLUDES: tuple[str, ...] = ("accepted", "proposed")


@dataclass(frozen=True, slots=True)
class Chosen:
    """An image that leaves, with the tags and regions that leave with it."""

    image: Image
    tags: tuple[Tag, ...]
    regions: tuple[Region, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """An image of which something had to stay behind, and why."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Unreviewed:
    """An image that nobody has decided anything about; ``accepted`` leaves it out, because
    "nobody looked" is not "nothing is there"."""

    image: Image


def choose(
    db: sqlite3.Connection, synsets: Mapping[int, Synset], include: Include
) -> Iterator[Chosen | Refused | Unreviewed]:
    """All images in path order, then the missing ones that a person had accepted something on.

    An image can give a Refused and then a Chosen with the rest.
    """
    for image_id in queries.image_ids(db):
        image = queries.image(db, image_id)
        all_tags = queries.tags(db, image_id, dropped=True)
        all_regions = queries.regions(db, image_id)
        if include == "accepted" and not _reviewed(all_tags, all_regions):
            yield Unreviewed(image)
            continue
        rejected = {tag.synset_id for tag in all_tags if tag.verdict == "rejected"}
        tags = tuple(
            tag
            for tag in all_tags
            if (tag.kept or tag.verdict == "accepted")
            and leaves(tag.verdict, synsets.get(tag.synset_id), include)
        )
        regions = tuple(
            region
            for region in all_regions
            if region.synset_id not in rejected
            and leaves(region.verdict, synsets.get(region.synset_id), include)
        )
        reason = _unusable(image)
        if reason is not None:
            if tags or regions or image.error is not None:
                yield Refused(Failure(image.path, reason))
            continue
        fitting = tuple(region for region in regions if _fits(region, image))
        if len(fitting) < len(regions):
            stale = next(region for region in regions if not _fits(region, image))
            yield Refused(Failure(image.path, _changed(stale, image)))
        yield Chosen(image, tags, fitting)
    for image in missing_images(db):
        yield Refused(Failure(image.path, "the file is not in the folder any more"))


def leaves(verdict: Verdict, synset: Synset | None, include: Include) -> bool:
    """Whether something with this verdict, of this synset, is exported."""
    if synset is not None and synset.verdict == "rejected":
        return False
    return verdict == "accepted" or (include == "proposed" and verdict == "unknown")


def synsets_by_id(db: sqlite3.Connection) -> dict[int, Synset]:
    return {synset.id: synset for synset in queries.vocabulary(db)}


def unique_names(synsets: Mapping[int, Synset]) -> dict[int, str]:
    """A name for each synset that no other has: the bird and the machine called "crane" get
    their WordNet id, or else their number, behind it."""
    seen: dict[str, int] = {}
    for synset in synsets.values():
        seen[synset.name.casefold()] = seen.get(synset.name.casefold(), 0) + 1
    return {
        synset.id: synset.name
        if seen[synset.name.casefold()] == 1
        else f"{synset.name} ({synset.wordnet_id or synset.id})"
        for synset in synsets.values()
    }


def require_place(project: Project, out: Path, include: str) -> None:
    """Refuse targets that would harm the project. Raises AnnotatorError."""
    if include not in INCLUDES:
        raise AnnotatorError(f"{include} is not a choice; take accepted or proposed.")
    target = Path(os.path.realpath(out))
    if target == Path(os.path.realpath(project.path)):
        raise AnnotatorError(f"{out} is the project itself; choose another name for the export.")


def nothing_to_export(include: Include) -> NothingToExport:
    if include == "accepted":
        return NothingToExport(
            "Nothing has been accepted or rejected yet, so there is nothing to export: review "
            "some images first, or include what is only proposed.",
            "--include proposed",
        )
    return NothingToExport("The project has no readable images, so there is nothing to export.")


def _reviewed(tags: list[Tag], regions: list[Region]) -> bool:
    return any(tag.verdict != "unknown" for tag in tags) or any(
        region.verdict != "unknown" for region in regions
    )


def _unusable(image: Image) -> str | None:
    if image.error is not None:
        return image.error
    if image.width is None or image.height is None:
        return "it has not been read yet; scan the project"
    return None


def _fits(region: Region, image: Image) -> bool:
    return (region.rle.width, region.rle.height) == (image.width, image.height)


def _changed(region: Region, image: Image) -> str:
    return (
        f"its masks were drawn on {region.rle.width} x {region.rle.height} pixels and the image "
        f"now has {image.width} x {image.height}; the masks stay behind, draw them again"
    )
