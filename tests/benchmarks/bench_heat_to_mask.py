"""From a tag to a mask, fully automatic: the pack's heatmaps cut and refined, against true masks.

    python tests/benchmarks/bench_heat_to_mask.py [--pack starter] [--sets labelme,ade,coco,camvid]
        [--part held] [--limit N] [--pictures DIR]

A row a tag of a set: the mean over its pictures of AUC (how often a pixel of the thing is hotter
than one beside it), and of the IoU of the heatmap above the automatic threshold ("cut"), of the
mask refined from it ("refined"), and of the best cut that heatmap has ("oracle", which knows the
truth; for information). A tag is asked by its name and synonyms, as a synset's would be, only in
pictures that have it. Of labelme the truth is rectangles, so a perfect mask has no IoU of 1.

``--pictures``: a PNG of every row and picture: photograph, truth, heatmap, cut, refined.
CamVid: "--part held" is every other picture, "tuned" the others, with which parameters were chosen.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import bench_masks
import cv2
import mask_truth as truth
import numpy as np
from numpy.typing import NDArray

from annotator.backends.protocols import TagText
from annotator.backends.registry import load_pack
from annotator.pipeline.ground import automatic_cut, cosines, upsample
from annotator.pipeline.segment import mask_from_heatmap

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

COLUMNS = ("AUC", "cut", "refined", "oracle")
HEIGHT = 240


def scenes(name: str, part: str) -> Iterator[truth.Scene]:
    if name == "camvid":
        return truth.camvid(bench_masks.PARTS[part])
    if name == "labelme":
        return truth.labelme()
    return truth.ade20k(merged=True) if name == "ade" else truth.coco(merged=True)


def tag(name: str) -> TagText:
    words = [word.strip() for word in name.split(",")]
    return TagText(words[0], tuple(words[1:]))


def auc(heat: Floats, mask: Bools, known: Bools) -> float:
    """The area under the ROC curve, by ranks (ties by the middle of their ranks)."""
    values, inside = heat[known], mask[known]
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    n, m = int(inside.sum()), int((~inside).sum())
    return float((ranks[inside].sum() - n * (n + 1) / 2) / max(n * m, 1))


def oracle(heat: Floats, thing: truth.Thing, scene: truth.Scene) -> float:
    cuts = np.quantile(heat, np.linspace(0, 0.999, 60))
    return max(truth.iou(heat > cut, thing, scene) for cut in cuts)


def picture(
    scene: truth.Scene, mask: Bools, heat: Floats, cut: Bools, refined: Bools
) -> truth.Pixels:
    """uint8[HEIGHT, ..., 3] BGR: five pictures side by side."""
    photo = scene.image[..., ::-1].astype(np.float32)
    span = max(float(np.ptp(heat)), 1e-6)
    level = ((heat - heat.min()) / span * 255).astype(np.uint8)
    hot = cv2.applyColorMap(level, cv2.COLORMAP_INFERNO)
    shown = [photo, 0.4 * photo + 0.6 * hot]
    masks = (mask, cut, refined)
    shown += [np.where(x[..., None], 0.4 * photo + (0, 150, 0), 0.5 * photo) for x in masks]
    shown.insert(1, shown.pop(2))
    width = max(1, round(HEIGHT * photo.shape[1] / photo.shape[0]))
    return np.hstack([cv2.resize(one, (width, HEIGHT)) for one in shown]).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pack", default="starter")
    parser.add_argument("--sets", default="labelme,ade,coco,camvid")
    parser.add_argument("--part", default="held", choices=bench_masks.PARTS)
    parser.add_argument("--limit", type=int, default=0, help="pictures of a set")
    parser.add_argument("--pictures", type=Path)
    args = parser.parse_args()
    pack = load_pack(args.pack)
    grounder, refiner = pack.grounder(), pack.refiner()
    if args.pictures:
        args.pictures.mkdir(parents=True, exist_ok=True)
    for name in args.sets.split(","):
        rows: dict[str, list[list[float]]] = {}
        seconds: list[float] = []
        for at, scene in enumerate(scenes(name, args.part)):
            if args.limit and at >= args.limit:
                break
            start = time.perf_counter()
            cells = grounder.pixels(scene.image)
            seconds.append(time.perf_counter() - start)
            encoding = refiner.encode(scene.image)
            for thing in scene.things:
                heat = cosines(cells, grounder.texts([tag(thing.name)])[0])
                large = upsample(heat, *thing.mask.shape)
                threshold = automatic_cut(heat, grounder)
                cut = large > threshold
                refined, _ = mask_from_heatmap(scene.image, heat, threshold, refiner, encoding)
                values = [
                    auc(large, thing.mask, scene.known),
                    truth.iou(cut, thing, scene),
                    truth.iou(refined, thing, scene),
                    oracle(large, thing, scene),
                ]
                word = thing.name.split(",")[0]
                rows.setdefault(word, []).append(values)
                if args.pictures:
                    shown = picture(scene, thing.mask, large, cut, refined)
                    cv2.imwrite(str(args.pictures / f"{name}_{scene.name}_{word}.png"), shown)
        show(name, rows, float(np.mean(seconds)))


def show(name: str, rows: dict[str, list[list[float]]], seconds: float) -> None:
    print(f"\n{name}, in %; heatmaps {seconds:.2f} s a picture")
    print(f"{'':26}{'pictures':>9}" + "".join(f"{c:>9}" for c in COLUMNS))
    for word, values in sorted(rows.items()):
        print(f"{word:26}{len(values):9}" + _cells(np.mean(values, axis=0)))
    every = [np.mean(values, axis=0) for values in rows.values()]
    print(f"{'mean of the tags':26}{'':9}" + _cells(np.mean(every, axis=0)), flush=True)


def _cells(values: Floats) -> str:
    return "".join(f"{100 * value:9.1f}" for value in values)


if __name__ == "__main__":
    main()
