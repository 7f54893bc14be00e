"""From a heat map to what a Refiner is asked: one Instance for each thing that a tag names.

Instances are found by the persistence of peaks (the merge tree of the map's superlevel sets;
Edelsbrunner, Letscher & Zomorodian 2002). Heights are counted from the ground, above which nine
tenths of the pixels are. A peak of height p meets a higher one at a saddle of height s, and is a
thing of its own when the saddle lies well below it: (p - s) / p at least ``prominence``. So parts
of the thresholded mask with a shallow valley between them (the dark windows of one bus) stay one
thing, a deep valley separates also within one part, and stuff (sky, road), whose map is one
uneven plateau, stays whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int32]
#: (x, y, inside) in pixels.
Point = tuple[float, float, bool]
#: (left, top, right, bottom) in pixels; right and bottom are just outside.
Box = tuple[float, float, float, float]

#: Longest side at which peaks are looked for, in pixels: heat maps are far coarser than images.
WORKING_EDGE = 96
#: How deep a valley must be, as a share of the lower peak's height, to lie between two things.
PROMINENCE = 0.7
#: The share of the pixels that is at or below the ground.
GROUND = 0.1
#: A thing smaller than this share of the largest one is none, nor is one whose peak is as far above
#: the threshold as this share of the highest one's.
SMALLEST, FAINTEST = 0.04, 0.15
#: A part of a thing smaller than this share of it is a crumb of the threshold.
CRUMB = 0.01
#: Most things of one tag.
MOST = 12
#: Peaks of one thing: as high as this share of its highest.
HIGH = 0.6
#: Valleys: as unlikely as this.
LOW = 0.25


@dataclass(frozen=True, slots=True)
class Instance:
    """One thing of a tag.

    ``box`` around its pixels above the threshold. ``points``: inside at its peaks, the highest
    first; outside at valleys in and near the box and at the peaks of other things. ``soft``
    float32[H, W] in [0, 1], how likely each pixel is: 0.5 at the threshold, 1 at its own peak, 0
    at the lowest similarity; at most 0.5 where another thing is. ``peak``: its highest similarity.
    """

    box: Box
    points: tuple[Point, ...]
    soft: Floats
    peak: float

    @property
    def mask(self) -> Bools:
        """bool[H, W]: its pixels above the threshold."""
        found: Bools = self.soft > 0.5
        return found


def instances(
    heat: Floats,
    threshold: float,
    *,
    prominence: float = PROMINENCE,
    smallest: float = SMALLEST,
    split: bool = True,
    positive: int = 3,
    negative: int = 4,
) -> tuple[Instance, ...]:
    """The things in a heat map, the highest peak first; none where nothing is above the threshold.

    ``heat`` float32[H, W], raw cosines at the image's size. ``prominence`` in (0, 1]: see above; 1
    separates only by valleys down to the ground. ``smallest``: share of the largest thing's area
    below which one is dropped. ``split`` False: one Instance of all that is above the threshold.
    At most ``positive`` and ``negative`` points each. Parts smaller than 1 % of a thing go.
    """
    if not 0.0 < prominence <= 1.0:
        raise ValueError(f"a prominence of {prominence} is not in (0, 1]")
    above = heat > threshold
    if not above.any():
        return ()
    small = _working(heat)
    if not (small > threshold).any():
        # A thing so thin that it is lost at working size: what is there is one.
        small = np.where(_working(above.astype(np.float32)) > 0, heat.max(), small)
    if split:
        labels = _large(_basins(small, threshold, prominence), small, threshold, smallest)
    else:
        labels = (small > threshold).astype(np.int32)
    whole, near = _enlarged(labels, small > threshold, above)
    found = []
    for label in range(1, int(labels.max()) + 1):
        own = _without_crumbs(whole == label)
        if not own.any():
            continue
        peak = float(heat[own].max())
        soft = soft_mask(heat, threshold, peak)
        other = (near != label) | (above & ~own)
        soft[other] = np.minimum(soft, 1.0 - soft)[other]
        found.append((own, peak, soft))
    found.sort(key=lambda one: -one[1])
    tops = [_peaks(heat, own, threshold, positive) for own, _, _ in found]
    result = []
    for i, (own, peak, soft) in enumerate(found):
        box = _box(own)
        rivals = [top[0] for j, top in enumerate(tops) if j != i]
        outside = _near(rivals, box, negative // 2)
        outside += _valleys(soft, box, negative - len(outside))
        points = [(x, y, True) for x, y in tops[i]] + [(x, y, False) for x, y in outside]
        result.append(Instance(box, tuple(points), soft, peak))
    return tuple(result)


def soft_mask(heat: Floats, threshold: float, peak: float | None = None) -> Floats:
    """How likely each pixel is, for a Refiner: 0 at the lowest similarity, 0.5 at the threshold,
    1 at ``peak`` (by default the highest) and above, straight between. float32[H, W] in [0, 1];
    where the threshold is not between them only what is above it is 1, the rest 0."""
    low, high = float(heat.min()), float(heat.max()) if peak is None else peak
    if not low < threshold < high:
        return (heat > threshold).astype(np.float32)
    away = heat - np.float32(threshold)
    scale = np.where(
        away > 0, np.float32(0.5 / (high - threshold)), np.float32(0.5 / (threshold - low))
    )
    return np.asarray(np.clip(0.5 + away * scale, 0.0, 1.0), np.float32)


def _working(values: Floats) -> Floats:
    height, width = values.shape
    scale = min(1.0, WORKING_EDGE / max(height, width))
    if scale == 1.0:
        return values
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32).reshape(size[1], size[0])


def _basins(heat: Floats, threshold: float, prominence: float) -> Ints:
    """int32[h, w]: the thing each pixel above the threshold belongs to, from 1; else 0.

    Pixels are taken from the highest to the lowest. One without taken neighbours is a new peak; one
    with neighbours of several things lies on their saddle, where those that do not stand out
    enough become part of the highest.
    """
    h, w = heat.shape
    flat = heat.ravel().astype(np.float64)
    below = flat <= threshold
    floor = min(float(np.quantile(flat, GROUND)), threshold)
    order = np.flatnonzero(flat > floor)
    order = order[np.argsort(-flat[order], kind="stable")]
    heights = (flat - floor).tolist()
    # A frame of zeros around the labels, so that the border needs no tests.
    wide = w + 2
    of, level = [0] * (wide * (h + 2)), [0.0] * (wide * (h + 2))
    peaks, parent = [0.0], [0]

    def root(label: int) -> int:
        while parent[label] != label:
            parent[label] = parent[parent[label]]
            label = parent[label]
        return label

    places = ((order // w + 1) * wide + order % w + 1).tolist()
    steps = (-wide - 1, -wide, -wide + 1, -1, 1, wide - 1, wide, wide + 1)
    for at, place in zip(order.tolist(), places, strict=True):
        height = heights[at]
        taken = [place + step for step in steps if of[place + step]]
        if not taken:
            peaks.append(height)
            parent.append(len(parent))
            of[place], level[place] = len(parent) - 1, height
            continue
        around = {root(of[one]) for one in taken}
        # Uphill, so that the border between two things runs along the valley.
        of[place] = of[max(taken, key=level.__getitem__)]
        level[place] = height
        if len(around) == 1:
            continue
        highest = max(around, key=lambda label: (peaks[label], -label))
        for label in around:
            if label != highest and peaks[label] - height < prominence * peaks[label]:
                parent[label] = highest
    roots = np.array([root(label) for label in range(len(parent))], np.int32)
    found = roots[np.array(of, np.int32).reshape(h + 2, wide)[1:-1, 1:-1]]
    found[below.reshape(h, w)] = 0
    _, compact = np.unique(np.concatenate([[0], found.ravel()]), return_inverse=True)
    return np.asarray(compact[1:].reshape(h, w), np.int32)


def _large(labels: Ints, heat: Floats, threshold: float, smallest: float) -> Ints:
    """Without things that are small or faint beside the others, the rest numbered anew from 1,
    the highest peak first."""
    count = int(labels.max())
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    heights = np.zeros(count + 1)
    np.maximum.at(heights, labels.ravel(), heat.ravel().astype(np.float64) - threshold)
    areas[0], heights[0] = 0, 0.0
    kept = (areas >= smallest * areas.max()) & (heights >= FAINTEST * heights.max())
    kept[0] = False
    chosen = sorted(np.flatnonzero(kept), key=lambda label: -heights[label])[:MOST]
    numbers = np.zeros(count + 1, np.int32)
    numbers[chosen] = np.arange(1, len(chosen) + 1)
    return np.asarray(numbers[labels], np.int32)


def _without_crumbs(mask: Bools) -> Bools:
    count, parts, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count <= 2:  # the background and one part
        return mask
    kept = stats[:, cv2.CC_STAT_AREA] >= CRUMB * stats[1:, cv2.CC_STAT_AREA].sum()
    kept[0] = False
    found: Bools = kept[parts]
    return found


def _enlarged(labels: Ints, small_above: Bools, above: Bools) -> tuple[Ints, Ints]:
    """(of each pixel above the threshold its thing, 0 for a dropped one's; the nearest thing of
    every pixel), both int32[H, W] at the image's size."""
    height, width = above.shape
    near = _nearest(labels, labels > 0)
    # A dropped part keeps the pixels around it, so that it does not come back as a neighbour's.
    belongs = _nearest(labels, small_above) if (small_above & (labels == 0)).any() else near
    size = (width, height)
    large = [cv2.resize(one, size, interpolation=cv2.INTER_NEAREST) for one in (belongs, near)]
    whole, nearest = (one.reshape(height, width) for one in large)
    return np.where(above, whole, 0).astype(np.int32), np.asarray(nearest, np.int32)


def _nearest(labels: Ints, there: Bools) -> Ints:
    """The label of the nearest pixel that is ``there``."""
    _, indices = cv2.distanceTransformWithLabels(
        (~there).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    of = np.zeros(int(indices.max()) + 1, np.int32)
    of[indices[there]] = labels[there]
    return np.asarray(of[indices], np.int32)


def _box(mask: Bools) -> Box:
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return float(left), float(top), float(left + width), float(top + height)


def _peaks(heat: Floats, own: Bools, threshold: float, count: int) -> list[tuple[float, float]]:
    """(x, y) of the highest places, far from each other; at least one. Of a plateau, the middle."""
    left, top, right, bottom = (int(v) for v in _box(own))
    part, inside = heat[top:bottom, left:right], own[top:bottom, left:right]
    size = _size(part.shape)
    values = cv2.resize(np.where(inside, part, threshold), size, interpolation=cv2.INTER_AREA)
    depth = cv2.distanceTransform(np.pad(inside.astype(np.uint8), 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    depth = cv2.resize(depth, size, interpolation=cv2.INTER_AREA)
    values, depth = values.reshape(size[1], size[0]), depth.reshape(size[1], size[0])
    height = np.clip((values - threshold) / max(float(part[inside].max()) - threshold, 1e-9), 0, 1)
    # A little deeper inside counts as much as a hair higher: an edge is no place to point at.
    value = height + 0.05 * depth / max(float(depth.max()), 1e-9)
    local = value >= cv2.dilate(value, np.ones((3, 3), np.uint8))
    places = _apart(value, local & (height >= HIGH), count, 0.25)
    found = [_inside(place, size, (left, top, right, bottom), own, heat) for place in places]
    if not found:
        row, column = np.unravel_index(int(np.argmax(np.where(own, heat, -np.inf))), own.shape)
        found = [(float(column), float(row))]
    return list(dict.fromkeys(found))


def _inside(
    place: tuple[int, int],
    size: tuple[int, int],
    window: tuple[int, int, int, int],
    own: Bools,
    heat: Floats,
) -> tuple[float, float]:
    """(x, y) of a place of the working window in the image: the highest own pixel in its cell."""
    left, top, right, bottom = window
    x0 = left + place[0] * (right - left) // size[0]
    y0 = top + place[1] * (bottom - top) // size[1]
    x1 = max(x0 + 1, left + (place[0] + 1) * (right - left) // size[0])
    y1 = max(y0 + 1, top + (place[1] + 1) * (bottom - top) // size[1])
    cell = np.where(own[y0:y1, x0:x1], heat[y0:y1, x0:x1], -np.inf)
    middle = cell[cell.shape[0] // 2, cell.shape[1] // 2]
    if middle == cell.max():
        return float(x0 + cell.shape[1] // 2), float(y0 + cell.shape[0] // 2)
    row, column = np.unravel_index(int(np.argmax(cell)), cell.shape)
    return float(x0 + column), float(y0 + row)


def _valleys(soft: Floats, box: Box, count: int) -> list[tuple[float, float]]:
    """(x, y) of the least likely places in the box and a tenth of it around, far from each other;
    first the middle of a large hole, where there is one."""
    height, width = soft.shape
    margin_x, margin_y = 0.1 * (box[2] - box[0]) + 2, 0.1 * (box[3] - box[1]) + 2
    left, right = max(0, int(box[0] - margin_x)), min(width, int(box[2] + margin_x))
    top, bottom = max(0, int(box[1] - margin_y)), min(height, int(box[3] + margin_y))
    part = soft[top:bottom, left:right]
    size = _size(part.shape)
    values = cv2.resize(part, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0])
    low, depth = values <= LOW, 1.0 - values
    local = low & (depth >= cv2.dilate(depth, np.ones((3, 3), np.uint8)))
    found = []
    for x, y in _apart(depth, local, count, 0.25, _hole(low)):
        at = left + int((x + 0.5) * (right - left) / size[0])
        below = top + int((y + 0.5) * (bottom - top) / size[1])
        if soft[below, at] < 0.5:
            found.append((float(at), float(below)))
    return found


def _hole(low: Bools) -> list[tuple[int, int]]:
    """(x, y) of the middle of the largest hole in what is not low, in a list; none where there is
    none of a size that counts."""
    count, parts = cv2.connectedComponents(low.astype(np.uint8), connectivity=4)
    border = np.unique(np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]]))
    inner = low & ~np.isin(parts, border)
    if count < 2 or not inner.any():
        return []
    away = cv2.distanceTransform(inner.astype(np.uint8), cv2.DIST_L2, 5)
    if float(away.max()) < 0.04 * float(np.hypot(*low.shape)):
        return []
    row, column = np.unravel_index(int(np.argmax(away)), away.shape)
    return [(int(column), int(row))]


def _near(places: Iterable[tuple[float, float]], box: Box, count: int) -> list[tuple[float, float]]:
    """The ``count`` of the places that are nearest to the middle of the box."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return sorted(places, key=lambda p: (p[0] - x) ** 2 + (p[1] - y) ** 2)[:count]


def _apart(
    value: Floats,
    allowed: Bools,
    count: int,
    share: float,
    first: Sequence[tuple[int, int]] = (),
) -> list[tuple[int, int]]:
    """(x, y) of up to ``count`` allowed places, ``first`` these and then the greatest value, all
    ``share`` of the diagonal from each other."""
    rows, columns = np.nonzero(allowed)
    order = np.argsort(-value[rows, columns], kind="stable")
    least = share * float(np.hypot(*value.shape))
    found = list(first[:count])
    for i in order.tolist():
        if len(found) == count:
            break
        x, y = int(columns[i]), int(rows[i])
        if all(np.hypot(x - a, y - b) >= least for a, b in found):
            found.append((x, y))
    return found


def _size(shape: tuple[int, ...]) -> tuple[int, int]:
    """(width, height) of at most WORKING_EDGE / 2 for a window of an image."""
    scale = min(1.0, WORKING_EDGE / 2 / max(shape))
    return max(1, round(shape[1] * scale)), max(1, round(shape[0] * scale))
