"""Exports, read back by other code than wrote them."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotator.core import images
from annotator.core.errors import AnnotatorError
from annotator.core.records import Region
from annotator.exchange import ade20k, coco
from annotator.project import queries
from annotator.project.project import Project
from annotator.self_test.starter import drive
from annotator.self_test.steps import Found

#: Keys of a COCO file's "info" that are not the same every time, or in every version.
_PASSING = ("date_created", "year", "version")
#: The file of an ADE20K folder that names the version.
_MARK = "export.json"


def export(project: Project, folder: Path) -> Found:
    """COCO and ADE20K, twice each, read back and compared with the project. Facts: the SHA-256 of
    what they contain. Raises AnnotatorError."""
    one, other = folder / "coco.json", folder / "coco again.json"
    left, right = folder / "ade20k", folder / "ade20k again"
    for file, pictures in ((one, left), (other, right)):
        drive(coco.export(project, file, "proposed"))
        drive(ade20k.export(project, pictures, "proposed"))
    with project.read() as db:
        # What a person rejected never leaves.
        gone = {
            (tag.image_id, tag.synset_id)
            for kept in (True, False)
            for tag in queries.all_tags(db, kept=kept)
            if tag.verdict == "rejected"
        }
        regions = [
            region
            for region in queries.all_regions(db)
            if region.verdict != "rejected" and (region.image_id, region.synset_id) not in gone
        ]
    masks = read_coco(one, project.folder, regions)
    pixels = read_ade20k(left, project.folder, regions)
    hashes = {"coco": coco_hash(one), "ade20k": ade20k_hash(left)}
    if hashes != {"coco": coco_hash(other), "ade20k": ade20k_hash(right)}:
        raise AnnotatorError(
            "The same project exported twice is not the same: this is a fault of Annotator, "
            "report it."
        )
    said = f"COCO with {masks} masks and ADE20K with {pixels} labelled pixels read back"
    return Found(said, {"sha256": hashes, "repeatable": True})


def read_coco(file: Path, photos: Path, regions: Sequence[Region]) -> int:
    """The number of masks, after pycocotools read the file and its masks are those of
    ``regions``. Raises AnnotatorError."""
    from pycocotools import mask as runs
    from pycocotools.coco import COCO

    try:
        with contextlib.redirect_stdout(io.StringIO()):
            data = COCO(str(file))
            rows = data.loadAnns(data.getAnnIds())
            listed = {row["id"]: row for row in data.loadImgs(data.getImgIds())}
            drawn = [data.annToMask(row) for row in rows]
    except Exception as error:  # the reader of others raises anything for a file that is not whole
        what = " ".join(f"{type(error).__name__}: {error}".split())
        raise _unreadable("COCO", file, f"pycocotools cannot read it ({what})") from error
    written = data.dataset
    for kind in ("images", "annotations", "categories"):
        numbers = [row["id"] for row in written[kind]]
        if len(set(numbers)) != len(numbers):
            raise _unreadable("COCO", file, f"two of its {kind} have the same number")
    for row in listed.values():
        pixels = _photo("COCO", file, photos / row["file_name"])
        if pixels.shape[:2] != (row["height"], row["width"]):
            raise _unreadable("COCO", file, f"the size of {row['file_name']} is wrong")
    found: Counter[tuple[str, str]] = Counter()
    for row, mask in zip(rows, drawn, strict=True):
        name = listed[row["image_id"]]["file_name"]
        if int(mask.sum()) != row["area"] or not row["area"]:
            raise _unreadable("COCO", file, f"a mask of {name} has not the area that it says")
        found[name, _mask_hash(mask)] += 1
    wanted = Counter(
        (
            region.image,
            _mask_hash(
                runs.decode(
                    {"size": [region.rle.height, region.rle.width], "counts": region.rle.counts}
                )
            ),
        )
        for region in regions
    )
    if found != wanted:
        name = next(iter((found - wanted) + (wanted - found)))[0]
        raise _unreadable("COCO", file, f"the masks of {name} are not those of the project")
    return len(rows)


def read_ade20k(folder: Path, photos: Path, regions: Sequence[Region]) -> int:
    """The number of labelled pixels, after every label map was decoded and compared with
    ``regions``. Raises AnnotatorError."""
    from pycocotools import mask as runs

    try:
        table = (folder / "objectInfo.txt").read_text(encoding="utf-8").splitlines()[1:]
        classes = {int(row.split("\t")[0]): row.split("\t")[5] for row in table}
        index = [
            json.loads(line)
            for line in (folder / "training.odgt").read_text(encoding="ascii").splitlines()
        ]
    except (OSError, ValueError, IndexError) as error:
        raise _unreadable("ADE20K", folder, f"its tables cannot be read ({error})") from error
    by_picture: dict[bytes, list[Region]] = {}
    for region in regions:
        content = (photos / region.image).read_bytes()
        by_picture.setdefault(hashlib.sha256(content).digest(), []).append(region)
    pixels = 0
    for row in index:
        name = row["fpath_segm"]
        try:
            data = np.fromfile(folder / name, np.uint8)
            labels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
            picture = hashlib.sha256((folder / row["fpath_img"]).read_bytes()).digest()
        except (OSError, cv2.error) as error:
            raise _unreadable("ADE20K", folder, f"{name} cannot be read ({error})") from error
        there = by_picture.pop(picture, None)
        if labels is None or there is None:
            what = "is no picture" if labels is None else "belongs to no photo of the project"
            raise _unreadable("ADE20K", folder, f"{name} {what}")
        drawn = {
            region.id: runs.decode(
                {"size": [region.rle.height, region.rle.width], "counts": region.rle.counts}
            ).astype(bool)
            for region in there
        }
        if not _agree(labels, [(r.synset, drawn[r.id]) for r in there], classes):
            raise _unreadable("ADE20K", folder, f"{name} does not show the project's masks")
        pixels += int((labels > 0).sum())
    if by_picture:
        name = next(iter(by_picture.values()))[0].image
        raise _unreadable("ADE20K", folder, f"{name} is not in it")
    return pixels


def _agree(
    labels: NDArray[Any],
    masks: Iterable[tuple[str, NDArray[np.bool_]]],
    classes: Mapping[int, str],
) -> bool:
    """Whether a pixel is labelled where a mask is and nowhere else, with the class of a smallest
    mask there. The first name in a row of the table is that of the word."""
    masks = list(masks)
    if any(mask.shape != labels.shape for _, mask in masks):
        return False
    smallest = np.full(labels.shape, np.iinfo(np.int64).max)
    for _, mask in masks:
        smallest[mask] = np.minimum(smallest[mask], int(mask.sum()))
    right = (labels == 0) & (smallest == smallest.max(initial=np.iinfo(np.int64).max))
    for word, mask in masks:
        numbers = [number for number, names in classes.items() if _is_first(word, names)]
        right |= mask & (smallest == int(mask.sum())) & np.isin(labels, numbers)
    return bool(right.all())


def _is_first(word: str, names: str) -> bool:
    return names == word or names.startswith(f"{word}, ")


def coco_hash(file: Path) -> str:
    """SHA-256 of what the file says, without dates and versions."""
    document = json.loads(file.read_text(encoding="ascii"))
    for key in _PASSING:
        document["info"].pop(key, None)
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def ade20k_hash(folder: Path) -> str:
    """SHA-256 over names and contents of the files, without the one that names the version."""
    total = hashlib.sha256()
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    for name in sorted(names):
        if name != _MARK:
            content = hashlib.sha256((folder / name).read_bytes()).hexdigest()
            total.update(f"{name} {content}\n".encode())
    return total.hexdigest()


def _photo(what: str, place: Path, path: Path) -> NDArray[np.uint8]:
    try:
        return images.load(path)
    except images.ImageUnreadable as error:
        raise _unreadable(what, place, f"its photo {path.name} cannot be read") from error


def _mask_hash(mask: NDArray[np.uint8]) -> str:
    shape = f"{mask.shape} ".encode()
    return hashlib.sha256(shape + np.packbits(mask).tobytes()).hexdigest()


def _unreadable(what: str, place: Path, why: str) -> AnnotatorError:
    return AnnotatorError(
        f"The {what} export {place.name} is wrong: {why}; look whether the disk is full, then "
        "report it as a fault of Annotator."
    )
