"""The starter pack at work: its files, a scan, what it says of the photos, the masks it draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from annotator.backends import registry
from annotator.backends.registry import Pack
from annotator.core import masks
from annotator.core.errors import AnnotatorError
from annotator.core.records import Progress, Region
from annotator.pipeline import demo
from annotator.pipeline.propose import propose
from annotator.pipeline.scan import scan
from annotator.pipeline.segment import SegmentOptions, segment
from annotator.project import queries
from annotator.project.project import Project
from annotator.self_test import photos
from annotator.self_test.steps import Found

#: The first word of photos that everybody has, and its score, as they were found with PyTorch 2.14
#: on a CPU. Other builds and a GPU differ by thousandths, a broken one by far more.
FIRST: Mapping[str, tuple[str, float]] = {
    "cat.jpg": ("Egyptian cat", 0.507),
    "coffee.jpg": ("espresso", 0.505),
    "lake.jpg": ("lakeside", 0.128),
    "palace.jpg": ("palace", 0.207),
}
TOLERANCE = 0.03
#: A mask each for the two best words of the first few photos: drawing takes a second each.
MASKS = SegmentOptions(top=2, min_score=0.05, limit=6)


def weights(verify: Callable[[str], list[tuple[str, str, bool, str]]] = registry.verify) -> Found:
    """The starter pack's files against their hashes; facts: role -> SHA-256. Raises
    AnnotatorError."""
    wrong = [said for _, _, ok, said in verify("starter") if not ok]
    if wrong:
        raise AnnotatorError(" ".join(wrong))
    specs = registry.load_pack("starter").specs
    hashes = {role: spec.file.sha256 for role, spec in specs.items() if spec.file is not None}
    files = len(set(hashes.values()))
    return Found(f"{files} files of the starter pack have the right SHA-256", {"sha256": hashes})


def make(folder: Path, path: Path) -> Found:
    """Photos in ``folder``, and a project of them at ``path``, scanned. Raises AnnotatorError."""
    photos.save(folder)
    with Project.create(path, folder) as project:
        last = drive(scan(project))
        with project.read() as db:
            status = queries.status(db)
    if last.get("failed") or (status["images"], status["unreadable"]) != (photos.COUNT, 0):
        raise AnnotatorError(
            f"The scan found {status['images']} photos, {status['unreadable']} of them unreadable, "
            f"and not {photos.COUNT} good ones: an image library is missing or damaged, install "
            "Annotator again."
        )
    return Found(f"{photos.COUNT} photos scanned, 0 unreadable")


def look(project: Project, pack: Pack) -> Found:
    """What the starter pack says of the photos. Raises AnnotatorError where it is silent, or says
    something else than everywhere."""
    drive(propose(project, pack, demo.PROPOSE))
    with project.read() as db:
        images = queries.images(db, queries.image_ids(db))
        tags = {image.path: queries.tags(db, image.id) for image in images}
    silent = [path for path, found in tags.items() if not found]
    if silent:
        raise AnnotatorError(
            f"The starter pack says nothing of {len(silent)} photos ({silent[0]} is one): PyTorch "
            "computes something else here; install Annotator again."
        )
    first = {path: (found[0].synset, found[0].score) for path, found in tags.items()}
    faults = unexpected(first)
    if faults:
        raise AnnotatorError(" ".join(faults))
    count = sum(len(found) for found in tags.values())
    told = {path: [word, score] for path, (word, score) in first.items()}
    return Found(f"{count} tags on {len(tags)} photos, the known ones right", {"first": told})


def unexpected(first: Mapping[str, tuple[str, float | None]]) -> list[str]:
    """A sentence for each photo whose first word, or its score, is not the known one."""
    faults = []
    for path, (word, score) in FIRST.items():
        found, with_score = first.get(path, ("nothing", None))
        if found != word or with_score is None or abs(with_score - score) > TOLERANCE:
            faults.append(
                f"The first word of {path} is {found} with {with_score or 0.0:.3f} and not {word} "
                f"with {score:.3f}: PyTorch computes something else here; install Annotator again."
            )
    return faults


def draw(project: Project, pack: Pack) -> Found:
    """Heatmaps of the best words, cut into masks. Raises AnnotatorError where masks are missing,
    empty or not what is noted of them."""
    drive(segment(project, pack, None, MASKS))
    with project.read() as db:
        images = queries.images(db, queries.image_ids(db))
        sizes = {image.id: (image.height, image.width) for image in images}
        regions = list(queries.all_regions(db))
    if not regions:
        raise AnnotatorError(
            "Not one mask was drawn: OpenCV or PyTorch computes something else here; install "
            "Annotator again."
        )
    faults = wrong_masks(regions, sizes)
    if faults:
        raise AnnotatorError(faults[0])
    on = len({region.image_id for region in regions})
    return Found(f"{len(regions)} masks on {on} photos, none empty", {"masks": len(regions)})


def wrong_masks(
    regions: Sequence[Region], sizes: Mapping[int, tuple[int | None, int | None]]
) -> list[str]:
    """A sentence for each mask that is empty, not of the height and width of its image (``sizes``,
    by image), or not as large as noted."""
    faults = []
    for region in regions:
        mask = masks.decode(region.rle)
        height, width = sizes[region.image_id]
        if mask.shape != (height, width) or not 0 < int(mask.sum()) == region.area:
            faults.append(
                f"The mask of {region.synset} on {region.image} has {mask.sum()} pixels of "
                f"{mask.shape[1]} x {mask.shape[0]}, and {region.area} of {width} x {height} are "
                "noted: pycocotools is damaged, install Annotator again."
            )
    return faults


def drive(steps: Iterator[Progress]) -> Mapping[str, object]:
    """Run a pipeline to its end; its result. Raises AnnotatorError where it failed on an image."""
    result: Mapping[str, object] = {}
    for progress in steps:
        for one in progress.failed:
            raise AnnotatorError(f"{one.image} could not be done: {one.reason}.")
        result = progress.result or result
    return result
