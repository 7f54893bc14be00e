"""The losses of text-tag self-distillation: TTD (Jo et al. 2024), equations 3 to 6.

Shapes: b pairs of an image and its text, n tags a text (padded; ``valid`` says which are there),
maps of h x w pixels. Maps are raw cosines in [-1, 1] everywhere; only ``min_max`` and ``union``
give values in [0, 1].

Two things the paper leaves open. ``||.||_2^2`` over a map is taken as the mean over its pixels, not
their sum: a constant factor of both losses, to which AdamW's step is blind, and losses of different
crop sizes can be compared. A batch's loss is the mean over its texts; over the tags of a text it
is the sum, as equation 5 has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def similarity(pixels: Tensor, texts: Tensor) -> Tensor:
    """Equation 3: float[b, n, h, w], cosines of every pixel with every text of its image.

    ``pixels`` float[b, h, w, c] and ``texts`` float[b, n, c], both of unit length.
    """
    import torch

    return torch.einsum("bhwc,bnc->bnhw", pixels, texts)


def pixel_scores(tag_maps: Tensor) -> Tensor:
    """Equation 2: float[b, n], the best pixel of each map of float[b, n, h, w]."""
    return tag_maps.amax(dim=(-2, -1))


def largest_gap(scores: Tensor, valid: Tensor) -> Tensor:
    """bool[b, n]: the tags above the largest gap between consecutive sorted scores (section 3.1).

    ``scores`` float[b, n], ``valid`` bool[b, n]; what is not valid is neither looked at nor
    selected. Of equal gaps the one among the higher scores counts. A single tag is selected, and
    so are all tags where all scores are equal: nothing divides them.
    """
    import torch

    lowest = torch.finfo(scores.dtype).min
    ranked = torch.where(valid, scores, lowest).sort(dim=1, descending=True).values
    real = ranked > lowest
    gaps = torch.where(real[:, 1:], ranked[:, :-1] - ranked[:, 1:], 0.0)
    last = real.sum(dim=1, keepdim=True) - 1
    if gaps.shape[1] == 0:
        return valid.clone()
    gap, place = gaps.max(dim=1, keepdim=True)
    # max() may give any of several equal maxima: argmax over the marks gives the first.
    place = (gaps == gap).int().argmax(dim=1, keepdim=True)
    place = torch.where(gap > 0, place, last.clamp(min=0))
    return valid & (scores >= ranked.gather(1, place))


def min_max(maps: Tensor) -> Tensor:
    """norm() of equation 4: every map of float[..., h, w] to [0, 1]; a constant map becomes 0."""
    low = maps.amin(dim=(-2, -1), keepdim=True)
    width = maps.amax(dim=(-2, -1), keepdim=True) - low
    return (maps - low) / width.where(width > 0, 1.0)


def union(tag_maps: Tensor, selected: Tensor) -> Tensor:
    """Right side of equation 4: float[b, h, w] in [0, 1], the pixelwise maximum of the normalised
    maps (float[b, n, h, w], raw) of the selected tags (bool[b, n]); 0 where none is selected.
    """
    return min_max(tag_maps).where(selected[:, :, None, None], 0.0).amax(dim=1)


def distill(text_map: Tensor, tag_maps: Tensor, selected: Tensor) -> Tensor:
    """Equation 4: the text's map float[b, h, w] is drawn to the union of its tags' maps.

    The union is a constant: no gradient reaches ``tag_maps``. A text of which no tag is selected
    contributes nothing, and is not counted in the mean.
    """
    target = union(tag_maps, selected).detach()
    loss = (text_map - target).square().mean(dim=(1, 2))
    return _mean_over_texts(loss, selected.any(dim=1))


def tag(tag_maps: Tensor, selected: Tensor, valid: Tensor) -> Tensor:
    """Equation 5: maps of selected tags are drawn to their own normalised map, others to 0.

    The normalised maps are constants: the gradient flows through the raw ones alone. Tags that
    are not ``valid`` contribute nothing, nor do texts without a valid tag.
    """
    chosen = (selected & valid)[:, :, None, None]
    target = min_max(tag_maps.detach()).where(chosen, 0.0)
    # Zeroed before it is squared, so that whatever stands in the padding has no gradient.
    difference = (tag_maps - target).where(valid[:, :, None, None], 0.0)
    loss = difference.square().mean(dim=(2, 3)).sum(dim=1)
    return _mean_over_texts(loss, valid.any(dim=1))


def total(text_map: Tensor, tag_maps: Tensor, selected: Tensor, valid: Tensor) -> Tensor:
    """Equation 6: the sum of both losses, unweighted."""
    return distill(text_map, tag_maps, selected & valid) + tag(tag_maps, selected, valid)


def _mean_over_texts(loss: Tensor, counted: Tensor) -> Tensor:
    """float[]: the mean of float[b] where ``counted``; 0, with zero gradients, where none is."""
    return loss.where(counted, 0.0).sum() / counted.sum().clamp(min=1)
