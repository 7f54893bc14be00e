"""Label maps and masks as programs write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from annotator.core.images import ImageUnreadable
from annotator.core.label_maps import load_labels, load_mask

LABELS = np.array([[0, 1, 2], [3, 11, 255]], np.uint8)


def save(path: Path, image: Image.Image) -> Path:
    image.save(path)
    return path


def with_palette() -> Image.Image:
    image = Image.fromarray(LABELS, "P")
    # The colours say nothing: class 1 is black here.
    image.putpalette([9, 9, 9, 0, 0, 0, *([7, 8, 9] * 254)])
    return image


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(LABELS),
        with_palette(),
        Image.fromarray(np.dstack([LABELS] * 3)),
        Image.fromarray(LABELS.astype(np.uint16)),
        Image.fromarray(np.dstack([LABELS, LABELS // 2]), "LA"),
    ],
    ids=["grey", "palette", "grey in colours", "16 bits", "transparent"],
)
def test_the_numbers_are_read(tmp_path: Path, image: Image.Image) -> None:
    found = load_labels(save(tmp_path / "a.png", image))
    assert found.dtype == np.int32
    assert found.tolist() == LABELS.tolist()
    assert load_mask(tmp_path / "a.png").tolist() == (LABELS != 0).tolist()


def test_one_bit_is_a_mask(tmp_path: Path) -> None:
    truth = np.array([[True, False], [False, True]])
    path = save(tmp_path / "a.png", Image.fromarray(truth))
    assert load_mask(path).tolist() == truth.tolist()
    assert load_labels(path).tolist() == truth.astype(int).tolist()


def test_a_coloured_mask_is_what_is_not_black(tmp_path: Path) -> None:
    pixels = np.zeros((1, 3, 4), np.uint8)
    pixels[0, 0, 2] = 1
    pixels[..., 3] = 255
    path = save(tmp_path / "a.png", Image.fromarray(pixels))
    assert load_mask(path).tolist() == [[True, False, False]]
    with pytest.raises(ImageUnreadable, match="in colour"):
        load_labels(path)


def test_what_is_no_map(tmp_path: Path) -> None:
    path = save(tmp_path / "a.tiff", Image.fromarray(np.full((2, 2), 0.5, np.float32)))
    with pytest.raises(ImageUnreadable, match="fractions"):
        load_labels(path)
    (tmp_path / "b.png").write_bytes(b"no picture")
    for read in (load_labels, load_mask):
        with pytest.raises(ImageUnreadable):
            read(tmp_path / "b.png")
        with pytest.raises(ImageUnreadable, match="not there"):
            read(tmp_path / "c.png")
