"""HQ-SAM by our Refiner against the package's bare predictor, on the same weights in one run.

    python tests/benchmarks/bench_refiner.py [--sizes vit_tiny,vit_b] [--all] [--rounds 5]
        [--image 1280x960] [--transformers]

Random weights from the package's builders: times do not depend on them. For each size, medians of
the rounds, ours and the package's in turns:

    encode   ``encode`` against ``SamPredictor.set_image``
    click    ``refine`` with one point, up to the bool masks of the image's size (three candidates),
             against ``SamPredictor.predict`` (one): at most 1.15 is wanted; "one answer" is the
             same with the option candidates = 1
    box      ``refine`` with a box against ``predict``, one mask each
    back     ``unpack``, and ``pipeline.encodings.encoding`` from a project's cache on disk, against
             ``encode``: at most 0.05 is wanted
    memory   the process's peak so far, and the GPU's peak where there is one

On ANNOTATOR_DEVICE; its name is printed. --transformers adds the same weights in transformers'
classes (not vit_tiny, which it does not have).
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "backends"))
import tiny_sam

from annotator.backends import sam_hq
from annotator.backends.device import device
from annotator.backends.protocols import Pixels
from annotator.backends.sam_hq_refiner import Options, SamRefiner
from annotator.backends.sam_hq_transformers import TransformersNetwork
from annotator.pipeline import encodings
from annotator.pipeline.scan import scan
from annotator.project import queries
from annotator.project.project import Project


def seconds(work: Callable[[], Any]) -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def medians(rounds: int, *works: Callable[[], Any]) -> list[float]:
    """Of each, in turns, after one round that does not count."""
    taken = [[seconds(work) for work in works] for _ in range(rounds + 1)][1:]
    return [statistics.median(one) for one in zip(*taken, strict=True)]


def photo(width: int, height: int) -> Pixels:
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (height // 40 + 1, width // 40 + 1, 3), dtype=np.uint8)
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(large, dtype=np.uint8)


def peak() -> str:
    try:
        import resource
    except ImportError:  # Windows
        process = "unknown"
    else:
        kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        process = f"{kib / (2**30 if sys.platform == 'darwin' else 2**20):.1f} GiB"
    if device() == "cpu":
        return f"process {process}"
    return f"process {process}, GPU {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB"


def place() -> str:
    if device() == "cuda":
        return torch.cuda.get_device_name()
    return f"CPU ({platform.processor() or platform.machine()}, {torch.get_num_threads()} threads)"


def line(what: str, ours: float, theirs: float, wanted: str = "") -> None:
    print(
        f"  {what:24} {1e3 * ours:9.1f} ms against {1e3 * theirs:9.1f} ms {ours / theirs:7.3f}"
        f"  {wanted}".rstrip(),
        flush=True,
    )


def from_disk(project: Project, network: Any, rounds: int, encoding: Any) -> tuple[float, float]:
    """Seconds to unpack, and to get an encoding from the project's cache."""
    with project.read() as db:
        row = queries.image(db, queries.image_ids(db)[0])

    def refiner() -> SamRefiner:
        return SamRefiner("bench@0", network)

    keeper = refiner()
    data = keeper.pack(encoding)
    encodings.encoding(project, row, keeper)
    # Encodings in memory are kept for one Refiner: a new one has to go to the disk.
    fresh = [refiner() for _ in range(rounds + 1)]
    unpacked, read = medians(
        rounds,
        lambda: keeper.unpack(data),
        lambda: encodings.encoding(project, row, fresh.pop()),
    )
    return unpacked, read


def measure(name: str, network: Any, sam: Any, image: Pixels, project: Project, n: int) -> None:
    ours = SamRefiner("bench@0", network)
    single = SamRefiner("bench@0", network, Options(candidates=1))
    height, width = image.shape[:2]
    x, y = width * 0.4, height * 0.55
    box = (width * 0.2, height * 0.25, width * 0.7, height * 0.8)
    theirs = tiny_sam.predictor(sam, image)
    encoding = ours.encode(image)
    print(f"{name}: {sum(one.numel() for one in sam.parameters()) / 1e6:.0f} million weights")
    few = max(1, n // 2) if device() == "cpu" else n
    encode, set_image = medians(few, lambda: ours.encode(image), lambda: theirs.set_image(image))
    line("encode", encode, set_image)
    at, inside = np.array([[x, y]]), np.array([1])
    click, one, predict = medians(
        2 * n,
        lambda: ours.refine(encoding, points=[(x, y, True)]),
        lambda: single.refine(encoding, points=[(x, y, True)]),
        lambda: theirs.predict(at, inside, multimask_output=True),
    )
    line("click, three answers", click, predict, "at most 1.15")
    line("click, one answer", one, predict)
    boxed, predict = medians(
        2 * n,
        lambda: ours.refine(encoding, box=box),
        lambda: theirs.predict(box=np.array(box), multimask_output=False),
    )
    line("box", boxed, predict, "at most 1.15")
    unpacked, read = from_disk(project, network, 2 * n, encoding)
    line("back: unpack", unpacked, encode, "at most 0.05")
    line("back: from the cache", read, encode, "at most 0.05")
    print(f"  {len(ours.pack(encoding)) / 1e6:.1f} MB on disk; peak: {peak()}", flush=True)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    words.add_argument("--sizes", default="vit_tiny,vit_b")
    words.add_argument("--all", action="store_true", help="all four sizes")
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--image", default="1280x960", help="WIDTHxHEIGHT in pixels")
    words.add_argument("--transformers", action="store_true")
    given = words.parse_args()
    image = photo(*(int(side) for side in given.image.split("x")))
    print(f"{place()}, image {given.image}, medians of {given.rounds} rounds")
    for size in sam_hq.SIZES if given.all else given.sizes.split(","):
        sam = tiny_sam.random_weights(sam_hq.build(size))
        network = sam_hq.PackageNetwork(sam)
        if device() != "cpu":
            torch.cuda.reset_peak_memory_stats()
            network = network.on(device())
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "images"
            folder.mkdir()
            cv2.imwrite(str(folder / "photo.png"), image)
            with Project.create(Path(scratch) / "bench.annot", folder) as project:
                for _ in scan(project):
                    pass
                measure(size, network, network._module, image, project, given.rounds)
                if given.transformers and size != "vit_tiny":
                    other = TransformersNetwork(tiny_sam.transformers_model(sam))
                    other = other.on(device())
                    project.cache.clear("encode")
                    name = f"{size} (transformers)"
                    measure(name, other, network._module, image, project, given.rounds)


if __name__ == "__main__":
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    main()
