"""The starter pack's eyes: one ImageNet classifier that tags images and grounds tags in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from annotator.backends.class_rows import ClassRows, classes
from annotator.backends.efficientnet import Network, network
from annotator.backends.protocols import Floats, Pixels, Sampling, TagText, TextEmbedder
from annotator.core.records import Answer, Proposed

if TYPE_CHECKING:
    from annotator.backends.registry import Pack, RoleSpec

#: The two looks of the grounder: longest side of the input in pixels, and the map's stride.
FINE, LARGE = (448, 16), (640, 32)
#: Length of the constant channel beside a pixel's features: what a plain background has.
#: Features much shorter than this are noise, and their cosine shrinks towards 0.
FLOOR = 15.0
#: Where half of a picture is as like a tag as this share of its peak, the thing fills the picture.
FILLED = 0.3


class ImageNetTagger:
    """Names what an image shows among the 1,000 ImageNet synsets. Deterministic: one sample."""

    def __init__(self, net: Network, model_id: str) -> None:
        self._net = net
        self._id = model_id
        self._classes = classes()

    @property
    def id(self) -> str:
        return self._id

    @property
    def batch(self) -> int:
        # More than 8 crops fall out of a CPU's cache and are slower a crop.
        return 8 if self._net.device == "cpu" else 64

    def prepare(self, image: Pixels) -> Pixels:
        """uint8[H, W, 3] -> uint8[edge, edge, 3]: the whole image, squashed to the network's
        square, so that nothing at the border is lost."""
        return squash(image, self._net.edge, self._net.edge)

    def answer(
        self,
        prepared: Sequence[Pixels],
        prompt: str,  # noqa: ARG002 - a classifier is not asked
        sampling: Sampling,
    ) -> list[list[Answer]]:
        """The ``sampling.top`` most probable classes of each prepared image; ties go to the lower
        class index."""
        answers: list[list[Answer]] = []
        for start in range(0, len(prepared), self.batch):
            rows = self._net.probabilities(np.stack(prepared[start : start + self.batch]))
            answers.extend([Answer(tuple(self._labels(row, sampling.top)))] for row in rows)
        return answers

    def propose(
        self, images: Sequence[Pixels], prompt: str, sampling: Sampling
    ) -> list[list[Answer]]:
        return self.answer([self.prepare(image) for image in images], prompt, sampling)

    def _labels(self, row: Floats, top: int) -> list[Proposed]:
        order = np.argsort(-row, kind="stable")[:top]
        return [
            Proposed(self._classes[i].name, (min(float(row[i]), 1.0),), self._classes[i].wordnet_id)
            for i in order
        ]


class ImageNetGrounder:
    """Where a tag is, from the same network: its last feature map against a row of its
    classifier (class activation mapping, Zhou et al. 2016, eq. 2), both at unit length, so that
    their dot product is the cosine of TTD, eq. 2.

    A pixel has one more channel, constant before it is brought to unit length, where every tag
    has 0: it keeps a plain background, whose features are short and point anywhere, near 0. Two
    looks at different sizes are averaged; the map is that of the first, at stride 16."""

    def __init__(self, net: Network, model_id: str, rows: ClassRows) -> None:
        self._net = net
        self._id = model_id
        self._rows = rows

    @property
    def id(self) -> str:
        return self._id

    @property
    def filled(self) -> float:
        return FILLED

    def pixels(self, image: Pixels) -> Floats:
        """float32[h, w, c + 1], unit norm; the longer side is 28 cells, the aspect is kept."""
        fine, large = self._look(image, *FINE), self._look(image, *LARGE)
        rows, columns = fine.shape[:2]
        return unit(fine + resize_map(large, rows, columns))

    def texts(self, tags: Sequence[TagText]) -> Floats:
        """float32[n, c + 1], unit norm; see ClassRows for a tag outside the 1,000 classes."""
        rows = self._rows.rows(tags)
        return np.pad(rows, ((0, 0), (0, 1)))

    def _look(self, image: Pixels, edge: int, stride: int) -> Floats:
        height, width = image.shape[:2]
        scale = edge / max(height, width) / 32
        rows, columns = (max(1, round(side * scale)) for side in (height, width))
        small = squash(image, rows * 32, columns * 32)
        found = self._net.features(small[None], stride)[0]
        return unit(np.pad(found, ((0, 0), (0, 0), (0, 1)), constant_values=FLOOR))

    def explain(self, tag: TagText) -> list[tuple[str, float]]:
        """(class name, weight) of the classes that a tag's row is made of, heaviest first; the
        weights sum to 1. One of 1.0: the tag is one of the 1,000 classes. See ClassRows for what
        speaks against a pixel."""
        return self._rows.explain(tag)


def squash(image: Pixels, height: int, width: int) -> Pixels:
    """The image at another size, aspect not kept: bicubic, averaging where it shrinks."""
    import torch

    # PyTorch refuses memory that it must not write to, though it only reads here.
    source = torch.from_numpy(image if image.flags.writeable else image.copy())
    resized = torch.nn.functional.interpolate(
        source.permute(2, 0, 1)[None], (height, width), mode="bicubic", antialias=True
    )
    return np.ascontiguousarray(resized[0].permute(1, 2, 0).numpy(), dtype=np.uint8)


def resize_map(values: Floats, rows: int, columns: int) -> Floats:
    """float32[h, w, c] -> float32[rows, columns, c], bilinear."""
    import torch

    source = torch.from_numpy(values).permute(2, 0, 1)[None]
    resized = torch.nn.functional.interpolate(source, (rows, columns), mode="bilinear")
    return np.ascontiguousarray(resized[0].permute(1, 2, 0).numpy(), dtype=np.float32)


def unit(vectors: Floats) -> Floats:
    """The same directions at length 1 along the last axis; a zero vector stays zero."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12), dtype=np.float32)


def tagger(spec: RoleSpec, pack: Pack) -> ImageNetTagger:  # noqa: ARG001 - a factory's signature
    return ImageNetTagger(_network(spec), spec.id)


def grounder(spec: RoleSpec, pack: Pack) -> ImageNetGrounder:
    net = _network(spec)
    embedder: Callable[[], TextEmbedder] | None = pack.embedder if pack.has("embedder") else None
    return ImageNetGrounder(net, spec.id, ClassRows(net.rows, embedder))


def _network(spec: RoleSpec) -> Network:
    from annotator.core.errors import AnnotatorError

    if spec.file is None:
        raise AnnotatorError(f"The {spec.role} {spec.model} needs a file key in its manifest.")
    return network(str(spec.options.get("network", spec.model)), spec.file.check())
