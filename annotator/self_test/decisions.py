"""Decisions, with the process killed between two of them, or in the middle of one: what was told as
saved is there, nothing is there by half, and all of it can be undone and done again."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from annotator.core.errors import AnnotatorError
from annotator.operations import history, regions, synsets, tags
from annotator.project import queries
from annotator.project.check import check
from annotator.project.project import Project
from annotator.self_test import killed
from annotator.self_test.steps import Found

#: A verb and the numbers or words it is about, as JSON has it.
Decision = list[Any]
#: Decisions that each process has told when it is killed ...
KILLS = (4, 15, 40)
#: ... and how many more it makes at most: on a busy computer the kill may take its time.
_LEAD = 10

_VERBS: Mapping[str, Callable[..., object]] = {
    "accept tag": tags.accept,
    "reject tag": tags.reject,
    "add word": tags.add_word,
    "accept mask": regions.accept,
    "reject mask": regions.reject,
    "accept word": synsets.accept,
    "rename": synsets.rename,
    "merge": synsets.merge,
}


def planned(project: Project) -> list[Decision]:
    """What a person might decide about this project: a few things about each photo, then about the
    vocabulary. Each changes something, and does what it does whatever came before it."""
    plan: list[Decision] = []
    with project.read() as db:
        named: list[int] = []
        for number, image in enumerate(queries.images(db, queries.image_ids(db))):
            found = queries.tags(db, image.id)
            plan.append(["accept tag", image.id, found[0].synset_id])
            # Not the second: a mask of a rejected tag reads as rejected whatever is said of it.
            plan += [["reject tag", image.id, tag.synset_id] for tag in found[2:4]]
            plan.append(["add word", image.id, f"größeres Ding № {number}"])
            for place, region in enumerate(queries.regions(db, image.id)):
                plan.append([("accept mask", "reject mask")[place % 2], region.id])
            named += [tag.synset_id for tag in found]
        words = [one.id for one in queries.vocabulary(db) if not one.inner]
        beneath = {one.parent for one in queries.vocabulary(db)}
    named = [id for id in dict.fromkeys(named) if id in words]
    # Words with others below them stay apart: a merge may refuse them.
    leaves = [id for id in named if id not in beneath]
    merged = dict(zip(leaves[1::4], leaves[::4], strict=False))
    plan += [["accept word", id] for id in named if id not in merged][::3]
    plan += [["rename", id, f"Wort {id}: été"] for id in named if id not in merged][::5]
    plan += [["merge", source, target] for source, target in merged.items()]
    return plan


def decide(project: Project, decision: Decision) -> None:
    """Make one decision, one step of the history."""
    verb, *about = decision
    _VERBS[verb](project, *about)


def work(path: Path, plan: Path) -> None:
    """In the process that is killed: make the decisions that are not made yet, one after the
    other, and tell the number of each as soon as it is saved."""
    todo = json.loads(plan.read_text(encoding="utf-8"))
    decisions: list[Decision] = todo["decisions"]
    with Project.open(path) as project:
        first = made(project)
        for number in range(first, len(decisions)):
            if number == first + (todo["at_most"] or len(decisions)):
                killed.wait()
            decide(project, decisions[number])
            print(json.dumps(number), flush=True)  # noqa: T201 - it is read


def made(project: Project) -> int:
    """How many decisions the project has, those that are undone left out."""
    with project.read() as db:
        return sum(not step.undone for step in queries.history(db, limit=1_000_000))


def kill(path: Path, folder: Path) -> Found:
    """Let processes decide about the project ``path``, which has no decisions yet and is not open,
    kill each, and compare with a copy on which the same is decided in peace. Raises
    AnnotatorError."""
    peaceful = folder / "decided in peace.annot"
    shutil.copyfile(path, peaceful)
    with Project.open(path) as project:
        plan = planned(project)
        before = digest(project)
    hits = told = 0
    with Project.open(peaceful) as twin:
        for kill in (*KILLS, 0):
            more, was_killed = _let_work(path, plan, folder, kill)
            told, hits = max(told, more), hits + was_killed
            with Project.open(path) as project:
                compare(project, twin, plan, told)
        with Project.open(path) as project:
            travel(project, len(plan), before)
            if digest(project) != digest(twin):
                raise AnnotatorError(
                    "All was undone and done again, and is not as it was: this is a fault of "
                    "Annotator, report it."
                )
    said = f"{len(plan)} decisions, {hits} times killed among them, none lost, undone and redone"
    return Found(said, {"decisions": len(plan), "kills": hits})


def _let_work(path: Path, plan: Sequence[Decision], folder: Path, kill: int) -> tuple[int, bool]:
    """Start a process and kill it when it has told ``kill`` decisions, 0 for never; the number of
    decisions by what it told, 0 if it told none, and whether it was killed."""

    def enough(lines: Sequence[str]) -> bool:
        return bool(kill) and len(lines) >= kill

    written = folder / "decisions.json"
    todo = {"decisions": plan, "at_most": kill + _LEAD if kill else None}
    written.write_text(json.dumps(todo), encoding="utf-8")
    words = ["self-test", "--decide", str(path), str(written)]
    ran = killed.until(words, enough, folder / "decisions.log")
    return (int(ran.lines[-1]) + 1 if ran.lines else 0), ran.killed


def compare(project: Project, twin: Project, plan: Sequence[Decision], told: int) -> None:
    """Whether ``project`` has all ``told`` decisions and at most one more, which was saved and not
    told, and is otherwise as ``twin``, on which the same is then decided here. Raises
    AnnotatorError."""
    problems = check(project)
    if problems:
        raise AnnotatorError(f"After the program was killed, the project is damaged: {problems[0]}")
    found = made(project)
    if found < told:
        raise AnnotatorError(
            f"After the program was killed, {found} decisions were there, {told} were told as "
            "saved: this disk does not keep what is written to it; keep projects elsewhere."
        )
    if found > told + 1:
        raise AnnotatorError(
            f"After the program was killed, {found} decisions were there, and only {told} were "
            "told as saved: this is a fault of Annotator, report it."
        )
    for decision in plan[made(twin) : found]:
        decide(twin, decision)
    if digest(project) != digest(twin):
        raise AnnotatorError(
            f"After the program was killed, {found} decisions were there, and one of them by half: "
            "this is a fault of Annotator, report it."
        )


def travel(project: Project, count: int, before: str) -> None:
    """Undo all ``count`` decisions, which leads to the digest ``before``, and do them again.
    Raises AnnotatorError."""
    undone = sum(history.undo(project) is not None for _ in range(count))
    nothing_left = history.undo(project) is None
    if undone != count or not nothing_left or digest(project) != before:
        raise AnnotatorError(
            f"{undone} of {count} decisions could be undone after the program was killed, or the "
            "project is not as it was before them: this is a fault of Annotator, report it."
        )
    redone = sum(history.redo(project) is not None for _ in range(count))
    if redone != count:
        raise AnnotatorError(
            f"{redone} of {count} decisions could be done again after they were undone: this is a "
            "fault of Annotator, report it."
        )


def digest(project: Project) -> str:
    """A hash of what a person sees: words, tags and masks with their verdicts, and no times."""
    value = hashlib.blake2b(digest_size=16)
    with project.read() as db:
        for synset in sorted(queries.vocabulary(db), key=lambda one: one.id):
            value.update(repr(synset).encode())
        for kept in (True, False):
            found = queries.all_tags(db, kept=kept)
            rows = [(tag.image_id, tag.synset_id, repr(tag)) for tag in found]
            value.update(repr(sorted(rows)).encode())
        for region in sorted(queries.all_regions(db), key=lambda one: one.id):
            value.update(repr(region).encode())
    return value.hexdigest()
