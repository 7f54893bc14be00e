"""Numbers in sentences, and words of a machine shown as what they are: text."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

#: Controls without tab and line feed, soft hyphen, zero-width and bidirectional marks, line and
#: paragraph separators, byte order mark.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)


def plural(count: int, noun: str) -> str:
    """1 tag, 2 tags."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def size_words(count: int) -> str:
    """Bytes as a person says it: 3 KB, 42 MB, 1.5 GB; thousands, as disks are sold."""
    if count >= 999_500_000:
        return f"{count / 1e9:.1f} GB"
    if count >= 999_500:
        return f"{count / 1e6:.0f} MB"
    return f"{max(1, round(count / 1e3)) if count else 0} KB"


def one_line(text: str) -> str:
    """Line breaks, tabs and runs of spaces as one space each."""
    return " ".join(text.split())


def plain_tip(text: str) -> str:
    """A tool tip that shows ``text`` letter by letter. Qt takes one with tags or entities in it
    for HTML, and what a model said may hold anything."""
    if "<" not in text and "&" not in text:
        return text
    return f'<span style="white-space: pre-wrap">{html.escape(text)}</span>'


def word_for_word(text: str) -> str:
    """``text`` with what cannot be seen in it written out, as ⟨U+202E⟩: control characters, and
    marks that turn the direction of the letters after them. Lines and tabs stay."""
    return _UNSEEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)


def on_button(text: str) -> str:
    """``text`` for a button, where a single & would mark a key."""
    return text.replace("&", "&&")


def usage_words(usage: Mapping[str, Any] | None) -> str:
    """What the answers of a model took, "" when nothing is known of it."""
    if not usage:
        return ""
    read, written = usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0
    parts = []
    if usage.get("requests"):
        parts.append(plural(int(usage["requests"]), "request"))
    if read or written:
        parts.append(f"{read:,} tokens read and {written:,} written")
    if usage.get("cost") is not None:
        parts.append(f"cost {usage['cost']:.4g}")
    return ", ".join(parts)
