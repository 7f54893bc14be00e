"""Seconds that ``vocabulary.build`` takes for many images with free text, part by part.

    python tests/benchmarks/bench_vocabulary.py [--images 100000] [--labels 5] [--embedder]

Labels are drawn from some thousand nouns, most of them rare, some with attributes, some that
WordNet does not have. ``settle`` is what labels mean, ``tags`` the scores of all images, ``rank``
the ranking and the tree. With ``--embedder`` MiniLM chooses between senses (its index of nouns is
embedded before the clock starts).
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path

from annotator.backends.registry import load_pack
from annotator.core.records import Proposed
from annotator.core.senses import everyday
from annotator.core.wordnet import wordnet
from annotator.pipeline import vectors, vocabulary
from annotator.pipeline.options import VocabularyOptions
from annotator.pipeline.pages import PAGE
from annotator.pipeline.settle import settle
from annotator.project import queries, store
from annotator.project.project import Project


def texts(rng: random.Random, number: int) -> list[str]:
    """Labels as models write them, the frequent ones first."""
    nouns = [wordnet().name(synset) for synset in rng.sample(everyday(), number)]
    first = ["crane", "mouse", "dog", "table", "bench", "street light", "man", "tree"]
    found = [*first, *nouns]
    for at in range(10, len(found), 10):
        found[at] = f"{rng.choice(['wooden', 'red', 'large', 'old'])} {found[at // 10]}"
    for at in range(13, len(found), 37):
        found[at] = f"zorblat {found[at]}"
    return found


def fill(project: Project, images: int, labels: int) -> None:
    rng = random.Random(0)
    known = texts(rng, 3000)
    weights = [1.0 / (1 + i) for i in range(len(known))]
    with project.write("images", "runs", "proposals") as db:
        ids = store.upsert_images(db, [store.FileSeen(f"{i:06}.jpg", 1, 1) for i in range(images)])
        run = store.start_run(db, "propose", pack="p", params={"grid": "none", "samples": 1})
        store.add_run_images(
            db,
            run,
            (
                (
                    image,
                    None,
                    [
                        store.Said(Proposed(text, (0.5,)), "whole", 0, rng.random())
                        for text in rng.choices(known, weights, k=labels)
                    ],
                )
                for image in ids
            ),
        )
        store.finish_run(db, run, "done")


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    words.add_argument("--images", type=int, default=100_000)
    words.add_argument("--labels", type=int, default=5)
    words.add_argument("--embedder", action="store_true")
    given = words.parse_args()
    embedder = load_pack("starter").embedder() if given.embedder else None
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "photos"
        folder.mkdir()
        with Project.create(Path(scratch) / "bench.annot", folder) as project:
            fill(project, given.images, given.labels)
            if embedder is not None:
                for _ in vectors.of_nouns(project.cache, embedder):
                    pass
            for turn in ("first", "again"):
                start = time.perf_counter()
                for _ in settle(project, embedder):
                    pass
                settled = time.perf_counter()
                grouper = vocabulary.Grouper(VocabularyOptions("none"))
                with project.read() as db:
                    ids = queries.image_ids(db)
                for at in range(0, len(ids), PAGE):
                    with project.write("tags", "synsets") as db:
                        grouper.tag(db, ids[at : at + PAGE])
                tagged = time.perf_counter()
                counted = vocabulary.rank(project)
                end = time.perf_counter()
                print(
                    f"{turn:6} settle {settled - start:6.2f} s   tags {tagged - settled:6.2f} s   "
                    f"rank {end - tagged:6.2f} s   {counted[0]} words, {counted[2]} tags"
                )


if __name__ == "__main__":
    main()
