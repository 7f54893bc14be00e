"""More than 200 replies that models sent or people planted, each with what is read out of it."""

from __future__ import annotations

import html
import json
import re
import sys
import unicodedata
from pathlib import Path

import pytest

from annotator.core.records import Proposed
from annotator.core.replies import MAX_LABELS, parse

sys.path.insert(0, str(Path(__file__).parents[1] / "replies"))

from nasty_attacks import ATTACKS
from nasty_lists import LISTS, Case
from nasty_texts import TEXTS

CASES = (*LISTS, *TEXTS, *ATTACKS)


def test_there_are_many_and_each_is_another() -> None:
    assert len(CASES) >= 200
    assert len({case.name for case in CASES}) == len(CASES)
    assert len({(case.reply, case.cut) for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_nasty_reply(case: Case) -> None:
    found = parse(case.reply, cut=case.cut)
    if found.failure is None:
        assert [label.text for label in found.labels] == case.expected.split(", ")
    else:
        assert found.failure == case.expected
    assert bool(found.labels) == (found.failure is None)
    assert len(found.labels) <= MAX_LABELS
    assert len({label.text.casefold() for label in found.labels}) == len(found.labels)
    for label in found.labels:
        assert letters(case.reply[label.start : label.end]) == letters(label.text)
        assert label.text.isprintable()
        assert not any(unicodedata.category(char)[0] == "C" for char in label.text)
        assert Proposed(label.text)


def letters(written: str) -> str:
    """Letters and digits of a label or of what wrote it, escapes resolved by other means."""
    try:
        written = json.loads(f'"{written}"') if "\\u" in written else written
    except json.JSONDecodeError:
        written = re.sub(r"\\u....", "", written)
    written = re.sub(r"<[^<>]*>|\x1b\[[\d;]*m|\\u\w{4}|\\[nrt]", "", html.unescape(written))
    return "".join(filter(str.isalnum, unicodedata.normalize("NFD", written)))
