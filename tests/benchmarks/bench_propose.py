"""Throughput of ``propose`` against a bare loop of the same network on the same decoded crops.

    python tests/benchmarks/bench_propose.py [--folder FOLDER] [--grid none] [--rounds 3]

The bare loop gets crops that are decoded and shrunk already, so it is what the network alone can
do; ``propose`` decodes, asks and writes to the project. Both run in turns in one process; the
medians and their ratio are printed. Default folder: data/photos where it is, else sample photos.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from annotator.backends.protocols import Pixels, PreparingTagger, Sampling
from annotator.backends.registry import load_pack
from annotator.core import images
from annotator.core.records import GRIDS
from annotator.pipeline.options import ProposeOptions
from annotator.pipeline.propose import propose
from annotator.pipeline.scan import scan
from annotator.project import queries
from annotator.project.project import Project


def default_folder() -> Path:
    data = Path(os.environ.get("ANNOTATOR_DATA", "../shared/data")) / "photos"
    if data.is_dir():
        return data
    import skimage

    return Path(skimage.__file__).parent / "data"


def prepared(project: Project, tagger: PreparingTagger, options: ProposeOptions) -> list[Pixels]:
    """The very crops that ``propose`` will make, decoded and shrunk."""
    with project.read() as db:
        readable = [image for image in queries.images(db, queries.image_ids(db)) if not image.error]
    crops = []
    for image in readable[: options.limit]:
        pixels = images.load(project.folder / image.path)
        for crop in options.crops:
            left, top, right, bottom = crop.pixels(pixels.shape[1], pixels.shape[0])
            crops.append(tagger.prepare(pixels[top:bottom, left:right]))
    return crops


def bare(tagger: PreparingTagger, crops: list[Pixels], options: ProposeOptions) -> float:
    """Seconds for all crops."""
    start = time.perf_counter()
    for first in range(0, len(crops), tagger.batch):
        tagger.answer(crops[first : first + tagger.batch], "", Sampling(top=options.top))
    return time.perf_counter() - start


def proposing(project: Project, pack: object, options: ProposeOptions) -> float:
    """Seconds of the part that looks at the images; building the vocabulary comes after."""
    start = time.perf_counter()
    seconds = 0.0
    for step in propose(project, pack, options):  # type: ignore[arg-type]
        if step.step == "propose" and step.result is None:
            seconds = time.perf_counter() - start
    return seconds


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    words.add_argument("--folder", type=Path, default=None)
    words.add_argument("--grid", choices=GRIDS, default="none")
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--limit", type=int, default=None, help="only the first images")
    given = words.parse_args()
    folder = (given.folder or default_folder()).resolve()
    pack = load_pack("starter")
    tagger = pack.tagger()
    assert isinstance(tagger, PreparingTagger)
    options = ProposeOptions(grid=given.grid, limit=given.limit)
    with (
        tempfile.TemporaryDirectory() as scratch,
        Project.create(Path(scratch) / "bench.annot", folder) as project,
    ):
        for _ in scan(project):
            pass
        crops = prepared(project, tagger, options)
        bare(tagger, crops[: 4 * tagger.batch], options)  # warm up
        network, whole = [], []
        for number in range(given.rounds):
            network.append(bare(tagger, crops, options))
            # Another seed is another run: a classifier says the same, and all is done again.
            whole.append(proposing(project, pack, replace(options, seed=number)))
    count = len(crops)
    alone, through = statistics.median(network), statistics.median(whole)
    print(f"crops            {count} ({given.grid}), batch {tagger.batch}")
    print(f"network alone    {count / alone:8.1f} crops/s  {alone:6.2f} s")
    print(f"propose          {count / through:8.1f} crops/s  {through:6.2f} s")
    print(f"ratio            {alone / through:8.2f}")


if __name__ == "__main__":
    main()
