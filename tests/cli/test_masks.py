"""The commands that look into the pixels, with a tiny random CLIP as a person's own pack."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from annotator.project import queries
from annotator.project.project import Project

sys.path.insert(0, str(Path(__file__).parents[1] / "backends"))
import tiny_clip

GROUNDER = """
[roles.grounder]
kind = "clip-grounder"
model = "tiny"
licence = "none"
size_bytes = 1
memory_mb = 1
folder = "{folder}"

[roles.grounder.options]
size = 32

[roles.refiner]
kind = "pamr-grabcut"
model = "pamr-grabcut"
licence = "none"
size_bytes = 0
memory_mb = 1
"""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    tiny_clip.clip(folder)
    return folder


@pytest.fixture
def models(tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The person's own folder of models, with the pack tiny."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data of the user"))
    monkeypatch.setenv("ANNOTATOR_DEVICE", "cpu")
    folder = tmp_path / "data of the user" / "annotator" / "models"
    folder.mkdir(parents=True)
    (folder / "tiny.toml").write_text(GROUNDER.format(folder=clip))
    return folder


def test_every_tag_is_looked_for_in_the_pixels(run: Any, project: Path, models: Path) -> None:
    ran = run("ground", project, "--pack", "tiny", "--json")
    assert ran.status == 0, ran.err
    assert ran.json["done"] == 3
    with Project.open(project) as opened, opened.read() as db:
        found = [one for id in queries.image_ids(db) for one in queries.tags(db, id, dropped=True)]
    assert ran.json["tags"] == len(found) > 0
    assert sum(one.supported is False for one in found) == ran.json["unsupported"]
    assert all(one.peak is not None and one.peak_at is not None for one in found)
    best = run("ground", project, "--pack", "tiny", "--select", "top", "--best", "1", "--json")
    assert best.json["unsupported"] == len(found) - len({one.image_id for one in found})
    said = run("ground", project, "--pack", "tiny")
    assert f"no pixel supports {ran.json['unsupported']} of them" in said.out


def test_the_words_of_a_text_on_one_image(run: Any, project: Path, models: Path) -> None:
    words = ("ground", project, "--pack", "tiny", "--text", "A cat with a wolf", "--image")
    ran = run(*words, "cat.jpg", "--json")
    assert ran.status == 0, ran.err
    assert [row["word"] for row in ran.json["words"]] == ["a", "cat", "with", "wolf"]
    assert any(row["selected"] for row in ran.json["words"])
    assert "wolf" in run(*words, "cat.jpg").out
    gone = run(*words, "cow.jpg")
    assert gone.status == 1
    assert "cow.jpg" in gone.err


def test_what_does_not_go_together_is_said(run: Any, project: Path, models: Path) -> None:
    for words, said in (
        (["--image", "cat.jpg"], "--image goes with --text"),
        (["--synset", "cat", "--image", "cat.jpg"], "--image goes with --text"),
        (["--text", "cat", "--image", "cat.jpg", "--limit", "1"], "--limit is for many images"),
        (["--synset", "cat", "--select", "gap"], "for all tags at once"),
        (["--candidates", "tags", "--text", "cat"], "for all tags at once"),
        (["--least", "0.3"], "--least goes with --select fixed"),
        (["--select", "fixed", "--best", "2"], "--best goes with --select top"),
        (["--text", " ... "], "'...' has no words"),
    ):
        ran = run("ground", project, "--pack", "tiny", *words)
        assert ran.status == 1
        assert said in ran.err


def test_a_long_text_does_not_fill_the_table(run: Any, project: Path, models: Path) -> None:
    text = " ".join(f"word{number}" for number in range(300))
    every = ("ground", project, "--pack", "tiny", "--text", text)
    assert run(*every, "--json").json["rows"][0]["synset"] == text
    for words in (every, (*every, "--image", "cat.jpg")):
        ran = run(*words)
        assert ran.status == 0, ran.err
        assert "word9…" in ran.out
        assert max(map(len, ran.out.splitlines())) < 100


def test_options_of_another_table_are_refused(run: Any, project: Path, tmp_path: Path) -> None:
    truth = tmp_path / "captions.csv"
    truth.write_text("file,caption,mask\n")
    masks = ("evaluate", "masks", project, "--truth")
    tags = ("evaluate", "tags", project, "--truth", truth)
    for words, said in (
        ((*masks, truth, "--limit", "2"), "--limit is for classes"),
        ((*masks, truth, "--mode", "all"), "--mode is for classes"),
        ((*masks, "accepted", "--threshold", "0.4"), "--threshold is for captions"),
        ((*tags, "--table", "selection", "--seen", truth), "--seen is for a class list"),
        ((*tags, "--table", "selection", "--csv", tmp_path / "no" / "t.csv"), "is not a folder"),
        ((*masks, truth, "--csv", tmp_path / "no" / "t.csv"), "is not a folder"),
        ((*tags, "--sweep"), "--sweep goes with --table selection"),
    ):
        ran = run(*words)
        assert ran.status == 1
        assert said in ran.err, ran.err


def test_masks_with_all_their_options(run: Any, project: Path, models: Path) -> None:
    words = ("segment", project, "--pack", "tiny", "--json")
    ran = run(*words)
    assert ran.status == 0, ran.err
    assert {"regions", "overlaps", "notes"} <= ran.json.keys()
    every = ("--one", "--no-points", "--smooth", "--overlap", "keep", "--supported", "--top", "1")
    assert run(*words, *every).status == 0
    assert run(*words, *every).json["overlaps"] == []
    assert " masks on " in run("segment", project, "--pack", "tiny").out


def test_a_model_is_trained_used_and_removed(
    run: Any, project: Path, models: Path, tmp_path: Path
) -> None:
    captions = tmp_path / "captions.csv"
    captions.write_text(
        "file,caption\ncat.jpg,a cat on a wall\npets/dog.jpg,a dog with a wolf\n"
        "gone.jpg,nothing\npets/empty.png,grey noise\n"
    )
    words = ("finetune", "ttd", project, "--pack", "tiny", "--captions", captions, "--no-prune")
    plot = tmp_path / "losses.png"
    small = ("--size", "32", "--batch", "2", "--validation", "0", "--plot", plot)
    ran = run(*words, *small, "--json")
    assert ran.status == 0, ran.err
    assert ran.json["pack"] == "tiny-ttd"
    assert (ran.json["pairs"], ran.json["steps"]) == (3, 2)
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert "gone.jpg" in ran.err
    assert "tiny-ttd" in run("models", "list").out
    before = run("ground", project, "--pack", "tiny", "--text", "cat", "--json").json["rows"]
    after = run("ground", project, "--pack", "tiny-ttd", "--text", "cat", "--json").json["rows"]
    assert before != after
    again = run(*words, *small)
    assert again.status == 1
    assert "annotator models remove tiny-ttd" in again.err
    assert run("models", "remove", "tiny-ttd").status == 0
    assert "tiny-ttd" not in run("models", "list").out
    assert sorted(path.name for path in models.iterdir()) == ["tiny.toml"]
    for name in ("tiny", "starter", "nothing"):
        assert run("models", "remove", name).status == 1


def test_what_cannot_be_trained_is_said(run: Any, project: Path, models: Path) -> None:
    for words, said in (
        (["--pack", "starter"], "cannot be fine-tuned"),
        (["--pack", "tiny"], "accepted"),
        (["--pack", "tiny", "--text", "captions"], "file of captions"),
        (["--pack", "tiny", "--plot", "losses.jpg"], "drawn as a PNG"),
        (["--pack", "tiny", "--plot", models / "none" / "losses.png"], "is not a folder"),
    ):
        ran = run("finetune", "ttd", project, *words)
        assert ran.status == 1
        assert said in ran.err, ran.err
