"""The main job on sample photos that are installed with the program: no network, no display."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import cv2

from annotator.backends.registry import Pack
from annotator.core import images
from annotator.core.errors import AnnotatorError
from annotator.core.paths import shipped
from annotator.core.records import Progress
from annotator.pipeline.group import group
from annotator.pipeline.options import ProposeOptions
from annotator.pipeline.propose import propose
from annotator.pipeline.scan import scan
from annotator.pipeline.segment import SegmentOptions, segment
from annotator.project.project import Project

#: How the sample photos are looked at: the quarters find what is small (LLM2Labels, SGC).
PROPOSE = ProposeOptions(grid="sgc")
#: One mask a photo keeps the overview readable, also where the model is not sure.
SEGMENT = SegmentOptions(top=1, min_score=0.1)


@dataclass(frozen=True, slots=True)
class Photo:
    """A sample photo: a file of an installed package, or the part of it inside ``box`` (left,
    top, right, bottom in pixels)."""

    name: str
    package: str
    file: str
    box: tuple[int, int, int, int] | None = None


PHOTOS = (
    Photo("astronaut.jpg", "skimage", "data/astronaut.png"),
    Photo("cat.jpg", "skimage", "data/chelsea.png"),
    Photo("coffee.jpg", "skimage", "data/coffee.png"),
    Photo("flower.jpg", "sklearn", "datasets/images/flower.jpg"),
    Photo("lake.jpg", "sklearn", "datasets/images/china.jpg", (300, 0, 640, 427)),
    Photo("motorcycle.jpg", "skimage", "data/motorcycle_left.png"),
    Photo("palace.jpg", "sklearn", "datasets/images/china.jpg"),
    Photo("photographer.jpg", "skimage", "data/camera.png"),
    Photo("rocket.jpg", "skimage", "data/rocket.jpg"),
    Photo("shuttle.jpg", "skimage", "data/astronaut.png", (360, 0, 512, 270)),
)


def demo(folder: Path, pack: Pack) -> Iterator[Progress]:
    """Photos, project, scan, proposals and masks in ``folder``, which is made if need be.

    Again in the same folder it goes on where it was and keeps every decision. The last Progress
    carries project (path), photos (path), done, failed, seconds, tags, regions. Raises
    AnnotatorError.
    """
    started = time.monotonic()
    photos = folder / "photos"
    yield from save_photos(photos)
    failed: dict[str, str] = {}
    results: dict[str, object] = {}
    last = Progress("photos", 0, None)
    with open_project(folder) as project:
        for steps in (
            scan(project),
            propose(project, pack, PROPOSE),
            group(project, pack),
            segment(project, pack, None, SEGMENT),
        ):
            for progress in steps:
                failed.update({one.image: one.reason for one in progress.failed})
                results.update(progress.result or {})
                last = progress
                yield replace(progress, result=None)
    result = {
        "project": str(project_path(folder)),
        "photos": str(photos),
        "done": int(str(results["images"])) - len(failed),
        "failed": [{"image": name, "reason": why} for name, why in sorted(failed.items())],
        "seconds": round(time.monotonic() - started, 3),
        "synsets": results["synsets"],
        "tags": results["tags"],
        "suggestions": results["suggestions"],
        "regions": results["regions"],
    }
    yield replace(last, failed=(), result=result)


def project_path(folder: Path) -> Path:
    return folder / "demo.annot"


def open_project(folder: Path) -> Project:
    """The demo's project in ``folder``, made at the first call. Raises AnnotatorError."""
    path = project_path(folder)
    return Project.open(path) if path.exists() else Project.create(path, folder / "photos")


def save_photos(folder: Path) -> Iterator[Progress]:
    """Write the sample photos into ``folder`` as JPEGs; one that is there already stays as it is.

    Raises AnnotatorError when a package is not installed or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, photo in enumerate(PHOTOS, start=1):
            target = folder / photo.name
            if not target.exists():
                _write(target, _jpeg(photo))
            yield Progress("photos", number, len(PHOTOS), message=photo.name)
    except FileExistsError as error:
        raise AnnotatorError(f"{folder} is a file; choose another folder for the demo.") from error
    except OSError as error:
        raise AnnotatorError(
            f"The sample photos cannot be written to {folder} ({error.strerror}); choose another "
            "folder for the demo."
        ) from error


def _jpeg(photo: Photo) -> bytes:
    source = _installed(photo)
    if photo.box is None and source.suffix == ".jpg":
        return source.read_bytes()
    pixels = images.load(source)
    if photo.box is not None:
        left, top, right, bottom = photo.box
        pixels = pixels[top:bottom, left:right]
    _, data = cv2.imencode(".jpg", pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    return data.tobytes()


def _installed(photo: Photo) -> Path:
    # The packaged program ships the photos without the packages they come from.
    with suppress(FileNotFoundError):
        return shipped("samples", photo.package, *photo.file.split("/"))
    # Importing the package itself would take seconds for one file's path.
    spec = importlib.util.find_spec(photo.package)
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        path = Path(place, *photo.file.split("/"))
        if path.is_file():
            return path
    raise AnnotatorError(
        f"The sample photo {photo.file} of the package {photo.package} is not installed; install "
        "Annotator again with its dependencies."
    )


def _write(target: Path, data: bytes) -> None:
    temporary = target.with_name(f".{target.name}.part")
    try:
        temporary.write_bytes(data)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
