"""Pixels that masks of several tags claim: who gets them, and what is told of it.

A pixel goes to the mask whose tag is the most similar there, where similarity is counted from its
own map: 0 at its lowest, 0.5 at its threshold, 1 at its peak (core.prompts.soft_mask). Raw
similarities of different tags share no scale. Two masks keep what they share, as nested, when one
tag is above the other (the face of a person), when one mask nearly contains the other (its part),
and when they share more than half of both together: these are two names for one thing, between
which a person chooses, and to tear the thing in two would spoil both. What a person accepted
never changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Given = Literal["kept", "lost", "nested"]

#: A mask with this share of its pixels in another one is a part of it.
CONTAINED = 0.9
#: Masks of two tags with this IoU are of one thing.
SAME = 0.5
#: Two masks of one tag that share this much of the smaller are one thing found twice.
TWICE = 0.8


@dataclass(frozen=True, slots=True)
class Claim:
    """A mask bool[H, W] of the tag ``synset``. ``strength`` float32[H, W] in [0, 1]: how similar
    each pixel is to it, counted as above; None for what a person accepted, which gives way to
    nothing."""

    synset: int
    mask: Bools
    strength: Floats | None


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of the pixels that a mask shared with another one, of index ``other``: it
    ``kept`` them, ``lost`` them, or both have them (``nested``)."""

    other: int
    pixels: int
    given: Given


@dataclass(frozen=True, slots=True)
class Resolved:
    """A claim's mask after all is settled, which may be empty."""

    mask: Bools
    settled: tuple[Settled, ...] = ()


def resolve(claims: Sequence[Claim], related: Callable[[int, int], bool]) -> tuple[Resolved, ...]:
    """One Resolved for each claim, in the same order. ``related(a, b)``: whether one of two
    synsets is above the other. Between equal claims the earlier one gets the pixels. Masks of one
    synset are never nested. The masks given are not changed."""
    masks = [claim.mask.copy() for claim in claims]
    settled: list[list[Settled]] = [[] for _ in claims]
    areas = [int(claim.mask.sum()) for claim in claims]
    windows = [_window(claim.mask) for claim in claims]
    for a in range(len(claims)):
        for b in range(a + 1, len(claims)):
            window = _shared(windows[a], windows[b])
            if window is None:
                continue
            both = claims[a].mask[window] & claims[b].mask[window]
            shared = int(both.sum())
            if not shared:
                continue
            first, second = claims[a], claims[b]
            if _both_have(first, second, shared, (areas[a], areas[b]), related):
                wins = None
            elif first.strength is None or second.strength is None:
                wins = both if first.strength is None else np.zeros_like(both)
            else:
                wins = both & (first.strength[window] >= second.strength[window])
            if wins is None:
                settled[a].append(Settled(b, shared, "nested"))
                settled[b].append(Settled(a, shared, "nested"))
                continue
            masks[b][window] &= ~wins
            masks[a][window] &= ~(both & ~wins)
            for winner, loser, pixels in (
                (a, b, int(wins.sum())),
                (b, a, shared - int(wins.sum())),
            ):
                if pixels:
                    settled[winner].append(Settled(loser, pixels, "kept"))
                    settled[loser].append(Settled(winner, pixels, "lost"))
    return tuple(Resolved(mask, tuple(told)) for mask, told in zip(masks, settled, strict=True))


def _both_have(
    first: Claim,
    second: Claim,
    shared: int,
    areas: tuple[int, int],
    related: Callable[[int, int], bool],
) -> bool:
    if first.strength is None and second.strength is None:
        return True
    if first.synset == second.synset:
        return False
    part = shared >= CONTAINED * min(areas)
    same = shared > SAME * (sum(areas) - shared)
    return part or same or related(first.synset, second.synset)


def distinct(masks: Sequence[Bools]) -> list[int]:
    """Indices of those masks of one tag that are things of their own: the earlier of two that
    share most of the smaller one. Empty masks are none."""
    kept: list[int] = []
    for at, mask in enumerate(masks):
        area = int(mask.sum())
        if area and all(
            int((mask & masks[other]).sum()) < TWICE * min(area, int(masks[other].sum()))
            for other in kept
        ):
            kept.append(at)
    return kept


_Window = tuple[slice, slice]


def _window(mask: Bools) -> _Window | None:
    """Rows and columns around a mask; None where it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _shared(a: _Window | None, b: _Window | None) -> _Window | None:
    if a is None or b is None:
        return None
    rows = slice(max(a[0].start, b[0].start), min(a[0].stop, b[0].stop))
    columns = slice(max(a[1].start, b[1].start), min(a[1].stop, b[1].stop))
    return (rows, columns) if rows.start < rows.stop and columns.start < columns.stop else None
