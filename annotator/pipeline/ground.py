"""Where on an image a tag is: raw similarity of every pixel, and its peak over the folder."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator, Sequence
from typing import Protocol

import cv2
import numpy as np

from annotator.backends.protocols import Floats, FromZero, Grounder, Pixels, TagText
from annotator.core import images
from annotator.core.errors import AnnotatorError
from annotator.core.records import Failure, Image, Progress, Synset
from annotator.core.scoring import heat_threshold
from annotator.core.text_words import words
from annotator.pipeline.ahead import ahead
from annotator.pipeline.files import content_key, failure, image_path, require_folder
from annotator.pipeline.pages import Pace, readable_images
from annotator.project import queries
from annotator.project.project import Project

_HEADER = struct.Struct("<4sIII")
_MAGIC = b"px16"
#: A walk over the folder leaves pixel vectors in the cache only while it is smaller than this:
#: at up to 2 MB an image they would drive out the thumbnails. Looking at one image always does.
CACHE_BYTES = 1 << 30
#: Texts given to a Grounder at once.
_TEXTS = 256


#: A text of more words than this is a sentence, which goes into no prompt template.
LONGEST_TAG = 3


class HasGrounder(Protocol):
    def grounder(self) -> Grounder: ...


def tag_text(synset: Synset) -> TagText:
    """What a Grounder is told of a synset."""
    return TagText(synset.name, synset.lemmas, synset.wordnet_id)


def heatmap(
    project: Project,
    image: Image,
    tag: TagText | str,
    grounder: Grounder,
    pixels: Pixels | None = None,
) -> Floats:
    """Raw cosine of every cell of the image with the tag: float32[h, w] in [-1, 1].

    The cells lie evenly over the whole image. The image's vectors are kept in the cache, so a
    second tag costs one dot product. ``pixels`` is the decoded image where the caller has it.
    Raises ImageUnreadable.
    """
    text = TagText(tag) if isinstance(tag, str) else tag
    cells = cached_pixels(project, image, grounder, pixels)
    return cosines(cells, grounder.texts([text])[0])


def heatmaps(
    project: Project,
    image: Image,
    tags: Sequence[TagText],
    grounder: Grounder,
    pixels: Pixels | None = None,
) -> Floats:
    """Raw cosine of every cell with each of many tags: float32[n, h, w] in [-1, 1].

    One look at the image, or none where its vectors are kept, and one matrix product for all tags.
    The maps are as coarse as the cells; ``upsample`` those that are to be seen. Raises
    ImageUnreadable.
    """
    cells = cached_pixels(project, image, grounder, pixels)
    h, w, c = cells.shape
    if not tags:
        return np.zeros((0, h, w), np.float32)
    found = text_vectors(grounder, tags) @ cells.reshape(h * w, c).T
    return np.clip(found, -1.0, 1.0, out=found).reshape(len(tags), h, w)


def cached_pixels(
    project: Project,
    image: Image,
    grounder: Grounder,
    pixels: Pixels | None = None,
    *,
    keep: bool = True,
) -> Floats:
    """The grounder's vectors of an image, float32[h, w, c], from the cache or computed and, with
    ``keep``, put there. They pass through float16 in both cases, so both give the same. Raises
    ImageUnreadable.
    """
    kept = _kept(project, image, grounder)
    if kept is not None:
        return kept
    if pixels is None:
        pixels = images.load(image_path(project, image))
    data = _pack(grounder.pixels(pixels))
    if keep:
        project.cache.put("heat", _key(project, image, grounder), data)
    return _unpack(data)


def cosines(cells: Floats, vector: Floats) -> Floats:
    """Dot product of every cell, float32[h, w, c], with a tag's vector, float32[c]: [h, w]."""
    found: Floats = np.clip(cells @ vector, -1.0, 1.0).astype(np.float32, copy=False)
    return found


def text_vectors(grounder: Grounder, texts: Sequence[TagText]) -> Floats:
    """float32[n, c] of any number of tags, n at least 1, some at a time."""
    parts = [grounder.texts(texts[at : at + _TEXTS]) for at in range(0, len(texts), _TEXTS)]
    return np.concatenate(parts)


def automatic_cut(heat: Floats, grounder: Grounder) -> float:
    """The raw similarity at which a tag's map by this Grounder is cut when nobody says where."""
    return heat_threshold(heat, grounder.filled if isinstance(grounder, FromZero) else None)


def upsample(heat: Floats, height: int, width: int) -> Floats:
    """Bicubic enlargement to float32[height, width]; stays within the range of ``heat``, so that
    a peak is not higher on screen than it is."""
    large = cv2.resize(heat, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(large, heat.min(), heat.max()).astype(np.float32, copy=False)


def ground(
    project: Project,
    pack: HasGrounder,
    synset: int | None = None,
    text: str | None = None,
    limit: int | None = None,
) -> Iterator[Progress]:
    """Score of one tag on every image: the highest similarity of any pixel (TTD, eq. 2).

    Give ``synset`` (id) or ``text``. The last Progress has ``rows``, best image first, at most
    ``limit``. Nothing is written to the project. Raises AnnotatorError for an unknown synset or a
    missing folder; an image that cannot be decoded is a Failure.
    """
    start = time.monotonic()
    with project.read() as db:
        if synset is not None and text is None:
            found = queries.synset(db, synset)
            tag, name = tag_text(found), found.name
        elif text is not None and text.strip() and synset is None:
            name = " ".join(text.split())
            if not words(name):
                raise AnnotatorError(f"{name!r} has no words: type what to look for.")
            tag = TagText(name, sentence=len(name.split()) > LONGEST_TAG)
        else:
            raise AnnotatorError("Give either a synset or a text to ground, and only one of them.")
    require_folder(project)
    grounder = pack.grounder()
    vector = grounder.texts([tag])[0]
    with project.read() as db:
        ids = queries.image_ids(db)
    pace = Pace("ground", len(ids))
    rows: list[dict[str, object]] = []

    def decode(image: Image) -> tuple[Image, Floats | None, Pixels | None, Failure | None]:
        try:
            kept = _kept(project, image, grounder)
            pixels = None if kept is not None else images.load(image_path(project, image))
        except images.ImageUnreadable as error:
            return image, None, None, failure(image, error)
        return image, kept, pixels, None

    yield pace.progress()
    for image, cells, pixels, failed in ahead(decode, readable_images(project, ids), depth=8):
        if failed is None:
            if cells is None:
                cells = cached_pixels(project, image, grounder, pixels, keep=has_room(project))
            peak = float(cosines(cells, vector).max())
            rows.append({"image_id": image.id, "image": image.path, "synset": name, "score": peak})
        pace.step(failed)
        if pace.due():
            yield pace.progress(image.path)
    rows.sort(key=lambda row: (-float(str(row["score"])), str(row["image"])))
    done = len(rows)
    seconds = time.monotonic() - start
    yield pace.last(done=done, seconds=seconds, rows=rows if limit is None else rows[:limit])


def has_room(project: Project) -> bool:
    """Whether a walk over the folder may leave more in the cache."""
    return project.cache.size_beside("heat") < CACHE_BYTES


def _kept(project: Project, image: Image, grounder: Grounder) -> Floats | None:
    data = project.cache.get("heat", _key(project, image, grounder))
    if data is None or len(data) < _HEADER.size:
        return None
    magic, h, w, c = _HEADER.unpack_from(data)
    if magic != _MAGIC or len(data) != _HEADER.size + 2 * h * w * c:
        return None  # a cache may be damaged: it is computed again
    return _unpack(data)


def _key(project: Project, image: Image, grounder: Grounder) -> str:
    return f"{content_key(project, image)}|{grounder.id}"


def _pack(pixels: Floats) -> bytes:
    h, w, c = pixels.shape
    return _HEADER.pack(_MAGIC, h, w, c) + pixels.astype("<f2").tobytes()


def _unpack(data: bytes) -> Floats:
    _, h, w, c = _HEADER.unpack_from(data)
    cells = np.frombuffer(data, "<f2", offset=_HEADER.size)
    return cells.reshape(h, w, c).astype(np.float32)
