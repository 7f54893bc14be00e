"""The toy world of the TTD benchmark is right, and the benchmark runs from end to end."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import ttd_toy
import ttd_toy_clip
import ttd_toy_scenes as toy
import ttd_toy_tables

from annotator.core.text_words import words


@pytest.fixture(scope="module")
def web() -> list[toy.Scene]:
    return toy.scenes(150, seed=5)


@pytest.fixture(scope="module")
def full() -> list[toy.Scene]:
    return toy.scenes(150, seed=6, habits=toy.FULL)


def test_scenes_are_the_same_for_the_same_seed(web: list[toy.Scene]) -> None:
    again, other = toy.scenes(3, seed=5), toy.scenes(3, seed=4)
    for one, same, different in zip(web[:3], again, other, strict=True):
        assert one.caption == same.caption
        assert np.array_equal(one.image, same.image)
        assert np.array_equal(one.shows, same.shows)
        assert not np.array_equal(one.image, different.image)


@pytest.mark.parametrize("kind", range(len(toy.OBJECTS)))
def test_an_object_is_painted_exactly_where_its_mask_is(kind: int) -> None:
    """On black, which is no colour of any kind, whatever was painted is seen."""
    image = np.zeros((toy.SIZE, toy.SIZE, 3), np.float32)
    shows = np.full((toy.SIZE, toy.SIZE), 255, np.uint8)
    toy._paint(np.random.default_rng(kind), image, shows, kind, toy.RADII[0])
    assert np.array_equal(image.any(axis=2), shows == kind)
    assert (shows == kind).sum() > 100


def test_no_two_kinds_look_alike() -> None:
    assert len({toy.look(kind)[1:] for kind in range(len(toy.OBJECTS))}) == len(toy.OBJECTS)


def test_the_pixels_of_a_mask_have_the_colours_of_its_word(full: list[toy.Scene]) -> None:
    """Between the darkest and the brightest light, give or take three deviations of the noise."""

    def share(pixels: np.ndarray, palette: int) -> float:
        colours = toy.PALETTES[palette]
        inside = (pixels >= 0.63 * colours - 21) & (pixels <= 1.36 * colours + 21)
        return float(inside.all(axis=2).any(axis=1).mean())

    right, wrong = [], []
    for scene in full[:40]:
        for kind in set(np.unique(scene.shows).tolist()) & set(range(len(toy.OBJECTS))):
            pixels = scene.image[scene.shows == kind][:, None].astype(float)
            own = toy.look(kind)[2]
            right.append(share(pixels, own))
            wrong += [share(pixels, palette) for palette in range(8) if palette != own]
    assert min(right) > 0.95
    assert np.mean(wrong) < 0.5


def test_masks_share_out_the_image(full: list[toy.Scene]) -> None:
    for scene in full:
        masks = np.stack([scene.mask(word) for word in toy.WORDS])
        assert np.array_equal(masks.sum(axis=0), np.ones(scene.shows.shape))
        named = np.stack([scene.mask(word) for word in scene.true])
        assert np.array_equal(scene.text_mask(), named.sum(axis=0) > 0)
        assert not scene.mask("beautiful").any()


def test_captions_name_what_is_there(web: list[toy.Scene], full: list[toy.Scene]) -> None:
    for scene in [*web, *full]:
        found = words(scene.caption)
        assert set(found) & set(toy.WORDS) == set(scene.true) | set(scene.false)
        assert all(scene.mask(word).sum() >= 30 for word in scene.true)
        assert not any(scene.mask(word).any() for word in scene.false)
        assert set(found) <= set(toy.VOCABULARY)
    assert {len(scene.true) for scene in full} == {2, 3, 4, 5}
    assert 0.05 < np.mean([bool(scene.false) for scene in full]) < 0.3


def test_captions_are_about_the_largest_object(web: list[toy.Scene]) -> None:
    def objects(scene: toy.Scene) -> list[int]:
        found, areas = np.unique(scene.shows, return_counts=True)
        pairs = sorted(zip(-areas, found, strict=True))
        return [int(kind) for _, kind in pairs if kind < len(toy.OBJECTS)]

    ranks = [[toy.WORDS[kind] in one.true for kind in objects(one)[:3]] for one in web]
    first, second, third = (np.mean([row[i] for row in ranks if len(row) > i]) for i in range(3))
    assert first > 0.9 > second > third


def test_every_word_has_a_token() -> None:
    tokens = ttd_toy_clip.tokenizer()
    ids = [tokens(word)["input_ids"] for word in toy.VOCABULARY]
    assert all(len(one) == 3 for one in ids)
    assert len({one[1] for one in ids}) == len(ids)
    assert tokens.unk_token_id not in {one[1] for one in ids}


def test_a_perfect_text_map_has_no_errors(full: list[toy.Scene]) -> None:
    """Cells that are the truth at the size of the image: CaptionIoU and mIoU are 100."""
    scenes = full[:20]
    table = np.eye(len(toy.WORDS), dtype=np.float32)
    said = ttd_toy_tables.Said(
        scenes,
        np.stack([table[one.shows] for one in scenes]),
        np.stack([table[[toy.WORDS.index(word) for word in one.true]].sum(0) for one in scenes]),
        dict(zip(toy.WORDS, table, strict=True)),
        100.0,
    )
    row = ttd_toy_tables.text_level(said, 0.5)
    assert row == pytest.approx({"CaptionIoU": 100, "mFPR": 0, "mFNR": 0})
    assert ttd_toy_tables.tag_level(said) == pytest.approx(100)


def test_it_runs_from_end_to_end(capsys: pytest.CaptureFixture[str]) -> None:
    found = ttd_toy.run(0, ttd_toy.QUICK, say=lambda text: None)
    assert set(found) == {"base", *ttd_toy.VARIANTS}
    assert all(map(math.isfinite, _numbers(found)))
    base, tuned = found["base"]["selection"]["s_pixel"], found["TTD"]["selection"]
    assert set(base) == {"P", "R", "F1", "Acc", "mAP"}
    assert set(tuned) <= set(found["base"]["selection"])
    for one in found.values():
        assert sum(one["text"].values()) == pytest.approx(100)
    ttd_toy.report([found, found])
    printed = capsys.readouterr().out
    assert "s_pixel + TTD" in printed
    assert "CaptionIoU" in printed


def _numbers(found: object) -> Iterator[float]:
    if isinstance(found, dict):
        for value in found.values():
            yield from _numbers(value)
    else:
        assert isinstance(found, float)
        yield found
