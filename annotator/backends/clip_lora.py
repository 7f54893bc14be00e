"""LoRA adapters of peft, put into a model from local safetensors alone.

peft's own loader takes whatever adapter_config.json says, names of Python modules to import among
it. Here only the settings that make a LoRA what it is are read, and nothing else."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from annotator.backends import pretrained
from annotator.core.errors import AnnotatorError

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
#: What is taken from adapter_config.json.
_SETTINGS = (
    "r",
    "lora_alpha",
    "target_modules",
    "exclude_modules",
    "bias",
    "use_rslora",
    "use_dora",
    "rank_pattern",
    "alpha_pattern",
    "layers_to_transform",
    "layers_pattern",
    "modules_to_save",
    "fan_in_fan_out",
)


def apply(model: Any, folder: Path, *, keep: bool = False) -> Any:
    """``model`` with the LoRA of a folder: merged into its weights, or with ``keep`` as layers
    beside them, which is slower and can be taken out again; both compute the same. Raises
    AnnotatorError for a folder that is no LoRA, or one of another model."""
    settings = _settings(folder)
    if not (folder / WEIGHTS).is_file():
        what = f"there is no {WEIGHTS} in it"
        if (folder / "adapter_model.bin").is_file():
            what = "its weights are a pickle, which runs code when read; save it as safetensors"
        raise _fault(folder, what)
    with warnings.catch_warnings():
        # What the libraries tell each other is not for the terminal.
        warnings.simplefilter("ignore")
        tuned = pretrained.part(folder, lambda: _tuned(model, folder, settings))
        if not keep:
            tuned = pretrained.part(folder, lambda: tuned.merge_and_unload(safe_merge=True))
    tuned.train(False)
    return tuned.requires_grad_(False)


def _settings(folder: Path) -> dict[str, Any]:
    try:
        facts = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        kind = facts["peft_type"]
        found = {name: facts[name] for name in _SETTINGS if facts.get(name) is not None}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise _fault(folder, f"its {CONFIG} cannot be read; get its files again") from error
    if kind != "LORA":
        raise _fault(folder, f"it is of the kind {kind} and no LoRA")
    return found


def _tuned(model: Any, folder: Path, settings: dict[str, Any]) -> Any:
    from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
    from safetensors.torch import load_file

    weights = load_file(folder / WEIGHTS)
    try:
        # The layers it names must be there; their new weights are all read from the file.
        tuned = get_peft_model(model, LoraConfig(**settings))
        result: Any = set_peft_model_state_dict(tuned, weights)
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        if pretrained.is_out_of_memory(error):
            raise pretrained.out_of_memory(folder.name) from error
        why = pretrained.reason(error)
        raise _fault(folder, f"it is of another model ({why}); correct the manifest") from error
    unread = result.missing_keys
    odd = len(result.unexpected_keys) + len([name for name in unread if _is_new(name)])
    if odd:
        what = f"it is of another model, {odd} of its weights do not fit; correct the manifest"
        raise _fault(folder, what)
    return tuned


def _is_new(name: str) -> bool:
    """Whether a weight belongs to the adapter, by its name in the model."""
    return ".lora_" in name or ".modules_to_save." in name


def _fault(folder: Path, what: str) -> AnnotatorError:
    return AnnotatorError(f"The adapter {folder} cannot be used: {what}.")
