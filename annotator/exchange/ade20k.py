"""A folder in the style of ADE20K SceneParse: pictures, label maps and a table of the classes.

    OUT/images/training/NAME.jpg        the pictures, byte for byte where every viewer shows them
                                        upright, else as upright JPEGs of the same size
    OUT/annotations/training/NAME.png   one channel: the class of each pixel, 0 = unlabelled;
                                        8 bits, or 16 bits when there are more than 255 classes
    OUT/objectInfo.txt                  Idx, Ratio, Train, Val, Stuff, Name, separated by tabs
    OUT/training.odgt                   one line of JSON a picture (semantic-segmentation-pytorch)
    OUT/README.txt, OUT/export.json     what was exported, for people and for the next export

NAME is the path in the project's folder without its ending; where two pictures differ in nothing
else (a.jpg and a.png), the ending is kept as _jpg and _png. Where masks overlap, the smaller one
is on top.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotator import __version__
from annotator.core import images, masks
from annotator.core.errors import AnnotatorError, NothingToExport
from annotator.core.paths import there
from annotator.core.records import Failure, Image, Progress, Synset
from annotator.exchange import selection
from annotator.exchange.files import atomic_folder
from annotator.exchange.selection import Chosen, Include, Refused, Unreviewed
from annotator.project import queries
from annotator.project.project import Project

_MARK = "export.json"
_OURS = frozenset({"images", "annotations", "objectInfo.txt", "training.odgt", "README.txt", _MARK})
_SPLIT = "training"


@dataclass
class _Counts:
    images: int = 0
    regions: int = 0
    unreviewed: int = 0
    without_masks: int = 0
    files: int = 0
    pixels: int = 0
    labelled: dict[int, int] = field(default_factory=dict)
    pictures: dict[int, int] = field(default_factory=dict)
    failed: list[Failure] = field(default_factory=list)


def export(project: Project, out: Path, include: Include = "accepted") -> Iterator[Progress]:
    """Write the folder ``out``; the last Progress carries done, failed, seconds, out, images,
    regions, classes, bits (8 or 16), unreviewed and without_masks (images left out because
    nobody decided anything there, or because no mask may leave).

    An empty folder and an earlier export of ours are replaced; a folder with anything else in it
    is refused. Raises AnnotatorError; closing the generator early leaves nothing behind.
    """
    started = time.monotonic()
    selection.require_place(project, out, include)
    _require_outside(project, out)
    _require_replaceable(out)
    counts = _Counts()
    with project.read() as db:
        synsets = selection.synsets_by_id(db)
        order = _classes(db, synsets, include)
        if not order:
            raise _no_masks(include)
        numbers = {synset_id: n for n, synset_id in enumerate(order, start=1)}
        depth: type[np.uint8] | type[np.uint16] = np.uint8 if len(order) <= 255 else np.uint16
        ids = queries.image_ids(db)
        stems = unique_stems([image.path for image in queries.images(db, ids)])
        with atomic_folder(out) as folder:
            done = 0
            with (folder / "training.odgt").open("w", encoding="ascii") as index:
                for choice in selection.choose(db, synsets, include):
                    news: tuple[Failure, ...] = ()
                    if isinstance(choice, Refused):
                        news = (choice.failure,)
                    elif isinstance(choice, Unreviewed):
                        counts.unreviewed += 1
                    elif not choice.regions:
                        counts.without_masks += 1
                    else:
                        stem = stems[choice.image.path]
                        try:
                            line = _one(project, choice, folder, stem, numbers, depth, counts)
                            index.write(json.dumps(line) + "\n")
                        except _Unusable as reason:
                            news = (Failure(choice.image.path, str(reason)),)
                    counts.failed.extend(news)
                    done += not isinstance(choice, Refused)
                    yield Progress("export", min(done, len(ids)), len(ids), failed=news)
            if counts.images == 0:
                raise _nothing_left(counts.failed)
            _write_table(folder, order, synsets, counts)
            _write_readme(folder, include, len(order), depth)
    result = {
        "done": counts.images,
        "failed": [{"image": f.image, "reason": f.reason} for f in counts.failed],
        "seconds": round(time.monotonic() - started, 3),
        "out": str(out),
        "include": include,
        "images": counts.images,
        "regions": counts.regions,
        "classes": len(order),
        "bits": 8 if depth is np.uint8 else 16,
        "unreviewed": counts.unreviewed,
        "without_masks": counts.without_masks,
    }
    yield Progress("export", len(ids), len(ids), result=result)


def unique_stems(paths: Sequence[str]) -> dict[str, str]:
    """A name without ending for each path, such that no two differ only in case, in the way an
    accent is written or not at all,
    because pictures and label maps have endings of their own and disks may ignore case."""
    groups: dict[str, list[str]] = {}
    for path in sorted(paths):
        groups.setdefault(_same_name(_stem(path)), []).append(path)
    taken = {key for key, members in groups.items() if len(members) == 1}
    stems: dict[str, str] = {}
    for members in groups.values():
        if len(members) == 1:
            stems[members[0]] = _stem(members[0])
            continue
        for path in members:
            base = stem = f"{_stem(path)}_{path[len(_stem(path)) + 1 :]}"
            again = 1
            while _same_name(stem) in taken:
                again += 1
                stem = f"{base}_{again}"
            taken.add(_same_name(stem))
            stems[path] = stem
    return stems


class _Unusable(Exception):
    """Why a picture cannot be exported, in words."""


def _one(
    project: Project,
    chosen: Chosen,
    folder: Path,
    stem: str,
    numbers: dict[int, int],
    depth: type[np.uint8] | type[np.uint16],
    counts: _Counts,
) -> dict[str, Any]:
    """Write one picture and its label map; returns its line of the index."""
    image = chosen.image
    height, width = chosen.regions[0].rle.height, chosen.regions[0].rle.width
    labels = [numbers[region.synset_id] for region in chosen.regions]
    try:
        painted = masks.label_map([r.rle for r in chosen.regions], labels, height, width)
    except ValueError as error:
        raise _Unusable(f"a mask of it is damaged: {error}") from error
    picture = f"images/{_SPLIT}/{stem}{_copy_picture(project, image, folder, stem)}"
    annotation = f"annotations/{_SPLIT}/{stem}.png"
    _write_image(folder / annotation, painted.astype(depth), ".png")
    counts.images += 1
    counts.regions += len(chosen.regions)
    counts.pixels += height * width
    for label, pixels in zip(*np.unique(painted, return_counts=True), strict=True):
        counts.labelled[int(label)] = counts.labelled.get(int(label), 0) + int(pixels)
        counts.pictures[int(label)] = counts.pictures.get(int(label), 0) + 1
    return {"fpath_img": picture, "fpath_segm": annotation, "width": width, "height": height}


def _copy_picture(project: Project, image: Image, folder: Path, stem: str) -> str:
    """Put the picture into the folder; returns its ending."""
    source = project.folder / image.path
    try:
        probe = images.probe(source)
        if (probe.width, probe.height) != (image.width, image.height):
            raise _Unusable("the file changed since the last scan; scan the project again")
        if probe.format in ("JPEG", "PNG") and probe.orientation == 1:
            ending = ".jpg" if probe.format == "JPEG" else ".png"
            _copy(source, folder / "images" / _SPLIT / f"{stem}{ending}")
            return ending
        pixels = images.load(source)
    except images.ImageUnreadable as error:
        raise _Unusable(error.reason) from error
    _write_image(folder / "images" / _SPLIT / f"{stem}.jpg", pixels[:, :, ::-1], ".jpg")
    return ".jpg"


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        file = source.open("rb")
    except OSError as error:
        raise _Unusable(f"the file cannot be read: {error.strerror}") from error
    with file, target.open("xb") as copy:
        shutil.copyfileobj(file, copy, 1 << 20)


def _write_image(path: Path, pixels: NDArray[Any], ending: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    quality = [cv2.IMWRITE_JPEG_QUALITY, 95] if ending == ".jpg" else []
    try:
        _, data = cv2.imencode(ending, np.ascontiguousarray(pixels), quality)
    except cv2.error as error:
        raise _Unusable(f"it is too large for a {ending} file") from error
    # OpenCV's own writer reports no full disk.
    path.write_bytes(data.tobytes())


def _classes(db: Any, synsets: dict[int, Synset], include: Include) -> list[int]:
    """Synsets that have masks which may leave, those that cover the most of the images first."""
    rejected = {
        (tag.image_id, tag.synset_id)
        for tag in queries.all_tags(db, kept=False)
        if tag.verdict == "rejected"
    }
    covered: dict[int, float] = {}
    for region in queries.all_regions(db):
        if (region.image_id, region.synset_id) in rejected:
            continue
        if selection.leaves(region.verdict, synsets.get(region.synset_id), include):
            share = region.area / (region.rle.width * region.rle.height)
            covered[region.synset_id] = covered.get(region.synset_id, 0.0) + share
    return sorted(covered, key=lambda key: (-covered[key], key))


def _write_table(
    folder: Path, order: list[int], synsets: dict[int, Synset], counts: _Counts
) -> None:
    rows = ["Idx\tRatio\tTrain\tVal\tStuff\tName"]
    for number, synset_id in enumerate(order, start=1):
        synset = synsets[synset_id]
        lemmas = dict.fromkeys((synset.name, *synset.lemmas))
        name = ", ".join(" ".join(lemma.split()) for lemma in lemmas)
        ratio = counts.labelled.get(number, 0) / max(counts.pixels, 1)
        rows.append(f"{number}\t{ratio:.4f}\t{counts.pictures.get(number, 0)}\t0\t0\t{name}")
    (folder / "objectInfo.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")


def _write_readme(folder: Path, include: Include, classes: int, depth: type[Any]) -> None:
    what = "a person accepted" if include == "accepted" else "a person accepted or nobody rejected"
    bits = 8 if depth is np.uint8 else 16
    text = (
        "Exported by Annotator in the style of ADE20K SceneParse.\n\n"
        f"images/{_SPLIT}       the pictures\n"
        f"annotations/{_SPLIT}  one PNG a picture, {bits} bits a pixel: the class, 0 = unlabelled\n"
        f"objectInfo.txt        the {classes} classes. Ratio: share of all pixels. Train: number\n"
        "                      of pictures. Val and Stuff are not known here and always 0.\n"
        "training.odgt         one line of JSON a picture, for semantic-segmentation-pytorch\n\n"
        f"Masks that {what}. Where masks overlap, the smaller one is on top.\n"
    )
    if bits == 16:
        text += "There are more than 255 classes: read the PNGs with 16 bits, not 8.\n"
    (folder / "README.txt").write_text(text, encoding="utf-8")
    files = sum(len(names) for _, _, names in os.walk(folder)) + 1
    mark = {"by": "Annotator", "version": __version__, "format": "ade20k", "files": files}
    (folder / _MARK).write_text(json.dumps(mark) + "\n", encoding="ascii")


def _require_outside(project: Project, out: Path) -> None:
    base, target = os.path.realpath(project.folder), os.path.realpath(out)
    if target == base or target.startswith(base + os.sep):
        raise AnnotatorError(
            f"{out} is inside the project's folder of images, where the next scan would take the "
            "exported pictures for new ones; choose a place outside it."
        )


def _require_replaceable(out: Path) -> None:
    if not there(out):
        return
    if not out.is_dir():
        raise AnnotatorError(f"{out} is a file; give the name of a folder to write.")
    try:
        names = {entry.name for entry in out.iterdir()}
    except OSError as error:
        raise AnnotatorError(f"{out} cannot be read ({error.strerror}); choose another.") from error
    if names and not (names <= _OURS and _is_ours(out)):
        raise AnnotatorError(
            f"{out} holds files that are not an export of Annotator; choose a new or an empty "
            "folder."
        )


def _is_ours(out: Path) -> bool:
    try:
        mark = json.loads((out / _MARK).read_text(encoding="ascii"))
        ours = mark["by"] == "Annotator" and mark["format"] == "ade20k"
        # More files than we wrote: somebody keeps work of their own in there.
        return ours and sum(len(names) for _, _, names in os.walk(out)) <= int(mark["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _no_masks(include: Include) -> NothingToExport:
    if include == "accepted":
        return NothingToExport(
            "No mask has been accepted yet, so there is nothing to export: accept some masks "
            "first, or include those that are only proposed.",
            "--include proposed",
        )
    return NothingToExport(
        "The project has no masks, so there is nothing to export: draw them first.",
        "annotator segment PROJECT",
    )


def _nothing_left(failed: list[Failure]) -> AnnotatorError:
    if failed:
        return AnnotatorError(
            f"None of the images could be exported; the first, {failed[0].image}: "
            f"{failed[0].reason}."
        )
    return AnnotatorError("Every mask belongs to a rejected tag, so there is nothing to export.")


def _same_name(stem: str) -> str:
    """What a disk makes of a name that ignores case and the two ways to write an accent."""
    return unicodedata.normalize("NFC", stem.casefold())


def _stem(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    return folder + slash + name.rpartition(".")[0]
