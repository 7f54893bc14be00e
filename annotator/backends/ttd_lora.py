"""The LoRA of text-tag self-distillation: which weights it is put on, and its files.

Query, key, value and output projection of every attention layer of both encoders, without biases.
At rank 5 these are 599,040 numbers for CLIP ViT-B/16, 0.40 % of its 149,620,737: together 150.2
million, the count of TTD's table 6, which names neither rank nor layers.

CLIP's last image layer has none on query and key: dense features do not use them; of TCL, its own
last layers have one, and not those of CLIP that they replace. SigLIP's pooling head has none, being
no layer of the encoder.
"""

from __future__ import annotations

import json
import secrets
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.backends import checkpoints, clip_lora
from annotator.backends.clip_lora import CONFIG, WEIGHTS
from annotator.core.errors import AnnotatorError

if TYPE_CHECKING:
    from torch import Tensor

    from annotator.backends.clip_dense import Dense


def put(dense: Dense, rank: int, alpha: int, seed: int) -> Any:
    """A new LoRA on the model, which does nothing yet: the peft model around ``dense.model``."""
    import peft
    import torch

    targets, unused = dense.attention
    config = peft.LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=0.0,
        bias="none",
        target_modules=targets,
        exclude_modules=unused,
    )
    # The first weights are drawn; whoever else draws numbers is not to notice. What peft calls
    # in transformers has a new name there, which is nothing for the person to read.
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        torch.manual_seed(seed)
        return peft.get_peft_model(dense.model, config)


def put_again(dense: Dense, folder: Path) -> Any:
    """The LoRA of a folder on the model, to be trained further: its rank and layers stay. Raises
    AnnotatorError as ``clip_lora.apply`` does."""
    model = clip_lora.apply(dense.model, folder, keep=True)
    for name, weight in model.named_parameters():
        weight.requires_grad_(".lora_" in name)
    return model


def state(model: Any) -> dict[str, Tensor]:
    """The LoRA's weights alone, on the CPU, under the names that peft's files have."""
    from peft import get_peft_model_state_dict

    found = get_peft_model_state_dict(model, save_embedding_layers=False)
    return {name: one.detach().cpu().contiguous() for name, one in found.items()}


def fill(model: Any, path: Path) -> None:
    """The LoRA's weights out of a file. Raises AnnotatorError for those of another LoRA."""
    from peft import set_peft_model_state_dict

    found = checkpoints.state_dict(path)
    wanted = {name: one.shape for name, one in state(model).items()}
    if {name: one.shape for name, one in found.items()} != wanted:
        raise AnnotatorError(f"The weights in {path} are those of another LoRA: begin again.")
    set_peft_model_state_dict(model, found)


def export(model: Any, base: str, folder: Path) -> None:
    """Configuration and weights as peft reads them. ``base``: what they were trained on, a name;
    peft would write the path of this computer there."""
    from safetensors.torch import save_file

    with whole(folder) as part:
        config = model.peft_config["default"].to_dict()
        config |= {"base_model_name_or_path": base, "inference_mode": True}
        listed = {key: sorted(one) if isinstance(one, set) else one for key, one in config.items()}
        text = json.dumps(listed, indent=2, sort_keys=True)
        (part / CONFIG).write_text(text + "\n", encoding="utf-8")
        save_file(state(model), part / WEIGHTS)


@contextmanager
def whole(folder: Path) -> Iterator[Path]:
    """An empty folder that becomes ``folder``, in place of what is there, when all went well.
    Raises AnnotatorError when it cannot be written."""
    mark = secrets.token_hex(4)
    new, old = (folder.parent / f".{folder.name}-{mark}.{end}" for end in ("part", "old"))
    try:
        new.mkdir(parents=True)
        yield new
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    except OSError as error:
        if old.exists() and not folder.exists():
            old.rename(folder)
        raise AnnotatorError(
            f"The folder {folder} could not be written ({error.strerror or error}): see to its "
            "disk; what was trained before is kept."
        ) from error
    finally:
        for rest in (new, old):
            shutil.rmtree(rest, ignore_errors=True)
