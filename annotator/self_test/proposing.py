"""Proposals, with the process killed in their middle: nothing is lost, and nothing said twice."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from annotator.backends.registry import Pack, load_pack
from annotator.core.errors import AnnotatorError
from annotator.pipeline import demo
from annotator.pipeline import propose as pipeline
from annotator.project import queries
from annotator.project.check import check
from annotator.project.project import Project
from annotator.self_test import killed
from annotator.self_test.starter import drive
from annotator.self_test.steps import Found

#: Images that are done when the process is killed, of twenty ...
ENOUGH = 5
#: ... and how many it does at most, should the kill take its time.
_MOST = 10
#: How far the probabilities of one image may be apart that was looked at beside others, or on the
#: CPU instead of the GPU.
TOLERANCE = 0.02
#: (image, crop) -> word -> probability.
Said = Mapping[tuple[str, str], Mapping[str, float]]


def work(path: Path) -> None:
    """In the process that is killed: propose, and tell after each image how many are written."""
    pipeline.WRITE_BATCH = 1
    with Project.open(path) as project:
        for progress in pipeline.propose(project, load_pack("starter"), demo.PROPOSE):
            if progress.step == "propose":
                print(json.dumps(progress.done), flush=True)  # noqa: T201 - it is read
            if progress.done >= _MOST:
                killed.wait()


def kill(scanned: Path, whole: Project, pack: Pack, folder: Path) -> Found:
    """``scanned``: a copy of the project before its proposals, ``whole``: the one that has them
    all. Raises AnnotatorError where the kill lost or doubled something."""
    path = folder / "killed while proposing.annot"
    shutil.copyfile(scanned, path)

    def enough(lines: Sequence[str]) -> bool:
        return bool(lines) and int(lines[-1]) >= ENOUGH

    # On the CPU a photo takes long enough to be killed in its middle.
    words = ["self-test", "--propose", str(path)]
    ran = killed.until(words, enough, folder / "propose.log", ANNOTATOR_DEVICE="cpu")
    told = int(ran.lines[-1]) if ran.lines else 0
    with Project.open(path) as project:
        there = _whole(project)
        with project.read() as db:
            run = queries.last_run(db, "propose")
        if run is None or run.done < told or there != run.done:
            raise AnnotatorError(
                f"After the program was killed, proposals of {there} photos were there, {told} "
                "were told as saved: this disk does not keep what is written to it; keep projects "
                "elsewhere."
            )
        if run.status != "interrupted" or not ran.killed:
            raise AnnotatorError(
                f"The run that was to be killed counts as {run.status} after {run.done} of "
                f"{run.total} photos: this is a fault of Annotator, report it."
            )
        drive(pipeline.propose(project, pack, demo.PROPOSE))
        _whole(project)
        faults = different(said(project), said(whole))
    if faults:
        raise AnnotatorError(faults[0])
    return Found(f"killed after {run.done} photos, resumed, the same as in one go")


def said(project: Project) -> Said:
    """What was proposed. Raises AnnotatorError for a word that is there twice."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    with project.read() as db:
        paths = {image.id: image.path for image in queries.images(db, queries.image_ids(db))}
        for one in queries.proposals(db):
            words = found.setdefault((paths[one.image_id], one.crop), {})
            word = f"{one.text} {one.wordnet_id}"
            if word in words:
                raise AnnotatorError(
                    f"{one.text} was proposed twice for {paths[one.image_id]} ({one.crop}) after "
                    "the kill: this is a fault of Annotator, report it."
                )
            words[word] = one.probability or 0.0
    return found


def different(one: Said, other: Said) -> list[str]:
    """Sentences on what is in one and not in the other, or not with the same probability. The
    last words of a list may change places with those that did not get on it."""
    faults = []
    for place in sorted(one.keys() | other.keys()):
        ours, theirs = one.get(place, {}), other.get(place, {})
        last = max(min(ours.values(), default=0.0), min(theirs.values(), default=0.0))
        for word in sorted(ours.keys() | theirs.keys()):
            p, q = ours.get(word), theirs.get(word)
            same = abs(p - q) <= TOLERANCE if p is not None and q is not None else False
            if not same and max(p or 0.0, q or 0.0) > last + TOLERANCE:
                faults.append(
                    f"{word} on {place[0]} ({place[1]}) has {p} after the kill and {q} in one go: "
                    "this is a fault of Annotator, report it."
                )
        if len(ours) != len(theirs):
            faults.append(
                f"{place[0]} ({place[1]}) has {len(ours)} words after the kill and {len(theirs)} "
                "in one go: this is a fault of Annotator, report it."
            )
    return faults


def _whole(project: Project) -> int:
    """How many images have their proposals. Raises AnnotatorError for damage, and for an image
    that has some of its crops."""
    problems = check(project)
    if problems:
        raise AnnotatorError(f"After the program was killed, the project is damaged: {problems[0]}")
    crops = Counter(path for path, _ in said(project))
    halves = [path for path, count in crops.items() if count != len(demo.PROPOSE.crops)]
    if halves:
        raise AnnotatorError(
            f"After the program was killed, {halves[0]} has a part of its proposals: this is a "
            "fault of Annotator, report it."
        )
    return len(crops)
