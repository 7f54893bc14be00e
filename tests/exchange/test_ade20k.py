from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from annotator.core import images
from annotator.core.errors import AnnotatorError, NothingToExport
from annotator.exchange import ade20k
from annotator.exchange.ade20k import unique_stems
from annotator.operations import regions
from annotator.project import store


def run(steps: Any) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for progress in steps:
        result.update(progress.result or {})
    return result


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def labels(path: Path) -> np.ndarray:
    read = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert read is not None
    return read


@pytest.fixture
def room(made: Any, ring: np.ndarray) -> Any:
    """A wall over the whole picture and a ring-shaped lamp on it; both accepted."""
    made.image("sub/room.jpg")
    made.tag("sub/room.jpg", "wall")
    made.tag("sub/room.jpg", "lamp")
    wall = made.region("sub/room.jpg", "wall", np.ones((32, 48), dtype=bool))
    lamp = made.region("sub/room.jpg", "lamp", ring)
    regions.accept(made.project, [wall, lamp])
    return made


def test_pictures_labels_and_table(room: Any, tmp_path: Path, ring: np.ndarray) -> None:
    result = run(ade20k.export(room.project, tmp_path / "out"))
    assert (result["images"], result["classes"], result["bits"]) == (1, 2, 8)
    assert files(tmp_path / "out") == [
        "README.txt",
        "annotations/training/sub/room.png",
        "export.json",
        "images/training/sub/room.jpg",
        "objectInfo.txt",
        "training.odgt",
    ]
    painted = labels(tmp_path / "out/annotations/training/sub/room.png")
    assert painted.dtype == np.uint8
    assert painted.shape == (32, 48)
    assert (painted == np.where(ring, 2, 1)).all()
    copy = (tmp_path / "out/images/training/sub/room.jpg").read_bytes()
    assert copy == (room.project.folder / "sub/room.jpg").read_bytes()
    table = [
        line.split("\t") for line in (tmp_path / "out/objectInfo.txt").read_text().splitlines()
    ]
    assert table[0] == ["Idx", "Ratio", "Train", "Val", "Stuff", "Name"]
    assert table[1] == ["1", f"{(~ring).mean():.4f}", "1", "0", "0", "wall, walllet"]
    assert table[2] == ["2", f"{ring.mean():.4f}", "1", "0", "0", "lamp, lamplet"]
    (line,) = (tmp_path / "out/training.odgt").read_text().splitlines()
    entry = json.loads(line)
    assert (tmp_path / "out" / entry["fpath_img"]).is_file()
    assert (tmp_path / "out" / entry["fpath_segm"]).is_file()
    assert (entry["width"], entry["height"]) == (48, 32)


def test_unlabelled_is_zero(made: Any, tmp_path: Path, ring: np.ndarray) -> None:
    made.image("a.jpg")
    made.tag("a.jpg", "lamp")
    made.region("a.jpg", "lamp", ring)
    run(ade20k.export(made.project, tmp_path / "out", "proposed"))
    assert (labels(tmp_path / "out/annotations/training/a.png") == ring).all()


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_turned_photos_are_written_upright(made: Any, tmp_path: Path, orientation: int) -> None:
    stored = np.zeros((30, 60, 3), dtype=np.uint8)
    stored[:, :20, 0] = 250
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    Pillow.fromarray(stored).save(made.project.folder / "t.jpg", exif=exif, quality=98)
    made.note("t.jpg")
    upright = images.load(made.project.folder / "t.jpg")
    red = upright[:, :, 0] > 128
    made.tag("t.jpg", "red")
    made.region("t.jpg", "red", red)
    run(ade20k.export(made.project, tmp_path / "out", "proposed"))
    # A reader that knows nothing of EXIF, as most training code.
    plain = cv2.imread(
        str(tmp_path / "out/images/training/t.jpg"),
        cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION,
    )
    painted = labels(tmp_path / "out/annotations/training/t.png")
    assert plain is not None
    assert plain.shape[:2] == painted.shape == upright.shape[:2]
    assert ((plain[:, :, 2] > 128) == (painted == 1)).mean() > 0.98


def test_other_formats_become_jpeg(made: Any, tmp_path: Path) -> None:
    made.image("a.bmp")
    made.tag("a.bmp", "thing")
    made.region("a.bmp", "thing", np.ones((32, 48), dtype=bool))
    run(ade20k.export(made.project, tmp_path / "out", "proposed"))
    picture = images.probe(tmp_path / "out/images/training/a.jpg")
    assert (picture.width, picture.height, picture.format) == (48, 32, "JPEG")


def test_names_that_differ_only_in_their_ending(made: Any, tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png", "a_jpg.jpg"):
        made.image(name)
        made.tag(name, "thing")
        made.region(name, "thing", np.ones((32, 48), dtype=bool))
    result = run(ade20k.export(made.project, tmp_path / "out", "proposed"))
    assert result["images"] == 3
    assert files(tmp_path / "out/annotations/training") == ["a_jpg.png", "a_jpg_2.png", "a_png.png"]
    assert files(tmp_path / "out/images/training") == ["a_jpg.jpg", "a_jpg_2.jpg", "a_png.png"]
    source = made.project.folder / "a_jpg.jpg"
    assert (tmp_path / "out/images/training/a_jpg.jpg").read_bytes() == source.read_bytes()


def test_unique_stems_look_through_case_and_folders() -> None:
    stems = unique_stems(["A.jpg", "a.PNG", "x/a.jpg", "x/b.tar.jpg", "b.jpg"])
    assert stems["x/a.jpg"] == "x/a"
    assert stems["x/b.tar.jpg"] == "x/b.tar"
    assert stems["b.jpg"] == "b"
    assert len({stem.casefold() for stem in stems.values()}) == 5
    one, other = "\u00e9.jpg", "e\u0301.png"  # the same letter on a disk of a Mac
    assert sorted(unique_stems([one, other]).values()) == ["e\u0301_png", "\u00e9_jpg"]


def test_more_than_255_classes_take_16_bits(made: Any, tmp_path: Path) -> None:
    made.image("a.jpg", 300, 4)
    for number in range(256):
        word = f"word{number:03}"
        made.tag("a.jpg", word)
        mask = np.zeros((4, 300), dtype=bool)
        mask[:, number] = True
        made.region("a.jpg", word, mask)
    result = run(ade20k.export(made.project, tmp_path / "out", "proposed"))
    assert (result["classes"], result["bits"]) == (256, 16)
    painted = labels(tmp_path / "out/annotations/training/a.png")
    assert painted.dtype == np.uint16
    assert painted.max() == 256
    assert "16 bits" in (tmp_path / "out/README.txt").read_text()


def test_an_export_of_ours_is_replaced(room: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(ade20k.export(room.project, out))
    (out / "objectInfo.txt").write_text("old")
    run(ade20k.export(room.project, out))
    assert (out / "objectInfo.txt").read_text().startswith("Idx")
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


@pytest.mark.parametrize("place", ["notes.txt", "images/training/mine.txt"])
def test_a_folder_with_other_files_is_refused(room: Any, tmp_path: Path, place: str) -> None:
    out = tmp_path / "out"
    run(ade20k.export(room.project, out))
    (out / place).write_text("mine")
    with pytest.raises(AnnotatorError, match="holds files that are not an export"):
        run(ade20k.export(room.project, out))
    assert (out / place).read_text() == "mine"


def test_an_empty_folder_is_taken(room: Any, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert run(ade20k.export(room.project, tmp_path / "out"))["images"] == 1


def test_inside_the_folder_of_images_is_refused(room: Any) -> None:
    with pytest.raises(AnnotatorError, match="next scan"):
        run(ade20k.export(room.project, room.project.folder / "out"))


def test_a_file_is_refused(room: Any, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(AnnotatorError, match="is a file"):
        run(ade20k.export(room.project, tmp_path / "out"))


def test_no_accepted_mask_says_what_to_do(made: Any, tmp_path: Path) -> None:
    made.image("a.jpg")
    made.tag("a.jpg", "dog")
    with pytest.raises(NothingToExport, match="only proposed") as refused:
        run(ade20k.export(made.project, tmp_path / "out"))
    assert refused.value.remedy == "--include proposed"
    with pytest.raises(NothingToExport, match="draw them first") as refused:
        run(ade20k.export(made.project, tmp_path / "out", "proposed"))
    assert refused.value.remedy == "annotator segment PROJECT"
    assert not (tmp_path / "out").exists()


def test_a_changed_picture_is_named_and_the_rest_leaves(room: Any, tmp_path: Path) -> None:
    room.image("b.jpg")
    room.tag("b.jpg", "wall")
    regions.accept(room.project, [room.region("b.jpg", "wall", np.ones((32, 48), dtype=bool))])
    cv2.imwrite(str(room.project.folder / "b.jpg"), np.zeros((10, 10, 3), dtype=np.uint8))
    result = run(ade20k.export(room.project, tmp_path / "out"))
    assert [(f["image"], "scan" in f["reason"]) for f in result["failed"]] == [("b.jpg", True)]
    assert files(tmp_path / "out/images") == ["training/sub/room.jpg"]


def test_all_pictures_gone_is_an_error(room: Any, tmp_path: Path) -> None:
    (room.project.folder / "sub/room.jpg").unlink()
    with pytest.raises(AnnotatorError, match=r"room\.jpg: the file is not there"):
        run(ade20k.export(room.project, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_stopping_leaves_nothing(room: Any, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    steps = ade20k.export(room.project, tmp_path / "out")
    next(steps)
    steps.close()
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions mean nothing here")
def test_an_unwritable_place_is_named(room: Any, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(AnnotatorError, match="no permission"):
        run(ade20k.export(room.project, locked / "out"))


def test_synset_of_a_rejected_tag_has_no_class(room: Any, tmp_path: Path) -> None:
    from annotator.operations import tags

    tags.reject(room.project, room.images["sub/room.jpg"], room.synsets["lamp"])
    result = run(ade20k.export(room.project, tmp_path / "out"))
    painted = labels(tmp_path / "out/annotations/training/sub/room.png")
    assert (painted == 1).all()
    assert result["classes"] == 1


def test_a_mask_that_no_longer_fits_is_named(room: Any, tmp_path: Path) -> None:
    room.image("b.jpg")
    room.tag("b.jpg", "wall")
    regions.accept(room.project, [room.region("b.jpg", "wall", np.ones((32, 48), dtype=bool))])
    with room.project.write("images") as db:
        store.set_image_read(
            db, room.images["b.jpg"], hash="0" * 32, width=20, height=10, format="JPEG"
        )
    result = run(ade20k.export(room.project, tmp_path / "out"))
    assert [f["image"] for f in result["failed"]] == ["b.jpg"]
