"""Pairs of an image and a text to learn from, and what of an image is looked at."""

from __future__ import annotations

import csv
import hashlib
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from annotator.backends.protocols import Pixels
from annotator.core.errors import AnnotatorError
from annotator.core.records import Failure, Image
from annotator.core.text_words import words
from annotator.pipeline.finetune_options import FinetuneOptions
from annotator.pipeline.pages import PAGE
from annotator.project import queries
from annotator.project.project import Project
from annotator.project.sqlite import Connection

_COLUMNS = ("file", "caption")
#: What parts the columns, the first that gives both.
_SEPARATORS = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class Pair:
    """An image with a text. ``tags``: the candidates, all words of a caption; of accepted tags the
    names and lemmas, which are ``given``: nothing has to be selected among them."""

    image: Image
    text: str
    tags: tuple[str, ...]
    given: bool = False


@dataclass(slots=True)
class Data:
    """What there is to learn from, in path order. ``unknown``: files of captions that are not in
    the project; ``empty``: those whose caption has no word; both with repetitions. ``failed``:
    images that cannot be read."""

    pairs: list[Pair] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """Changes when a pair does, or the content of its image."""
        found = hashlib.blake2b(digest_size=16)
        for one in self.pairs:
            image = one.image
            row = (image.path, image.hash or image.bytes, one.text, one.tags, one.given)
            found.update(repr(row).encode())
        return found.hexdigest()


def gather(project: Project, options: FinetuneOptions) -> Data:
    """The pairs of a project. Raises AnnotatorError, saying why, when there are none of a kind
    that ``options.text`` asks for."""
    data = Data()
    if options.text != "tags":
        assert options.captions is not None
        _captions(project, options.captions, data)
    if options.text != "captions":
        _tags(project, data)
    data.pairs.sort(key=lambda one: (one.image.path, one.given))
    data.pairs = data.pairs[: options.limit]
    return data


def read_captions(path: Path) -> Iterator[tuple[str, str]]:
    """(file, caption) of each row of a CSV in UTF-8; other columns are not looked at. Raises
    AnnotatorError for what is no such table."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            head = file.readline()
            columns, separator = _columns(path, head)
            reader = csv.reader(file, delimiter=separator, strict=True)
            for row in reader:
                if not row:
                    continue
                cells = [row[at] if at < len(row) else "" for at in columns]
                yield cells[0], cells[1]
    except OSError as error:
        raise AnnotatorError(
            f"The captions {path} cannot be read ({error.strerror}): check the path."
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise AnnotatorError(
            f"The captions {path} are no CSV in UTF-8 ({error}): save them as one."
        ) from error


def _columns(path: Path, head: str) -> tuple[list[int], str]:
    """Where file and caption are, and what parts the columns."""
    for separator in _SEPARATORS:
        for row in csv.reader([head], delimiter=separator):
            names = [name.strip().lower() for name in row]
            if all(name in names for name in _COLUMNS):
                return [names.index(name) for name in _COLUMNS], separator
    raise AnnotatorError(
        f"The captions {path} lack the columns file and caption: name them in the first line."
    )


def _captions(project: Project, path: Path, data: Data) -> None:
    with project.read() as db:
        known = {_plain(one.path): one for one in _images(db, queries.image_ids(db))}
    rows, failed = 0, set()
    for name, caption in read_captions(path):
        rows += 1
        image = known.get(_plain(_relative(name, project.folder)))
        text = " ".join(caption.split())
        if image is None:
            data.unknown.append(name)
        elif not words(text):
            data.empty.append(name)
        elif image.error is not None:
            failed.add(image.path)
        else:
            data.pairs.append(Pair(image, text, words(text)))
    data.failed += [_unreadable(known[_plain(one)]) for one in sorted(failed)]
    if data.pairs:
        return
    if data.failed:
        raise AnnotatorError(
            f"None of the images that {path} has captions of can be read: see why with "
            f"annotator scan {project.path.name}."
        )
    if data.unknown:
        raise AnnotatorError(
            f"None of the captions in {path} is of an image of {project.path.name} (the first is "
            f"of {data.unknown[0]}): name the files as they are below {project.folder}."
        )
    what = "captions with words" if rows else "rows"
    raise AnnotatorError(f"There are no {what} in {path}: nothing can be learnt from it.")


def _tags(project: Project, data: Data) -> None:
    found = 0
    with project.read() as db:
        lemmas = {one.id: one.lemmas for one in queries.vocabulary(db)}
        ids = queries.image_ids(db)
        for start in range(0, len(ids), PAGE):
            page = ids[start : start + PAGE]
            tags = queries.tags_of(db, page)
            for image in _images(db, page):
                accepted = [tag for tag in tags[image.id] if tag.verdict == "accepted"]
                if not accepted:
                    continue
                if image.error is not None:
                    data.failed.append(_unreadable(image))
                    continue
                names = [tag.synset for tag in accepted]
                others = [one for tag in accepted for one in lemmas.get(tag.synset_id, ())]
                text = ", ".join(dict.fromkeys(names))
                every = tuple(dict.fromkeys([*names, *others]))
                data.pairs.append(Pair(image, text, every, given=True))
                found += 1
    data.failed = sorted(dict.fromkeys(data.failed), key=lambda one: one.image)
    if not found:
        raise AnnotatorError(
            f"No tag of a readable image of {project.path.name} is accepted yet: accept some, or "
            "learn from captions."
        )


def _images(db: Connection, ids: Sequence[int]) -> Iterator[Image]:
    for start in range(0, len(ids), PAGE):
        yield from queries.images(db, ids[start : start + PAGE])


def _unreadable(image: Image) -> Failure:
    return Failure(image.path, str(image.error))


def _plain(path: str) -> str:
    """One spelling for names that look alike: disks differ in how they write accents."""
    return unicodedata.normalize("NFC", path)


def _relative(name: str, folder: Path) -> str:
    name = name.strip()
    try:
        return Path(name).relative_to(folder).as_posix()
    except ValueError:
        return name.replace("\\", "/").removeprefix("./")


def split(pairs: Sequence[Pair], share: float, seed: int) -> tuple[list[Pair], list[Pair]]:
    """(to train on, to check with): all pairs of an image on one side, at least one image on each
    where there are two and ``share`` is not 0."""
    ids = list(dict.fromkeys(one.image.id for one in pairs))
    count = min(len(ids) - 1, max(1, round(share * len(ids)))) if share else 0
    drawn = np.random.default_rng([seed, 1]).permutation(len(ids))[: max(0, count)]
    apart = {ids[int(place)] for place in drawn}
    return (
        [one for one in pairs if one.image.id not in apart],
        [one for one in pairs if one.image.id in apart],
    )


def order(count: int, seed: int, epoch: int) -> list[int]:
    """Places of the pairs, as they come in an epoch."""
    return [int(one) for one in np.random.default_rng([seed, 2, epoch]).permutation(count)]


def random_crop(
    image: Pixels, size: int, resize: tuple[int, int], seed: tuple[int, int, int]
) -> Pixels:
    """What a step sees of an image (TTD, table 6: random resize, then random crop). ``seed``: that
    of the run, the epoch and the pair: the same crop again after a stop."""
    run, epoch, index = seed
    numbers = np.random.default_rng([run, 3, epoch, index])
    short = int(numbers.integers(resize[0], resize[1] + 1))
    x, y = numbers.random(2)
    return crop(image, size, short, float(x), float(y))


def middle_crop(image: Pixels, size: int, resize: tuple[int, int]) -> Pixels:
    """What a check sees: the middle, at the middle size."""
    return crop(image, size, sum(resize) // 2, 0.5, 0.5)


def crop(image: Pixels, size: int, short: int, x: float, y: float) -> Pixels:
    """uint8[size, size, 3]: a square of the image enlarged or shrunk so that its shorter side is
    ``short`` pixels. ``x`` and ``y`` in [0, 1] say where: 0 left or top, 1 right or bottom. Where
    the image is smaller than the square, its mirror image fills the rest. Only the part that is
    seen is resized: a strip of 20000x1 costs no more than a photo."""
    height, width = image.shape[:2]
    scale = short / min(height, width)
    high, wide = min(float(height), size / scale), min(float(width), size / scale)
    top, left = y * (height - high), x * (width - wide)
    first, begin = int(top), int(left)
    part = image[
        first : max(first + 1, round(top + high)), begin : max(begin + 1, round(left + wide))
    ]
    rows = min(size, max(1, round(high * scale)))
    columns = min(size, max(1, round(wide * scale)))
    above, before = round(y * (size - rows)), round(x * (size - columns))
    below, after = size - rows - above, size - columns - before
    sides = ((above, below), (before, after), (0, 0))
    return np.asarray(np.pad(squeeze(part, rows, columns), sides, mode="symmetric"), np.uint8)


def squeeze(image: Pixels, rows: int, columns: int) -> Pixels:
    """uint8[rows, columns, 3]: all of the image, whatever its shape; shrinking averages."""
    import cv2

    smaller = rows * columns < image.shape[0] * image.shape[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    resized = cv2.resize(np.ascontiguousarray(image), (columns, rows), interpolation=how)
    return np.asarray(resized, dtype=np.uint8)
