"""British and American spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.core.spelling import one_spelling
from annotator.core.vocabulary import normalise
from annotator.core.word_forms import word_forms
from annotator.core.wordnet import wordnet


@pytest.mark.parametrize(
    ("british", "american"),
    [
        *(("colour", "color"), ("harbour", "harbor"), ("neighbours", "neighbors")),
        *(("theatre", "theater"), ("centres", "centers"), ("metre", "meter"), ("fibre", "fiber")),
        *(("grey cat", "gray cats"), ("tyre", "tires"), ("kerb", "curb"), ("plough", "plow")),
        *(("aluminium can", "aluminum can"), ("jewellery box", "jewelry box")),
        *(("traveller", "traveler"), ("woollen hat", "woolen hat"), ("organiser", "organizer")),
        *(("coloured pencils", "colored pencil"), ("armoured car", "armored car")),
        *(("grey wolf", "gray wolves"), ("licence plate", "license plate")),
        *(("labelled bottle", "labeled bottle"), ("pyjamas", "pajamas"), ("doughnut", "donut")),
        *(("a shopping centre", "shopping centers"), ("moustache", "mustache")),
    ],
)
def test_both_spellings_are_one_word(british: str, american: str) -> None:
    assert normalise(british) == normalise(american)


@pytest.mark.parametrize(
    "word",
    [
        *("four", "hour", "tour", "flour", "sour", "court", "tower", "tire", "wire", "fire"),
        *("for", "tor", "acre", "ogre", "genre", "doctor", "anchor", "mirror", "water", "tiger"),
        *("cheque", "storey", "bull", "wall", "gallery", "pillow", "island", "prize", "size"),
        *("sunrise", "desire", "praise", "paper", "shoe", "canoe", "phoenix"),
    ],
)
def test_no_other_word_is_broken(word: str) -> None:
    assert one_spelling(word) == word


@given(st.sampled_from(sorted(word_forms().spellings)) | st.text("abceilorsuyz", max_size=9))
def test_doing_it_twice_changes_nothing(word: str) -> None:
    assert one_spelling(one_spelling(word)) == one_spelling(word)


def test_a_word_of_a_pair_means_the_same() -> None:
    """Both spellings have a synset in common, wherever both are nouns."""
    net = wordnet()
    for word, other in word_forms().spellings.items():
        if net.has_word(word) and net.has_word(other):
            assert set(net.synsets(word)) & set(net.synsets(other)), (word, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("street light", "streetlight"), ("ice-cream", "ice cream"), ("icecream", "ice cream")),
        *(("sea gulls", "seagull"), ("hotdog", "hot dog"), ("t-shirt", "tshirt")),
        *(("cell phone", "cellphone"), ("fireengine", "fire engine"), ("x-ray", "xray")),
    ],
)
def test_compounds_apart_and_joined_are_one_word(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


def test_what_only_describes_is_not_joined() -> None:
    assert normalise("leather jacket") == "leather jacket"
    assert normalise("leatherjacket") == "leatherjacket"
    assert wordnet().synsets("leather jacket") == ()
