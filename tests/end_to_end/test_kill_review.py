"""SIGKILL while a person reviews, ten times: no decision that was acknowledged is lost."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from annotator.project import queries, store
from annotator.project.project import Project

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGKILL")

IMAGES, KILLS = 20, 10

# Decides for ever. Says what it is about to do, and "saved" once the operation has returned.
# With a number it is killed at that SQL statement, so also between two of one transaction.
CHILD = """
import os, random, signal, sys
from pathlib import Path
from annotator.operations import history, synsets, tags
from annotator.project import queries
from annotator.project.project import Project

rng = random.Random(int(sys.argv[2]))
left = int(sys.argv[3])

def count(statement):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

with Project.open(Path(sys.argv[1])) as project:
    project._writer.set_trace_callback(count)
    with project.read() as db:
        merged = queries.synset(db, 2).id == 1
    if merged:  # killed between the merge and its undo
        assert history.undo(project).label == "Merge couch into sofa"
    while True:
        image, verdict = rng.randint(1, 20), rng.choice(["accept", "reject", "clear"])
        print(image, verdict, flush=True)
        getattr(tags, verdict)(project, image, 1)
        print("saved", flush=True)
        if rng.random() < 0.2:
            synsets.merge(project, [2], 1)
            history.undo(project)
"""
VERDICTS = {"accept": "accepted", "reject": "rejected", "clear": "unknown"}


def review(path: Path, seed: int, statements: int, acknowledged: int) -> list[str]:
    """What the child printed until it killed itself, or was killed after so many decisions."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path), str(seed), str(statements)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    lines: list[str] = []
    with child.stdout:
        for line in child.stdout:
            lines.append(line.strip())
            if statements == 0 and lines.count("saved") == acknowledged:
                child.kill()
                lines += child.stdout.read().split("\n")
                break
    assert child.wait(60) == -signal.SIGKILL
    return [line for line in lines if line]


def test_ten_kills_lose_no_acknowledged_decision(tmp_path: Path) -> None:
    path = tmp_path / "my.annot"
    with Project.create(path, tmp_path) as project, project.write("tags") as db:
        files = [store.FileSeen(f"{i:02}.jpg", 1, 1) for i in range(IMAGES)]
        images = store.upsert_images(db, files)
        sofa, couch = store.ensure_synset(db, "sofa"), store.ensure_synset(db, "couch")
        store.set_tags(
            db, [store.TagRow(id, sofa, 0.5, 0.5, 1, 1, ("whole",), True) for id in images]
        )
    rng = random.Random(20)
    verdicts = dict.fromkeys(images, "unknown")
    steps = saved = 0
    for kill in range(KILLS):
        by_itself = kill % 2
        lines = review(path, kill, rng.randint(40, 600) if by_itself else 0, rng.randint(1, 40))
        saved += lines.count("saved")
        with Project.open(path) as project, project.read() as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert db.execute("PRAGMA foreign_key_check").fetchall() == []
            assert db.execute("SELECT step_id FROM open_step").fetchone() == (None,)
            found = {id: queries.tags(db, id)[0].verdict for id in images}
            begun = lines.pop().split() if lines[-1] != "saved" else None
            for line in lines:
                if line != "saved":
                    image, verdict = line.split()
                    verdicts[int(image)] = VERDICTS[verdict]
            if begun is not None:
                # This one was not acknowledged: it may be there or not.
                image = int(begun[0])
                assert found[image] in (verdicts[image], VERDICTS[begun[1]])
                verdicts[image] = found[image]
            assert found == verdicts
            history = queries.history(db, limit=100_000)
            assert len({step.id for step in history}) == len(history)
            assert all(not step.undone for step in history[1:])
            steps = len(history)
    assert saved > 2 * KILLS  # it did decide, time and again
    with Project.open(path) as project:
        with project.read() as db:
            assert queries.synset(db, couch).name in ("couch", "sofa")
            undoable = sum(not step.undone for step in queries.history(db, limit=100_000))
        for _ in range(undoable):
            assert project.undo() is not None
        assert project.undo() is None
        with project.read() as db:
            assert db.execute("SELECT count(*) FROM tag_decisions").fetchone() == (0,)
            assert queries.synset(db, couch).id == couch
    assert steps > KILLS
