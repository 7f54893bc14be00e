"""True masks of classes: a folder of label maps, or the regions that a person accepted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from annotator.backends.protocols import TagText
from annotator.core import masks
from annotator.core.errors import AnnotatorError
from annotator.core.label_maps import load_labels
from annotator.core.records import Image, Rle
from annotator.core.vocabulary import parse_class_list
from annotator.pipeline.ground import tag_text
from annotator.project import queries
from annotator.project.project import Project

Labels = NDArray[np.int32]

#: Class of a pixel that does not count.
IGNORED = -1
#: What classes are called that are none.
VOID = frozenset({"unlabelled", "unlabeled", "unlabel", "void", "ignore", "ignored"})
BACKGROUND = "background"


class MaskTruth(Protocol):
    """``tags``: the classes, as a Grounder is told of them; class n, one more than those, is the
    background where ``has_background``. ``names``: what the n classes (and a background that
    counts as a class) are called."""

    tags: tuple[TagText, ...]
    names: tuple[str, ...]
    has_background: bool

    def images(self, project: Project) -> list[Image]:
        """The images that have a truth, in path order; AnnotatorError when none has."""
        ...

    def labels(self, image: Image, height: int, width: int) -> Labels:
        """Class of every pixel, int32[height, width], IGNORED where it does not count. Raises
        AnnotatorError when the truth is of another size."""
        ...


class LabelMaps:
    """PNG files named as the images are, with numbers of classes as pixels; "classes.txt" beside
    them, or in the folder above, says what they mean: ``id:name,synonym,...`` a line.

    A class called "background" is the background, and counts as a class; one that is called
    "unlabelled" or "void", and numbers that are not listed, do not count.
    """

    def __init__(self, folder: Path) -> None:
        """Raises AnnotatorError when the folder or its list of classes cannot be read."""
        if not folder.is_dir():
            raise AnnotatorError(f"{folder} is no folder: give one with label maps as PNG files.")
        self._folder = folder
        inner = folder / "masks"
        self._files = {
            path.stem: path
            for place in ([inner] if inner.is_dir() else []) + [folder]
            for path in sorted(place.iterdir())
            if path.suffix.lower() == ".png"
        }
        classes = _read_classes(folder)
        known = {number: names for number, names in classes.items() if not _void(names)}
        background = [n for n, names in known.items() if names[0].casefold() == BACKGROUND]
        things = [number for number in known if number not in background]
        if not things:
            raise AnnotatorError(f"The classes.txt of {folder} names no classes.")
        self.tags = tuple(TagText(known[n][0], known[n][1:]) for n in things)
        self.has_background = bool(background)
        self.names = tuple(tag.name for tag in self.tags) + (BACKGROUND,) * self.has_background
        self._index = {number: index for index, number in enumerate(things)}
        self._index |= dict.fromkeys(background, len(things))

    def images(self, project: Project) -> list[Image]:
        with project.read() as db:
            every = queries.images(db, queries.image_ids(db))
        found = [image for image in every if Path(image.path).stem in self._files]
        if not found:
            raise AnnotatorError(
                f"{self._folder} has no label map of an image of {project.path.name}: a map is a "
                "PNG with the name of its image."
            )
        return found

    def labels(self, image: Image, height: int, width: int) -> Labels:
        path = self._files[Path(image.path).stem]
        numbers = load_labels(path)
        if numbers.shape != (height, width):
            raise AnnotatorError(
                f"{path} is {numbers.shape[1]} x {numbers.shape[0]} pixels, its image "
                f"{image.path} {width} x {height}."
            )
        found = np.full(numbers.shape, IGNORED, np.int32)
        for number, index in self._index.items():
            found[numbers == number] = index
        return found


class AcceptedRegions:
    """The masks that a person accepted, as they stand in the project; what is in none of them is
    background, which is no class of its own. Where several overlap the smaller one is on top."""

    has_background = True

    def __init__(self, project: Project) -> None:
        """Raises AnnotatorError when no region was accepted."""
        with project.read() as db:
            regions = [one for one in queries.all_regions(db) if one.verdict == "accepted"]
            synsets = sorted({region.synset_id for region in regions})
            self.tags = tuple(tag_text(queries.synset(db, id)) for id in synsets)
        if not regions:
            raise AnnotatorError(
                f"{project.path.name} has no accepted masks: accept some, or give a folder of "
                "label maps as the truth."
            )
        self.names = tuple(tag.name for tag in self.tags)
        index = {id: place for place, id in enumerate(synsets)}
        self._of: dict[int, list[tuple[int, Rle]]] = {}
        for region in sorted(regions, key=lambda one: (-one.area, one.id)):
            self._of.setdefault(region.image_id, []).append((index[region.synset_id], region.rle))

    def images(self, project: Project) -> list[Image]:
        with project.read() as db:
            ids = [id for id in queries.image_ids(db) if id in self._of]
            return queries.images(db, ids)

    def labels(self, image: Image, height: int, width: int) -> Labels:
        found = np.full((height, width), len(self.tags), np.int32)
        for index, rle in self._of[image.id]:
            if (rle.height, rle.width) != (height, width):
                raise AnnotatorError(
                    f"An accepted mask of {image.path} is {rle.width} x {rle.height} pixels, the "
                    f"image {width} x {height}: the file changed since."
                )
            found[masks.decode(rle)] = index
        return found


def _void(names: Sequence[str]) -> bool:
    return names[0].casefold() in VOID


def _read_classes(folder: Path) -> Mapping[int, tuple[str, ...]]:
    for path in (folder / "classes.txt", folder.parent / "classes.txt"):
        if path.is_file():
            break
    else:
        raise AnnotatorError(
            f"{folder} has no classes.txt: it says what the numbers mean, id:name a line."
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
        lines = [line for line in text.splitlines() if line.strip()]
        return {
            int(line.partition(":")[0]): names for line in lines for names in parse_class_list(line)
        }
    except OSError as error:
        raise AnnotatorError(f"{path} cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise AnnotatorError(f"{path} is not a list of classes: {error}.") from error
