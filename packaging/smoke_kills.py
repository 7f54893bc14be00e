"""SIGKILL of the program while it proposes, segments, and takes decisions: nothing that it told of
is lost, the project is in order each time, and the end is the same as without kills."""

from __future__ import annotations

import json
import os
import pty
import random
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from smoke_checks import SAME, Wrong, photos
from smoke_place import Place

#: So often is each sample photo in the folder: work that lasts long enough to be cut short.
_COPIES = 4
_DECISIONS = 12


def working(place: Place, kills: int, seed: int = 1) -> str:
    """Kills during propose and segment."""
    rng = random.Random(seed)
    folder = place.home / "many"
    _copies(photos(place), folder)
    whole, killed = place.home / "whole.annot", place.home / "killed.annot"
    told = []
    for project in (whole, killed):
        place.done("create", str(project), str(folder))
        place.done("scan", str(project))
    for step, more in (("propose", ("--grid", "sgc")), ("segment", ("--top", "1"))):
        place.done(step, str(whole), *more)
        times = _cut_short(place, step, killed, more, kills, rng)
        place.done(step, str(killed), *more)
        in_order(place, killed)
        told.append(f"{step} killed at {', '.join(map(str, times))} of {_images(place, killed)}")
    if not _alike(_rows(place, whole, folder), _rows(place, killed, folder)):
        raise Wrong("the project that was killed differs from the one that was not")
    return "; ".join(told) + "; the same tags and masks as without"


def _cut_short(
    place: Place, step: str, project: Path, more: tuple[str, ...], kills: int, rng: random.Random
) -> list[int]:
    """Kill ``step`` so often, each time somewhere further on; how many images it had told of."""
    total = _images(place, project)
    reached: list[int] = []
    for number in range(kills):
        told = _killed_at(place, step, project, more, total * (number + 1) // (kills + 2), rng)
        in_order(place, project)
        done = _done(place, step, project)
        if done < max([told, *reached]):
            there = max(reached, default=0)
            raise Wrong(f"{step} told of {told} images, had {there} before, and has {done} now")
        reached.append(done)
    return reached


def _killed_at(
    place: Place, step: str, project: Path, more: tuple[str, ...], mark: int, rng: random.Random
) -> int:
    """Run ``step`` until it tells of ``mark`` images, and kill it a little later; what it told of
    by then."""
    mine, its = pty.openpty()  # on a terminal every image is told of
    child = subprocess.Popen(
        place.words(step, str(project), *more),
        env=place.environment(),
        cwd=place.home,
        stdout=subprocess.DEVNULL,
        stderr=its,
    )
    os.close(its)
    heard = ""
    wait = rng.uniform(0, 0.4)
    with os.fdopen(mine, "rb", buffering=0) as terminal:
        while _told(step, heard) < mark:
            part = _part(terminal)
            if not part:
                break
            heard += part
        time.sleep(wait)  # into the next batch
        child.kill()
        if child.wait(60) != -signal.SIGKILL:
            raise Wrong(f"{step} ended by itself with {child.returncode}: {heard[-300:]}")
        while part := _part(terminal):
            heard += part
    return _told(step, heard)


def _part(terminal: Any) -> str:
    try:
        return str(terminal.read(4096).decode("utf-8", errors="replace"))
    except OSError:  # how Linux ends a terminal
        return ""


def _told(step: str, heard: str) -> int:
    counts = re.findall(rf"{step}\s+(\d+)/\d+", heard)
    return int(counts[-1]) if counts else 0


def deciding(place: Place, kills: int, seed: int = 2) -> str:
    """Kills during commands that decide. A command that ended well is a decision that stays."""
    rng = random.Random(seed)
    folder = photos(place)
    project = place.home / "decided.annot"
    place.done("create", str(project), str(folder))
    place.done("scan", str(project))
    place.done("propose", str(project))
    tags = [
        (row["image"], row["synset_id"])
        for image in sorted(one.name for one in folder.iterdir())
        for row in json.loads(place.done("tags", str(project), image, "--json"))[:2]
    ]
    began = time.monotonic()
    place.done("tag", "clear", str(project), tags[0][0], str(tags[0][1]))
    usual = time.monotonic() - began
    wanted: dict[tuple[str, int], str] = {}
    lost = 0
    turns = max(_DECISIONS, 2 * kills)
    cut = set(rng.sample(range(turns), kills))
    for turn in range(turns):
        tag, verb = rng.choice(tags), rng.choice(["accept", "reject"])
        words = ("tag", verb, str(project), tag[0], str(tag[1]))
        verdict = {"accept": "accepted", "reject": "rejected"}[verb]
        before = wanted.get(tag, "unknown")
        if turn in cut:
            acknowledged = _killed_after(place, words, rng.uniform(0.3, 1.1) * usual)
            in_order(place, project)
            found = _verdict(place, project, tag)
            if found not in ((verdict,) if acknowledged else (before, verdict)):
                raise Wrong(f"{tag} is {found} after {verb}, and was {before}")
            lost += not acknowledged
            wanted[tag] = found
        else:
            place.done(*words)
            wanted[tag] = verdict
    for tag, verdict in wanted.items():
        if _verdict(place, project, tag) != verdict:
            raise Wrong(f"{tag} is no longer {verdict}")
    history = json.loads(place.done("history", str(project), "--json"))
    return (
        f"{turns} decisions, {lost} cut short, all that were told are there; {len(history)} steps"
    )


def _killed_after(place: Place, words: tuple[str, ...], seconds: float) -> bool:
    """Whether the command had ended well before it was killed."""
    child = subprocess.Popen(
        place.words(*words),
        env=place.environment(),
        cwd=place.home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        return child.wait(seconds) == 0
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait(60) == 0


def in_order(place: Place, project: Path) -> None:
    """``check`` finds nothing. Raises Wrong."""
    ran = place.run("check", str(project), "--json")
    if ran.returncode or not json.loads(ran.stdout)["ok"]:
        raise Wrong(f"check of {project.name}: {ran.stdout}{ran.stderr}")


def _copies(source: Path, folder: Path) -> None:
    folder.mkdir()
    for number in range(_COPIES):
        for path in sorted(source.iterdir()):
            shutil.copyfile(path, folder / f"{number}-{path.name}")


def _status(place: Place, project: Path) -> dict[str, Any]:
    return dict(json.loads(place.done("status", str(project), "--json")))


def _images(place: Place, project: Path) -> int:
    return int(_status(place, project)["images"])


def _done(place: Place, step: str, project: Path) -> int:
    runs = [run for run in _status(place, project)["runs"] if run["kind"] == step]
    return int(runs[0]["done"]) if runs else 0


def _verdict(place: Place, project: Path, tag: tuple[str, int]) -> str:
    rows = json.loads(place.done("tags", str(project), tag[0], "--json"))
    return next(str(row["verdict"]) for row in rows if row["synset_id"] == tag[1])


def _rows(place: Place, project: Path, folder: Path) -> list[tuple[Any, ...]]:
    """What is said of every image, without numbers that only the order of work decides: its tags
    and masks, and a score of each."""
    rows: list[tuple[Any, ...]] = []
    for image in sorted(one.name for one in folder.iterdir()):
        tags = json.loads(place.done("tags", str(project), image, "--json"))
        masks = json.loads(place.done("regions", str(project), image, "--json"))
        rows += [("tag", image, one["synset"], one["verdict"], one["score"]) for one in tags]
        rows += [("mask", image, one["synset"], repr(one["rle"]), one["score"]) for one in masks]
    return rows


def _alike(ours: list[tuple[Any, ...]], theirs: list[tuple[Any, ...]]) -> bool:
    """The same rows, scores as near as two batches of different sizes bring them."""
    pairs = zip(sorted(ours, key=_named), sorted(theirs, key=_named), strict=False)
    return len(ours) == len(theirs) and all(
        _named(one) == _named(other) and abs(one[-1] - other[-1]) <= SAME for one, other in pairs
    )


def _named(row: tuple[Any, ...]) -> str:
    return repr(row[:-1])
