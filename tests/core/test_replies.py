"""What is read out of a reply, where it stood, and that nothing breaks the reader."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.core.records import Proposed
from annotator.core.replies import (
    CUT_OFF,
    EMPTY,
    EMPTY_LIST,
    MAX_LABELS,
    MAX_READ,
    REFUSES,
    Parsed,
    parse,
)

WORDS = (
    "cat",
    "dog",
    "traffic light",
    "dining table",
    "sky",
    "man's hat",
    "Straße",
    "猫",
    "étagère",
)


def read(reply: str, **options: bool) -> list[str]:
    return [label.text for label in parse(reply, **options).labels]


def written(reply: str) -> list[str]:
    return [reply[label.start : label.end] for label in parse(reply).labels]


# --- where labels stand ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "spans"),
    [
        ("['cat', 'a dog', \"man's hat\"]", ["cat", "dog", "man's hat"]),
        ("cat, Cat, dog", ["cat", "dog"]),
        ('["caf\\u00e9", "\\ud83d\\udc31 cat"]', ["caf\\u00e9", "cat"]),
        ("['man\\'s hat', 'dog']", ["man\\'s hat", "dog"]),
        ("['d\u200bog\u200b', '\u202ecat']", ["d\u200bog", "cat"]),
        ("<b>traffic</b> <i>light</i>, dog", ["traffic</b> <i>light", "dog"]),
        ("1. **cat** (grey)\n2. dog: brown", ["cat", "dog"]),
        ("[&quot;caf&eacute;&quot;]", ["caf&eacute;"]),
        ("<think>cat</think>a cat, a dog", ["cat", "dog"]),
        ('{"dog": {"color": "dog"}, "cat": 2}', ["dog", "cat"]),
        ("the list: [dining   table , cat]", ["dining   table", "cat"]),
        ("\x1b[31mcat\x1b[0m, do\x00g", ["cat", "do\x00g"]),
        ("| # | label |\n|---|---|\n| 1 | cat |", ["cat"]),
    ],
)
def test_spans_are_those_of_the_reply(reply: str, spans: list[str]) -> None:
    assert written(reply) == spans


def test_a_label_said_twice_is_where_it_was_first_said() -> None:
    (label,) = parse("cat, CAT, cat").labels
    assert (label.text, label.start, label.end) == ("cat", 0, 3)


def test_a_label_behind_thoughts_is_not_the_one_in_them() -> None:
    reply = "<think>cat</think>cat"
    (label,) = parse(reply).labels
    assert label.start == reply.rindex("cat")


# --- every notation of the same list -----------------------------------------------------------


@pytest.mark.parametrize(
    "notation",
    [
        repr,
        json.dumps,
        lambda words: json.dumps(words, ensure_ascii=False, indent=2),
        lambda words: json.dumps({"labels": words}),
        lambda words: json.dumps([{"label": word, "score": 0.5} for word in words]),
        lambda words: json.dumps(dict.fromkeys(words, 0.5)),
        lambda words: "[" + ", ".join(words) + "]",
        lambda words: ", ".join(words),
        lambda words: "; ".join(words),
        lambda words: "\n".join(words),
        lambda words: "\n".join(f"{n}. {word}" for n, word in enumerate(words, 1)),
        lambda words: "\n".join(f"- **{word}**: it is there" for word in words),
        lambda words: "| label | n |\n|---|---|\n" + "\n".join(f"| {w} | 1 |" for w in words),
        lambda words: "Labels: " + ", ".join(f"«{word}»" for word in words),
        lambda words: "、".join(f"「{word}」" for word in words),
        lambda words: "Sure!\n\n```json\n" + json.dumps(words) + "\n```\nThat is all.",
        lambda words: "".join(f"<li>{word}</li>" for word in words),
    ],
)
def test_a_list_in_any_notation(notation) -> None:
    assert read(notation(list(WORDS))) == list(WORDS)


# --- limits ------------------------------------------------------------------------------------


def test_labels_of_a_reply_are_limited() -> None:
    names = [f"thing z{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(300)]
    assert read(json.dumps(names)) == names[:MAX_LABELS]
    assert read("\n".join(f"- {name}" for name in names)) == names[:MAX_LABELS]


@pytest.mark.parametrize(
    ("label", "is_one"),
    [
        ("a" * 40, True),
        ("a" * 41, False),
        ("one two three four five six seven eight", True),
        ("one two three four five six seven eight nine", False),
        (" ".join(["abcdefghi"] * 8), False),  # one word, eight times
        ("abcdefghi abcdefghj " * 4, True),
        ("abcdefghijk abcdefghijl " * 4, False),  # longer than 80 characters
        ("12", False),
        ("12th street", True),
        ("1e9", False),
        ("x", False),
        ("木", True),
    ],
)
def test_what_a_label_is(label: str, is_one: bool) -> None:
    expected = ["dog", label.strip()] if is_one else ["dog"]
    if label.startswith("abcdefghi abcdefghi "):
        expected = ["dog", "abcdefghi"]
    assert read(json.dumps(["dog", label])) == expected


def test_only_the_beginning_of_a_reply_is_read() -> None:
    filler = "- cat\n" * (MAX_READ // 6 + 1)
    assert read("- dog\n" + filler + "- horse") == ["dog", "cat"]
    assert read(" " * (MAX_READ - 6) + "'dog', 'horse'") == ["dog"]


# --- cut off -----------------------------------------------------------------------------------


def bullets(words: list[str]) -> str:
    return "".join(f"- {word}\n" for word in words)


@pytest.mark.parametrize("notation", [repr, json.dumps, ", ".join, "\n".join, bullets])
def test_a_reply_cut_anywhere_has_only_whole_labels(notation) -> None:
    words = ["sky", "tree", "traffic light", "dining table"]
    reply = notation(words)
    for end in range(len(reply)):
        said = parse(reply[:end], cut=True)
        assert [label.text for label in said.labels] == words[: len(said.labels)]


def test_an_open_list_loses_its_half_label_by_itself() -> None:
    reply = json.dumps(["sky", "tree", "traffic light"])
    for end in range(reply.index("tree") + 5, len(reply)):
        assert read(reply[:end])[:2] == ["sky", "tree"]
        assert set(read(reply[:end])) <= {"sky", "tree", "traffic light"}
    assert parse('["traffic li').failure == CUT_OFF


# --- failures ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        ("", EMPTY),
        ("[]", EMPTY_LIST),
        ("I'm sorry, I can't help with that.", REFUSES),
        ("A man rides a horse down a long street at night.", "the reply is one long sentence"),
        ("It rained. It was late. Nobody was there any more.", "the reply is running text"),
        ("<think>hm", "the reply ends before the model came to its answer"),
        ("12 34", "the reply has no words"),
        ("yes", "the reply holds no list of labels"),
    ],
)
def test_failures_are_said_in_words(reply: str, failure: str) -> None:
    found = parse(reply)
    assert found.labels == ()
    assert found.failure is not None
    assert found.failure.startswith(failure)


# --- anything at all ---------------------------------------------------------------------------


def check(reply: str, found: Parsed) -> None:
    """What holds for every reply."""
    assert bool(found.labels) == (found.failure is None)
    assert len(found.labels) <= MAX_LABELS
    assert len({label.text.casefold() for label in found.labels}) == len(found.labels)
    for label in found.labels:
        assert 0 <= label.start < label.end <= min(len(reply), MAX_READ)
        assert Proposed(label.text).text == label.text == " ".join(label.text.split())
        assert label.text.isprintable()
        assert any(map(str.isalpha, label.text))
        assert len(label.text) <= 80
        label.text.encode("utf-8")
    assert all(one.start < two.end for one, two in pairwise(found.labels))


MARKS = """[ ] { } ( ) " ' “ ” « » 「 」 , 、 : ; - 1. | * ` ``` \\ \\u00e9 \\n < = # // ! ."""
SPOKEN = "<b> </s> <think> </think> &amp; and label score 0.5 NaN"
UNSEEN = ("\u200b", "\u202e", "\x00", "\ud800", "\x1b[1m")
SIGNS = st.sampled_from(
    [*MARKS.split(), *SPOKEN.split(), *UNSEEN, *WORDS, " ", "\n", "- ", "The image contains"]
)


@given(st.text(st.characters(codec=None), max_size=120), st.booleans())
def test_any_text_is_labels_or_a_failure(reply: str, cut: bool) -> None:
    check(reply, parse(reply, cut=cut))


@given(st.lists(SIGNS, max_size=40).map("".join), st.booleans())
def test_any_signs_are_labels_or_a_failure(reply: str, cut: bool) -> None:
    check(reply, parse(reply, cut=cut))


LABELS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=9, unique=True)


@given(LABELS)
def test_what_is_written_as_json_is_read_back(words: list[str]) -> None:
    assert read(json.dumps(words)) == words
    assert written(json.dumps(words, ensure_ascii=False)) == words


@given(LABELS, st.lists(SIGNS, max_size=10).map("".join))
def test_the_same_reply_is_read_the_same(words: list[str], noise: str) -> None:
    reply = noise + repr(words)
    assert parse(reply) == parse(reply)
