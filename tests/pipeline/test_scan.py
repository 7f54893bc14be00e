"""Scans of real folders into real projects."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as PilImage

from annotator.core.errors import AnnotatorError
from annotator.core.records import Image
from annotator.pipeline import listing, scan
from annotator.project import queries, store
from annotator.project.project import Project

Photo = Callable[..., Path]
Run = Callable[[], dict[str, Any]]


def all_images(project: Project) -> dict[str, Image]:
    """By path, the missing ones too."""
    with project.read() as db:
        files = store.known_files(db)
        images = queries.images(db, [file.id for file in files.values()])
    return {image.path: image for image in images}


@pytest.fixture
def run(project: Project, finish: Callable[..., dict[str, Any]]) -> Run:
    return lambda: finish(scan.scan(project))


def test_lists_and_reads_every_image(
    project: Project, folder: Path, photo: Photo, run: Run
) -> None:
    photo("a.jpg")
    photo("sub/b.png", 1)
    (folder / "notes.txt").write_text("no image")
    result = run()
    assert (result["done"], result["images"], result["added"]) == (2, 2, 2)
    assert result["failed"] == []
    images = all_images(project)
    assert sorted(images) == ["a.jpg", "sub/b.png"]
    assert (images["a.jpg"].width, images["a.jpg"].height) == (64, 48)
    assert images["a.jpg"].hash != images["sub/b.png"].hash


def test_the_first_images_are_in_the_project_before_the_rest_is_listed(
    project: Project, folder: Path, photo: Photo, run: Run
) -> None:
    original = photo("0000.jpg")
    for number in range(1, scan.FIRST_BATCH + 10):
        os.link(original, folder / f"{number:04}.jpg")
    steps = scan.scan(project)
    first = next(steps)
    assert (first.step, first.done, first.total) == ("list", scan.FIRST_BATCH, None)
    with project.read() as db:
        assert len(queries.image_ids(db)) == scan.FIRST_BATCH
    steps.close()
    assert run()["images"] == scan.FIRST_BATCH + 10


def test_an_unreadable_file_is_listed_with_its_reason_and_stops_nothing(
    project: Project, folder: Path, photo: Photo, run: Run
) -> None:
    good = photo("good.jpg")
    (folder / "cut.jpg").write_bytes(good.read_bytes()[:700])
    (folder / "text.png").write_text("this is no image")
    (folder / "empty.gif").write_bytes(b"")
    result = run()
    assert result["done"] == 1
    failed = {row["image"]: row["reason"] for row in result["failed"]}
    assert sorted(failed) == ["cut.jpg", "empty.gif", "text.png"]
    assert "cut off" in failed["cut.jpg"]
    images = all_images(project)
    assert images["cut.jpg"].error == failed["cut.jpg"]
    assert images["good.jpg"].error is None


def test_a_second_scan_reads_nothing(
    project: Project, folder: Path, monkeypatch: pytest.MonkeyPatch, photo: Photo, run: Run
) -> None:
    photo("a.jpg")
    run()
    before = all_images(project)
    told: list[object] = []
    project.subscribe(told.append)
    monkeypatch.setattr(scan.images, "content_hash", lambda path: pytest.fail("read again"))
    result = run()
    assert (result["done"], result["added"], result["changed"]) == (0, 0, 0)
    assert all_images(project) == before
    assert told == []


def test_a_changed_file_is_read_again_and_keeps_its_image(
    project: Project, folder: Path, photo: Photo, run: Run
) -> None:
    photo("a.png", 1)
    run()
    before = all_images(project)["a.png"]
    PilImage.new("RGB", (10, 20)).save(folder / "a.png")
    result = run()
    after = all_images(project)["a.png"]
    assert result["changed"] == 1
    assert after.id == before.id
    assert after.hash != before.hash
    assert (after.width, after.height) == (10, 20)


def test_a_failed_file_is_tried_again(
    project: Project, folder: Path, photo: Photo, run: Run
) -> None:
    file = photo("a.jpg")
    good, facts = file.read_bytes(), file.stat()
    file.write_bytes(b"x" * len(good))
    os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert len(run()["failed"]) == 1
    # The same size and time, as when a permission was given or a decoder installed.
    file.write_bytes(good)
    os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert run()["failed"] == []
    assert all_images(project)["a.jpg"].error is None


def test_a_renamed_and_moved_file_keeps_its_image(
    project: Project, folder: Path, photo: Photo, run: Run
) -> None:
    photo("a.jpg", 1)
    photo("b.jpg", 2)
    run()
    before = all_images(project)
    (folder / "deep").mkdir()
    (folder / "a.jpg").rename(folder / "deep" / "renamed.jpg")
    result = run()
    after = all_images(project)
    assert sorted(after) == ["b.jpg", "deep/renamed.jpg"]
    assert after["deep/renamed.jpg"].id == before["a.jpg"].id
    assert (result["moved"], result["added"], result["missing"]) == (1, 0, 0)


def test_a_copy_is_another_image(project: Project, folder: Path, photo: Photo, run: Run) -> None:
    original = photo("a.jpg")
    run()
    (folder / "copy.jpg").write_bytes(original.read_bytes())
    run()
    images = all_images(project)
    assert images["a.jpg"].id != images["copy.jpg"].id
    assert images["a.jpg"].hash == images["copy.jpg"].hash


def test_two_copies_that_moved_keep_two_images(
    project: Project, folder: Path, photo: Photo, run: Run
) -> None:
    content = photo("a.jpg").read_bytes()
    (folder / "b.jpg").write_bytes(content)
    run()
    ids = {image.id for image in all_images(project).values()}
    (folder / "a.jpg").rename(folder / "x.jpg")
    (folder / "b.jpg").rename(folder / "y.jpg")
    assert run()["moved"] == 2
    images = all_images(project)
    assert sorted(images) == ["x.jpg", "y.jpg"]
    assert {image.id for image in images.values()} == ids


def test_a_file_that_is_gone_is_missing_until_it_is_back(
    project: Project, folder: Path, photo: Photo, run: Run
) -> None:
    photo("stays.jpg", 1)
    content = photo("goes.jpg", 2).read_bytes()
    run()
    (folder / "goes.jpg").unlink()
    assert run()["missing"] == 1
    assert all_images(project)["goes.jpg"].missing
    (folder / "goes.jpg").write_bytes(content)
    run()
    back = all_images(project)["goes.jpg"]
    assert not back.missing
    assert back.hash is not None


def test_images_of_a_folder_that_cannot_be_read_are_not_missing(
    project: Project, folder: Path, monkeypatch: pytest.MonkeyPatch, photo: Photo, run: Run
) -> None:
    photo("a.jpg")
    photo("shut/b.jpg", 1)
    run()
    names = listing._names

    def refuse(path: str) -> object:
        if path.endswith("shut"):
            raise PermissionError(13, "Permission denied")
        return names(path)

    monkeypatch.setattr(listing, "_names", refuse)
    result = run()
    assert result["failed"] == [
        {"image": "shut/", "reason": "this folder cannot be read: Permission denied"}
    ]
    assert not all_images(project)["shut/b.jpg"].missing


def test_a_folder_that_is_gone_changes_nothing(
    project: Project, folder: Path, photo: Photo, run: Run
) -> None:
    photo("a.jpg")
    run()
    before = all_images(project)
    moved = folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(AnnotatorError, match="not there any more"):
        run()
    assert all_images(project) == before
    # An unmounted disk leaves an empty folder.
    folder.mkdir()
    with pytest.raises(AnnotatorError, match="no images any more"):
        run()
    assert all_images(project) == before
    folder.rmdir()
    moved.rename(folder)
    assert run()["images"] == 1


def test_an_empty_folder_is_one_sentence(project: Project, run: Run) -> None:
    with pytest.raises(AnnotatorError, match="holds no images: put"):
        run()


def test_a_scan_that_was_closed_goes_on(
    project: Project, folder: Path, photo: Photo, run: Run
) -> None:
    for number in range(20):
        photo(f"{number:02}.jpg", number)
    steps = scan.scan(project)
    for step in steps:
        if step.step == "read":
            break
    steps.close()
    result = run()
    assert result["added"] == 0
    images = all_images(project)
    assert len(images) == 20
    assert all(image.hash for image in images.values())
