"""The keys of the JSON documents are a contract for scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

STATUS = {
    *("project", "folder", "images", "unreadable", "proposals", "synsets", "tags", "regions"),
    *("accepted", "runs"),
}
WORD = {"id", "name", "lemmas", "wordnet_id", "support", "score", "verdict", "parent"}
TAG = {"image", "synset", "score", "verdict", "source"}
REGION = {"id", "image", "synset", "bbox", "area", "score", "verdict", "source", "rle"}
STEP = {"done", "failed", "seconds"}


def test_create_and_scan(run: Any, photos: Path, tmp_path: Path) -> None:
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    made = run("create", tmp_path / "a.annot", photos, "--json").json
    assert made.keys() >= STEP | {"project", "folder", "images"}
    assert made["images"] == 4
    assert [set(row) for row in made["failed"]] == [{"image", "reason"}]
    assert run("scan", tmp_path / "a.annot", "--json").json.keys() >= STEP | {"added", "missing"}


def test_status(run: Any, project: Path, photos: Path) -> None:
    found = run("status", project, "--json").json
    assert found.keys() >= STATUS
    assert found["accepted"] == {"synsets": 0, "tags": 0, "regions": 0}
    assert found["images"] == 3
    assert found["folder"] == str(photos)


def test_vocabulary(run: Any, project: Path) -> None:
    found = run("vocabulary", project, "--json").json
    assert all(row.keys() >= WORD for row in found)
    assert [row["name"] for row in found] == ["cat", "dog", "wolf"]
    assert [row["support"] for row in found] == [1, 1, 2]
    assert [row["wordnet_id"] for row in found] == ["n02121620", None, None]
    assert {row["verdict"] for row in found} == {"unknown"}
    assert len(run("vocabulary", project, "--json", "--top", 2).json) == 2


def test_tags_and_regions(run: Any, project: Path) -> None:
    run("tag", "reject", project, "pets/dog.jpg", "wolf")
    tags = run("tags", project, "pets/dog.jpg", "--json").json
    assert all(row.keys() >= TAG for row in tags)
    assert {row["synset"]: row["verdict"] for row in tags} == {"dog": "unknown", "wolf": "rejected"}
    (region,) = run("regions", project, "pets/dog.jpg", "--json").json
    assert region.keys() >= REGION
    assert region["bbox"] == [6, 4, 24, 16]
    assert region["area"] == 24 * 16
    assert region["rle"]["size"] == [32, 48]
    assert run("tags", project, "pets/empty.png", "--json").json == []


def test_decisions_and_history(run: Any, project: Path) -> None:
    done = run("synset", "rename", project, "cat", "house cat", "--json").json
    assert done["step"].keys() == {"id", "label", "at", "undone"}
    assert done["step"]["label"] == "Rename cat to house cat"
    assert run("undo", project, "--json").json["step"]["label"] == "Rename cat to house cat"
    assert [row["undone"] for row in run("history", project, "--json").json] == [True]
    assert run("redo", project, "--json").json["step"]["label"] == "Rename cat to house cat"


def test_exports(run: Any, project: Path, tmp_path: Path) -> None:
    out = tmp_path / "coco.json"
    found = run("export", "coco", project, out, "--include", "proposed", "--json").json
    assert found.keys() >= STEP | {"images", "annotations", "categories", "out"}
    assert found["annotations"] == 2
    out = tmp_path / "ade"
    found = run("export", "ade20k", project, out, "--include", "proposed", "--json").json
    assert found.keys() >= STEP | {"images", "classes", "bits", "out"}


def test_check_and_backup(run: Any, project: Path, tmp_path: Path) -> None:
    assert run("check", project, "--json").json == {"ok": True, "problems": []}
    found = run("backup", project, tmp_path / "copy.annot", "--json").json
    assert found["out"] == str(tmp_path / "copy.annot")
    assert run("status", tmp_path / "copy.annot", "--json").json["images"] == 3


def test_models(run: Any) -> None:
    packs = {pack["name"]: pack for pack in run("models", "list", "--json").json}
    assert {"starter", "instructblip", "blip2", "smolvlm", "qwen-vl", "server"} <= packs.keys()
    assert all(role["present"] for role in packs["starter"]["roles"].values())
    assert packs["server"]["roles"]["tagger"]["server"] == "http://127.0.0.1:8000/v1"
    assert "segmentation labels" in packs["instructblip"]["roles"]["tagger"]["prompts"]
    roles = run("models", "show", "--json").json["roles"]
    assert set(roles) == {"tagger", "grounder", "embedder", "refiner"}
    assert all({"licence", "source", "sha256"} <= role.keys() for role in roles.values())
