"""What a training keeps on disk while it is not at its end, so that it goes on where it was.

Below the pack's folder: ``checkpoints/KEY/``, the key being that of model, options, seed and pairs,
with the similarities by which pairs are pruned, the newest checkpoint and the best adapter.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from annotator.backends.ttd_protocol import Distiller
from annotator.core.errors import AnnotatorError

_STEP = "step-"
_RECORD, _SIMILARITIES = "record.json", "similarities.json"
#: Columns of the table of losses.
COLUMNS = ("step", "loss", "distill", "tag", "validation")


@dataclass(slots=True)
class Record:
    """How far a training is. ``step``: steps that are done; ``checked``: the last one after which
    the pairs apart were looked at, -1 for none. ``losses``: rows of ``COLUMNS``. ``best_loss`` of
    ``best_step``: the lowest of the checks after the first step; ``waited``: checks since then.
    ``failed``: path -> reason of images that cannot be
    decoded."""

    step: int = 0
    checked: int = -1
    losses: list[dict[str, Any]] = field(default_factory=list)
    best_step: int = 0
    best_loss: float | None = None
    waited: int = 0
    failed: dict[str, str] = field(default_factory=dict)

    def add_check(self, loss: float) -> bool:
        """Notes what a check says; whether it is the best so far."""
        if not self.losses:
            self.losses.append(dict.fromkeys(COLUMNS) | {"step": self.step})
        self.losses[-1]["validation"] = loss
        self.checked = self.step
        if self.step == 0:
            return False
        better = self.best_loss is None or loss < self.best_loss
        if better:
            self.best_step, self.best_loss, self.waited = self.step, loss, 0
        else:
            self.waited += 1
        return better

    def add_step(self, found: Mapping[str, float] | None) -> None:
        """Notes a step; None for one of which no image could be decoded."""
        self.step += 1
        row = dict.fromkeys(COLUMNS) | {"step": self.step}
        for name in ("loss", "distill", "tag"):
            row[name] = None if found is None else found[name]
        self.losses.append(row)


class State:
    """The folder of one training. Errors of the disk become AnnotatorErrors."""

    def __init__(self, checkpoints: Path, identity: Mapping[str, Any]) -> None:
        text = json.dumps(identity, sort_keys=True)
        self.folder = checkpoints / hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
        self.best = self.folder / "best"

    def resume(self, trainer: Distiller) -> Record:
        """Puts the newest checkpoint into the trainer; its record, an empty one when there is
        none."""
        for folder in reversed(self._checkpoints()):
            try:
                facts = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
                record = Record(**facts)
            except (OSError, ValueError, TypeError):
                continue  # cut off before its record was written: the one before counts
            trainer.load(folder)
            return record
        return Record()

    def keep(self, trainer: Distiller, record: Record) -> None:
        """A checkpoint; older ones go once it is whole."""
        folder = self.folder / f"{_STEP}{record.step:08d}"
        with self._writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            trainer.save(folder)
            # Last: a folder with it is whole.
            _write(folder / _RECORD, json.dumps(asdict(record)))
        for other in self._checkpoints():
            if other != folder:
                shutil.rmtree(other, ignore_errors=True)

    def similarities(self, count: int) -> list[float | str]:
        """Those of the pairs looked at so far; the reason for an image that does not decode."""
        try:
            text = (self.folder / _SIMILARITIES).read_text(encoding="utf-8")
            found = [one if isinstance(one, str) else float(one) for one in json.loads(text)]
        except (OSError, ValueError, TypeError):
            return []
        usable = all(isinstance(one, str) or math.isfinite(one) for one in found)
        return found if usable and len(found) <= count else []

    def keep_similarities(self, found: Sequence[float | str]) -> None:
        with self._writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            _write(self.folder / _SIMILARITIES, json.dumps(found))

    def finish(self, adapter: Path, losses: Path, record: Record) -> None:
        """The best adapter and the table of losses, at their places."""
        with self._writing():
            if self.best.is_dir():
                new = adapter.parent / f".{adapter.name}-{secrets.token_hex(4)}.part"
                shutil.copytree(self.best, new)
                shutil.rmtree(adapter, ignore_errors=True)
                new.rename(adapter)
            text = io.StringIO(newline="")
            writer = csv.DictWriter(text, COLUMNS)
            writer.writeheader()
            writer.writerows(record.losses)
            _write(losses, text.getvalue())

    def clear(self) -> None:
        """Forgets the checkpoints: the pack is there."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(OSError):
            self.folder.parent.rmdir()  # unless another training is not at its end

    def _checkpoints(self) -> list[Path]:
        """Oldest first."""
        return sorted(self.folder.glob(f"{_STEP}*"))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise AnnotatorError(
                f"The training could not be kept in {self.folder.parent.parent} "
                f"({error.strerror or error}): see to the disk and start it again, it goes on at "
                "its last checkpoint."
            ) from error


def _write(path: Path, text: str) -> None:
    """The file, whole or not at all."""
    temporary = path.parent / f".{path.name}-{secrets.token_hex(4)}.part"
    try:
        with temporary.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink()
