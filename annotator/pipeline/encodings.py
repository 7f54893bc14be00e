"""What a Refiner knows of an image: computed once, kept on disk and, the last few, in memory."""

from __future__ import annotations

import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from annotator.backends.protocols import Pixels, Refiner, StoringRefiner
from annotator.core import images
from annotator.core.records import Failure, Image, Progress
from annotator.pipeline.ahead import ahead as work_ahead
from annotator.pipeline.files import content_key, failure, image_path, require_folder
from annotator.pipeline.pages import Pace, readable_images
from annotator.project.project import Project

#: Part of the key on disk: to be raised when the bytes come to mean something else.
VERSION = 1
#: Encodings in memory: the image on screen, the one before and the one after.
RECENT = 3
#: A walk over the folder leaves encodings in the cache only while they take less than this, so
#: that it never drives out those of the images that a person has open.
WALK_BYTES = 2 * 1024**3


def encoding(
    project: Project,
    image: Image,
    refiner: Refiner,
    pixels: Pixels | None = None,
    *,
    walk: bool = False,
) -> Any:
    """The refiner's encoding of an image: from memory, from the disk, or computed and put there.
    Only a StoringRefiner's goes to the disk; it passes through its bytes in any case, so that a
    mask is the same today and tomorrow. Bytes that are damaged are computed again. ``pixels``: the
    decoded image where the caller has it. ``walk``: one of many images; it is put on the disk only
    while there is room, and not into memory, which is for what is on screen. Threads that ask for
    the same image at once compute it once, and a StoringRefiner, which is large, encodes one image
    at a time. Raises ImageUnreadable.
    """
    keep = not walk or has_room(project)
    return _encoding(project, image, refiner, pixels, keep=keep, recent=not walk)


def kept(project: Project, image: Image, refiner: Refiner) -> bool:
    """Whether an encoding is there without computing it. Raises ImageUnreadable."""
    key = _key(project, image, refiner)
    if _recent.get(refiner, (project.folder, key)) is not None:
        return True
    return isinstance(refiner, StoringRefiner) and project.cache.has("encode", key)


def has_room(project: Project) -> bool:
    """Whether a walk over the folder may leave more encodings on the disk."""
    return project.cache.size_beside("encode") < WALK_BYTES


def ahead(project: Project, image_ids: Sequence[int], refiner: Refiner) -> Iterator[Progress]:
    """Encodes images before they are looked at, in this order, and keeps them on the disk. Nothing
    is done for a Refiner whose encodings are not stored: it is quick. Closing the generator
    stops it after the image at hand. The last Progress has ``done``, ``failed``, ``seconds`` and
    ``encoded`` (those that were not there yet). Raises AnnotatorError when the folder is gone.
    """
    start = time.monotonic()
    require_folder(project)
    ids = list(image_ids) if isinstance(refiner, StoringRefiner) else []
    pace = Pace("encode", len(ids))
    encoded = 0

    def decode(image: Image) -> tuple[Image, Pixels | None, Failure | None]:
        try:
            there = kept(project, image, refiner)
            return image, None if there else images.load(image_path(project, image)), None
        except images.ImageUnreadable as error:
            return image, None, failure(image, error)

    yield pace.progress()
    for image, pixels, failed in work_ahead(decode, readable_images(project, ids), depth=2):
        if pixels is not None:
            # Not into memory: that is for what is on screen.
            _encoding(project, image, refiner, pixels, keep=True, recent=False)
            encoded += 1
        pace.step(failed)
        yield pace.progress(image.path)
    yield pace.last(seconds=time.monotonic() - start, encoded=encoded)


def _encoding(
    project: Project,
    image: Image,
    refiner: Refiner,
    pixels: Pixels | None,
    *,
    keep: bool,
    recent: bool,
) -> Any:
    key = _key(project, image, refiner)
    place = (project.folder, key)
    found = _recent.get(refiner, place)
    if found is not None:
        return found
    with _one_at_a_time((id(refiner), place)):
        found = _recent.get(refiner, place)
        if found is None:
            found = _stored(project, key, refiner)
            if found is None:
                if pixels is None:
                    pixels = images.load(image_path(project, image))
                if isinstance(refiner, StoringRefiner):
                    with _one_at_a_time(id(refiner)):
                        data = refiner.pack(refiner.encode(pixels))
                    found = refiner.unpack(data)
                    if keep:
                        project.cache.put("encode", key, data)
                else:
                    found = refiner.encode(pixels)
            if recent:
                _recent.put(refiner, place, found)
    return found


def _stored(project: Project, key: str, refiner: Refiner) -> Any | None:
    if not isinstance(refiner, StoringRefiner):
        return None
    data = project.cache.get("encode", key)
    if data is None:
        return None
    try:
        return refiner.unpack(data)
    except ValueError:  # a cache may be damaged: it is computed again
        return None


def _key(project: Project, image: Image, refiner: Refiner) -> str:
    return f"{content_key(project, image)}|{refiner.id}|{VERSION}"


class _Recent:
    """The encodings that were used last, of refiners that are still there."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._found: OrderedDict[tuple[int, Any], tuple[weakref.ref[Any], Any]] = OrderedDict()

    def get(self, refiner: Refiner, place: Any) -> Any | None:
        with self._lock:
            kept = self._found.get((id(refiner), place))
            # An id may have gone over to another refiner.
            if kept is None or kept[0]() is not refiner:
                return None
            self._found.move_to_end((id(refiner), place))
            return kept[1]

    def put(self, refiner: Refiner, place: Any, found: Any) -> None:
        with self._lock:
            self._found[(id(refiner), place)] = (weakref.ref(refiner), found)
            self._found.move_to_end((id(refiner), place))
            for key in [key for key, one in self._found.items() if one[0]() is None]:
                del self._found[key]
            while len(self._found) > self._most:
                self._found.popitem(last=False)


_recent = _Recent(RECENT)
_working: dict[Any, tuple[threading.Lock, int]] = {}
_working_lock = threading.Lock()


@contextmanager
def _one_at_a_time(key: Any) -> Iterator[None]:
    """Threads with the same key, one after the other."""
    with _working_lock:
        lock, waiting = _working.get(key, (threading.Lock(), 0))
        _working[key] = (lock, waiting + 1)
    try:
        with lock:
            yield
    finally:
        with _working_lock:
            waiting = _working[key][1] - 1
            if waiting:
                _working[key] = (lock, waiting)
            else:
                del _working[key]
