"""Images on their way to a model that is fine-tuned: decoded, cut and put into batches, ahead."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from annotator.backends.protocols import Pixels
from annotator.core import images
from annotator.core.records import Failure
from annotator.pipeline import finetune_data
from annotator.pipeline.ahead import ahead
from annotator.pipeline.files import failure, image_path, require_folder
from annotator.pipeline.finetune_data import Pair
from annotator.pipeline.finetune_options import FinetuneOptions
from annotator.project.project import Project


@dataclass(slots=True)
class Seen:
    """A pair with what is looked at of its image; None, with the reason, where it does not
    decode."""

    pair: Pair
    pixels: Pixels | None
    failed: Failure | None = None


@dataclass(slots=True)
class Batch:
    """Pairs that a model gets together. The lists are of those whose image decoded."""

    seen: list[Seen]

    @property
    def pairs(self) -> list[Pair]:
        return [one.pair for one in self.seen if one.pixels is not None]

    @property
    def pixels(self) -> list[Pixels]:
        return [one.pixels for one in self.seen if one.pixels is not None]

    @property
    def texts(self) -> list[str]:
        return [one.text for one in self.pairs]

    @property
    def tags(self) -> list[tuple[str, ...]]:
        return [one.tags for one in self.pairs]

    @property
    def given(self) -> list[bool]:
        return [one.given for one in self.pairs]

    @property
    def failures(self) -> list[Failure]:
        return [one.failed for one in self.seen if one.failed is not None]


T = TypeVar("T")
Batches = Generator[Batch, None, None]


def whole(project: Project, pairs: Sequence[Pair], options: FinetuneOptions) -> Batches:
    """The pairs in order, their images squeezed into the square."""
    side = options.size

    def look(item: tuple[int, Pair]) -> tuple[int, Seen]:
        place, pair = item
        seen = _look(project, pair, lambda pixels: finetune_data.squeeze(pixels, side, side))
        return place // options.batch, seen

    return _batched(project, look, enumerate(pairs), options)


def middles(project: Project, pairs: Sequence[Pair], options: FinetuneOptions) -> Batches:
    """The pairs in order, their images cut as a check sees them."""

    def cut(pixels: Pixels) -> Pixels:
        return finetune_data.middle_crop(pixels, options.size, options.resize)

    def look(item: tuple[int, Pair]) -> tuple[int, Seen]:
        place, pair = item
        return place // options.batch, _look(project, pair, cut)

    return _batched(project, look, enumerate(pairs), options)


def epochs(project: Project, pairs: Sequence[Pair], options: FinetuneOptions, done: int) -> Batches:
    """The batches of all epochs after the first ``done`` ones, shuffled and cut at random."""

    def places() -> Generator[tuple[int, int, int], None, None]:
        step = 0
        for epoch in range(options.epochs):
            order = finetune_data.order(len(pairs), options.seed, epoch)
            for first in range(0, len(order), options.batch):
                step += 1
                if step > done:
                    yield from ((step, epoch, i) for i in order[first : first + options.batch])

    def look(item: tuple[int, int, int]) -> tuple[int, Seen]:
        step, epoch, index = item
        seed = (options.seed, epoch, index)

        def cut(pixels: Pixels) -> Pixels:
            return finetune_data.random_crop(pixels, options.size, options.resize, seed)

        return step, _look(project, pairs[index], cut)

    return _batched(project, look, places(), options)


def _batched(
    project: Project,
    look: Callable[[T], tuple[int, Seen]],
    items: Iterable[T],
    options: FinetuneOptions,
) -> Batches:
    """What ``look`` gives of the items, those of the same number together. Raises AnnotatorError
    when the whole folder is gone."""
    with closing(ahead(look, items, 2 * options.batch)) as seen:
        for _, batch in groupby(seen, key=lambda one: one[0]):
            found = Batch([one for _, one in batch])
            if found.failures:
                require_folder(project)
            yield found


def _look(project: Project, pair: Pair, cut: Callable[[Pixels], Pixels]) -> Seen:
    try:
        return Seen(pair, cut(images.load(image_path(project, pair.image))))
    except images.ImageUnreadable as error:
        return Seen(pair, None, failure(pair.image, error))
