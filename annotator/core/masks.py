"""Masks: COCO run lengths, polygons, boxes, overlap, label maps.

A mask is bool[H, W]. Run lengths are those of the COCO API (pycocotools), column by column.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from annotator.core.records import Rle

Bools = NDArray[np.bool_]
#: One closed outline as x0, y0, x1, y1, ... in pixels, as in a COCO file.
Polygon = list[float]


def encode(mask: NDArray[Any]) -> Rle:
    """Run lengths of a mask bool[H, W] (uint8 with 0 and non-zero will do). Never empty-sized."""
    if mask.ndim != 2:
        raise ValueError(f"a mask has two dimensions, not {mask.ndim}")
    height, width = mask.shape
    # pycocotools reads Fortran order: columns one after the other.
    packed = coco.encode(np.asfortranarray(mask != 0, dtype=np.uint8))
    return Rle(int(height), int(width), packed["counts"].decode("ascii"))


def decode(rle: Rle) -> Bools:
    """bool[H, W], C order. Raises ValueError when the run lengths do not fill H x W exactly.

    pycocotools is not asked: where run lengths fall short it leaves pixels undefined.
    """
    runs = _runs(rle.counts)
    if sum(runs) != rle.height * rle.width:
        raise ValueError(f"the run lengths of a mask do not add up to {rle.width} x {rle.height}")
    columns = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return np.ascontiguousarray(columns.reshape(rle.width, rle.height).T)


def area(rle: Rle) -> int:
    """Pixels in the mask."""
    return int(coco.area(_packed(rle)))


def bbox(rle: Rle) -> tuple[int, int, int, int]:
    """(x, y, width, height) of the smallest box around the mask, pixels; zeros when empty."""
    if area(rle) == 0:
        return 0, 0, 0, 0
    x, y, w, h = (int(v) for v in coco.toBbox(_packed(rle)))
    return x, y, w, h


def iou(a: Rle, b: Rle) -> float:
    """Intersection over union in [0, 1]; 0 when both are empty. Raises ValueError on sizes that
    differ."""
    _same_size([a, b])
    return float(coco.iou([_packed(a)], [_packed(b)], [False])[0, 0])


def union(rles: Sequence[Rle]) -> Rle:
    """The pixels that are in any of the masks. Raises ValueError when there are none to join or
    their sizes differ."""
    _same_size(rles)
    merged = coco.merge([_packed(rle) for rle in rles])
    return Rle(rles[0].height, rles[0].width, merged["counts"].decode("ascii"))


def to_polygons(mask: NDArray[Any]) -> list[Polygon]:
    """Outer outlines of a mask bool[H, W], largest first, along the edges of the pixels.

    Coordinates are those of COCO: (0, 0) is the corner of the first pixel. ``from_polygons``
    gives the mask back if it has no holes: an outline cannot say where a hole is, holes are
    filled. Keep run lengths (``encode``) where holes matter.
    """
    solid = np.ascontiguousarray(mask != 0, dtype=np.uint8)
    left, top, width, height = cv2.boundingRect(solid)
    if width == 0 or height == 0:
        return []
    solid = solid[top : top + height, left : left + width]
    # OpenCV goes through pixel centres, half a pixel inside; on thrice as fine a grid that is a
    # sixth, and parts one pixel thin enclose something.
    fine = cv2.resize(solid, (3 * width, 3 * height), interpolation=cv2.INTER_NEAREST)
    found, _ = cv2.findContours(fine, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outlines = sorted((c.reshape(-1, 2) for c in found), key=lambda c: -cv2.contourArea(c))
    corner = np.array([left, top])
    return [
        [round(float(v), 2) for v in ((points + 0.5) / 3 + corner).ravel()] for points in outlines
    ]


def from_polygons(polygons: Iterable[Sequence[float]], height: int, width: int) -> Rle:
    """The mask inside any of the outlines (x0, y0, x1, y1, ...; at least three points each), as
    the COCO API fills them; parts outside the image are cut off. Raises ValueError."""
    outlines = [[float(v) for v in polygon] for polygon in polygons]
    for outline in outlines:
        if len(outline) < 6 or len(outline) % 2:
            raise ValueError("a polygon has at least three points, each with an x and a y")
        if not np.isfinite(outline).all():
            raise ValueError("a polygon has a coordinate that is not a number")
    if not outlines:
        return encode(np.zeros((height, width), dtype=bool))
    clipped = [
        [min(max(v, 0.0), float(height if i % 2 else width)) for i, v in enumerate(outline)]
        for outline in outlines
    ]
    merged = coco.merge(coco.frPyObjects(clipped, height, width))
    return Rle(height, width, merged["counts"].decode("ascii"))


def label_map(
    masks: Sequence[Rle], labels: Sequence[int], height: int, width: int
) -> NDArray[np.uint16]:
    """uint16[H, W]: the label of each pixel, 0 where there is no mask.

    Painter's order: the largest mask first, so that a small one on top stays visible; of equal
    ones the earlier is on top. ``labels`` are 1..65535, one for each mask. Raises ValueError.
    """
    if len(masks) != len(labels):
        raise ValueError("there must be one label for each mask")
    if any(not 1 <= label <= 65535 for label in labels):
        raise ValueError("a label is a whole number from 1 to 65535; 0 means unlabelled")
    painted = np.zeros((height, width), dtype=np.uint16)
    areas = [area(rle) for rle in masks]
    for i in sorted(range(len(masks)), key=lambda i: (-areas[i], -i)):
        if (masks[i].height, masks[i].width) != (height, width):
            raise ValueError(
                f"a mask of {masks[i].width} x {masks[i].height} pixels on an image of "
                f"{width} x {height}"
            )
        painted[decode(masks[i])] = labels[i]
    return painted


def _packed(rle: Rle) -> dict[str, Any]:
    return {"size": [rle.height, rle.width], "counts": rle.counts.encode("ascii")}


def _same_size(rles: Sequence[Rle]) -> None:
    if not rles:
        raise ValueError("no masks")
    if len({(rle.height, rle.width) for rle in rles}) > 1:
        raise ValueError("masks of different sizes cannot be compared")


def _runs(counts: str) -> list[int]:
    """Run lengths out of the COCO API's compressed text (maskApi.c, rleFrString): numbers of 5
    bits a character, least significant first; after the third as differences to the one before
    the last."""
    runs: list[int] = []
    value = shift = 0
    for character in counts:
        code = ord(character) - 48
        if not 0 <= code < 64:
            raise ValueError("the run lengths of a mask contain a character that is not theirs")
        value |= (code & 31) << shift
        shift += 5
        if code & 32:
            continue
        if code & 16:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        if runs[-1] < 0:
            raise ValueError("a run length of a mask is negative")
        value = shift = 0
    if shift:
        raise ValueError("the run lengths of a mask are cut off")
    return runs
