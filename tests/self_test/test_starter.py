"""Damaged weights, photos that do not scan, a network that computes something else: all is said."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from annotator.backends import registry
from annotator.core import masks
from annotator.core.errors import AnnotatorError
from annotator.core.records import Failure, Progress
from annotator.project import queries
from annotator.project.project import Project
from annotator.self_test import photos, starter

MANIFEST = """
[roles.embedder]
kind = "minilm"
model = "small"
file = "weights.bin"
sha256 = "{hash}"
licence = "none"
size_bytes = 4
memory_mb = 1
"""


def test_damaged_weights_are_said(tmp_path: Path) -> None:
    path = tmp_path / "small.toml"
    (tmp_path / "weights.bin").write_bytes(b"good")
    path.write_text(MANIFEST.format(hash=registry_hash(tmp_path / "weights.bin")))
    assert starter.weights(lambda _: registry.verify(path))
    (tmp_path / "weights.bin").write_bytes(b"damaged")
    with pytest.raises(AnnotatorError, match="is not the one its manifest names"):
        starter.weights(lambda _: registry.verify(path))


def registry_hash(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_twenty_photos_are_scanned(tmp_path: Path) -> None:
    found = starter.make(tmp_path / "photos", tmp_path / "my.annot")
    assert found.said == "20 photos scanned, 0 unreadable"
    names = [one.relative_to(tmp_path / "photos").as_posix() for one in _files(tmp_path)]
    assert len(names) == photos.COUNT
    assert any(" " in name for name in names)
    assert any(not name.isascii() for name in names)
    contents = {one.read_bytes() for one in _files(tmp_path)}
    assert len(contents) == photos.COUNT
    photos.save(tmp_path / "again" / "photos")
    assert {one.read_bytes() for one in _files(tmp_path / "again")} == contents


def _files(folder: Path) -> list[Path]:
    return [one for one in (folder / "photos").rglob("*") if one.is_file()]


@pytest.mark.parametrize("change", ["damaged", "one too few"])
def test_photos_that_do_not_scan_are_said(
    change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = photos.save

    def spoil(folder: Path) -> None:
        save(folder)
        path = folder / "cat.jpg"
        if change == "damaged":
            path.write_bytes(path.read_bytes()[:2000])
        else:
            path.unlink()

    monkeypatch.setattr(photos, "save", spoil)
    with pytest.raises(AnnotatorError, match=r"cat\.jpg could not be done|The scan found 19"):
        starter.make(tmp_path / "photos", tmp_path / "my.annot")


def test_a_network_that_computes_something_else_is_said() -> None:
    good: dict[str, tuple[str, float | None]] = dict(starter.FIRST)
    assert starter.unexpected(good) == []
    near = {path: (word, score + 0.01) for path, (word, score) in starter.FIRST.items()}
    assert starter.unexpected(near) == []
    far = {path: (word, score + 0.05) for path, (word, score) in starter.FIRST.items()}
    assert len(starter.unexpected(far)) == len(good)
    (said,) = starter.unexpected({**good, "cat.jpg": ("dog", 0.507)})
    assert said.startswith("The first word of cat.jpg is dog with 0.507 and not Egyptian cat with")
    assert len(starter.unexpected({**good, "cat.jpg": ("Egyptian cat", None)})) == 1
    assert len(starter.unexpected({})) == len(good)


def test_masks_that_cannot_be_are_said(path: Path) -> None:
    with Project.open(path) as project, project.read() as db:
        regions = list(queries.all_regions(db))
        images = queries.images(db, queries.image_ids(db))
    sizes = {image.id: (image.height, image.width) for image in images}
    assert starter.wrong_masks(regions, sizes) == []
    empty = masks.encode(masks.decode(regions[0].rle) & False)
    broken = [
        dataclasses.replace(regions[0], area=7),
        dataclasses.replace(regions[0], rle=empty, area=0),
        regions[0],
    ]
    said = starter.wrong_masks(broken, sizes)
    assert len(said) == 2
    assert "has 168 pixels of 60 x 40, and 7 of 60 x 40 are noted" in said[0]
    turned = {id: (width, height) for id, (height, width) in sizes.items()}
    assert len(starter.wrong_masks(regions, turned)) == len(regions)


def test_an_image_that_fails_ends_a_step() -> None:
    steps = iter([Progress("read", 1, 2, (Failure("a.jpg", "it is cut off"),))])
    with pytest.raises(AnnotatorError, match=r"a\.jpg could not be done: it is cut off\."):
        starter.drive(steps)
    assert starter.drive(iter([Progress("read", 1, 1, result={"done": 1})])) == {"done": 1}
