"""What the pipeline knows of a model that is being fine-tuned: numbers in, numbers out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, get_args

from annotator.backends.protocols import Floats, Pixels
from annotator.core.errors import AnnotatorError

Loss = Literal["distill", "tag"]
#: How pseudo tags are chosen among the words of a text: above the largest gap of their best
#: pixels (TTD, eq. 2), above that of the image scores (eq. 1), or all of them (table 5b).
Pseudo = Literal["gap", "image", "given"]

LOSSES: tuple[str, ...] = get_args(Loss)
PSEUDO: tuple[str, ...] = get_args(Pseudo)


@dataclass(frozen=True, slots=True)
class Training:
    """How a model is fine-tuned; the defaults are those of TTD, table 6.

    ``size``: sides of the crops it sees, in pixels. ``rank`` and ``alpha``: of the LoRA, see
    ``backends.ttd_lora``. ``losses``: those that are trained, equations 4 and 5; what is left out
    is measured only. ``pseudo``: how tags are selected. ``seed``: of the first LoRA weights.
    Raises AnnotatorError for a value that is not offered.
    """

    size: int = 448
    rank: int = 5
    alpha: int = 10
    learning_rate: float = 1e-4
    weight_decay: float = 5e-5
    losses: tuple[Loss, ...] = ("distill", "tag")
    pseudo: Pseudo = "gap"
    seed: int = 0

    def __post_init__(self) -> None:
        if not 16 <= self.size <= 2048:
            raise AnnotatorError(f"The crop size is {self.size}: it must be 16 to 2048 pixels.")
        if not 1 <= self.rank <= 256:
            raise AnnotatorError(f"The rank of the LoRA is {self.rank}: it must be 1 to 256.")
        if not 1 <= self.alpha <= 1024:
            raise AnnotatorError(f"The alpha of the LoRA is {self.alpha}: it must be 1 to 1024.")
        if not 0.0 < self.learning_rate <= 1.0:
            raise AnnotatorError(
                f"The learning rate is {self.learning_rate}: it must be above 0, up to 1."
            )
        if not 0.0 <= self.weight_decay <= 1.0:
            raise AnnotatorError(f"The weight decay is {self.weight_decay}: it must be 0 to 1.")
        if not self.losses or len(set(self.losses)) != len(self.losses):
            raise AnnotatorError(f"Choose one or both of the losses {' and '.join(LOSSES)}.")
        for loss in self.losses:
            if loss not in LOSSES:
                raise AnnotatorError(f"There is no loss {loss}: choose of {', '.join(LOSSES)}.")
        if self.pseudo not in PSEUDO:
            raise AnnotatorError(
                f"There is no way {self.pseudo} to select tags: choose one of {', '.join(PSEUDO)}."
            )


class Distiller(Protocol):
    """A model in text-tag self-distillation. Every list of a call has one entry a pair."""

    @property
    def id(self) -> str:
        """Of the model as it was before."""
        ...

    @property
    def parameters(self) -> int:
        """How many numbers are trained."""
        ...

    @property
    def fallback(self) -> str:
        """What was done instead of what was asked, in one sentence; "" for nothing."""
        ...

    def similarities(self, images: Sequence[Pixels], texts: Sequence[str]) -> Floats:
        """float32[n] in [-1, 1]: the cosine of each image (any size, squeezed into the crop's
        square) with its text, by which pairs are pruned (TTD, A.1; the image is equation 1's)."""
        ...

    def step(
        self,
        images: Sequence[Pixels],
        texts: Sequence[str],
        tags: Sequence[Sequence[str]],
        given: Sequence[bool] = (),
    ) -> Mapping[str, float]:
        """One step of the optimiser over a batch. ``images``: uint8[size, size, 3]; ``tags``: the
        candidates of each text; ``given``: where all of them are known to be there, nothing is
        selected among them (() for nowhere). Returns "loss", "distill" and "tag" of the batch
        before the step, "selected" (tags a text) and "grad_norm". Raises AnnotatorError when one
        image alone does not fit the memory, or the loss is no number."""
        ...

    def validate(
        self,
        images: Sequence[Pixels],
        texts: Sequence[str],
        tags: Sequence[Sequence[str]],
        given: Sequence[bool] = (),
    ) -> Mapping[str, float]:
        """As ``step`` without changing anything, and without "grad_norm"."""
        ...

    def save(self, folder: Path) -> None:
        """All that training needs to go on from here exactly; the folder appears whole or not at
        all, and replaces one of that name. Raises AnnotatorError when it cannot be written."""
        ...

    def load(self, folder: Path) -> None:
        """Goes back to what ``save`` wrote. Raises AnnotatorError for what is no checkpoint of
        this model and training."""
        ...

    def export(self, folder: Path) -> None:
        """What was trained as a pack's ``adapter``; whole or not at all, as ``save``."""
        ...
