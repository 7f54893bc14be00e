"""Scan of a folder of many small JPEGs: time to the first image, time of each part, stalls, memory.

    python tests/benchmarks/bench_scan.py [--images 100000] [--folder WHERE]

The folder is made of hard links to 200 small photos, 1,000 links to a subfolder. While the scan
runs in a thread, the main thread wakes up every 5 ms, as a window would: the longest time that it
had to wait for its turn is the longest that a window would have stood still.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image as PilImage

from annotator.pipeline.scan import scan
from annotator.project.project import Project

ORIGINALS, IN_FOLDER, WAKE = 200, 1000, 0.005


def make_folder(folder: Path, count: int) -> None:
    originals = folder.with_name("originals")
    originals.mkdir()
    noise = np.random.default_rng(0)
    files = []
    for number in range(ORIGINALS):
        small = noise.integers(0, 255, (6, 8, 3), dtype=np.uint8)
        file = originals / f"{number}.jpg"
        PilImage.fromarray(small).resize((160, 120)).save(file, quality=80)
        files.append(file)
    for number in range(count):
        if number % IN_FOLDER == 0:
            (folder / f"{number // IN_FOLDER:04}").mkdir(parents=True)
        os.link(files[number % ORIGINALS], folder / f"{number // IN_FOLDER:04}" / f"{number}.jpg")


def memory() -> float:
    """Peak memory of the process so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def timed_scan(project: Project) -> dict[str, float]:
    """Seconds to the first batch, of each step and of the longest stall."""
    times: dict[str, float] = {}
    start = time.perf_counter()

    def work() -> None:
        for step in scan(project):
            times.setdefault("first images", time.perf_counter() - start)
            if step.step == "list":
                times["list"] = time.perf_counter() - start
        times["all"] = time.perf_counter() - start

    thread = threading.Thread(target=work)
    thread.start()
    longest = 0.0
    last = time.perf_counter()
    while thread.is_alive():
        time.sleep(WAKE)
        now = time.perf_counter()
        longest = max(longest, now - last - WAKE)
        last = now
    thread.join()
    return times | {"stall": longest}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    words.add_argument("--images", type=int, default=100_000)
    words.add_argument("--folder", type=Path, default=None, help="an empty place on a fast disk")
    given = words.parse_args()
    scratch = Path(tempfile.mkdtemp(dir=given.folder))
    try:
        folder = scratch / "images"
        make_folder(folder, given.images)
        before = memory()
        with Project.create(scratch / "bench.annot", folder) as project:
            for name in ("first scan", "second scan"):
                times = timed_scan(project)
                print(
                    f"{name:12} first images {times['first images']:6.2f} s   listed "
                    f"{times['list']:6.2f} s   all {times['all']:7.2f} s   longest stall "
                    f"{1000 * times['stall']:5.0f} ms   peak memory {memory():4.0f} MB "
                    f"({before:.0f} before)"
                )
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
