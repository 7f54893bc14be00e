"""TTD replicated in the small: tables 2b, 3 and 5 on scenes whose truth is known exactly.

    python tests/benchmarks/ttd_toy.py [--seeds 3] [--quick] [--json FILE]

For each seed a small CLIP (ttd_toy_clip.py) is trained from scratch on synthetic scenes with
web-like captions (ttd_toy_scenes.py, which says where the single tag bias comes from), then
fine-tuned by text-tag self-distillation with the product's trainer (``backends.ttd``), and measured
on held-out scenes whose captions name two to five things (ttd_toy_tables.py). Means and deviations
over the seeds, beside the paper's numbers, whichever way they come out: the paper's are of TCL and
MaskCLIP on CC3M and cannot be compared in size, only in order.

As in the paper: MaskCLIP's dense features, all words of a caption are candidates, LoRA on both
encoders, AdamW with weight decay 5e-5, batch 32, one crop of a random size (0.71 to 1.43 of the
image) per look, pairs above the mean similarity plus one deviation. Different, because the paper
takes 55,000 steps and this takes 30: the learning rate, see ``Tuning``.

Measured, 3 seeds, 9 minutes of one core: the paper's order of F1 (s_image 26, s_text 43, their sum
57, s_seg 4, s_pixel 69, with TTD 93) and CaptionIoU 38.8 before and 45.7 after. To be read with it:
the base's maps are worse than marking all pixels (43.3), because the background resembles every
word; at each model's own best threshold the gain is 3.2; s_seg with a tuned threshold (74) is above
s_pixel before TTD; mIoU falls from 25 to 20, where the paper's rises; and the tag loss takes from
the maps what it gives to the tags, distill alone having the best CaptionIoU (49.2).

How much TTD gains hangs on the CLIP it starts from, see ttd_toy_clip.py. Designs that came before,
measured on test scenes of their own: attention pooling, 3 seeds, gave the tags as much (F1 of
s_pixel 83.5 to 92.6) and the maps nothing (CaptionIoU 50.7 to 49.1; the union of the true words'
maps was no better than the caption's own map, so that there was nothing to distil); mean pooling
with the softmax loss, one seed, CaptionIoU 39.6 to 34.9 and F1 40 to 77. The scenes measured here
were generated for the last design only.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))

import ttd_toy_clip
import ttd_toy_tables as tables
from ttd_toy_clip import Recipe
from ttd_toy_scenes import FULL, SIZE, Scene, scenes

from annotator.backends import clip_dense
from annotator.backends.clip_dense import Dense
from annotator.backends.ttd import Trainer
from annotator.backends.ttd_protocol import Training
from annotator.core.text_words import words
from annotator.pipeline import finetune_data

Results = dict[str, Any]

#: TTD's tables 2b (TCL), 3 and 5.
PAPER_SELECTION = {
    "s_image": (92.5, 28.6, 43.7, 79.5, 83.2),
    "s_text": (85.6, 29.7, 44.1, 79.0, 82.1),
    "s_image + s_text": (85.5, 45.1, 59.0, 82.6, 84.5),
    "s_seg": (48.4, 11.4, 18.4, 71.9, 57.9),
    "s_pixel": (82.9, 74.5, 78.5, 88.6, 90.3),
    "s_pixel + TTD": (88.3, 78.0, 82.8, 91.0, 93.7),
}
PAPER_TEXT = {"base": (41.0, 17.9, 41.1), "TTD": (50.2, 25.6, 24.2)}
PAPER_LOSSES = {
    "base": (60.4, 55.0),
    "tag": (60.7, 58.5),
    "distill": (63.6, 60.8),
    "TTD": (65.5, 61.1),
    "TTD, pseudo tags by s_image": (56.3, 52.5),
}
#: What is trained: name -> losses, how pseudo tags are selected.
VARIANTS: dict[str, tuple[tuple[Any, ...], Any]] = {
    "tag": (("tag",), "gap"),
    "distill": (("distill",), "gap"),
    "TTD": (("distill", "tag"), "gap"),
    "TTD, pseudo tags by s_image": (("distill", "tag"), "image"),
}


@dataclass(frozen=True)
class Tuning:
    """The paper: rate 1e-4, one epoch of 1.8 million pairs; here one epoch of some 1,000, so the
    rate is higher. On 200 validation scenes of a model that is not among the seeds (CaptionIoU
    37.0, mIoU 24.4, F1 of s_pixel 70.8), 3e-4 gave 38.9, 24.7 and 72.3; 6e-4 43.0, 24.8 and 89.5;
    1e-3 50.5, 23.1 and 97.9. Higher ones were not tried.
    """

    rate: float = 1e-3
    epochs: int = 1
    batch: int = 32
    limit: int = 0  # steps; 0 for all


@dataclass(frozen=True)
class Sizes:
    recipe: Recipe = field(default_factory=Recipe)
    tuning: Tuning = field(default_factory=Tuning)
    validation: int = 300
    test: int = 600


QUICK = Sizes(
    Recipe(scenes=64, epochs=1, batch=16, width=32, layers=2, text_width=32, text_layers=1),
    Tuning(epochs=1, batch=8, limit=2),
    validation=8,
    test=8,
)


def main() -> None:
    parser = argparse.ArgumentParser(description="TTD on synthetic scenes")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a few steps: does it run at all")
    parser.add_argument("--json", type=Path, help="write every number of every seed there")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    started = time.monotonic()
    sizes = QUICK if asked.quick else Sizes()
    found = []
    for seed in range(asked.seeds):
        found.append(run(seed, sizes, say=lambda text: print(text, file=sys.stderr, flush=True)))
        if asked.json:
            asked.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    report(found)
    print(f"\n{len(found)} seeds in {(time.monotonic() - started) / 60:.1f} minutes")


def run(seed: int, sizes: Sizes, say: Any = print) -> Results:
    """Everything of one seed. Scenes of training, validation and test are of seeds of their own."""
    train = scenes(sizes.recipe.scenes, 1000 * seed + 101)
    validation = scenes(sizes.validation, 1000 * seed + 102, FULL)
    test = scenes(sizes.test, 1000 * seed + 103, FULL)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "clip"
        seconds = ttd_toy_clip.train(folder, train, sizes.recipe, seed)
        say(f"seed {seed}: CLIP trained in {seconds:.0f} s")
        dense = clip_dense.load_folder(folder, dtype="float32")
        results: Results = {"base": measure(dense, validation, test)}
        cut = results["base"]["cut"]
        kept = prune(folder, train)
        say(f"seed {seed}: {len(kept)} of {len(train)} pairs kept")
        for name, (losses, pseudo) in VARIANTS.items():
            before = time.monotonic()
            tuned = tune(folder, kept, sizes.tuning, losses, pseudo, seed)
            results[name] = measure(tuned, validation, test, cut)
            row = results[name]["text"]
            say(f"seed {seed}: {name} {time.monotonic() - before:.0f} s {row['CaptionIoU']:.1f}")
    return results


def measure(
    dense: Dense, validation: Sequence[Scene], test: Sequence[Scene], base_cut: float | None = None
) -> Results:
    """``base_cut``: the base model's threshold, itself of the validation scenes."""
    tuned_on, said = tables.ask(dense, validation), tables.ask(dense, test)
    cut = tables.best_cut(tuned_on)
    return {
        "selection": tables.selection(said, tuned_on),
        "everything": tables.everything(test),
        "text": tables.text_level(said, 0.5),
        "text, cut of the base": tables.text_level(said, base_cut or cut),
        "text, cut of its own": tables.text_level(said, cut),
        "cut": cut,
        "mIoU": tables.tag_level(said),
        "bias": tables.bias(said),
    }


def trainer(
    folder: Path, tuning: Tuning, losses: tuple[Any, ...], pseudo: Any, seed: int
) -> Trainer:
    training = Training(
        size=SIZE, learning_rate=tuning.rate, losses=losses, pseudo=pseudo, seed=seed
    )
    dense = clip_dense.load_folder(folder, dtype="float32")
    return Trainer(dense, training, model_id="toy", name="toy")


def prune(folder: Path, train: Sequence[Scene]) -> list[Scene]:
    """Pairs whose similarity is above the mean plus one deviation (appendix A.1)."""
    judge = trainer(folder, Tuning(), ("distill", "tag"), "gap", 0)
    found = []
    for at in range(0, len(train), 100):
        some = train[at : at + 100]
        found.append(judge.similarities([one.image for one in some], [one.caption for one in some]))
    values = np.concatenate(found)
    bound = values.mean() + values.std()
    return [one for one, value in zip(train, values, strict=True) if value > bound]


def tune(
    folder: Path,
    kept: Sequence[Scene],
    tuning: Tuning,
    losses: tuple[Any, ...],
    pseudo: Any,
    seed: int,
) -> Dense:
    """The model after text-tag self-distillation on the pairs, LoRA in it."""
    made = trainer(folder, tuning, losses, pseudo, seed)
    resize, steps = (round(SIZE * 320 / 448), round(SIZE * 640 / 448)), 0
    for epoch in range(tuning.epochs):
        order = finetune_data.order(len(kept), seed, epoch)
        for at in range(0, len(order), tuning.batch):
            if tuning.limit and steps == tuning.limit:
                break
            chosen = order[at : at + tuning.batch]
            looks = [
                finetune_data.random_crop(kept[i].image, SIZE, resize, (seed, epoch, int(i)))
                for i in chosen
            ]
            texts = [kept[i].caption for i in chosen]
            made.step(looks, texts, [words(text) for text in texts])
            steps += 1
    return made.dense


def report(found: Sequence[Results]) -> None:
    """Plain tables of means and deviations, beside the paper's numbers."""

    def cells(rows: Sequence[dict[str, float]]) -> str:
        return "  ".join(_spread([row[key] for row in rows]) for key in rows[0])

    def line(name: str, rows: Sequence[dict[str, float]], paper: Sequence[float] = ()) -> None:
        known = " ".join(f"{value:5.1f}" for value in paper)
        print(f"{name:38} {cells(rows)}  {known and '| ' + known}")

    print("\nTable 2b: tags of a caption that are on the image")
    print(f"{'':38} P           R           F1          Acc         mAP         | the paper's")
    base = [one["base"]["selection"] for one in found]
    tuned = [one["TTD"]["selection"] for one in found]
    for name in tables.PAPER_ROWS:
        line(name, [row[name] for row in base], PAPER_SELECTION[name])
    name = "s_pixel + TTD"
    line(name, [row["s_pixel"] for row in tuned], PAPER_SELECTION[name])
    print("in other ways: min-max instead of softmax; threshold tuned on validation; largest gap")
    for name in [name for name in base[0] if name not in tables.PAPER_ROWS]:
        line(name, [row[name] for row in base])
    print("the same after TTD")
    for name in tuned[0]:
        line(name, [row[name] for row in tuned])
    print("\nTable 3: maps of whole captions (the paper's: MaskCLIP)")
    print(f"{'':38} CaptionIoU  mFPR        mFNR")
    for key, note in (("text", "0.5"), ("text, cut of the base", "base's best")):
        for name in ("base", "TTD"):
            rows = [one[name][key] for one in found]
            line(f"{name}, cut at {note}", rows, PAPER_TEXT[name] if key == "text" else ())
    for name in ("base", "TTD"):
        line(f"{name}, cut at its own best", [one[name]["text, cut of its own"] for one in found])
    line("all pixels marked", [one["base"]["everything"] for one in found])
    print("\nTable 5: losses and pseudo tags (the paper's: TCL, VOC)")
    print(f"{'':38} CaptionIoU  at own cut  mIoU        s_pixel F1")
    for name in ("base", *VARIANTS):
        rows = [
            {
                "text": one[name]["text"]["CaptionIoU"],
                "own": one[name]["text, cut of its own"]["CaptionIoU"],
                "mIoU": one[name]["mIoU"],
                "F1": one[name]["selection"]["s_pixel"]["F1"],
            }
            for one in found
        ]
        line(name, rows, PAPER_LOSSES[name])
    print("\nBias: other true words the caption resembles; its first is the largest object")
    for name in ("base", "TTD"):
        line(name, [one[name]["bias"] for one in found])


def _spread(values: Sequence[float]) -> str:
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):5.1f} ±{deviation:4.1f}"


if __name__ == "__main__":
    main()
