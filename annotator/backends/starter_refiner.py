"""The starter pack's Refiner: a soft mask or clicks, spread over what looks alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from annotator.backends import refiners
from annotator.backends.efficientnet import Network, network
from annotator.backends.guided import guided_filter
from annotator.backends.likeness import CELLS, Likeness, edge_slope, noise_variance
from annotator.backends.protocols import Floats, MaskCandidate, Pixels
from annotator.backends.refiners import Box, Point
from annotator.backends.starter import resize_map
from annotator.core.errors import AnnotatorError

if TYPE_CHECKING:
    from annotator.backends.registry import Pack, RoleSpec

#: Longest side at which pictures are looked at, and pixels of it to one of the likeness's grid.
EDGE, STRIDE = 512, 4
#: Blocks of the network whose outputs are the appearance beside the colour, and the weight of
#: the colour against either of them.
BLOCKS = (6, 14)
COLOUR = 2.0
#: The guided filter that carries the grid to the pixels: radius in pixels, and its epsilon.
RADIUS, EPSILON = 5, 1e-3
#: What is outside before the first click; 1 minus it is inside.
OUTSIDE = 0.25
#: A map without more noise than this (standard deviation) that changes by less than this from cell
#: to cell does not say where the edge is: the colours do, so near to it (in longer sides).
QUIET, FLAT, BAND = 0.02, 0.2, 0.04
#: A part smaller than this share of the largest one is dropped.
ISLAND = 0.02


@dataclass(frozen=True, slots=True)
class Encoding:
    """``rough``: the image at working size; ``likeness``: what of it goes together."""

    rough: refiners.Encoding
    likeness: Likeness


class StarterRefiner:
    """Appearance is the colour (Lab) and two inner layers of the pack's classifier. A soft mask
    is taken for a coarse, noisy view of the thing: see Likeness.smooth. A guided filter then
    draws the edges; near those of a map that fades out slowly, as a classifier's does, GrabCut.
    A mask with no value between its two (one that was cut before) stays as it is but for the
    clicks. A box starts as GrabCut; its outside is surely outside, but for one cell around a box
    that comes with a soft mask. Clicks carry with them what looks alike and is near.

    One candidate; its score is the mean of how sure it is inside (0.5 to 1)."""

    def __init__(self, net: Network, model_id: str) -> None:
        self._net = net
        self._id = model_id
        self._boxes = refiners.GrabCutRefiner()

    @property
    def id(self) -> str:
        return self._id

    def encode(self, image: Pixels) -> Encoding:
        rough = refiners.encode(image, EDGE)
        return Encoding(rough, Likeness(self._appearance(rough.small)))

    def refine(
        self,
        encoding: Encoding,
        points: Sequence[Point] = (),
        box: Box | None = None,
        mask: Floats | None = None,
    ) -> list[MaskCandidate]:
        """See the protocol. Raises AnnotatorError when there is no prompt at all."""
        rough = encoding.rough
        if mask is None and box is None and not any(point[2] for point in points):
            raise AnnotatorError(
                "There is nothing to refine: give a mask, a box or a point inside."
            )
        cut = mask is not None and bool(points) and _is_cut(mask)
        if mask is not None:
            values = refiners.soft_prompt(rough, (), None, mask)
            values = _steps(values) if cut else self._smoothed(encoding, values)
        elif box is not None:
            [found] = self._boxes.refine(rough, box=box)
            values = _steps(refiners.soft_prompt(rough, (), None, found.mask.astype(np.float32)))
        else:
            values = np.full(rough.small.shape[:2], OUTSIDE, np.float32)
        if mask is not None and not (cut or points) and _is_vague(encoding.likeness.seen(mask)):
            width = max(2, round(BAND * max(values.shape)))
            settled = refiners.settle(rough.small, values >= 0.5, width)
            values = np.clip(values, 0.5 * settled, 0.49 + 0.51 * settled).astype(np.float32)
        before = values
        if points:
            values = self._clicked(encoding, values, points)
        small = values >= 0.5
        if box is not None:
            # A box that comes with a soft mask was drawn around it, and is as coarse.
            spare = 0.0 if mask is None or cut else max(rough.height, rough.width) / CELLS
            left, top, right, bottom = refiners.corners(rough, _grown(box, spare))
            kept = np.zeros_like(small)
            kept[top:bottom, left:right] = small[top:bottom, left:right]
            small = kept
        small = refiners.clean(small, ISLAND)
        for point in points:
            small[refiners.disc(rough, point)] = point[2]
        answer = refiners.candidate(rough, small, np.clip(values, 0.0, 1.0))
        if mask is None or not cut:
            return [answer]
        moved = (small != (before >= 0.5)).astype(np.float32)
        moved = cv2.resize(cv2.dilate(moved, np.ones((3, 3))), mask.shape[::-1])
        return [MaskCandidate(np.where(moved > 0, answer.mask, mask >= 0.5), answer.score)]

    def _appearance(self, image: Pixels) -> Floats:
        """float32[h, w, c] on the grid: colour and layers, of like weight whatever their scale."""
        h, w = image.shape[:2]
        rows, columns = (max(1, round(side / STRIDE)) for side in (h, w))
        lab = cv2.cvtColor(image.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)
        small = cv2.resize(lab, (columns, rows), interpolation=cv2.INTER_AREA)
        colour = np.asarray(small, dtype=np.float32).reshape(rows, columns, 3)
        parts = [COLOUR * _standard(colour)]
        height, width = (max(32, round(side / 32) * 32) for side in (h, w))
        seen = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        layers = self._net.inner(np.asarray(seen, dtype=np.uint8), BLOCKS)
        parts += [_standard(resize_map(layer, rows, columns)) for layer in layers]
        return np.concatenate(parts, axis=-1)

    def _smoothed(self, encoding: Encoding, soft: Floats) -> Floats:
        return _drawn(encoding.rough.small, encoding.likeness.smooth(soft))

    def _clicked(self, encoding: Encoding, values: Floats, points: Sequence[Point]) -> Floats:
        rows, columns = encoding.likeness.shape
        small = cv2.resize(values, (columns, rows), interpolation=cv2.INTER_AREA)
        coarse = np.asarray(small, dtype=np.float32).reshape(rows, columns)
        h, w = values.shape
        clicks = []
        for point in points:
            x, y = refiners.place(encoding.rough, point)
            clicks.append((x * columns // w, y * rows // h, point[2]))
        change = encoding.likeness.agree(coarse, clicks) - coarse
        return np.asarray(values + _drawn(encoding.rough.small, change), dtype=np.float32)


def _drawn(image: Pixels, values: Floats) -> Floats:
    """The grid's values at the image's size, with its edges."""
    h, w = image.shape[:2]
    large = cv2.resize(values, (w, h), interpolation=cv2.INTER_LINEAR).reshape(h, w)
    return guided_filter(image, np.asarray(large, dtype=np.float32), RADIUS, EPSILON)


def _grown(box: Box, by: float) -> Box:
    return box[0] - by, box[1] - by, box[2] + by, box[3] + by


def _is_vague(cells: Floats) -> bool:
    """Whether a map shows that something is there and not where it ends."""
    return noise_variance(cells) <= QUIET**2 and edge_slope(cells) < FLAT


def _is_cut(mask: Floats) -> bool:
    """Whether a mask has but two values, as one that was cut before."""
    low, high = float(mask.min()), float(mask.max())
    between = (mask > low + 0.01 * (high - low)) & (mask < high - 0.01 * (high - low))
    return float(between.mean()) < 0.001


def _steps(values: Floats) -> Floats:
    """Two steps a click can cross."""
    return np.where(values >= 0.5, 1.0 - OUTSIDE, OUTSIDE).astype(np.float32)


def _standard(values: Floats) -> Floats:
    """Each channel with mean 0 and deviation 1, all of them together of length 1."""
    flat = values.reshape(-1, values.shape[-1])
    deviation = np.maximum(flat.std(axis=0), 1e-6)
    scaled = (values - flat.mean(axis=0)) / deviation / np.sqrt(values.shape[-1])
    return np.asarray(scaled, dtype=np.float32)


def refiner(spec: RoleSpec, pack: Pack) -> StarterRefiner:  # noqa: ARG001 - a factory's signature
    if spec.file is None:
        raise AnnotatorError(f"The {spec.role} {spec.model} needs a file key in its manifest.")
    return StarterRefiner(network(str(spec.options.get("network", "")), spec.file.check()), spec.id)
