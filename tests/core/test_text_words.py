"""All words of a text, of any script."""

from __future__ import annotations

import pytest

from annotator.core.text_words import words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A dog chases the Dog.", ("a", "dog", "chases", "the")),
        ("dog", ("dog",)),
        ("red/blue car,tree", ("red", "blue", "car", "tree")),
        (
            "the child's well-known t-shirt -- 'yes'",
            ["the", "child's", "well-known", "t-shirt", "yes"],
        ),
        ("3.5 m, 1,000 dogs in 2024.", ["3.5", "m", "1,000", "dogs", "in", "2024"]),
        ("🐶🐱 dog🐶 👍🏽 ❤️", ("🐶🐱", "dog", "🐶", "👍🏽", "❤️")),
        ("👩‍🚀", ("👩‍🚀",)),
        ("Köln köln ÉTÉ", ("köln", "été")),
        ("हिन्दी में", ("हिन्दी", "में")),
        ("狗和猫", ("狗和猫",)),
        ("E\u0301te\u0301 Été", ("été",)),
        ("/ is moored @ the_buoy .", ("is", "moored", "the", "buoy")),
        ("", ()),
        (" \n\t .,-'!$€+ \u200d\ufe0f", ()),
    ],
)
def test_words(text, found) -> None:
    assert words(text) == tuple(found)


def test_a_long_text_has_all_its_words_in_order() -> None:
    said = [f"word{number}" for number in range(300)]
    assert words(" ".join(said * 2)) == tuple(said)
