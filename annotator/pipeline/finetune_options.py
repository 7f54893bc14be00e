"""What a person can choose of fine-tuning, checked where it is made."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from annotator.backends.ttd_protocol import Loss, Pseudo, Training
from annotator.core.errors import AnnotatorError

#: What images are learnt with: their captions, their accepted tags, or pairs of both.
Text = Literal["captions", "tags", "both"]
TEXTS: tuple[str, ...] = get_args(Text)


@dataclass(frozen=True, slots=True)
class FinetuneOptions:
    """How a grounder is fine-tuned; the defaults are those of TTD, table 6.

    ``captions``: a CSV with the columns file and caption. ``prune``: leave out captions whose
    similarity with their image is not above the mean plus one deviation (A.1); accepted tags
    stay, a person has said them. ``losses``, ``pseudo``, ``size``, ``rank``, ``alpha`` (None:
    twice the rank): see ``Training``. ``resize``: least and most of the shorter side before a
    crop, in pixels. ``validation``: share of the images that are not trained on but looked at
    every ``checkpoint_every`` steps (None: five times an epoch, at least every 100 steps);
    ``patience``: after so many looks without a lower loss it stops, 0 for never. ``name``: of the
    pack that comes out, "" for that of the model's with -ttd. ``limit``: the first pairs only, to
    try something out. Raises AnnotatorError for a value that is not offered.
    """

    text: Text = "captions"
    captions: Path | None = None
    epochs: int = 1
    batch: int = 32
    learning_rate: float = 1e-4
    weight_decay: float = 5e-5
    prune: bool = True
    losses: tuple[Loss, ...] = ("distill", "tag")
    pseudo: Pseudo = "gap"
    seed: int = 0
    validation: float = 0.1
    patience: int = 5
    checkpoint_every: int | None = None
    name: str = ""
    size: int = 448
    resize: tuple[int, int] = (320, 640)
    rank: int = 5
    alpha: int | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.text not in TEXTS:
            raise AnnotatorError(
                f"There is no text {self.text} to learn from: choose one of {', '.join(TEXTS)}."
            )
        if self.text != "tags" and self.captions is None:
            raise AnnotatorError(
                "Captions are to be learnt from, but there is no file of captions: name a CSV "
                "with the columns file and caption, or learn from the accepted tags."
            )
        for what, value, least in (
            ("epochs", self.epochs, 1),
            ("images a step", self.batch, 1),
            ("pairs", self.limit, 1),
            ("steps between two checkpoints", self.checkpoint_every, 1),
            ("checks to wait for", self.patience, 0),
        ):
            if value is not None and value < least:
                raise AnnotatorError(
                    f"The number of {what} is {value}: it must be {least} or more."
                )
        if not 0.0 <= self.validation <= 0.5:
            raise AnnotatorError(
                f"The share of images to check with is {self.validation}: it must be 0 to 0.5."
            )
        if self.seed < 0:
            raise AnnotatorError(f"The seed is {self.seed}: it must be 0 or more.")
        least, most = self.resize
        if not 16 <= least <= most <= 8192:
            raise AnnotatorError(
                f"Images are to be resized to {least} to {most} pixels: give two numbers from 16 "
                "to 8192, the smaller one first."
            )
        _ = self.training  # checks the rest

    @property
    def training(self) -> Training:
        return Training(
            size=self.size,
            rank=self.rank,
            alpha=2 * self.rank if self.alpha is None else self.alpha,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            losses=self.losses,
            pseudo=self.pseudo,
            seed=self.seed,
        )

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the result, beside model, seed and pairs: runs that agree in it continue
        each other."""
        names = ("text", "epochs", "batch", "prune", "validation", "patience", "checkpoint_every")
        found = {one: getattr(self, one) for one in names} | asdict(self.training)
        del found["seed"]  # a run has it anyway
        return found | {"losses": list(self.losses), "resize": list(self.resize)}
