"""The demo as a stranger runs it: a fresh process, no display, no network."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import pytest
from pycocotools.coco import COCO

from annotator import cli
from annotator.core import images
from annotator.pipeline.demo import PHOTOS

pytestmark = pytest.mark.models

#: What a person would accept as the first word of a photo. The models do not know astronauts,
#: dahlias and this kind of rocket.
RIGHT = {
    "cat.jpg": {"Egyptian cat", "tabby", "tiger cat", "domestic cat"},
    "coffee.jpg": {"espresso", "cup", "coffee mug"},
    "lake.jpg": {"lakeside"},
    "motorcycle.jpg": {"moped"},
    "palace.jpg": {"palace"},
    "photographer.jpg": {"tripod", "movie camera"},
    "shuttle.jpg": {"space shuttle"},
}

_NO_NETWORK = """
import socket

def refuse(*_, **__):
    raise OSError("this test has no network")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    base = tmp_path_factory.mktemp("demo")
    (base / "sitecustomize.py").write_text(_NO_NETWORK)
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    environment["PYTHONPATH"] = str(base)
    done = subprocess.run(
        [sys.executable, "-m", "annotator", "demo", "--no-gui", "--json", str(base / "out")],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return base / "out", json.loads(done.stdout)


def test_every_photo_is_processed(demo: tuple[Path, dict[str, Any]]) -> None:
    folder, said = demo
    assert said["done"] == len(PHOTOS) >= 10
    assert said["failed"] == []
    assert {p.name for p in (folder / "photos").iterdir()} == {photo.name for photo in PHOTOS}
    for key in ("project", "photos", "overview", "coco", "ade20k"):
        assert Path(said[key]).exists()


def test_most_first_tags_are_right(demo: tuple[Path, dict[str, Any]], capsys: Any) -> None:
    right = []
    for name, words in RIGHT.items():
        assert cli.main(["tags", demo[1]["project"], name, "--json"]) == 0
        first = json.loads(capsys.readouterr().out)[0]["synset"]
        if first.partition(" (")[0] in words:
            right.append(name)
    assert len(right) >= 5


def test_pycocotools_loads_the_masks(demo: tuple[Path, dict[str, Any]]) -> None:
    folder, said = demo
    with contextlib.redirect_stdout(io.StringIO()):
        data = COCO(said["coco"])
    assert len(data.getImgIds()) == len(PHOTOS)
    annotations = data.loadAnns(data.getAnnIds())
    assert len(annotations) >= 5
    for annotation in annotations:
        (image,) = data.loadImgs(annotation["image_id"])
        pixels = images.load(folder / "photos" / image["file_name"])
        mask = data.annToMask(annotation)
        assert mask.shape == pixels.shape[:2]
        assert mask.sum() == annotation["area"] > 0


def test_label_maps_fit_their_pictures(demo: tuple[Path, dict[str, Any]]) -> None:
    folder = demo[0] / "ade20k"
    classes = (folder / "objectInfo.txt").read_text(encoding="utf-8").splitlines()[1:]
    maps = sorted((folder / "annotations").rglob("*.png"))
    assert len(maps) >= 5
    for path in maps:
        labels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        picture = cv2.imread(str(folder / "images" / "training" / f"{path.stem}.jpg"))
        assert labels is not None
        assert picture is not None
        assert labels.shape == picture.shape[:2]
        assert 0 < labels.max() <= len(classes)


def test_the_overview_shows_masks(demo: tuple[Path, dict[str, Any]]) -> None:
    overview = images.load(demo[1]["overview"])
    assert overview.shape[1] == 1600
    assert overview.shape[0] > 1000


def test_again_it_keeps_what_a_person_decided(
    demo: tuple[Path, dict[str, Any]], capsys: Any
) -> None:
    folder, said = demo
    assert cli.main(["tag", "reject", said["project"], "rocket.jpg", "missile"]) == 0
    assert cli.main(["tag", "add", said["project"], "rocket.jpg", "rocket"]) == 0
    capsys.readouterr()
    assert cli.main(["demo", "--no-gui", "--json", str(folder)]) == 0
    assert json.loads(capsys.readouterr().out)["failed"] == []
    assert cli.main(["tags", said["project"], "rocket.jpg", "--json"]) == 0
    verdicts = {row["synset"]: row["verdict"] for row in json.loads(capsys.readouterr().out)}
    assert verdicts["missile"] == "rejected"
    assert verdicts["rocket"] == "accepted"
    data = json.loads((folder / "coco.json").read_text())
    (image,) = (row for row in data["images"] if row["file_name"] == "rocket.jpg")
    assert "rocket" in {tag["name"] for tag in image["tags"]}
    assert "missile" not in {tag["name"] for tag in image["tags"]}


@pytest.mark.parametrize("taken", [".", "photos", "demo.annot"])
def test_a_place_that_is_taken_is_one_sentence(tmp_path: Path, taken: str, capsys: Any) -> None:
    folder = tmp_path / "out"
    (folder / taken).parent.mkdir(parents=True, exist_ok=True)
    (folder / taken).write_text("mine")
    assert cli.main(["demo", "--no-gui", str(folder)]) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("annotator: error: ")
    assert "should not have" not in last
    assert (folder / taken).read_text() == "mine"
