"""COCO instances: one JSON file that pycocotools and its relatives load.

Beyond the format's own keys every category carries ``lemmas`` and ``wordnet_id``, every
annotation ``verdict``, ``source`` and ``score``, and every image its ``tags``, so that a tag
without a mask is not lost. Readers that do not know these keys ignore them.

Boxes and areas are those of the mask, in pixels of the image as it is displayed (after EXIF
orientation). Masks are compressed run lengths, holes kept, with ``iscrowd`` 0; with ``polygons``
they are outlines, which most tools can edit but which fill holes.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from annotator import __version__
from annotator.core import masks
from annotator.core.errors import AnnotatorError
from annotator.core.paths import is_folder, there
from annotator.core.records import Failure, Image, Progress, Region, Synset
from annotator.exchange import selection
from annotator.exchange.files import atomic_file
from annotator.exchange.selection import Chosen, Include, Refused, Unreviewed
from annotator.project import queries
from annotator.project.project import Project

_CONTRIBUTOR = "Annotator"


@dataclass
class _Counts:
    images: int = 0
    annotations: int = 0
    tags: int = 0
    unreviewed: int = 0
    failed: list[Failure] = field(default_factory=list)


def export(
    project: Project,
    out: Path,
    include: Include = "accepted",
    *,
    polygons: bool = False,
    force: bool = False,
) -> Iterator[Progress]:
    """Write ``out``; the last Progress carries done, failed, seconds, out, images, annotations,
    categories, tags and unreviewed (images left out because nobody decided anything there).

    An earlier export of ours is replaced; any other file only with ``force``. Raises
    AnnotatorError; closing the generator early leaves nothing behind.
    """
    started = time.monotonic()
    selection.require_place(project, out, include)
    _require_replaceable(out, force)
    counts = _Counts()
    with project.read() as db:
        synsets = selection.synsets_by_id(db)
        categories = _Categories(synsets, _used(db, synsets, include))
        total = len(queries.image_ids(db))
        with (
            atomic_file(out) as file,
            tempfile.TemporaryFile(dir=out.resolve().parent) as annotations,
        ):
            _put(file, '{"info": ' + _json(_info(include)) + ',\n"licenses": [],\n"images": [')
            # The file wants all images before all annotations; one pass gives both.
            done = 0
            for choice in selection.choose(db, synsets, include):
                news: tuple[Failure, ...] = ()
                if isinstance(choice, Refused):
                    news = (choice.failure,)
                elif isinstance(choice, Unreviewed):
                    counts.unreviewed += 1
                else:
                    news = tuple(_one(choice, file, annotations, categories, counts, polygons))
                counts.failed.extend(news)
                done += not isinstance(choice, Refused)
                yield Progress("export", min(done, total), total, failed=news)
            if counts.images == 0:
                raise selection.nothing_to_export(include)
            _put(file, '\n],\n"annotations": [')
            annotations.seek(0)
            shutil.copyfileobj(annotations, file)
            listed = categories.listed()
            rows = ",\n".join(_json(row) for row in listed)
            _put(file, '\n],\n"categories": [\n' + rows + "\n]}\n")
    result = {
        "done": counts.images,
        "failed": [{"image": f.image, "reason": f.reason} for f in counts.failed],
        "seconds": round(time.monotonic() - started, 3),
        "out": str(out),
        "include": include,
        "images": counts.images,
        "annotations": counts.annotations,
        "categories": len(listed),
        "tags": counts.tags,
        "unreviewed": counts.unreviewed,
    }
    yield Progress("export", total, total, result=result)


class _Categories:
    """Numbers for the synsets that are exported: 1, 2, ... in the order the project made them,
    so that they stay the same from one export to the next as long as the vocabulary does."""

    def __init__(self, synsets: dict[int, Synset], used: set[int]) -> None:
        self._synsets = synsets
        self._names = selection.unique_names(synsets)
        self._ids = {synset_id: n for n, synset_id in enumerate(sorted(used), start=1)}

    def id_of(self, synset_id: int) -> int:
        return self._ids.setdefault(synset_id, len(self._ids) + 1)

    def name_of(self, synset_id: int) -> str:
        return self._names[synset_id]

    def listed(self) -> list[dict[str, Any]]:
        return [self._row(number, self._synsets[key]) for key, number in self._ids.items()]

    def _row(self, number: int, synset: Synset) -> dict[str, Any]:
        parent = self._names.get(synset.parent) if synset.parent is not None else None
        name = self._names[synset.id]
        return {
            "id": number,
            "name": name,
            "supercategory": parent or name,
            "lemmas": list(synset.lemmas),
            "wordnet_id": synset.wordnet_id,
        }


def _used(db: Any, synsets: dict[int, Synset], include: Include) -> set[int]:
    """Synsets that a person accepted, and those of every tag and region that may leave."""
    used = {synset.id for synset in synsets.values() if synset.verdict == "accepted"}
    used.update(
        row.synset_id
        for rows in (queries.all_tags(db), queries.all_regions(db))
        for row in rows
        if row.synset_id in synsets
        and selection.leaves(row.verdict, synsets[row.synset_id], include)
    )
    return used


def _one(
    chosen: Chosen,
    images: BinaryIO,
    annotations: BinaryIO,
    categories: _Categories,
    counts: _Counts,
    polygons: bool,
) -> Iterator[Failure]:
    counts.images += 1
    number = counts.images
    tags = [
        {
            "category_id": categories.id_of(tag.synset_id),
            "name": categories.name_of(tag.synset_id),
            "score": tag.score,
            "verdict": tag.verdict,
        }
        for tag in chosen.tags
    ]
    counts.tags += len(tags)
    _item(images, number == 1, _image_row(number, chosen.image, tags))
    for region in chosen.regions:
        try:
            shape = _shape(region, polygons)
        except ValueError as error:
            yield Failure(chosen.image.path, f"mask {region.id} is damaged: {error}")
            continue
        counts.annotations += 1
        row = {
            "id": counts.annotations,
            "image_id": number,
            "category_id": categories.id_of(region.synset_id),
            **shape,
            "iscrowd": 0,
            "verdict": region.verdict,
            "source": region.source,
            "score": region.score,
        }
        _item(annotations, counts.annotations == 1, row)


def _image_row(number: int, image: Image, tags: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": number,
        "file_name": image.path,
        "width": image.width,
        "height": image.height,
        "tags": tags,
    }


def _shape(region: Region, polygons: bool) -> dict[str, Any]:
    """``segmentation``, ``area`` and ``bbox``. Raises ValueError for damaged run lengths."""
    mask = masks.decode(region.rle)
    outlines = masks.to_polygons(mask) if polygons else []
    rle = region.rle
    if outlines:
        # An outline fills holes; area and box must be those of what is written.
        rle = masks.from_polygons(outlines, rle.height, rle.width)
    return {
        "segmentation": outlines or {"size": [rle.height, rle.width], "counts": rle.counts},
        "area": masks.area(rle),
        "bbox": list(masks.bbox(rle)),
    }


def _info(include: Include) -> dict[str, Any]:
    what = "accepted by a person" if include == "accepted" else "accepted or only proposed"
    return {
        "description": f"Exported by Annotator: tags and masks {what}",
        "version": __version__,
        "year": time.gmtime().tm_year,
        "contributor": _CONTRIBUTOR,
        "url": "",
        "date_created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _require_replaceable(out: Path, force: bool) -> None:
    if is_folder(out):
        raise AnnotatorError(
            f"{out} is a folder; give the name of a file to write, such as {out / 'coco.json'}."
        )
    if not there(out) or force or _is_ours(out):
        return
    raise AnnotatorError(
        f"{out} exists and is not an export of Annotator; choose another name, or replace it "
        "with --force."
    )


def _is_ours(out: Path) -> bool:
    """Whether a file starts as ours do; a COCO file can be too large to parse for this."""
    try:
        with out.open("rb") as file:
            head = file.read(2000)
    except OSError:
        return False
    return head.startswith(b'{"info": ') and f'"contributor": "{_CONTRIBUTOR}"'.encode() in head


def _item(file: BinaryIO, first: bool, row: dict[str, Any]) -> None:
    _put(file, ("\n" if first else ",\n") + _json(row))


def _put(file: BinaryIO, text: str) -> None:
    file.write(text.encode("ascii"))


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False)
