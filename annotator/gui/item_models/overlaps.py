"""What was settled between the masks of different tags, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: A mask with this share of its pixels in another one is a part of it, as core.overlaps has it.
_PART = 0.9


def overlaps(settled: Any, area: int) -> list[str]:
    """A few words for each settlement of a region's prompt, what it gave first: "gave 12 % to
    sofa", "part of person", "took 310 px from rug". ``area``: the region's pixels now. What is not
    understood is left out: another program may have written it."""
    found: dict[tuple[str, str], int] = {}
    for one in settled if isinstance(settled, (list, tuple)) else ():
        if isinstance(one, Mapping) and isinstance(one.get("pixels"), int) and one.get("name"):
            key = (str(one.get("given")), str(one["name"])[:200])
            found[key] = found.get(key, 0) + one["pixels"]
    before = area + sum(pixels for (given, _), pixels in found.items() if given == "lost")
    order = {"lost": 0, "nested": 1, "kept": 2}
    known = [(key, pixels) for key, pixels in found.items() if key[0] in order]
    known.sort(key=lambda one: (order[one[0][0]], -one[1]))
    return [_words(given, name, pixels, area, before) for (given, name), pixels in known]


def _words(given: str, name: str, pixels: int, area: int, before: int) -> str:
    if given == "lost":
        return f"gave {_share(pixels, before)} to {name}"
    if given == "kept":
        return f"took {pixels:,} px from {name}"
    if pixels >= _PART * area:
        return f"part of {name}"
    return f"shares {_share(pixels, area)} with {name}"


def _share(part: int, whole: int) -> str:
    percent = 100 * part / max(1, whole)
    return f"{percent:.0f} %" if percent >= 1 else "under 1 %"
