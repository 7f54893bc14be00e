"""SIGKILL in the middle of ``propose``, ten times: nothing is lost, nothing is said twice."""

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage

from annotator.pipeline.scan import scan
from annotator.project import queries
from annotator.project.check import check
from annotator.project.project import Project

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGKILL")

IMAGES, KILLS = 60, 10

# Proposes, and is killed at the given SQL statement of the writer: between two statements of a
# transaction as well as between two transactions. Prints how many images are surely written.
CHILD = """
import os, signal, sys
from pathlib import Path
from annotator.core.records import Answer, Proposed
from annotator.pipeline import propose as module
from annotator.project.project import Project

class Tagger:
    id, batch = "mean@1", 4

    def propose(self, images, prompt, sampling):
        return [[Answer((Proposed("tabby", (float(i.mean()) / 255,), "n02123045"),
                         Proposed(f"shade {int(i.mean()) // 16}", (0.5,))))] for i in images]

class Pack:
    name, talks, prompts = "mean", False, ()

    def model_id(self, role):
        return "mean@1"

    def has(self, role):
        return role == "tagger"

    def tagger(self):
        return Tagger()

left = int(sys.argv[2])

def count(statement):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

module.WRITE_BATCH = 3
with Project.open(Path(sys.argv[1])) as project:
    project._writer.set_trace_callback(count)
    for step in module.propose(project, Pack()):
        if step.step == "propose":
            print(step.done, flush=True)
"""


def propose(path: Path, statements: int) -> tuple[int, int]:
    """Exit code, and the number of images that the child said were done."""
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(path), str(statements)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert child.returncode in (0, -signal.SIGKILL), child.stderr
    done = [int(line) for line in child.stdout.split()]
    return child.returncode, done[-1] if done else 0


def test_ten_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    folder, path = tmp_path / "photos", tmp_path / "my.annot"
    folder.mkdir()
    for number in range(IMAGES):
        shade = np.full((16, 16, 3), number * 4, np.uint8)
        PilImage.fromarray(shade).save(folder / f"{number:02}.png")
    with Project.create(path, folder) as project:
        for _ in scan(project):
            pass
    chance = random.Random(20260101)
    acknowledged = before = 0
    for _ in range(KILLS):
        code, said = propose(path, chance.randint(4, 70))
        assert code == -signal.SIGKILL
        acknowledged = max(acknowledged, said)
        with Project.open(path) as project, project.read() as db:
            assert check(project) == []
            (run,) = queries.runs(db)
            assert run.status == "interrupted"
            assert run.done >= max(acknowledged, before)
            before = run.done
            said_of = Counter(one.image_id for one in queries.proposals(db))
            assert set(said_of.values()) <= {2}
            assert len(said_of) == run.done
    assert 0 < before < IMAGES, "the kills are to be spread over the run"
    code, said = propose(path, sys.maxsize)
    assert (code, said) == (0, IMAGES)
    with Project.open(path) as project, project.read() as db:
        (run,) = queries.runs(db)
        assert (run.status, run.done) == ("done", IMAGES)
        said_of = Counter((one.image_id, one.text) for one in queries.proposals(db))
        assert len(said_of) == 2 * IMAGES
        assert set(said_of.values()) == {1}
        assert all(queries.tags(db, image_id) for image_id in queries.image_ids(db))
