"""Encodings are computed once: memory, disk, threads, damage."""

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotator.backends.protocols import Floats, MaskCandidate, Pixels, StoringRefiner
from annotator.core.records import Image
from annotator.pipeline import encodings
from annotator.pipeline.scan import scan
from annotator.project import queries
from annotator.project.project import Project

Finish = Callable[..., dict[str, Any]]


class StoringMeans:
    """Its encoding of an image is the mean colour; counts how often it looks."""

    def __init__(self, id: str = "means@1") -> None:
        self.id = id
        self.looked = 0
        self.wait: threading.Barrier | None = None
        self.patience = 10.0

    def encode(self, image: Pixels) -> Floats:
        self.looked += 1
        if self.wait is not None:
            self.wait.wait(self.patience)
        return image.reshape(-1, 3).mean(0).astype(np.float32) / 3

    def refine(
        self, encoding: Any, points: Any = (), box: Any = None, mask: Any = None
    ) -> list[MaskCandidate]:
        return []

    def pack(self, encoding: Floats) -> bytes:
        return b"mean" + encoding.astype("<f2").tobytes()

    def unpack(self, data: bytes) -> Floats:
        if data[:4] != b"mean" or len(data) != 10:
            raise ValueError("not a mean")
        return np.frombuffer(data, "<f2", offset=4).astype(np.float32)


class PlainMeans:
    """The same, but quick: nothing to store."""

    id = "plain@1"
    looked = 0

    def encode(self, image: Pixels) -> Floats:
        self.looked += 1
        return image.reshape(-1, 3).mean(0).astype(np.float32)

    def refine(
        self, encoding: Any, points: Any = (), box: Any = None, mask: Any = None
    ) -> list[MaskCandidate]:
        return []


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    forget(monkeypatch)


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a restart: nothing is in memory."""
    monkeypatch.setattr(encodings, "_recent", encodings._Recent(encodings.RECENT))


@pytest.fixture
def photos(project: Project, photo: Callable[..., Path], finish: Finish) -> list[Image]:
    for number in range(5):
        photo(f"{number}.png", number, (40 * number, 60, 20))
    finish(scan(project))
    return images(project)


def images(project: Project) -> list[Image]:
    with project.read() as db:
        return queries.images(db, queries.image_ids(db))


def test_once_in_memory_and_once_on_disk(
    project: Project, photos: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    refiner = StoringMeans()
    assert isinstance(refiner, StoringRefiner)
    assert not encodings.kept(project, photos[0], refiner)
    first = encodings.encoding(project, photos[0], refiner)
    assert encodings.encoding(project, photos[0], refiner) is first
    assert encodings.kept(project, photos[0], refiner)
    forget(monkeypatch)
    assert encodings.kept(project, photos[0], refiner)
    again = encodings.encoding(project, photos[0], refiner)
    assert refiner.looked == 1
    # In half precision the first time too, so that a mask does not change overnight.
    assert again is not first
    assert np.array_equal(again, first)
    assert np.array_equal(first, first.astype(np.float16))


def test_another_model_or_content_is_another_encoding(
    project: Project, photos: list[Image], photo: Callable[..., Path], finish: Finish
) -> None:
    refiner, other = StoringMeans(), StoringMeans("means@2")
    found = encodings.encoding(project, photos[0], refiner)
    encodings.encoding(project, photos[0], other)
    assert other.looked == 1
    twin = StoringMeans()
    encodings.encoding(project, photos[0], twin)
    assert twin.looked == 0  # from the disk: the same model
    photo("0.png", 77, (9, 200, 200))
    finish(scan(project))
    assert not np.array_equal(encodings.encoding(project, images(project)[0], refiner), found)
    assert refiner.looked == 2


def test_memory_holds_the_last_three(project: Project, photos: list[Image]) -> None:
    refiner = PlainMeans()
    for image in photos[:3]:
        encodings.encoding(project, image, refiner)
    encodings.encoding(project, photos[0], refiner)
    encodings.encoding(project, photos[3], refiner)  # drives out 1, not 0, which was used since
    assert refiner.looked == 4
    assert [encodings.kept(project, image, refiner) for image in photos] == [
        *(True, False, True, True, False)
    ]
    assert project.cache.size_beside("encode") == 0


def test_pixels_are_used_where_the_caller_has_them(
    project: Project, photos: list[Image], folder: Path
) -> None:
    (folder / "0.png").unlink()
    found = encodings.encoding(project, photos[0], PlainMeans(), np.full((4, 4, 3), 9, np.uint8))
    assert found.tolist() == [9.0, 9.0, 9.0]


@pytest.mark.parametrize("damage", [b"", b"mean", b"nonsense of another model"])
def test_damaged_bytes_are_computed_again(
    project: Project, photos: list[Image], monkeypatch: pytest.MonkeyPatch, damage: bytes
) -> None:
    refiner = StoringMeans()
    good = encodings.encoding(project, photos[0], refiner)
    key = encodings._key(project, photos[0], refiner)
    assert project.cache.get("encode", key) is not None
    project.cache.put("encode", key, damage)
    forget(monkeypatch)
    assert np.array_equal(encodings.encoding(project, photos[0], refiner), good)
    assert refiner.looked == 2
    forget(monkeypatch)
    encodings.encoding(project, photos[0], refiner)
    assert refiner.looked == 2  # what was damaged is whole again


def together(work: Sequence[Callable[[], Any]]) -> list[Any]:
    found: list[Any] = [None] * len(work)

    def run(at: int) -> None:
        found[at] = work[at]()

    threads = [threading.Thread(target=run, args=(at,)) for at in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return found


def test_two_threads_compute_one_image_once(project: Project, photos: list[Image]) -> None:
    refiner = StoringMeans()
    found = together([lambda: encodings.encoding(project, photos[0], refiner)] * 8)
    assert refiner.looked == 1
    assert all(one is found[0] for one in found)
    assert encodings._working == {}


def test_two_images_do_not_wait_for_each_other(project: Project, photos: list[Image]) -> None:
    refiner = PlainMeans()
    wait = threading.Barrier(2)  # both are being encoded at one time, or it breaks
    refiner.encode = lambda image: wait.wait(10)
    together([lambda image=i: encodings.encoding(project, image, refiner) for i in photos[:2]])
    assert not wait.broken


def test_a_large_model_encodes_one_image_at_a_time(project: Project, photos: list[Image]) -> None:
    refiner = StoringMeans()
    refiner.wait = threading.Barrier(2)  # nobody else comes, so it breaks
    refiner.patience = 0.05
    encode = refiner.encode
    broken: list[bool] = []

    def watched(image: Pixels) -> Floats:
        try:
            return encode(image)
        except threading.BrokenBarrierError:
            broken.append(True)
            return np.zeros(3, np.float32)

    refiner.encode = watched
    together([lambda image=i: encodings.encoding(project, image, refiner) for i in photos[:2]])
    assert broken == [True, True]


def test_a_walk_leaves_memory_and_a_full_disk_alone(
    project: Project, photos: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    refiner = StoringMeans()
    encodings.encoding(project, photos[0], refiner, walk=True)
    assert len(encodings._recent._found) == 0
    assert encodings.kept(project, photos[0], refiner)
    monkeypatch.setattr(encodings, "WALK_BYTES", 5)
    encodings.encoding(project, photos[1], refiner, walk=True)
    assert not encodings.kept(project, photos[1], refiner)
    encodings.encoding(project, photos[1], refiner)
    assert encodings.kept(project, photos[1], refiner)


def test_a_failure_is_not_the_others_problem(project: Project, photos: list[Image]) -> None:
    refiner = StoringMeans()
    good = refiner.encode
    refiner.encode = lambda image: 1 / 0
    with pytest.raises(ZeroDivisionError):
        encodings.encoding(project, photos[0], refiner)
    refiner.encode = good
    assert encodings.encoding(project, photos[0], refiner) is not None
    assert encodings._working == {}


def test_a_refiner_that_went_leaves_nothing(project: Project, photos: list[Image]) -> None:
    refiner = PlainMeans()
    encodings.encoding(project, photos[0], refiner)
    del refiner
    other = PlainMeans()  # may have the id of the one that went
    encodings.encoding(project, photos[0], other)
    assert other.looked == 1
    assert len(encodings._recent._found) == 1


def test_ahead_keeps_what_comes_next(
    project: Project, photos: list[Image], folder: Path, finish: Finish
) -> None:
    refiner = StoringMeans()
    encodings.encoding(project, photos[1], refiner)
    (folder / "2.png").write_bytes(b"no image")
    result = finish(encodings.ahead(project, [image.id for image in photos], refiner))
    assert (result["done"], result["encoded"]) == (4, 3)
    assert [row["image"] for row in result["failed"]] == ["2.png"]
    assert [encodings.kept(project, image, refiner) for image in photos] == [
        *(True, True, False, True, True)
    ]
    again = finish(encodings.ahead(project, [photos[0].id, photos[3].id], refiner))
    assert (again["done"], again["encoded"]) == (2, 0)
    assert refiner.looked == 4


def test_ahead_can_be_stopped(project: Project, photos: list[Image]) -> None:
    refiner = StoringMeans()
    steps: Iterator[Any] = encodings.ahead(project, [image.id for image in photos], refiner)
    for step in steps:
        if step.done == 2:
            break
    steps.close()
    assert refiner.looked == 2
    assert [encodings.kept(project, image, refiner) for image in photos].count(True) == 2


def test_ahead_does_nothing_for_a_quick_refiner(
    project: Project, photos: list[Image], finish: Finish
) -> None:
    refiner = PlainMeans()
    result = finish(encodings.ahead(project, [image.id for image in photos], refiner))
    assert (result["done"], refiner.looked) == (0, 0)
