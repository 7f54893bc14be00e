"""Which letters of a reply a token wrote, however a server tells of its tokens."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.backends.openai_replies import probability, said, tokens


def rows(*pieces: Any) -> dict[str, Any]:
    """Log-probabilities -0.1, -0.2, ... of tokens: texts, or bytes given beside a wrong text."""
    found = []
    for number, piece in enumerate(pieces, 1):
        row: dict[str, Any] = {"token": piece, "logprob": -number / 10}
        if isinstance(piece, bytes):
            row |= {"token": piece.decode("utf-8", "replace"), "bytes": list(piece)}
        found.append(row)
    return {"content": found}


def written(text: str, *pieces: Any) -> list[str]:
    return [text[one.start : one.end] for one in tokens(text, rows(*pieces))]


def test_tokens_write_the_reply_and_carry_their_probabilities() -> None:
    found = tokens("a dog", rows("a", " dog"))
    assert [(one.start, one.end) for one in found] == [(0, 1), (1, 5)]
    assert [one.probability for one in found] == pytest.approx([math.exp(-0.1), math.exp(-0.2)])


def test_places_are_letters_and_not_bytes() -> None:
    assert written("Café, naïve 犬", "Caf", "é", ", na", "ï", "ve 犬") == [
        "Caf",
        "é",
        ", na",
        "ï",
        "ve 犬",
    ]


def test_a_letter_of_several_tokens_belongs_to_each_of_them() -> None:
    dog = "犬".encode()
    assert written("a 犬!", "a ", dog[:1], dog[1:], "!") == ["a ", "犬", "犬", "!"]


@pytest.mark.parametrize("nothing", ["", "�"])
def test_parts_of_letters_given_as_nothing(nothing: str) -> None:
    """llama-cpp-python leaves them out, others put a sign in their place."""
    assert written("a 犬 b", "a ", nothing, nothing, " b") == ["a ", "犬", "犬", " b"]
    assert written("ab 犬", "ab ", nothing, nothing) == ["ab ", "犬", "犬"]


def test_what_the_server_cut_off_wrote_nothing() -> None:
    assert written("dog, cat", " dog", ",", " cat", "<|im_end|>") == ["dog", ",", " cat", ""]
    assert written("dog", "<think>", "a dog?", "</think>", "\n\n", "dog") == ["", "", "", "", "dog"]


def test_tokens_of_another_text_are_no_tokens() -> None:
    assert tokens("dog, cat", rows("sofa", ", chair")) == ()
    assert tokens("a dog and a cat", rows("a", " dog", " or", " a", " cat")) == ()
    assert tokens("a dog and a cat", rows("a", " dog")) == ()


@pytest.mark.parametrize(
    "logprobs",
    [
        None,
        {},
        [],
        {"content": None},
        {"content": []},
        {"content": [None]},
        {"content": [{"token": "dog"}]},
        {"content": [{"token": "dog", "logprob": "high"}]},
        {"content": [{"token": "dog", "logprob": float("nan")}]},
        {"content": [{"token": None, "logprob": -1.0}]},
        {"tokens": ["dog"], "token_logprobs": [-1.0]},
    ],
)
def test_what_cannot_be_read_is_as_if_it_were_not_there(logprobs: Any) -> None:
    assert tokens("dog", logprobs) == ()


@pytest.mark.parametrize(
    ("logprob", "expected"),
    [
        (0.0, 1.0),
        (0.5, 1.0),
        (-1.0, math.exp(-1)),
        (-9999.0, 0.0),
        (float("-inf"), 0.0),
        (-2, 0.1353),
    ],
)
def test_probabilities_stay_between_0_and_1(logprob: float, expected: float) -> None:
    assert probability(logprob) == pytest.approx(expected, abs=1e-4)


def test_booleans_are_no_probabilities() -> None:
    assert probability(True) is None


@given(st.lists(st.text(min_size=1), min_size=1), st.data())
def test_any_split_into_bytes_gives_back_the_reply(pieces: list[str], data: Any) -> None:
    text = "".join(pieces).encode("utf-8", "replace").decode()
    whole = text.encode()
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=8)) | {0, len(whole)})
    parts = [whole[start:end] for start, end in pairwise(cuts)]
    found = tokens(text, rows(*parts))
    assert len(found) == len(parts)
    covered = 0
    for one, part in zip(found, parts, strict=True):
        # Each token's letters have all of its bytes, and no letter is left out.
        assert part.decode("utf-8", "ignore") in text[one.start : one.end]
        assert one.start <= covered
        covered = max(covered, one.end)
    assert covered == len(text)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists) | st.binary())
def test_no_answer_crashes(value: Any) -> None:
    for answer in (
        {"choices": value},
        {"choices": [{"message": value}]},
        {"choices": [{"message": {"content": value}, "finish_reason": value}]},
        {"choices": [{"message": {"content": "dog"}, "logprobs": {"content": value}}]},
        {"choices": [{"message": {"content": "dog"}, "logprobs": {"content": [{"token": value}]}}]},
    ):
        said(answer)
