"""How an image of any size is shown to a model that likes some sizes: sides that are multiples of
its patch, windows over large images, several scales. Only numbers here, and means of cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

#: Cells of a map at most: 50 MB at 512 channels. A larger image is shrunk to have as many.
MOST_CELLS = 24_576


def sides(
    height: int, width: int, short: int, scale: float, *, largest: float, patch: int, stride: int
) -> tuple[int, int]:
    """(height, width) in pixels at which an image is shown: its shorter side ``short`` times
    ``scale``, its aspect kept, both multiples of ``patch`` and at least one. Where a map at the
    scale ``largest`` would have more than MOST_CELLS cells of ``stride`` pixels, all scales are
    smaller in the same proportion."""
    factor = short / min(height, width)
    cells = (height * factor * largest / stride) * (width * factor * largest / stride)
    factor *= min(1.0, (MOST_CELLS / cells) ** 0.5)
    most = MOST_CELLS * stride // patch
    rows, columns = (
        min(most, max(1, round(side * factor * scale / patch))) for side in (height, width)
    )
    return rows * patch, columns * patch


def starts(length: int, window: int, step: int) -> list[int]:
    """Where windows of ``window`` begin, ``step`` apart, so that they cover ``length``: the last
    ends exactly at the end. One window where it all fits in."""
    if length <= window:
        return [0]
    return [*range(0, length - window, step), length - window]


def windows(
    height: int, width: int, window: int, step: int
) -> tuple[tuple[int, int], list[tuple[int, int]]]:
    """((height, width) of the windows, [(top, left), ...]) over an input of that size."""
    places = [(y, x) for y in starts(height, window, step) for x in starts(width, window, step)]
    return (min(window, height), min(window, width)), places


def cells_of(
    image: torch.Tensor,
    encode: Callable[[torch.Tensor], torch.Tensor],
    *,
    window: int,
    step: int,
    stride: int,
    batch: int,
) -> torch.Tensor:
    """float[3, H, W] -> float32[H / stride, W / stride, c], unit norm, by windows of ``window``
    pixels, 0 for one look at all of it. Where windows overlap, a cell is the mean of what each
    says of it, all with the same weight. ``encode``: float[b, 3, h, w] -> float32[b, ., ., c],
    given at most ``batch`` windows at a time."""
    import torch

    _, height, width = image.shape
    (tall, wide), places = windows(height, width, window or max(height, width), step or 1)
    if len(places) == 1:
        return encode(image[None])[0]
    total, count = None, torch.zeros(height // stride, width // stride, 1)
    for first in range(0, len(places), batch):
        part = places[first : first + batch]
        found = encode(torch.stack([image[:, y : y + tall, x : x + wide] for y, x in part]))
        if total is None:
            total = torch.zeros(*count.shape[:2], found.shape[-1])
        for (y, x), cells in zip(part, found, strict=True):
            place = (
                slice(y // stride, (y + tall) // stride),
                slice(x // stride, (x + wide) // stride),
            )
            total[place] += cells
            count[place] += 1
    assert total is not None
    return torch.nn.functional.normalize(total / count, dim=-1)


def mean_of_scales(maps: Sequence[torch.Tensor]) -> torch.Tensor:
    """float32[h, w, c] of each scale -> the mean of all on the finest grid, unit norm; coarser
    maps are enlarged linearly."""
    import torch

    if len(maps) == 1:
        return maps[0]
    finest = max(maps, key=lambda one: one.shape[0] * one.shape[1]).shape[:2]
    raised = [
        one.permute(2, 0, 1)[None]
        if one.shape[:2] == finest
        else torch.nn.functional.interpolate(one.permute(2, 0, 1)[None], finest, mode="bilinear")
        for one in maps
    ]
    mean = torch.cat(raised).mean(0).permute(1, 2, 0)
    return torch.nn.functional.normalize(mean, dim=-1).contiguous()
