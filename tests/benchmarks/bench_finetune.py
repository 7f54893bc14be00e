"""Text-tag self-distillation: images a second and memory, on a model as wide as CLIP ViT-B/16.

    python tests/benchmarks/bench_finetune.py [--batch 32] [--steps 20] [--size 448]

Random weights, noise for images, captions of ten words. A GPU by default has batches of 32 as in
the paper (table 6), the CPU of 4 in 3 steps. Beside training: pruning, which only compares, and as
a ratio what a step costs over that; where the memory does not hold a batch, how many images at a
time it took instead.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import transformers

sys.path.insert(0, str(Path(__file__).parents[1] / "backends"))
import tiny_clip
from tiny_tokenizers import WORDS

from annotator.backends import ttd
from annotator.backends.device import device
from annotator.backends.ttd_protocol import Training


def wide(folder: Path) -> None:
    """A random CLIP ViT-B/16 with a small vocabulary: words cost what they do in the real one."""
    words = tiny_clip.tokenizer()
    text = {
        "vocab_size": len(words),
        "bos_token_id": words.bos_token_id,
        "eos_token_id": words.eos_token_id,
        "pad_token_id": words.pad_token_id,
    }
    config = transformers.CLIPConfig(text_config=text, vision_config={"patch_size": 16})
    transformers.CLIPModel(config).save_pretrained(folder)
    words.save_pretrained(folder)


def clock() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def main() -> None:
    gpu = device() == "cuda"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=32 if gpu else 4)
    parser.add_argument("--steps", type=int, default=20 if gpu else 3)
    parser.add_argument("--size", type=int, default=448)
    chosen = parser.parse_args()
    name = torch.cuda.get_device_name() if gpu else f"CPU, {torch.get_num_threads()} threads"
    rng = np.random.default_rng(0)
    known = WORDS.split()
    images = list(rng.integers(0, 256, (chosen.batch, chosen.size, chosen.size, 3), dtype=np.uint8))
    tags = [[known[i] for i in rng.permutation(len(known))[:10]] for _ in images]
    texts = [" ".join(some) for some in tags]
    with tempfile.TemporaryDirectory() as home:
        wide(Path(home) / "wide")
        trainer = ttd.trainer(tiny_clip.spec(Path(home) / "wide"), Training(size=chosen.size))
    print(f"CLIP ViT-B/16, random, {trainer.parameters:,} numbers trained; {name}")
    print(f"batches of {chosen.batch} at {chosen.size}x{chosen.size}, {chosen.steps} steps")
    trainer.step(images, texts, tags)  # warm up, and find out what the memory holds
    taken: dict[str, list[float]] = {"prune": [], "train": []}
    for _ in range(chosen.steps):
        start = clock()
        trainer.similarities(images, texts)
        middle = clock()
        trainer.step(images, texts, tags)
        taken["prune"].append(middle - start)
        taken["train"].append(clock() - middle)
    prune, train = (statistics.median(taken[one]) for one in ("prune", "train"))
    print(f"prune  {chosen.batch / prune:8.2f} images/s")
    print(f"train  {chosen.batch / train:8.2f} images/s  {train / prune:.2f}x of pruning")
    if gpu:
        print(f"memory {torch.cuda.max_memory_allocated() / 2**30:8.2f} GiB of the GPU at most")
    else:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"memory {most:8.2f} GiB at most")
    print(trainer.fallback or "a batch was computed at once")


if __name__ == "__main__":
    main()
