"""The command that makes a pack of a model on disk, as a person types it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from annotator.backends import registry

sys.path.insert(0, str(Path(__file__).parent.parent / "backends"))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(registry, "user_models", lambda: tmp_path / "models")
    monkeypatch.delenv("ANNOTATOR_MODELS", raising=False)
    return tmp_path / "models"


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import tiny_clip

    folder = tmp_path_factory.mktemp("made") / "clip"
    tiny_clip.clip(folder)
    return folder


@pytest.fixture
def clip(made_once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made_once, tmp_path / "My CLIP"))


def test_a_folder_becomes_a_pack_and_goes_again(run: Any, clip: Path, home: Path) -> None:
    made = run("models", "add", "grounder", clip)
    assert made.status == 0, made.err
    assert made.out.splitlines() == [
        "It is a CLIP model; it stays where it is.",
        f"The pack my-clip is written to {home / 'my-clip.toml'}.",
        "Next: annotator ground PROJECT --pack my-clip",
    ]
    assert "CLIP: my-clip" in run("models", "list").out
    assert run("models", "verify", "my-clip").status == 0
    gone = run("models", "remove", "my-clip")
    assert gone.out == "The pack my-clip is deleted; nothing else was deleted.\n"
    assert clip.is_dir()
    assert list(home.iterdir()) == []


def test_the_role_may_be_left_out_and_all_of_it_is_json(run: Any, clip: Path, home: Path) -> None:
    made = run("models", "add", clip, "--name", "mine", "--copy", "--try", "--json")
    assert made.status == 0, made.err
    assert made.json | {"answered": ""} == {
        "pack": "mine",
        "path": str(home / "mine.toml"),
        "role": "grounder",
        "kind": "clip-grounder",
        "model": "my-clip",
        "title": "a CLIP model",
        "size_bytes": sum(one.stat().st_size for one in clip.iterdir()),
        "memory_mb": 300,
        "licence": "unknown: see where it came from",
        "sha256": None,
        "copied": True,
        "answered": "",
        "remarks": [],
    }
    assert "compared a picture" in made.json["answered"]
    assert run("models", "show", "mine", "--json").json["roles"]["grounder"]["present"]
    assert run("models", "remove", "mine").out == "The pack mine is deleted, with its weights.\n"


def test_a_look_writes_nothing(run: Any, clip: Path, home: Path, tmp_path: Path) -> None:
    seen = run("models", "add", clip, "--look")
    assert seen.status == 0
    assert "a CLIP model" in seen.out
    assert "grounder" in seen.out
    wrong = run("models", "add", "language-model", clip, "--look", "--json")
    assert (wrong.status, wrong.json["fits"], wrong.json["roles"]) == (1, False, ["grounder"])
    assert (
        "does not fit the role language_model"
        in run("models", "add", "language_model", clip, "--look").out
    )
    (tmp_path / "photo.pth").write_bytes(b"\xff\xd8\xff")
    no = run("models", "add", tmp_path / "photo.pth", "--look", "--json")
    assert (no.status, no.json["roles"], no.json["name"]) == (1, [], None)
    assert "is a JPEG image" in no.json["reason"]
    assert not home.exists()


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("refiner", "CLIP"), 1, "is a CLIP model: it fits the role grounder, not refiner."),
        (("grounder", "nothing"), 1, "cannot be looked at (No such file or directory)"),
        (("CLIP", "--name", "clip"), 1, "The pack clip comes with Annotator"),
        (("CLIP", "--with", "starter"), 1, "leave --with out"),
        (("painter", "CLIP"), 2, "painter is no role; there are tagger"),
        ((), 2, "PATH"),
        (("grounder", ""), 2, "it is empty; name a file or folder"),
    ],
)
def test_what_makes_no_pack_is_one_sentence(
    run: Any, clip: Path, home: Path, words: tuple[str, ...], status: int, says: str
) -> None:
    ran = run("models", "add", *(str(clip) if word == "CLIP" else word for word in words))
    assert (ran.status, ran.out) == (status, "")
    assert says in ran.err
    assert "annotator: error: " in ran.err.splitlines()[-1]
    assert not home.exists()


def test_a_name_cannot_steer_the_terminal(run: Any, clip: Path, tmp_path: Path) -> None:
    evil = tmp_path / "x\x1b[31m\nred"
    shutil.move(clip, evil)
    for words in ((), ("--look",)):
        assert "\x1b" not in run("models", "add", evil, *words).out


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise")
def test_ctrl_c_in_a_copy_leaves_nothing(clip: Path, tmp_path: Path) -> None:
    """A copy so large that it is surely running when its first progress is seen."""
    (clip / "more.txt").touch()
    os.truncate(clip / "more.txt", 3 * 2**30)
    env = os.environ | {"XDG_DATA_HOME": str(tmp_path / "data"), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "annotator", "models", "add", str(clip), "--copy"]
    running = subprocess.Popen(words, env=env, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    models = tmp_path / "data" / "annotator" / "models"
    while running.poll() is None and not any(models.glob(".*.part/*/more.txt")):
        pass
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=120)
    assert running.returncode == 130, err
    assert out == b""
    assert b"Nothing was written." in err
    assert list(models.iterdir()) == []
