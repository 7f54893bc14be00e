"""The self-test as a person runs it: a process of its own, no network, nothing left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from annotator.core import images

pytestmark = pytest.mark.models

STEPS = (
    "versions",
    "weights",
    "project",
    "proposals",
    "killed proposing",
    "masks",
    "killed deciding",
    "exports",
    "hq-sam",
    "clip",
    "window",
)
_NO_NETWORK = """
import socket

def refuse(*_, **__):
    raise OSError("this test has no network")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """The folder around it, its document, and what it said on stderr."""
    base = tmp_path_factory.mktemp("self-test é ö")
    for name in ("home", "temporary", "none"):
        (base / name).mkdir()
    (base / "none" / "sitecustomize.py").write_text(_NO_NETWORK)
    homes = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME")
    environment = {key: value for key, value in os.environ.items() if key not in homes}
    environment |= {
        "PYTHONPATH": str(base / "none"),
        "QT_QPA_PLATFORM": "offscreen",
        "HOME": str(base / "home"),
        "TMPDIR": str(base / "temporary"),
    }
    words = ["self-test", "--json", "--window", "--screenshot", str(base / "window.png")]
    done = subprocess.run(
        [sys.executable, "-m", "annotator", *words],
        capture_output=True,
        encoding="utf-8",
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return base, json.loads(done.stdout), done.stderr


def test_every_step_is_ok(ran: tuple[Path, dict[str, Any], str]) -> None:
    _, said, told = ran
    assert said["ok"] is True
    assert [step["name"] for step in said["steps"]] == list(STEPS)
    assert all(step["ok"] and step["said"] for step in said["steps"])
    assert len([line for line in told.splitlines() if line.endswith("  ok")]) == len(STEPS)


def test_it_did_what_it_says(ran: tuple[Path, dict[str, Any], str]) -> None:
    steps = {step["name"]: step["facts"] for step in ran[1]["steps"]}
    assert len(steps["proposals"]["first"]) == 20
    assert steps["masks"]["masks"] >= 8
    assert steps["killed deciding"]["kills"] == 3
    assert steps["killed deciding"]["decisions"] > 100
    assert steps["exports"]["repeatable"] is True
    assert 0 < steps["hq-sam"]["share"] < 1
    assert steps["clip"]["least"] < steps["clip"]["most"]


def test_versions_and_hashes_are_there_to_be_compared(
    ran: tuple[Path, dict[str, Any], str],
) -> None:
    said = ran[1]
    assert {
        *("annotator", "python", "platform", "runs", "sqlite", "qt", "torch", "torchvision"),
        *("transformers", "numpy", "opencv", "pillow"),
    } == set(said["versions"])
    assert all(said["versions"].values())
    assert {"weights tagger", "weights embedder", "exports coco", "exports ade20k"} < set(
        said["hashes"]
    )
    assert all(len(value) == 64 for value in said["hashes"].values())


def test_the_window_is_in_the_picture(ran: tuple[Path, dict[str, Any], str]) -> None:
    pixels = images.load(ran[0] / "window.png")
    assert pixels.shape[0] >= 600
    assert pixels.shape[1] >= 800
    # A photo in its middle, not one colour.
    middle = pixels[pixels.shape[0] // 3 : -pixels.shape[0] // 3, pixels.shape[1] // 3 :]
    assert middle.std() > 20


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps these elsewhere")
def test_nothing_is_left_behind(ran: tuple[Path, dict[str, Any], str]) -> None:
    base = ran[0]
    assert list((base / "home").iterdir()) == []
    assert list((base / "temporary").iterdir()) == []
