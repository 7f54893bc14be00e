"""Rename, merge, undo and redo of a synset with 100,000 tags, and what a person waits for after.

    python tests/benchmarks/bench_merge.py [--images 100000]

Makes a project of that many images and five times as many tags of 1,000 synsets in a temporary
folder. Exits with 1 when a target is missed or undo does not give back every table exactly.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from annotator.operations import history, synsets
from annotator.project import decisions, queries, store
from annotator.project.project import Project

SYNSETS = 1000
TARGETS_MS = {"open": 150, "rename": 300, "merge": 300, "undo merge": 1000}


def build(path: Path, folder: Path, images: int) -> tuple[Project, int, int]:
    """The project, the synset that every image has, and the one that half of them have."""
    rng = random.Random(0)
    project = Project.create(path, folder)
    with project.write("images") as db:
        files = [store.FileSeen(f"{i % 97:02}/{i:06}.jpg", 1000 + i, i) for i in range(images)]
        ids = store.upsert_images(db, files)
        for id in ids:
            store.set_image_read(db, id, hash=f"{id:032x}", width=640, height=480, format="JPEG")
        groups = [store.ensure_synset(db, f"group {i}", inner=True) for i in range(20)]
        words = [store.ensure_synset(db, f"word {i}", score=i) for i in range(SYNSETS - 20)]
        store.set_parents(db, {id: groups[i % 20] for i, id in enumerate(words[2:])})
        big, half = words[0], words[1]

        def rows() -> Any:
            for i, id in enumerate(ids):
                of_image = {big, *rng.sample(words[2:], 3 if i % 2 else 4)}
                if i % 2:
                    of_image.add(half)
                for synset in of_image:
                    score = round(rng.random(), 6)
                    yield store.TagRow(id, synset, score, score, 1, 5, ("whole",), True)

        store.set_tags(db, rows())
    with project.transact("Accept a tenth") as db:
        known = decisions.Words(db)
        for id in ids[::10]:
            decisions.decide_tag(db, known, id, big, "accepted" if id % 3 else "rejected")
        for id in ids[::15]:
            decisions.decide_tag(db, known, id, half, "rejected")
    return project, big, half


def digest(project: Project) -> str:
    """Of all rows of all tables but the journal's."""
    value = hashlib.blake2b()
    with project.read() as db:
        tables = [r[0] for r in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in sorted({*tables} - {"steps", "journal", "open_step", "sqlite_sequence"}):
            for row in db.execute(f"SELECT * FROM {table} ORDER BY 1, 2"):
                value.update(repr(row).encode())
    return value.hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    count = parser.parse_args().images
    times: dict[str, float] = {}
    cpu: dict[str, float] = {}

    def timed(name: str, call: Callable[[], Any]) -> Any:
        start, cpu_start = time.perf_counter(), time.process_time()
        result = call()
        times[name] = (time.perf_counter() - start) * 1000
        cpu[name] = (time.process_time() - cpu_start) * 1000
        return result

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.annot"
        project, big, half = timed("build", lambda: build(path, Path(folder), count))
        timed("close", project.close)
        project = timed("open", lambda: Project.open(path))

        def read(name: str, call: Callable[[Any], Any]) -> Any:
            with project.read() as db:
                return timed(name, lambda: call(db))

        with project.read() as db:
            tags = db.execute("SELECT count(*) FROM tags").fetchone()[0]
            of_big = db.execute("SELECT count(*) FROM tags WHERE synset_id = ?", (big,)).fetchone()
        print(f"{count} images, {tags} tags, {SYNSETS} synsets; the renamed one: {of_big[0]} tags")

        def look(when: str) -> None:
            read(f"vocabulary {when}", queries.vocabulary)
            read(f"image_ids {when}", queries.image_ids)
            for status in queries.STATUSES:
                name = f"image_ids {status} {when}"
                read(name, lambda db, s=status: queries.image_ids(db, status=s))
            read(f"image_ids synset {when}", lambda db: queries.image_ids(db, synset=half))
            read(f"image_ids text {when}", lambda db: queries.image_ids(db, text="word 12"))
            read(f"status_counts {when}", queries.status_counts)
            read(f"status {when}", queries.status)
            read(f"synset {when}", lambda db: queries.synset(db, half))
            read(f"evidence {when}", lambda db: queries.evidence(db, half))
            page = read(f"image_ids page {when}", queries.image_ids)[:200]
            read(f"image_marks of 200 {when}", lambda db: queries.image_marks(db, page))
            read(f"tags of one image {when}", lambda db: queries.tags(db, page[0]))

        look("before")
        before = digest(project)
        timed("rename", lambda: synsets.rename(project, big, "car"))
        timed("undo rename", lambda: history.undo(project))
        ok = digest(project) == before
        read("merge_preview", lambda db: queries.merge_preview(db, [big], half))
        timed("merge", lambda: synsets.merge(project, [big], half))
        merged = digest(project)
        look("after the merge")
        timed("undo merge", lambda: history.undo(project))
        ok = ok and digest(project) == before and merged != before
        timed("redo merge", lambda: history.redo(project))
        ok = ok and digest(project) == merged
        read("all_tags", lambda db: sum(1 for _ in queries.all_tags(db)))
        project.close()
    missed = [name for name, limit in TARGETS_MS.items() if times[name] > limit]
    for name, value in times.items():
        limit = f"  target {TARGETS_MS[name]} ms" if name in TARGETS_MS else ""
        print(f"{name:40} {value:9.1f} ms  (CPU {cpu[name]:8.1f} ms){limit}")
    print(f"digest of all tables after undo and redo: {'identical' if ok else 'DIFFERENT'}")
    if missed:
        print(f"missed: {', '.join(missed)}")
    return 0 if ok and not missed else 1


if __name__ == "__main__":
    sys.exit(main())
