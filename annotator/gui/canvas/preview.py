"""A mask that is not kept yet, and what it is a mask of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from annotator.core.records import Image, Region, Rle
from annotator.gui.canvas.frame import Frame
from annotator.gui.canvas.layers import Outline


@dataclass(frozen=True, slots=True)
class Preview:
    """``prompt``: what was asked for it, as it is kept with the region. ``replaces``: the region
    whose correction it is. ``threshold``: None where no heatmap was cut."""

    image_id: int
    synset_id: int
    rle: Rle
    outline: Outline
    area: int
    threshold: float | None
    prompt: Mapping[str, Any] = field(default_factory=dict)
    replaces: int | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """What a mask is asked for: a tag on a decoded image, or the correction of ``region``."""

    image: Image
    frame: Frame
    synset_id: int
    region: Region | None = None

    @property
    def key(self) -> tuple[int, str | None, int, int | None]:
        """What makes it another one; a new verdict on its region does not."""
        region = None if self.region is None else self.region.id
        return self.image.id, self.image.hash, self.synset_id, region
