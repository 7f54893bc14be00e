"""How much each Refiner gains: true masks, degraded to coarse noisy heatmaps, and refined.

    python tests/benchmarks/bench_masks.py [--sets camvid,ade,coco] [--part held] [--levels 0,2,4]
        [--refiners starter,grabcut,pamr,pamr-grabcut,hq-sam-tiny] [--limit N] [--clicks]

A heatmap is the true mask averaged over 28 x 28 cells of equal area, blurred with a Gaussian of
0.7 cells (a network's cell sees its neighbours too), with Gaussian noise added to each cell
(standard deviation 0, 0.1, 0.2, 0.3 or 0.4 on a scale where the thing is 1 and the rest 0; seeded
by the place of the mask in its set), enlarged bicubically and cut off at 0 and 1. "cut" is that
map above 0.5; a Refiner gets the same map and nothing else.

``--clicks``: no map, but clicks as a person would place them: the first in the middle of the
thing, each next in the middle of the largest part that is still wrong (the pixel farthest from
its edge); intersection over union after 1, 3 and 5 clicks. The last mask goes with the clicks,
as the window does it: 0.75 inside and 0.25 outside, which leaves it free to move.

Only things that cover 0.5 % of their picture or more. CamVid: every other picture ("--part
tuned", the even ones) was used to choose the parameters of the starter Refiner, the table is of
the others ("held"). ADE20K and COCO were not looked at for that. A Refiner that is a pack's name
(hq-sam-tiny) is taken from that pack, if its weights are there.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import mask_truth as truth
import numpy as np
from numpy.typing import NDArray

from annotator.backends.protocols import Refiner
from annotator.backends.refiners import GrabCutRefiner, PAMRRefiner
from annotator.backends.registry import load_pack
from annotator.core.errors import AnnotatorError
from annotator.pipeline.ground import upsample

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

CELLS = 28
BLUR = 0.7
NOISE = (0.0, 0.1, 0.2, 0.3, 0.4)
CLICKS = (1, 3, 5)
PARTS = {"held": slice(1, None, 2), "tuned": slice(0, None, 2), "all": slice(None)}
PLAIN: dict[str, Callable[[], Refiner]] = {
    "grabcut": GrabCutRefiner,
    "pamr": PAMRRefiner,
    "pamr-grabcut": lambda: GrabCutRefiner("pamr-grabcut", pamr=True),
}


def degraded(mask: Bools, noise: float, seed: int) -> Floats:
    """float32[H, W] in [0, 1]: see the module."""
    cells = cv2.resize(mask.astype(np.float32), (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    cells = cv2.GaussianBlur(cells, (0, 0), BLUR, borderType=cv2.BORDER_REPLICATE)
    cells = cells + np.random.default_rng(seed).normal(0, noise, cells.shape)
    large = upsample(cells.astype(np.float32), *mask.shape)
    return np.clip(large, 0.0, 1.0)


def middle(wrong: Bools) -> tuple[int, int]:
    """(column, row) of the pixel farthest from the edge of the largest part."""
    count, parts, stats, _ = cv2.connectedComponentsWithStats(wrong.astype(np.uint8))
    if count > 2:
        wrong = parts == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    inner = cv2.distanceTransform(np.pad(wrong, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    row, column = np.unravel_index(int(np.argmax(inner)), inner.shape)
    return int(column), int(row)


def clicked(refiner: Refiner, encoding: Any, scene: truth.Scene, thing: truth.Thing) -> list[float]:
    """Intersection over union after each of the clicks."""
    points: list[tuple[float, float, bool]] = []
    mask: Bools = np.zeros(thing.mask.shape, np.bool_)
    found: list[float] = []
    for number in range(max(CLICKS)):
        missed = thing.mask & ~mask
        extra = ~thing.mask & mask & scene.known
        x, y = middle(missed if missed.sum() >= extra.sum() else extra)
        points.append((x + 0.5, y + 0.5, bool(thing.mask[y, x])))
        soft = np.where(mask, 0.75, 0.25).astype(np.float32) if number else None
        candidates = refiner.refine(encoding, points=points, mask=soft)
        mask = candidates[0].mask
        found.append(truth.iou(mask, thing, scene))
        if not ((mask != thing.mask) & scene.known).any():
            found += [1.0] * (max(CLICKS) - len(found))
            break
    return [found[number - 1] for number in CLICKS]


def scenes(name: str, part: str) -> Iterator[truth.Scene]:
    if name == "camvid":
        return truth.camvid(PARTS[part])
    return truth.ade20k() if name == "ade" else truth.coco()


def refiners(names: list[str]) -> dict[str, Refiner]:
    found: dict[str, Refiner] = {}
    for name in names:
        try:
            found[name] = PLAIN[name]() if name in PLAIN else load_pack(name).refiner()
        except AnnotatorError as error:
            print(f"{name} is left out: {error}")
    return found


class Table:
    """Values by row and column, and the mean of each."""

    def __init__(self) -> None:
        self.values: dict[str, list[list[float]]] = {}
        self.seconds: dict[str, list[float]] = {}

    def add(self, row: str, values: list[float], seconds: float) -> None:
        self.values.setdefault(row, []).append(values)
        self.seconds.setdefault(row, []).append(seconds)

    def show(self, title: str, columns: list[str], base: str | None) -> None:
        things = len(next(iter(self.values.values())))
        print(f"\n{title}, {things} masks: mean IoU in %" + (", gain in points" if base else ""))
        print(f"{'':22}" + "".join(f"{c:>15}" for c in columns) + f"{'s a call':>10}")
        zero = np.mean(self.values[base], axis=0) if base else None
        for row, values in self.values.items():
            cells = ""
            for i, value in enumerate(np.mean(values, axis=0)):
                gain = (
                    f" {100 * (value - zero[i]):+6.1f}" if zero is not None and row != base else ""
                )
                cells += f"{100 * value:8.1f}{gain:>7}"
            print(f"{row:22}{cells}{np.mean(self.seconds[row]):10.3f}", flush=True)


def run(name: str, part: str, chosen: dict[str, Refiner], args: argparse.Namespace) -> Table:
    table = Table()
    number = 0
    levels = [int(level) for level in args.levels.split(",")]
    for at, scene in enumerate(scenes(name, part)):
        if args.limit and at >= args.limit:
            break
        encodings = {key: refiner.encode(scene.image) for key, refiner in chosen.items()}
        for thing in scene.things:
            number += 1
            if args.clicks:
                for key, refiner in chosen.items():
                    start = time.perf_counter()
                    values = clicked(refiner, encodings[key], scene, thing)
                    table.add(key, values, (time.perf_counter() - start) / max(CLICKS))
                continue
            maps = [degraded(thing.mask, NOISE[level], number * 10 + level) for level in levels]
            table.add("cut", [truth.iou(soft > 0.5, thing, scene) for soft in maps], 0.0)
            for key, refiner in chosen.items():
                start = time.perf_counter()
                masks = [refiner.refine(encodings[key], mask=soft)[0].mask for soft in maps]
                seconds = (time.perf_counter() - start) / len(maps)
                table.add(key, [truth.iou(mask, thing, scene) for mask in masks], seconds)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sets", default="camvid,ade,coco")
    parser.add_argument("--part", default="held", choices=PARTS)
    parser.add_argument("--levels", default="0,1,2,3,4")
    parser.add_argument("--refiners", default="grabcut,pamr,pamr-grabcut,starter,hq-sam-tiny")
    parser.add_argument("--limit", type=int, default=0, help="pictures of a set")
    parser.add_argument("--clicks", action="store_true")
    args = parser.parse_args()
    chosen = refiners(args.refiners.split(","))
    for name in args.sets.split(","):
        table = run(name, args.part, chosen, args)
        title = f"{name} ({args.part})" if name == "camvid" else name
        if args.clicks:
            table.show(title, [f"{n} clicks" for n in CLICKS], None)
        else:
            columns = [f"noise {NOISE[int(level)]:g}" for level in args.levels.split(",")]
            table.show(title, columns, "cut")


if __name__ == "__main__":
    main()
