"""From the start of the process to the first image on screen, for a folder of 100,000 JPEGs.

    python tests/benchmarks/bench_first_image.py [--images 100000] [--labelme PYTHON]

``--labelme``: the Python of an environment that holds labelme; it is then measured in the same
run, and the ratio is printed. Also prints how long the window stalled while the scan went on, and
the memory of the process. Files are hard links of a few photos, made beside the temporary folder.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import skimage
from PIL import Image

HERE = Path(__file__).resolve().parent
SAMPLES = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")


def make_folder(folder: Path, count: int) -> None:
    """``count`` JPEGs of 256 px, hard links of a few: small files, as in a thumbnail dump."""
    folder.mkdir(parents=True)
    sources = []
    for name in SAMPLES:
        source = folder.parent / f"{Path(name).stem}.jpg"
        with Image.open(Path(skimage.__file__).parent / "data" / name) as image:
            small = image.convert("RGB")
        small.thumbnail((256, 256))
        small.save(source, quality=85)
        sources.append(source)
    for i in range(count):
        os.link(sources[i % len(sources)], folder / f"{i:06d}.jpg")


def ours(folder: Path) -> dict[str, float]:
    for path in folder.parent.glob(f"{folder.name}.annot*"):
        path.unlink()
    began = time.time()
    done = subprocess.run(
        [sys.executable, HERE / "first_image.py", folder],
        capture_output=True,
        text=True,
        check=True,
    )
    facts: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return facts | {"first": facts["painted"] - began, "scan": facts["scanned"] - began}


def labelme(python: str, folder: Path) -> float:
    began = time.time()
    done = subprocess.run(
        [python, HERE / "peer_labelme.py", folder], capture_output=True, text=True, check=True
    )
    return float(done.stdout.splitlines()[-1]) - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--labelme", metavar="PYTHON")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    place = Path(tempfile.mkdtemp(prefix="annotator-bench-"))
    try:
        folder = place / "photos"
        make_folder(folder, options.images)
        mine, theirs = [], []
        for run in range(options.runs):
            facts = ours(folder)
            mine.append(facts["first"])
            print(
                f"run {run + 1}: first image {facts['first']:.2f} s, scan {facts['scan']:.1f} s, "
                f"longest stall {facts['longest_stall_ms']:.0f} ms "
                f"({facts['stalls_over_50_ms']:.0f} over 50 ms), "
                f"memory {facts['memory_mb']:.0f} MB (peak {facts['peak_mb']:.0f} MB)",
                flush=True,
            )
            if options.labelme:
                theirs.append(labelme(options.labelme, folder))
                print(f"run {run + 1}: labelme first image {theirs[-1]:.2f} s", flush=True)
        print(f"first image, median: {statistics.median(mine):.2f} s")
        if theirs:
            ratio = statistics.median(mine) / statistics.median(theirs)
            print(f"labelme, median: {statistics.median(theirs):.2f} s")
            print(f"ratio: {ratio:.3f} (0.1 or less is asked for)")
    finally:
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
