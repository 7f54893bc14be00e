"""Pixels that two masks claim, by hand."""

import numpy as np
import pytest

from annotator.core.overlaps import Claim, Settled, distinct, resolve

CAT, DOG, FACE, PERSON = 1, 2, 3, 4


def related(a: int, b: int) -> bool:
    return {a, b} == {FACE, PERSON}


def row(*values: int) -> np.ndarray:
    return np.array([values], bool)


def strength(*values: float) -> np.ndarray:
    return np.array([values], np.float32)


def bits(mask: np.ndarray) -> list[int]:
    return mask.astype(int).ravel().tolist()


def test_each_shared_pixel_goes_to_the_more_similar_tag() -> None:
    cat = Claim(CAT, row(1, 1, 1, 1, 0, 0), strength(0.9, 0.8, 0.7, 0.6, 0.2, 0.1))
    dog = Claim(DOG, row(0, 1, 1, 1, 1, 1), strength(0.1, 0.2, 0.7, 0.9, 0.9, 0.9))
    before = cat.mask.copy(), dog.mask.copy()
    first, second = resolve([cat, dog], related)
    # Pixel 1 is the cat's; at 2 both are equal, so the earlier has it; 3 is the dog's.
    assert bits(first.mask) == [1, 1, 1, 0, 0, 0]
    assert bits(second.mask) == [0, 0, 0, 1, 1, 1]
    assert first.settled == (Settled(1, 2, "kept"), Settled(1, 1, "lost"))
    assert second.settled == (Settled(0, 2, "lost"), Settled(0, 1, "kept"))
    assert np.array_equal(cat.mask, before[0])
    assert np.array_equal(dog.mask, before[1])


def test_a_tag_above_the_other_and_a_part_stay() -> None:
    low, high = strength(*[0.2] * 10), strength(*[0.9] * 10)
    person = Claim(PERSON, row(1, 1, 1, 1, 1, 0, 0, 0, 0, 0), low)
    face = Claim(FACE, row(0, 0, 0, 1, 1, 1, 1, 0, 0, 0), high)
    for one, other in ((person, face), (face, person)):
        found = resolve([one, other], related)
        assert [bits(r.mask) for r in found] == [bits(one.mask), bits(other.mask)]
        assert [r.settled for r in found] == [
            (Settled(1, 2, "nested"),),
            (Settled(0, 2, "nested"),),
        ]


@pytest.mark.parametrize(("inside", "nested"), [(9, True), (8, False)])
def test_nine_tenths_inside_is_a_part(inside: int, nested: bool) -> None:
    large, small = np.zeros((1, 40), bool), np.zeros((1, 40), bool)
    large[0, :20] = True
    small[0, 20 - inside : 30 - inside] = True
    found = resolve(
        [
            Claim(DOG, large, np.full((1, 40), 0.9, np.float32)),
            Claim(CAT, small, np.full((1, 40), 0.5, np.float32)),
        ],
        related,
    )
    assert found[1].settled[0].given == ("nested" if nested else "lost")
    assert found[1].mask.sum() == (10 if nested else 2)
    assert found[0].mask.sum() == 20


@pytest.mark.parametrize(("shared", "given"), [(7, "nested"), (6, "kept")])
def test_two_names_for_one_thing_stay_whole(shared: int, given: str) -> None:
    """Ten pixels each: 7 of 13 are more than half, 6 of 14 are not."""
    cat, dog = np.zeros((1, 20), bool), np.zeros((1, 20), bool)
    cat[0, :10] = dog[0, 10 - shared : 20 - shared] = True
    first, second = resolve(
        [
            Claim(CAT, cat, np.full((1, 20), 0.6, np.float32)),
            Claim(DOG, dog, np.full((1, 20), 0.4, np.float32)),
        ],
        related,
    )
    assert first.settled == (Settled(1, shared, given),)
    assert first.mask.sum() == 10
    assert second.mask.sum() == (10 if given == "nested" else 10 - shared)


def test_what_a_person_accepted_never_changes() -> None:
    accepted = Claim(DOG, row(1, 1, 1, 0, 0), None)
    machine = Claim(CAT, row(0, 1, 1, 1, 1), strength(1, 1, 1, 1, 1))
    for claims in ([accepted, machine], [machine, accepted]):
        found = {c.synset: r for c, r in zip(claims, resolve(claims, related), strict=True)}
        assert bits(found[DOG].mask) == [1, 1, 1, 0, 0]
        assert bits(found[CAT].mask) == [0, 0, 0, 1, 1]
        assert [(s.pixels, s.given) for s in found[CAT].settled] == [(2, "lost")]
    other = Claim(CAT, row(0, 1, 1, 1, 1), None)
    assert [bits(r.mask) for r in resolve([accepted, other], related)] == [
        bits(accepted.mask),
        bits(other.mask),
    ]


def test_three_claims_of_one_pixel_have_one_winner() -> None:
    claims = [
        Claim(CAT, row(1, 1, 0, 0), strength(0.9, 0.3, 0, 0)),
        Claim(DOG, row(0, 1, 1, 0), strength(0, 0.5, 0.9, 0)),
        Claim(PERSON, row(0, 1, 0, 1), strength(0, 0.4, 0, 0.9)),
    ]
    assert [bits(r.mask) for r in resolve(claims, related)] == [
        [1, 0, 0, 0],
        [0, 1, 1, 0],
        [0, 0, 0, 1],
    ]


def test_masks_of_one_tag_share_nothing() -> None:
    claims = [
        Claim(CAT, row(1, 1, 1, 0), strength(0.9, 0.8, 0.3, 0.1)),
        Claim(CAT, row(0, 1, 1, 1), strength(0.1, 0.2, 0.7, 0.9)),
    ]
    assert [bits(r.mask) for r in resolve(claims, related)] == [[1, 1, 0, 0], [0, 0, 1, 1]]


def test_nothing_shared_is_nothing_told() -> None:
    empty = Claim(DOG, row(0, 0, 0, 0), strength(1, 1, 1, 1))
    apart = Claim(CAT, row(1, 0, 1, 0), strength(1, 1, 1, 1))
    between = Claim(PERSON, row(0, 1, 0, 1), strength(1, 1, 1, 1))
    found = resolve([empty, apart, between], related)
    assert [r.settled for r in found] == [(), (), ()]
    assert resolve([], related) == ()


def test_one_thing_found_twice_is_one() -> None:
    big, same, part, apart = (np.zeros((10, 10), bool) for _ in range(4))
    big[:5] = same[:5] = part[2:4, :5] = apart[6:] = True
    part[5, :5] = True
    assert distinct([big, same, apart, np.zeros((10, 10), bool)]) == [0, 2]
    assert distinct([big, part]) == [0, 1]  # two thirds of it, not four fifths
