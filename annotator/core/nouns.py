"""Noun phrases of a caption (the semantic parser of LLM2Labels' baseline BLIP2 + SP)."""

from __future__ import annotations

from annotator.core.replies import Parsed, parse


def phrases(caption: str, *, cut: bool = False) -> Parsed:
    """The things a caption names."""
    return parse(caption, cut=cut)
