"""Things apart from what is said of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.core.attributes import MATERIALS, describes, reason, split
from annotator.core.vocabulary import normalise
from annotator.core.wordnet import wordnet


@pytest.mark.parametrize(
    ("text", "head", "attributes"),
    [
        ("wooden bench", "bench", ("wooden",)),
        ("The Wooden Benches.", "bench", ("wooden",)),
        ("red brick wall", "wall", ("red", "brick")),
        ("black and white dog", "dog", ("black", "white")),
        ("two dogs", "dog", ("two",)),
        ("3 chairs", "chair", ("3",)),
        ("metal fence", "fence", ("metal",)),
        ("stainless steel sink", "sink", ("stainless steel",)),
        ("brightly coloured umbrella", "umbrella", ("brightly colored",)),
        ("snow-covered mountains", "mountain", ("snow covered",)),
        ("parked cars", "car", ("parked",)),
        ("cars parked", "car", ("parked",)),
        ("broken window", "window", ("broken",)),
        ("taller tree", "tree", ("taller",)),
        ("people walking", "person", ("walking",)),
        ("man in a suit", "man", ("in suit",)),
        ("man riding a horse", "man", ("riding horse",)),
        ("group of people", "person", ("group",)),
        ("pair of red shoes", "shoe", ("pair", "red")),
        ("woman's hand", "hand", ("woman's",)),
        ("leather jacket", "jacket", ("leather",)),
        ("white house", "house", ("white",)),
        ("grey cats", "cat", ("gray",)),
    ],
)
def test_attributes_are_kept_apart(text: str, head: str, attributes: tuple[str, ...]) -> None:
    assert split(text) == (head, attributes)


@pytest.mark.parametrize(
    "text",
    [
        *("fire truck", "hot dog", "stone wall", "red wine", "golden retriever", "black bear"),
        *("plastic bag", "old man", "ice cream", "bird of prey", "swimming pool", "oil painting"),
        # Not what a person would call the head: a toy car is no car.
        *("toy car", "stuffed animal"),
        # Words in front that say what it is for, and heads that nobody knows.
        *("church bench", "light pole", "stop sign", "church building", "cup of coffee"),
        *("red zorblat", "wooden", "red", "walk-in closet", "dog", "", "..."),
    ],
)
def test_what_is_one_noun_stays_whole(text: str) -> None:
    assert split(text) == (normalise(text), ())


@given(
    st.text(max_size=30) | st.lists(st.sampled_from(sorted(MATERIALS)), max_size=4).map(" ".join)
)
def test_nothing_is_lost_and_the_head_is_normal(text: str) -> None:
    head, attributes = split(text)
    assert normalise(head) == head
    assert bool(head) == bool(normalise(text))
    if attributes:
        assert all(attributes)
        assert wordnet().synsets(head)
    else:
        assert head == normalise(text)


@given(
    st.lists(st.sampled_from(["red", "wooden", "big", "two", "metal", "broken"]), unique=True),
    st.sampled_from(["bench", "car", "umbrella", "giraffe"]),
)
def test_attributes_in_front_are_taken_off_in_order(said: list[str], noun: str) -> None:
    assert split(" ".join([*said, noun])) == (noun, tuple(said))


def test_a_word_that_is_rather_a_thing_does_not_describe() -> None:
    assert [
        word
        for word in ("wooden", "brick", "blue", "7", "worn", "light", "chicken", "dog")
        if describes(word)
    ] == ["wooden", "brick", "blue", "7", "worn"]


def test_the_reason_is_a_sentence() -> None:
    assert reason("wooden bench", "bench", ("wooden",)) == "wooden bench: bench that is wooden"
    assert reason("two  red dogs", "dog", ("two", "red")) == (
        "two red dogs: dog that is red, of which there is more than one (two)"
    )
