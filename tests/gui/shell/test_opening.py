"""From a path that a person gives to an open project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from annotator.core.errors import AnnotatorError
from annotator.gui import opening


def test_a_folder_gets_its_project_beside_it(photos: Path) -> None:
    project, new = opening.open_or_create(photos)
    with project:
        assert new
        assert project.path == photos.parent / "photos.annot"
        assert project.folder == photos


def test_the_folder_opens_the_same_project_again(photos: Path) -> None:
    opening.open_or_create(photos)[0].close()
    project, new = opening.open_or_create(photos)
    with project:
        assert not new
        assert project.path == photos.parent / "photos.annot"


def test_a_project_file_opens_itself(photos: Path) -> None:
    opening.open_or_create(photos)[0].close()
    project, new = opening.open_or_create(photos.parent / "photos.annot")
    with project:
        assert not new
        assert project.folder == photos


def test_what_is_beside_the_folder_and_not_ours_stays_as_it_is(photos: Path) -> None:
    foreign = photos.parent / "photos.annot"
    foreign.write_text("my notes")
    with pytest.raises(AnnotatorError, match="not an Annotator project"):
        opening.open_or_create(photos)
    assert foreign.read_text() == "my notes"


def test_a_file_that_is_no_project_is_refused(photos: Path) -> None:
    with pytest.raises(AnnotatorError, match="not an Annotator project"):
        opening.open_or_create(photos / "0.jpg")


def test_a_missing_path_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(AnnotatorError, match="does not exist; choose a folder"):
        opening.require_somewhere(tmp_path / "gone")
    opening.require_somewhere(tmp_path)


def test_where_nothing_can_be_written_the_project_is_with_the_person(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    place = opening.project_of(photos)
    other = opening.project_of(photos.parent / "elsewhere" / "photos")
    assert "person" in place.parts
    assert place.name.startswith("photos-")
    assert place != other  # two folders of one name


def test_a_project_beside_a_read_only_folder_is_still_found(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening.open_or_create(photos)[0].close()
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert opening.project_of(photos) == photos.parent / "photos.annot"
