"""SIGKILL in the middle of ``propose``, again and again: nothing is lost, nothing is said twice,
and a model that talks is asked nothing that it has answered."""

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

IMAGES, KILLS, TALKING_KILLS = 60, 10, 8

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


# The same with a model that talks: three samples of each of four crops, one of them a failure.
# Writes down which images it is asked of, before it answers.
TALKING_CHILD = CHILD.replace(
    CHILD[CHILD.index("class Tagger") : CHILD.index("left =")],
    """
from annotator.backends.manifest import Prompt
from annotator.core.records import Usage
from annotator.pipeline.options import ProposeOptions

class Tagger:
    id, batch, took = "echo@1", 4, Usage()

    def propose(self, images, prompt, sampling):
        assert (prompt, sampling.samples) == ("List.", 3)
        with open(sys.argv[3], "a") as log:
            log.writelines(f"{int(i.mean()) // 4}\\n" for i in images)
        Tagger.took += Usage(3 * len(images))
        return [[self.one(seed, n) for n in range(3)] for seed in sampling.seeds]

    def one(self, seed, n):
        if n == 1:
            return Answer((), f"no {seed}", "the reply refuses to answer")
        labels = ("tabby", f"shade {seed % 7}")
        return Answer(tuple(Proposed(one, (0.5, 0.25)) for one in labels), ",".join(labels))

    def usage(self):
        return Tagger.took

class Pack:
    name, talks, prompts = "echo", True, (Prompt("labels", "List."),)

    def model_id(self, role):
        return "echo@1"

    def has(self, role):
        return role == "tagger"

    def tagger(self):
        return Tagger()

""",
).replace("Pack())", 'Pack(), ProposeOptions(grid="sg", samples=3))')


def propose(path: Path, statements: int, child: str = CHILD, *more: Path) -> tuple[int, int]:
    """Exit code, and the number of images that the child said were done."""
    ran = subprocess.run(
        [sys.executable, "-c", child, str(path), str(statements), *map(str, more)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode in (0, -signal.SIGKILL), ran.stderr
    done = [int(line) for line in ran.stdout.split()]
    return ran.returncode, done[-1] if done else 0


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A scanned project of photos that are each of one shade."""
    folder, path = tmp_path / "photos", tmp_path / "my.annot"
    folder.mkdir()
    for number in range(IMAGES):
        shade = np.full((16, 16, 3), number * 4, np.uint8)
        PilImage.fromarray(shade).save(folder / f"{number:02}.png")
    with Project.create(path, folder) as project:
        for _ in scan(project):
            pass
    return path


def test_ten_kills_lose_nothing_and_double_nothing(project: Path) -> None:
    path = project
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


def test_a_model_that_talks_is_never_asked_again(project: Path, tmp_path: Path) -> None:
    path, log = project, tmp_path / "asked.txt"
    chance = random.Random(20260102)
    finished: set[str] = set()
    for turn in range(TALKING_KILLS + 1):
        log.write_text("")
        last = turn == TALKING_KILLS
        code, _ = propose(
            path, sys.maxsize if last else chance.randint(20, 450), TALKING_CHILD, log
        )
        assert code == (0 if last else -signal.SIGKILL)
        asked = set(log.read_text().split())
        assert not asked & finished, "asked of an image that was finished"
        with Project.open(path) as opened, opened.read() as db:
            assert check(opened) == []
            (run,) = queries.runs(db)
            replies, proposals = list(queries.replies(db)), list(queries.proposals(db))
            names = {str(int(one.image.removesuffix(".png"))) for one in replies}
            assert finished <= names
            assert len(names) == run.done
            assert run.usage.requests == len(replies) == 12 * run.done
            finished = names
        each = Counter((one.image_id, one.crop, one.sample) for one in replies)
        assert set(each.values()) <= {1}
        said: dict[tuple[int, str, int], list[str]] = {}
        for one in proposals:
            said.setdefault((one.image_id, one.crop, one.sample), []).append(one.text)
        assert said == {
            (one.image_id, one.crop, one.sample): one.text.split(",")
            for one in replies
            if one.failure is None
        }
        if turn == TALKING_KILLS - 1:
            assert 0 < run.done < IMAGES, "the kills are to be spread over the run"
    assert (run.status, run.done) == ("done", IMAGES)
