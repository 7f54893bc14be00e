"""Batched generation against the same images one by one, on the same model in one run.

    python tests/benchmarks/bench_generate.py [--rounds 3] [--tokens 40]
    python tests/benchmarks/bench_generate.py --wide [--layers 36]

By default: tiny random models (hidden size 32, two layers) on the CPU or ANNOTATOR_DEVICE, 8
images with one reply each, in a batch of 8 and in 8 batches of 1, in turns; medians and ratios.

--wide: a Qwen2.5-VL as wide as the 3B model with random bfloat16 weights, at batch 1, 4, 8 and
16: replies and tokens a second, and the peak of memory. Meant for a GPU; --layers makes it
shallower where there is none.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "backends"))
import tiny_models

from annotator.backends.protocols import Metered, Pixels, Sampling, Tagger
from annotator.backends.registry import load_pack

PROMPT = "list of the"


def photos(count: int, height: int, width: int) -> list[Pixels]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (height, width, 3), dtype=np.uint8) for _ in range(count)]


def seconds(tagger: Tagger, images: list[Pixels], size: int, tokens: int) -> tuple[float, int]:
    """Time for one reply to each image, ``size`` of them at once, and the tokens they have."""
    assert isinstance(tagger, Metered)
    before = tagger.usage().completion_tokens
    start = time.perf_counter()
    for first in range(0, len(images), size):
        part = images[first : first + size]
        seeds = tuple(range(first, first + len(part)))
        tagger.propose(part, PROMPT, Sampling(max_tokens=tokens, temperature=1.0, seeds=seeds))
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start, tagger.usage().completion_tokens - before


def tiny(home: Path, rounds: int, tokens: int) -> None:
    print(f"8 images, up to {tokens} tokens each; median of {rounds} rounds")
    print(f"{'model':16} {'one by one':>12} {'batch of 8':>12} {'ratio':>7}")
    for name, make in tiny_models.TAGGERS.items():
        make(home / name)
        tagger = load_pack(tiny_models.manifest(home / name)).tagger()
        images = photos(8, 60, 80)
        seconds(tagger, images, 8, 4)  # warm up
        alone, together = [], []
        for _ in range(rounds):
            alone.append(seconds(tagger, images, 1, tokens)[0])
            together.append(seconds(tagger, images, 8, tokens)[0])
        one, eight = statistics.median(alone), statistics.median(together)
        print(f"{name:16} {one:10.3f} s {eight:10.3f} s {one / eight:6.1f}x", flush=True)


def wide(home: Path, layers: int, tokens: int) -> None:
    folder = home / "wide"
    tiny_models.wide_qwen_vl(folder, layers)
    options = 'dtype = "bfloat16"\nbatch = 16\nmax_side = 448'
    start = time.perf_counter()
    tagger = load_pack(tiny_models.manifest(folder, options=options)).tagger()
    cuda = torch.cuda.is_available() and os.environ.get("ANNOTATOR_DEVICE", "auto") != "cpu"
    device = torch.cuda.get_device_name() if cuda else "CPU"
    print(f"as wide as Qwen2.5-VL-3B, {layers} layers, random bfloat16, {device}")
    print(f"loaded in {time.perf_counter() - start:.1f} s; images of 448x448, {tokens} tokens each")
    print(f"{'batch':>5} {'replies/s':>10} {'tokens/s':>10} {'ratio':>7} {'peak memory':>12}")
    images = photos(16, 448, 448)
    seconds(tagger, images[:1], 1, 4)  # warm up
    base = 0.0
    for size in (1, 4, 8, 16):
        if cuda:
            torch.cuda.reset_peak_memory_stats()
        took, made = seconds(tagger, images, size, tokens)
        base = base or took
        if cuda:
            peak = torch.cuda.max_memory_allocated()
        else:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        speed = f"{len(images) / took:10.2f} {made / took:10.1f} {base / took:6.1f}x"
        print(f"{size:5d} {speed} {peak / 2**30:9.1f} GiB", flush=True)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    words.add_argument("--wide", action="store_true", help="a model of real width")
    words.add_argument("--layers", type=int, default=36, help="of its language model (--wide)")
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--tokens", type=int, default=40)
    given = words.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if given.wide:
            wide(Path(scratch), given.layers, given.tokens)
        else:
            tiny(Path(scratch), given.rounds, given.tokens)


if __name__ == "__main__":
    main()
