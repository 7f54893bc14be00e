"""The losses of TTD against values worked out by hand on maps of 2x2, and where gradients flow."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.backends import ttd_losses
from annotator.backends.device import device

DEVICES = ["cpu", *(["cuda"] if device() == "cuda" else [])]

# Two tags: norm() of the first is [[0, 1/3], [2/3, 1]], of the second [[1, 0], [0, 0]].
TAGS = [[[0.1, 0.2], [0.3, 0.4]], [[0.5, 0.0], [0.0, 0.0]]]
TEXT = [[0.5, 0.5], [0.5, 0.5]]


@pytest.fixture(params=DEVICES)
def where(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def flags(*rows: list[int], where: str = "cpu") -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.bool, device=where)


def maps(rows: object, where: str = "cpu") -> torch.Tensor:
    return torch.tensor([rows], device=where, dtype=torch.float32).requires_grad_()


def test_similarity_is_the_cosine_of_each_pixel_with_each_text_of_its_own_image(where: str) -> None:
    pixels = torch.tensor([[[[1.0, 0.0], [0.6, 0.8]]], [[[0.0, 1.0], [0.0, -1.0]]]], device=where)
    texts = torch.tensor([[[0.0, 1.0], [1.0, 0.0]], [[0.0, 1.0], [0.6, 0.8]]], device=where)
    found = ttd_losses.similarity(pixels, texts)
    expected = [[[[0.0, 0.8]], [[1.0, 0.6]]], [[[1.0, -1.0]], [[0.8, -0.8]]]]
    torch.testing.assert_close(found, torch.tensor(expected, device=where))


def test_min_max_takes_each_map_alone_to_zero_and_one(where: str) -> None:
    found = ttd_losses.min_max(maps(TAGS, where))
    expected = [[[[0.0, 1 / 3], [2 / 3, 1.0]], [[1.0, 0.0], [0.0, 0.0]]]]
    torch.testing.assert_close(found, torch.tensor(expected, device=where))


@pytest.mark.parametrize("value", [0.0, 0.3, -0.7])
def test_a_constant_map_becomes_zero_and_gives_no_nan(value: float, where: str) -> None:
    flat = torch.full((1, 1, 2, 2), value, device=where, requires_grad=True)
    text = maps(TEXT, where)
    assert torch.equal(ttd_losses.min_max(flat), torch.zeros_like(flat))
    loss = ttd_losses.total(text, flat, flags([1], where=where), flags([1], where=where))
    loss.backward()
    assert loss.item() == pytest.approx(0.25 + value**2)
    assert flat.grad is not None
    assert flat.grad.isfinite().all()


def test_the_union_is_the_highest_of_the_selected_maps_once_normalised(where: str) -> None:
    both = ttd_losses.union(maps(TAGS, where), flags([1, 1], where=where))
    first = ttd_losses.union(maps(TAGS, where), flags([1, 0], where=where))
    none = ttd_losses.union(maps(TAGS, where), flags([0, 0], where=where))
    torch.testing.assert_close(both.tolist(), [[[1.0, 1 / 3], [2 / 3, 1.0]]])
    torch.testing.assert_close(first.tolist(), [[[0.0, 1 / 3], [2 / 3, 1.0]]])
    assert not none.any()


def test_distill_by_hand(where: str) -> None:
    both = ttd_losses.distill(maps(TEXT, where), maps(TAGS, where), flags([1, 1], where=where))
    # differences to the union: -1/2, 1/6, -1/6, -1/2
    assert both.item() == pytest.approx((1 / 4 + 1 / 36 + 1 / 36 + 1 / 4) / 4)
    one = ttd_losses.distill(maps(TEXT, where), maps(TAGS, where), flags([0, 1], where=where))
    assert one.item() == pytest.approx(1 / 4)


def test_tag_by_hand(where: str) -> None:
    selected, valid = flags([1, 0], where=where), flags([1, 1], where=where)
    loss = ttd_losses.tag(maps(TAGS, where), selected, valid)
    # the first to its normalised map, the second to zero; summed over the tags
    first = (0.1**2 + (0.2 - 1 / 3) ** 2 + (0.3 - 2 / 3) ** 2 + 0.6**2) / 4
    assert loss.item() == pytest.approx(first + 0.5**2 / 4)


def test_total_is_the_plain_sum(where: str) -> None:
    text, tags = maps(TEXT, where), maps(TAGS, where)
    selected, valid = flags([1, 0], where=where), flags([1, 1], where=where)
    parts = ttd_losses.distill(text, tags, selected) + ttd_losses.tag(tags, selected, valid)
    assert ttd_losses.total(text, tags, selected, valid).item() == pytest.approx(parts.item())


def test_distill_gives_no_gradient_to_the_tags(where: str) -> None:
    text, tags = maps(TEXT, where), maps(TAGS, where)
    ttd_losses.distill(text, tags, flags([1, 1], where=where)).backward()
    assert tags.grad is None
    # d/dx of the mean square: (x - union) / 2
    assert text.grad is not None
    torch.testing.assert_close(text.grad.tolist(), [[[-1 / 4, 1 / 12], [-1 / 12, -1 / 4]]])


def test_tag_gives_no_gradient_through_norm(where: str) -> None:
    tags = maps(TAGS, where)
    ttd_losses.tag(tags, flags([1, 0], where=where), flags([1, 1], where=where)).backward()
    assert tags.grad is not None
    # (x - constant) / 2; through norm() the lowest and highest pixel would get more
    expected = [[[0.05, -1 / 15], [-11 / 60, -0.3]], [[0.25, 0.0], [0.0, 0.0]]]
    torch.testing.assert_close(tags.grad.tolist(), [expected])


def test_gradients_reach_image_and_text_as_the_paper_says() -> None:
    """From the embeddings on: distill moves the text and the pixels, never the tags' texts."""
    torch.manual_seed(0)
    pixels = torch.nn.functional.normalize(torch.randn(1, 3, 4, 5), dim=-1).requires_grad_()
    text = torch.nn.functional.normalize(torch.randn(1, 1, 5), dim=-1).requires_grad_()
    tags = torch.nn.functional.normalize(torch.randn(1, 3, 5), dim=-1).requires_grad_()
    text_map = ttd_losses.similarity(pixels, text)[:, 0]
    tag_maps = ttd_losses.similarity(pixels, tags)
    ttd_losses.distill(text_map, tag_maps, flags([1, 0, 1])).backward()
    assert tags.grad is None
    assert pixels.grad is not None
    assert text.grad is not None
    constant = ttd_losses.union(tag_maps, flags([1, 0, 1])).detach()
    again = pixels.detach().clone().requires_grad_()
    alone = ttd_losses.similarity(again, text.detach())[:, 0]
    (alone - constant).square().mean().backward()
    assert again.grad is not None
    torch.testing.assert_close(pixels.grad, again.grad)  # nothing through the union


@pytest.mark.parametrize("padding", [0.9, float("nan"), float("inf")])
def test_padding_contributes_nothing(padding: float, where: str) -> None:
    rows = [*TAGS, [[padding, 0.1], [0.2, 0.3]]]
    text, padded, bare = maps(TEXT, where), maps(rows, where), maps(TAGS, where)
    chosen, there = flags([1, 0, 1], where=where), flags([1, 1, 0], where=where)
    loss = ttd_losses.total(text, padded, chosen, there)
    loss.backward()
    plain = ttd_losses.total(text, bare, flags([1, 0], where=where), flags([1, 1], where=where))
    plain.backward()
    assert loss.item() == pytest.approx(plain.item())
    assert padded.grad is not None
    assert bare.grad is not None
    assert not padded.grad[0, 2].any()
    assert torch.equal(padded.grad[:, :2], bare.grad)


def test_texts_of_different_length_count_alike(where: str) -> None:
    """A batch of two is the mean of both alone, however many tags each has."""
    text = torch.cat([maps(TEXT, where), maps(TAGS[0], where)])
    tags = torch.cat([maps(TAGS, where), maps([TAGS[1], TAGS[0]], where)])
    selected, valid = flags([1, 1], [1, 0], where=where), flags([1, 1], [1, 0], where=where)
    alone = [
        ttd_losses.total(text[i : i + 1], tags[i : i + 1], selected[i : i + 1], valid[i : i + 1])
        for i in (0, 1)
    ]
    together = ttd_losses.total(text, tags, selected, valid)
    assert together.item() == pytest.approx((alone[0] + alone[1]).item() / 2)


def test_no_tag_selected_leaves_the_text_alone_and_draws_the_tags_to_zero(where: str) -> None:
    text, tags = maps(TEXT, where), maps(TAGS, where)
    selected, valid = flags([0, 0], where=where), flags([1, 1], where=where)
    loss = ttd_losses.total(text, tags, selected, valid)
    loss.backward()
    assert loss.item() == pytest.approx((0.01 + 0.04 + 0.09 + 0.16 + 0.25) / 4)
    assert text.grad is not None
    assert not text.grad.any()


def test_a_text_without_tags_gives_zero(where: str) -> None:
    tags = torch.full((1, 2, 2, 2), 0.4, device=where, requires_grad=True)
    nothing = flags([0, 0], where=where)
    loss = ttd_losses.total(maps(TEXT, where), tags, nothing, nothing)
    loss.backward()
    assert loss.item() == 0
    assert tags.grad is not None
    assert not tags.grad.any()


def plain_gap(scores: list[float]) -> list[bool]:
    """Sorted down, cut below the first largest difference; all when nothing differs."""
    order = sorted(scores, reverse=True)
    gaps = [a - b for a, b in pairwise(order)]
    if not gaps or max(gaps) == 0:
        return [True] * len(scores)
    cut = order[gaps.index(max(gaps))]
    return [score >= cut for score in scores]


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([0.2, 0.9, 0.85, 0.1], [0, 1, 1, 0]),
        ([0.75, 0.5, 0.25], [1, 0, 0]),  # equal gaps: the higher one
        ([0.3], [1]),
        ([0.3, 0.3, 0.3], [1, 1, 1]),
        ([-0.5, -0.1], [0, 1]),
    ],
)
def test_the_largest_gap_divides(scores: list[float], expected: list[int], where: str) -> None:
    found = ttd_losses.largest_gap(
        torch.tensor([scores], device=where), flags([1] * len(scores), where=where)
    )
    assert found.tolist() == [[bool(one) for one in expected]]


# Multiples of 1/64: their differences are exact, so that equal gaps are equal in both.
SCORES = st.lists(st.integers(-64, 64).map(lambda n: n / 64), min_size=1, max_size=8)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(SCORES, st.randoms(use_true_random=False)), min_size=1, max_size=4))
def test_the_largest_gap_agrees_with_a_plain_one(rows: list) -> None:
    """Any padding, anywhere among the tags, with any score."""
    scores, valid = torch.full((len(rows), 12), 7.0), torch.zeros(len(rows), 12, dtype=torch.bool)
    expected = torch.zeros_like(valid)
    for i, (row, chance) in enumerate(rows):
        places = sorted(chance.sample(range(12), len(row)))
        scores[i, places] = torch.tensor(row)
        valid[i, places] = True
        expected[i, places] = torch.tensor(plain_gap(row))
    assert torch.equal(ttd_losses.largest_gap(scores, valid), expected)


def test_pixel_scores_take_the_best_pixel() -> None:
    torch.testing.assert_close(ttd_losses.pixel_scores(maps(TAGS)).tolist(), [[0.4, 0.5]])
