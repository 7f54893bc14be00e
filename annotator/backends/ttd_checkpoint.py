"""Checkpoints of a training: a folder of safetensors and JSON, nothing that could run code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.backends import checkpoints, ttd_lora
from annotator.core.errors import AnnotatorError

if TYPE_CHECKING:
    from torch import Tensor

_STATE, _ADAPTER, _OPTIMISER = "state.json", "adapter.safetensors", "optimizer.safetensors"
_FORMAT = 1
#: What AdamW remembers of every weight.
_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


def save(
    folder: Path,
    facts: Mapping[str, Any],
    counters: Mapping[str, Any],
    model: Any,
    optimiser: Any,
    trained: Mapping[str, Tensor],
) -> None:
    """The LoRA of a peft ``model``, the AdamW over its ``trained`` weights, and ``counters`` with
    "steps" and "scaler"; ``facts`` say what it belongs to. Whole or not at all. Raises
    AnnotatorError when it cannot be written."""
    from safetensors.torch import save_file

    moments = {
        f"{name}.{kind}": optimiser.state[one][kind].detach().cpu().contiguous()
        for name, one in trained.items()
        if one in optimiser.state
        for kind in _MOMENTS
    }
    text = json.dumps({"format": _FORMAT, **facts, "counters": counters}, indent=2)
    with ttd_lora.whole(folder) as part:
        save_file(ttd_lora.state(model), part / _ADAPTER)
        save_file(moments, part / _OPTIMISER)
        (part / _STATE).write_text(text + "\n", encoding="utf-8")


def load(
    folder: Path,
    facts: Mapping[str, Any],
    model: Any,
    optimiser: Any,
    trained: Mapping[str, Tensor],
) -> dict[str, Any]:
    """Puts back what ``save`` wrote; the counters. Raises AnnotatorError for what cannot be read
    or belongs to something else, having changed nothing."""
    try:
        found = json.loads((folder / _STATE).read_text(encoding="utf-8"))
        own = {key: found[key] for key in ("format", *facts)}
        counters: dict[str, Any] = found["counters"]
        steps = int(counters["steps"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise AnnotatorError(
            f"The checkpoint {folder} cannot be read: delete it and begin again."
        ) from error
    if own != {"format": _FORMAT, **facts}:
        raise AnnotatorError(
            f"The checkpoint {folder} is of another model or other options: delete it, or choose "
            "what it was made with."
        )
    moments = _moments(folder / _OPTIMISER, trained) if steps else {}
    ttd_lora.fill(model, folder / _ADAPTER)
    optimiser.state.clear()
    optimiser.state.update(moments)
    return counters


def _moments(path: Path, trained: Mapping[str, Tensor]) -> dict[Tensor, dict[str, Tensor]]:
    found = checkpoints.state_dict(path)
    moments = {}
    for name, one in trained.items():
        mine = {kind: found.get(f"{name}.{kind}") for kind in _MOMENTS}
        if all(value is None for value in mine.values()):
            continue  # a weight that had no gradient yet
        shapes = [None if value is None else value.shape for value in mine.values()]
        if shapes[1:] != [one.shape, one.shape] or shapes[0] is None:
            raise AnnotatorError(f"The weights in {path} are those of another LoRA: begin again.")
        # Its count of steps stays where AdamW looks for it, on the CPU.
        moments[one] = {
            kind: value.to(one.device) if value.dim() else value
            for kind, value in mine.items()
            if value is not None
        }
    return moments
