from __future__ import annotations

from pathlib import Path

import pytest

from annotator.core import images
from annotator.core.errors import AnnotatorError
from annotator.pipeline import demo
from annotator.pipeline.demo import PHOTOS, Photo, save_photos


def test_sample_photos_are_ordinary_jpegs(tmp_path: Path) -> None:
    steps = list(save_photos(tmp_path / "photos"))
    assert [step.done for step in steps] == list(range(1, len(PHOTOS) + 1))
    for photo in PHOTOS:
        found = images.check(tmp_path / "photos" / photo.name)
        assert found.format == "JPEG"
        assert min(found.width, found.height) >= 150
    assert len(list((tmp_path / "photos").iterdir())) == len(PHOTOS)


def test_a_photo_that_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "cat.jpg").write_bytes(b"mine")
    list(save_photos(tmp_path))
    assert (tmp_path / "cat.jpg").read_bytes() == b"mine"


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Photo("x.jpg", "no_such_package", "data/x.png")
    monkeypatch.setattr(demo, "PHOTOS", (gone,))
    with pytest.raises(AnnotatorError, match=r"data/x\.png of the package no_such_package"):
        list(save_photos(tmp_path))
    assert list(tmp_path.iterdir()) == []
