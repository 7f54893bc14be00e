"""Numbers in sentences."""

from __future__ import annotations


def plural(count: int, noun: str) -> str:
    """1 tag, 2 tags."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
