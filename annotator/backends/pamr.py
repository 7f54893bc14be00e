"""Pixel-adaptive mask refinement: a soft mask spreads to neighbours of similar colour."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.backends.device import device
from annotator.backends.protocols import Floats, Pixels

if TYPE_CHECKING:
    import torch

DILATIONS = (1, 2, 4, 8, 12, 24)
ITERATIONS = 10
#: Weight of the local standard deviation in the affinity (Araslanov & Roth 2020, eq. 5).
SIGMA = 0.1


def spread(
    image: Pixels,
    soft: Floats,
    dilations: tuple[int, ...] = DILATIONS,
    iterations: int = ITERATIONS,
) -> Floats:
    """Each step replaces a pixel's value by the mean over its 8 neighbours at every dilation,
    weighted by softmax of -|colour difference| / (0.1 * local standard deviation), the mean of
    the three channels (Araslanov & Roth 2020, eq. 4 and 5).

    ``image`` uint8[h, w, 3], ``soft`` float32[h, w] in [0, 1]; returns the same shape and range.
    """
    import torch

    with torch.inference_mode():
        where = device()
        colours = torch.from_numpy(np.ascontiguousarray(image)).to(where).permute(2, 0, 1)
        weights = _affinity(colours[None].float() / 255.0, dilations)
        mask = torch.from_numpy(soft)[None, None].to(where)
        for _ in range(iterations):
            mask = (_neighbours(mask, dilations) * weights).sum(dim=1, keepdim=True)
        found = mask[0, 0].clamp(0.0, 1.0).cpu().numpy()
    return np.asarray(found, dtype=np.float32)


def _affinity(colours: torch.Tensor, dilations: tuple[int, ...]) -> torch.Tensor:
    """float[1, 8 * dilations, h, w], sums to 1 over its second axis."""
    import torch

    total: torch.Tensor | None = None
    for channel in torch.split(colours, 1, dim=1):
        around = _neighbours(channel, dilations)
        spread_ = torch.cat([around, channel], dim=1).std(dim=1, keepdim=True)
        closeness = -(around - channel).abs() / (1e-8 + SIGMA * spread_)
        total = closeness if total is None else total + closeness
    assert total is not None
    return torch.softmax(total / colours.shape[1], dim=1)


def _neighbours(x: torch.Tensor, dilations: tuple[int, ...]) -> torch.Tensor:
    """[1, 1, h, w] -> [1, 8 * dilations, h, w]; beyond the border, the border's value."""
    import torch

    h, w = x.shape[-2:]
    reach = max(dilations)
    padded = torch.nn.functional.pad(x, (reach, reach, reach, reach), mode="replicate")
    parts = [
        padded[..., reach + dy * d : reach + dy * d + h, reach + dx * d : reach + dx * d + w]
        for d in dilations
        for dy in (-1, 0, 1)
        for dx in (-1, 0, 1)
        if (dy, dx) != (0, 0)
    ]
    return torch.cat(parts, dim=1)
