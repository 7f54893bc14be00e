"""Labels get the probabilities of the tokens that wrote their letters, and of no others."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.backends.answers import Generated, Token, read
from annotator.core.records import Answer


def generated(*pieces: str, cut: bool = False) -> Generated:
    """A reply of tokens; token number n has probability 1 / (n + 1)."""
    tokens, at = [], 0
    for number, piece in enumerate(pieces, 1):
        tokens.append(Token(at, at + len(piece), 1 / (number + 1)))
        at += len(piece)
    return Generated("".join(pieces), tuple(tokens), cut)


def tokens_of(answer: Answer) -> dict[str, list[int]]:
    """Label -> numbers of its tokens, from 1."""
    return {
        label.text: [round(1 / one) - 1 for one in label.token_probabilities]
        for label in answer.labels
    }


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        # One token for each label; brackets, quotes and commas are not the label.
        (["['", "cat", "', '", "dog", "']"], {"cat": [2], "dog": [4]}),
        # Tokens that split a label.
        (["['", "traf", "fic", " light", "']"], {"traffic light": [2, 3, 4]}),
        # Tokens that span a quote and a letter.
        (["['c", "at', 'd", "og']"], {"cat": [1, 2], "dog": [2, 3]}),
        # A space or a hyphen of a label writes none of its letters.
        (["tea", " ", "pot", ", ", "t", "-", "shirt"], {"tea pot": [1, 3], "t-shirt": [5, 7]}),
        # A token for two labels counts for both.
        (["sky, sea", ", tree"], {"sky": [1], "sea": [1], "tree": [2]}),
        # Said twice: the first time counts.
        (["cat", ", ", "dog", ", ", "cat"], {"cat": [1], "dog": [3]}),
        # Articles, remarks and scores are not the label.
        (["[a", " cat", " (", "grey", "), ", "dog", ": 0", ".9", "]"], {"cat": [2], "dog": [6]}),
        # Escapes: every token of one letter counts.
        (['["caf', "\\u", "00", "e9", '"]'], {"café": [1, 2, 3, 4]}),
        # The same words in thoughts are another matter.
        (["<think>", "cat", "</think>", "cat"], {"cat": [4]}),
        # Tokens that write nothing.
        (["", "cat", "", ", ", "", "dog", ""], {"cat": [2], "dog": [6]}),
        (["1", ". ", "cat", "\n", "2", ". ", "dog"], {"cat": [3], "dog": [7]}),
    ],
)
def test_tokens_of_a_list(pieces: list[str], expected: dict[str, list[int]]) -> None:
    answer = read(generated(*pieces), "list")
    assert tokens_of(answer) == expected
    assert (answer.text, answer.failure) == ("".join(pieces), None)


def test_tokens_of_a_caption() -> None:
    pieces = ["a", " man", " in", " a", " red", " shi", "rt", " rid", "ing", " a", " horse"]
    assert tokens_of(read(generated(*pieces), "caption")) == {
        "man": [2],
        "red shirt": [5, 6, 7],
        "horse": [11],
    }


def test_tokens_of_an_answer() -> None:
    assert tokens_of(read(generated("a", " dog", " and", " a", " cat"), "vqa")) == {
        "dog": [2],
        "cat": [5],
    }


def test_bytes_of_one_letter_share_its_place() -> None:
    reply = Generated("猫, 犬", (Token(0, 1, 0.5), Token(0, 1, 0.25), Token(1, 4, 0.125)))
    answer = read(reply, "list")
    assert [one.token_probabilities for one in answer.labels] == [(0.5, 0.25), (0.125,)]


def test_no_tokens_no_probabilities() -> None:
    answer = read(Generated("cat, dog"), "list")
    assert [one.token_probabilities for one in answer.labels] == [(), ()]


@pytest.mark.parametrize(
    ("sent", "kept"), [(1.0000001, 1.0), (-1e-9, 0.0), (math.nan, 0.0), (math.inf, 1.0)]
)
def test_probabilities_stay_in_range(sent: float, kept: float) -> None:
    (label,) = read(Generated("cat", (Token(0, 3, sent),)), "list").labels
    assert label.token_probabilities == (kept,)


def test_a_reply_that_was_cut_off_loses_its_last_label() -> None:
    pieces = ["cat", ", ", "dog", ", ", "traf"]
    assert tokens_of(read(generated(*pieces, cut=True), "list")) == {"cat": [1], "dog": [3]}
    assert tokens_of(read(generated(*pieces), "list")) == {"cat": [1], "dog": [3], "traf": [5]}


def test_what_cannot_be_read_keeps_its_text() -> None:
    answer = read(generated("I", " cannot", " say"), "list")
    assert answer == Answer((), "I cannot say", "the reply refuses to answer")


def test_a_reply_of_very_many_tokens() -> None:
    reply = generated(*["cat", ", "] * 100_000)
    assert tokens_of(read(reply, "list")) == {"cat": [1]}


@given(
    st.lists(st.sampled_from(["cat", "dog", ", ", "'", "[", "]", " light", "\n- ", "é", ""])),
    st.sampled_from(["list", "caption", "vqa"]),
    st.booleans(),
)
def test_every_label_has_tokens_and_they_write_it(pieces, strategy, cut) -> None:
    reply = generated(*pieces, cut=cut)
    for label, numbers in tokens_of(read(reply, strategy)).items():
        assert numbers == sorted(set(numbers))
        wrote = "".join(pieces[number - 1] for number in numbers)
        assert "".join(filter(str.isalnum, label)) in "".join(filter(str.isalnum, wrote))
