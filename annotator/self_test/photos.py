"""Twenty photos: the samples of the demo, and ten that are made of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from annotator.backends.protocols import Pixels
from annotator.core import images
from annotator.core.errors import AnnotatorError
from annotator.pipeline import demo

COUNT = 20


def _mirrored(pixels: Pixels) -> Pixels:
    return pixels[:, ::-1]


def _middle(pixels: Pixels) -> Pixels:
    """Three quarters of each side, of the middle."""
    height, width = pixels.shape[0] // 8, pixels.shape[1] // 8
    return pixels[height:-height, width:-width]


#: Name -> what it is made of, and how. Names that have been trouble: spaces, letters outside
#: ASCII, an accent of its own (e and U+0301), folders.
_MADE: dict[str, tuple[str, Callable[[Pixels], Pixels]]] = {
    "mirrored/cat 猫.jpg": ("cat.jpg", _mirrored),
    "mirrored/café cre\u0301me.png": ("coffee.jpg", _mirrored),
    "mirrored/Motorrad für zwei.jpg": ("motorcycle.jpg", _mirrored),
    "mirrored/дворец.jpg": ("palace.jpg", _mirrored),
    "mirrored/rocket 🚀.jpg": ("rocket.jpg", _mirrored),
    "из середины/cat & co.jpg": ("cat.jpg", _middle),
    "из середины/flower #1 100%.png": ("flower.jpg", _middle),
    "из середины/lake 'quoted'.jpg": ("lake.jpg", _middle),
    "из середины/photographer.JPG": ("photographer.jpg", _middle),
    "из середины/shuttle.jpg": ("shuttle.jpg", _middle),
}


def save(folder: Path) -> None:
    """Write the photos into ``folder``, the same bytes wherever the same libraries do it. Raises
    AnnotatorError where the samples are not installed or the disk takes no such names."""
    for _ in demo.save_photos(folder):
        pass
    for name, (source, change) in _MADE.items():
        pixels = change(images.load(folder / source))
        ending = Path(name).suffix.lower()
        _, data = cv2.imencode(ending, np.ascontiguousarray(pixels[:, :, ::-1]))
        target = folder / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data.tobytes())
        except (OSError, UnicodeError) as error:
            raise AnnotatorError(
                f"A photo named {name!a} cannot be written to {folder} ({error}): use a disk, and "
                "a locale, that take such names."
            ) from error
