"""The steps of a fine-tuning: train, look at the pairs set apart, keep a checkpoint."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import closing

from annotator.backends.ttd_protocol import Distiller
from annotator.core.errors import AnnotatorError
from annotator.core.records import Progress
from annotator.pipeline import finetune_data, finetune_looks
from annotator.pipeline.finetune_data import Pair
from annotator.pipeline.finetune_looks import Batch
from annotator.pipeline.finetune_options import FinetuneOptions
from annotator.pipeline.finetune_state import State
from annotator.pipeline.pages import Pace
from annotator.project.project import Project

#: Seconds after which a checkpoint is written, whatever ``checkpoint_every`` says.
_KEEP_EVERY = 300.0


class Work:
    """The steps of a training, from its newest checkpoint on."""

    def __init__(
        self,
        project: Project,
        trainer: Distiller,
        options: FinetuneOptions,
        state: State,
        pairs: Sequence[Pair],
    ) -> None:
        self._project, self._trainer, self._options = project, trainer, options
        self._state = state
        self.train, self.apart = finetune_data.split(pairs, options.validation, options.seed)
        self.record = state.resume(trainer)
        self.resumed = self.record.step
        epoch = -(-len(self.train) // options.batch)
        self.total = options.epochs * epoch
        self._every = options.checkpoint_every or min(100, max(1, epoch // 5))
        #: Images that steps of this call trained on, and how long those took.
        self.images, self.seconds = 0, 0.0
        self._kept = self.resumed
        self._kept_at = time.monotonic()
        #: Nothing is half done: a checkpoint may be written.
        self._settled = True

    @property
    def early(self) -> bool:
        return 0 < self._options.patience <= self.record.waited

    def steps(self) -> Generator[Progress, None, None]:
        pace = Pace("finetune", self.total)
        pace.step(count=self.resumed)
        yield pace.progress()
        try:
            yield from self._check(pace)
            left = finetune_looks.epochs(self._project, self.train, self._options, self.resumed)
            with closing(left) as batches:
                began = time.monotonic()
                for batch in batches:
                    if self.early:
                        break
                    self._step(batch, pace)
                    self.seconds += time.monotonic() - began
                    yield pace.progress(self._message())
                    yield from self._check(pace)
                    began = time.monotonic()
            if all(row["loss"] is None for row in self.record.losses):
                raise AnnotatorError(
                    "None of the images can be decoded: nothing can be learnt from them."
                )
        except (GeneratorExit, KeyboardInterrupt):
            if self._settled and self.record.step > self._kept:
                self._keep()
            raise

    def _step(self, batch: Batch, pace: Pace) -> None:
        self._settled = False
        found = None
        if batch.pixels:
            found = self._trainer.step(batch.pixels, batch.texts, batch.tags, batch.given)
        self.record.add_step(found)
        self.images += len(batch.pixels)
        self._failures(batch, pace)
        pace.step()
        self._settled = True

    def _failures(self, batch: Batch, pace: Pace) -> None:
        for one in batch.failures:
            if one.image not in self.record.failed:
                self.record.failed[one.image] = one.reason
                pace.step(one, count=0)

    def _check(self, pace: Pace) -> Generator[Progress, None, None]:
        """Looks at the pairs apart when that is due, and writes a checkpoint."""
        record = self.record
        due = record.step % self._every == 0 or record.step == self.total
        if not due or record.checked == record.step:
            if time.monotonic() - self._kept_at > _KEEP_EVERY:
                self._settled = False
                self._keep()
                self._settled = True
            return
        loss = yield from self._validate(pace)
        self._settled = False
        if loss is None:
            record.checked = record.step
        elif record.add_check(loss):
            self._trainer.export(self._state.best)
        self._keep()
        self._settled = True

    def _validate(self, pace: Pace) -> Generator[Progress, None, float | None]:
        """The loss over the pairs apart, each batch weighed by its size; None without any."""
        total, count = 0.0, 0
        with closing(finetune_looks.middles(self._project, self.apart, self._options)) as batches:
            for batch in batches:
                self._failures(batch, pace)
                n = len(batch.pixels)
                if n:
                    found = self._trainer.validate(
                        batch.pixels, batch.texts, batch.tags, batch.given
                    )
                    total, count = total + n * found["loss"], count + n
                yield pace.progress("looking at the pairs set apart")
        return total / count if count else None

    def _keep(self) -> None:
        self._state.keep(self._trainer, self.record)
        self._kept, self._kept_at = self.record.step, time.monotonic()

    def _message(self) -> str:
        loss = self.record.losses[-1]["loss"]
        said = [] if loss is None else [f"loss {loss:.4f}"]
        return ". ".join([*said, *([self._trainer.fallback] if self._trainer.fallback else [])])
