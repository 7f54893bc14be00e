"""Text-tag self-distillation: TTD (Jo et al. 2024), section 3.2 and table 6, on any CLIP, SigLIP
or SigLIP 2 model that finds things.

LoRA on both encoders (``ttd_lora``), AdamW, no prompt template, no learning rate schedule, dropout
off: nothing random happens in a step, so that a checkpoint needs weights and counters alone. Maps
are those of the patches; enlarging them first would weigh the same cells the same way. Of a GPU
the encoders run in bfloat16, or in float16 with scaled gradients; cosines, losses and what is
trained stay float32. A batch that does not fit the memory is computed in parts, whose gradients
add up to those of the whole. On the CPU a training is repeated to the last digit; a GPU adds in
an order of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from annotator.backends import (
    clip_dense,
    pretrained,
    tcl,
    ttd_checkpoint,
    ttd_lora,
    ttd_losses,
)
from annotator.backends.protocols import Floats, Pixels
from annotator.backends.ttd_protocol import Training
from annotator.core.errors import AnnotatorError

if TYPE_CHECKING:
    from torch import Tensor

    from annotator.backends.clip_dense import Dense
    from annotator.backends.registry import RoleSpec

T = TypeVar("T")
#: The kinds of grounders that can be trained.
KINDS = ("clip-grounder", "tcl-grounder")
#: Images computed at a time on a CPU, which more would not make faster: 0.8 GB each for ViT-B/16
#: at 448 pixels, and a computer without memory left ends the program instead of saying so.
_PARTS_OF_CPU = 4


@dataclass(frozen=True, slots=True)
class _Batch:
    """Pairs of a call, one entry each."""

    images: Sequence[Pixels]
    texts: Sequence[str]
    tags: Sequence[Sequence[str]]
    given: Sequence[bool]

    def part(self, of: slice) -> _Batch:
        return _Batch(self.images[of], self.texts[of], self.tags[of], self.given[of])

    @property
    def counted(self) -> int:
        """Texts that have tags, over which losses are averaged."""
        return sum(bool(some) for some in self.tags)


def check(spec: RoleSpec, pack: str) -> None:
    """Raises AnnotatorError for a grounder that cannot be fine-tuned, naming packs that can."""
    if spec.kind in KINDS and spec.folder is not None:
        return
    raise AnnotatorError(
        f"The grounder of the pack {pack} ({spec.kind}) cannot be fine-tuned: choose {_tunable()}."
    )


def _tunable() -> str:
    from annotator.backends import registry

    found = []
    for name in registry.list_packs():
        try:
            spec = registry.load_pack(name).specs.get("grounder")
        except AnnotatorError:
            continue  # somebody's manifest that cannot be read: not one to choose
        if spec is not None and spec.kind in KINDS:
            found.append(name)
    return f"one of {', '.join(found)}" if found else f"a grounder of kind {KINDS[0]}"


def trainer(spec: RoleSpec, training: Training | None = None) -> Trainer:
    """The grounder of a pack, ready to be trained; one that has a LoRA goes on from that. Raises
    AnnotatorError for another kind, weights that are not there or not whole, a crop size that is
    no multiple of its patches, and lack of memory."""
    training = training or Training()
    check(spec, spec.model)
    before = spec.adapter.check() if spec.adapter is not None else None
    load = tcl.load if spec.kind == "tcl-grounder" else clip_dense.load
    dense = load(replace(spec, adapter=None), dtype="float32")
    return Trainer(dense, training, model_id=spec.id, name=spec.model, before=before)


class Trainer:
    """A Distiller, see ``ttd_protocol``. Not for several threads at once.

    ``dense``: the model in float32, which gets the LoRA into it; ``before``: the folder of one to
    go on from. ``name`` is written into what is exported.
    """

    def __init__(
        self,
        dense: Dense,
        training: Training,
        *,
        model_id: str,
        name: str,
        before: Path | None = None,
    ) -> None:
        import torch

        if training.size % dense.patch:
            raise AnnotatorError(
                f"The crop size {training.size} is no multiple of the {dense.patch} pixels of "
                f"the model's patches: choose {training.size // dense.patch * dense.patch} or "
                f"{-(-training.size // dense.patch) * dense.patch}."
            )
        self._id, self._name, self._training, self._dense = model_id, name, training, dense
        if before is None:
            self._model = ttd_lora.put(dense, training.rank, training.alpha, training.seed)
        else:
            self._model = ttd_lora.put_again(dense, before)
        self._model.train(False)
        named = self._model.named_parameters()
        self._trained = {key: one for key, one in named if one.requires_grad}
        self._optimiser = torch.optim.AdamW(
            list(self._trained.values()),
            lr=training.learning_rate,
            weight_decay=training.weight_decay,
        )
        on_gpu = dense.device.type == "cuda"
        self._half = torch.bfloat16 if on_gpu and torch.cuda.is_bf16_supported() else torch.float16
        scaled = on_gpu and self._half == torch.float16
        self._scaler = torch.amp.GradScaler(dense.device.type, enabled=scaled)
        #: Images computed at a time, 0 for all of a batch.
        self._micro = 0 if on_gpu else _PARTS_OF_CPU
        self._steps, self._fallback = 0, ""

    @property
    def id(self) -> str:
        return self._id

    @property
    def parameters(self) -> int:
        return sum(one.numel() for one in self._trained.values())

    @property
    def fallback(self) -> str:
        return self._fallback

    @property
    def dense(self) -> Dense:
        """The model that is trained."""
        return self._dense

    def similarities(self, images: Sequence[Pixels], texts: Sequence[str]) -> Floats:
        import torch

        def compute(part: slice) -> Tensor:
            with torch.no_grad():
                means = _mean(self._cells(images[part]))
                return (means * self._texts(texts[part])).sum(dim=-1).cpu()

        if not images:
            return np.zeros(0, np.float32)
        found = self._fitting(len(images), lambda parts: torch.cat([compute(p) for p in parts]))
        return np.asarray(found.numpy(), np.float32)

    def step(
        self,
        images: Sequence[Pixels],
        texts: Sequence[str],
        tags: Sequence[Sequence[str]],
        given: Sequence[bool] = (),
    ) -> dict[str, float]:
        import torch

        batch = self._checked(images, texts, tags, given)
        sums = self._fitting(len(images), lambda parts: self._backward(batch, parts))
        self._scaler.unscale_(self._optimiser)
        # No clipping: the paper has none. An infinite bound only measures.
        norm = float(torch.nn.utils.clip_grad_norm_(self._trained.values(), math.inf))
        numbers = (*sums.values(), 0.0 if self._scaler.is_enabled() else norm)
        if not all(map(math.isfinite, numbers)):
            self._optimiser.zero_grad(set_to_none=True)
            raise AnnotatorError(
                f"The loss of the model {self._name} is no number any more: lower the learning "
                "rate and go on from the last checkpoint."
            )
        self._scaler.step(self._optimiser)
        self._scaler.update()
        self._optimiser.zero_grad(set_to_none=True)
        self._steps += 1
        return sums | {"grad_norm": norm}

    def validate(
        self,
        images: Sequence[Pixels],
        texts: Sequence[str],
        tags: Sequence[Sequence[str]],
        given: Sequence[bool] = (),
    ) -> dict[str, float]:
        import torch

        batch = self._checked(images, texts, tags, given)
        with torch.no_grad():
            return self._fitting(len(images), lambda parts: self._losses(batch, parts))

    def save(self, folder: Path) -> None:
        counters = {"steps": self._steps, "micro": self._micro, "scaler": self._scaler.state_dict()}
        ttd_checkpoint.save(
            folder, self._facts(), counters, self._model, self._optimiser, self._trained
        )

    def load(self, folder: Path) -> None:
        counters = ttd_checkpoint.load(
            folder, self._facts(), self._model, self._optimiser, self._trained
        )
        self._scaler.load_state_dict(counters["scaler"])
        self._steps, self._micro = counters["steps"], counters["micro"]

    def export(self, folder: Path) -> None:
        ttd_lora.export(self._model, self._name, folder)

    def _facts(self) -> dict[str, Any]:
        training = asdict(self._training)
        return {
            "model": self._id,
            "training": training | {"losses": list(self._training.losses)},
        }

    def _checked(
        self,
        images: Sequence[Pixels],
        texts: Sequence[str],
        tags: Sequence[Sequence[str]],
        given: Sequence[bool],
    ) -> _Batch:
        given = given or (False,) * len(images)
        if not images or not len(images) == len(texts) == len(tags) == len(given):
            raise ValueError(f"{len(images)} images, {len(texts)} texts, {len(tags)} tags")
        # A text ends where its encoder stops reading: words after that are no part of it.
        cut = [list(some)[: self._dense.context] for some in tags]
        return _Batch(images, texts, cut, given)

    def _fitting(self, n: int, compute: Callable[[list[slice]], T]) -> T:
        """``compute`` of n pairs in parts as large as the memory allows; begun anew with smaller
        ones when it does not. Raises AnnotatorError when it does not hold a single one."""
        import torch

        while True:
            size = self._micro or n
            try:
                return compute([slice(i, min(n, i + size)) for i in range(0, n, size)])
            except Exception as error:
                if not pretrained.is_out_of_memory(error):
                    raise
                self._optimiser.zero_grad(set_to_none=True)
                if min(size, n) <= 1:
                    raise pretrained.out_of_memory(self._name) from error
            # Outside of the except clause, which holds on to what did not fit.
            if self._dense.device.type == "cuda":
                torch.cuda.empty_cache()
            self._micro = min(size, n) // 2
            self._fallback = (
                f"A batch does not fit the memory: {self._micro} of its images are computed at a "
                "time, which takes longer and gives the same."
            )

    def _backward(self, batch: _Batch, parts: Sequence[slice]) -> dict[str, float]:
        self._optimiser.zero_grad(set_to_none=True)
        return self._losses(batch, parts, self._spread)

    def _spread(self, loss: Tensor) -> None:
        scaled: Any = self._scaler.scale(loss)
        scaled.backward()

    def _losses(
        self,
        batch: _Batch,
        parts: Sequence[slice],
        backward: Callable[[Tensor], object] = lambda _: None,
    ) -> dict[str, float]:
        """The losses of a batch, each part's gradient handed on as soon as it is known."""
        import torch

        counted = max(1, batch.counted)
        sums = dict.fromkeys(("loss", "distill", "tag", "selected"), 0.0)
        for one in map(batch.part, parts):
            if not one.counted:
                continue
            distill, tag, selected = self._pair_losses(one)
            # Means over a part become shares of the mean over the batch.
            share = one.counted / counted
            trained = {"distill": distill, "tag": tag}
            loss = share * torch.stack([trained[name] for name in self._training.losses]).sum()
            backward(loss)
            sums["loss"] += float(loss.detach())
            sums["distill"] += share * float(distill.detach())
            sums["tag"] += share * float(tag.detach())
            sums["selected"] += selected / counted
        return sums

    def _pair_losses(self, batch: _Batch) -> tuple[Tensor, Tensor, int]:
        """(equation 4, equation 5, how many tags are selected) of some pairs."""
        cells, tags = self._cells(batch.images), batch.tags
        words = list(dict.fromkeys(word for some in tags for word in some))
        place = {word: i for i, word in enumerate(words)}
        rows = np.zeros((len(tags), max(map(len, tags))), np.int64)
        there = np.zeros(rows.shape, bool)
        for i, some in enumerate(tags):
            rows[i, : len(some)] = [place[word] for word in some]
            there[i, : len(some)] = True
        valid = _moved(there, cells)
        # A word that several texts have is encoded once.
        candidates = self._texts(words)[_moved(rows, cells)]
        text_maps = ttd_losses.similarity(cells, self._texts(batch.texts)[:, None])[:, 0]
        tag_maps = ttd_losses.similarity(cells, candidates)
        scores = ttd_losses.pixel_scores(tag_maps.detach())
        if self._training.pseudo == "image":
            means = _mean(cells.detach())
            scores = (candidates.detach() * means[:, None]).sum(dim=-1)
        every = [one or self._training.pseudo == "given" for one in batch.given]
        selected = ttd_losses.largest_gap(scores, valid)
        selected = selected | (valid & _moved(np.array(every), cells)[:, None])
        distill = ttd_losses.distill(text_maps, tag_maps, selected)
        tag = ttd_losses.tag(tag_maps, selected, valid)
        return distill, tag, int(selected.sum())

    def _cells(self, images: Sequence[Pixels]) -> Tensor:
        """float32[b, h, w, c]."""
        import torch

        side = self._training.size
        batch = torch.stack([self._dense.prepare(one, side, side) for one in images])
        with self._mixed():
            return self._dense.pixels(batch)

    def _texts(self, texts: Sequence[str]) -> Tensor:
        """float32[n, c]."""
        with self._mixed():
            return self._dense.texts(list(texts))

    def _mixed(self) -> AbstractContextManager[Any]:
        import torch

        if self._dense.device.type != "cuda":
            return nullcontext()
        return cast(AbstractContextManager[Any], torch.autocast("cuda", dtype=self._half))


def _mean(cells: Tensor) -> Tensor:
    """The image of equation 1: float[b, c] of unit length out of float[b, h, w, c]."""
    import torch

    return torch.nn.functional.normalize(cells.mean(dim=(1, 2)), dim=-1)


def _moved(values: Any, like: Tensor) -> Tensor:
    import torch

    return torch.from_numpy(values).to(like.device)
