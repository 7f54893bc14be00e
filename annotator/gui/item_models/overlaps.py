"""What was settled between the masks of different tags, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def overlaps(settled: Any) -> list[str]:
    """A sentence for each settlement of a region's prompt: "gave 12 % to sofa", "part of person".
    What is not understood is left out: another program may have written it."""
    if isinstance(settled, (str, Mapping)):
        settled = [settled]
    if not isinstance(settled, (list, tuple)):
        return []
    return [words for one in settled if (words := _words(one))]


def _words(one: Any) -> str:
    if isinstance(one, str):
        return one[:200]
    return ""
