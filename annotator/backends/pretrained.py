"""Models as transformers saves them, loaded from local files alone: safetensors, no code.

Whatever a folder can be instead of a model becomes one sentence here."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from annotator.backends import torchvision_ops
from annotator.backends.device import device
from annotator.core.errors import AnnotatorError

T = TypeVar("T")
#: Keyword arguments of every ``from_pretrained``: nothing is fetched and no code of a folder runs.
LOCAL: Mapping[str, Any] = {"local_files_only": True, "trust_remote_code": False}
DTYPES = ("float32", "float16", "bfloat16")
#: A whole model in one file that is not safetensors.
PICKLED = "pytorch_model.bin"
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_NO_MEMORY = ("not enough memory", "can't allocate memory", "out of memory", "ALLOC_FAILED")
_quiet_lock = threading.Lock()


class OutOfMemory(AnnotatorError):
    """A model does not fit into the memory of the GPU, or of the computer."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of an adapter in a manifest. ``dtype``: of the weights, "" for what suits the
    device. ``batch``: replies generated together. ``max_side``: longer images are shrunk to it,
    in pixels. ``context``: tokens of question and answer, 0 for what the model says."""

    dtype: str = ""
    batch: int = 8
    max_side: int = 1024
    context: int = 0


def settings(model: str, options: Mapping[str, Any], known: tuple[str, ...]) -> Settings:
    """The options of a manifest, checked. Raises AnnotatorError that says what to correct."""

    def fault(what: str) -> AnnotatorError:
        return AnnotatorError(f"The options of the model {model} in its manifest: {what}.")

    for name in options:
        if name not in known:
            raise fault(f"{name} is not known; there are {', '.join(known)}")
    dtype = options.get("dtype", "")
    if dtype not in ("", *DTYPES):
        raise fault(f"dtype is {dtype!r}, not one of {', '.join(DTYPES)}")
    least = {"batch": 1, "max_side": 32, "context": 32}
    numbers = {name: options[name] for name in least if name in options}
    for name, value in numbers.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < least[name]:
            raise fault(f"{name} is {value!r}, not a whole number from {least[name]}")
    return Settings(dtype, **numbers)


def library() -> Any:
    """transformers, with no progress bars and no advice on the terminal."""
    torchvision_ops.declare()
    import transformers

    found: Any = transformers
    with _quiet_lock:
        found.utils.logging.set_verbosity_error()
        found.utils.logging.disable_progress_bar()
    return found


def torch_dtype(name: str) -> Any:
    """The torch dtype of that name; for "" float32 on the CPU and bfloat16 on a GPU."""
    import torch

    return getattr(torch, name or ("float32" if device() == "cpu" else "bfloat16"))


def config_of(folder: Path, *, pickled: bool = False) -> Any:
    """The model's configuration. Raises AnnotatorError, also for a folder that has no weights
    but a pickle (``pickled``: other than PICKLED), and for one whose model is code of its own."""
    if not (pickled and is_pickled(folder)):
        check_weights(folder)
    try:
        facts = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = facts["model_type"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise fault(folder, "its config.json cannot be read") from error
    try:
        return library().AutoConfig.from_pretrained(folder, **LOCAL)
    except Exception as error:  # the library raises many kinds for a folder that is not whole
        if "auto_map" in facts:
            reason = f"its model type {kind} is code in the folder, and no such code is run here"
            raise fault(folder, reason) from error
        raise broken(folder, error) from error


def check_weights(folder: Path) -> None:
    """Raises AnnotatorError for a folder without safetensors."""
    if next(folder.glob("*.safetensors"), None) is not None:
        return
    if any(next(folder.glob(pattern), None) for pattern in _PICKLES):
        raise fault(
            folder,
            "its weights are a pickle, which runs code when it is read; get it as safetensors",
        )
    raise fault(folder, "there is no safetensors file with weights in it")


def is_pickled(folder: Path) -> bool:
    """Whether all weights are in one pickle, as older models have them: CLIP's are."""
    no_tensors = next(folder.glob("*.safetensors"), None) is None
    return no_tensors and (folder / PICKLED).is_file()


def weights(loader: Any, folder: Path, config: Any, dtype: str, on: str | None = None) -> Any:
    """The model that ``loader`` (a class with ``from_pretrained``, a model's own for a folder that
    ``is_pickled``) reads from a folder, on the device (or ``on`` another), ready to generate. A
    pickle is read without running what is in it, see ``checkpoints``. Raises AnnotatorError when a
    weight is missing, of another shape or unreadable; OutOfMemory when the memory does not
    suffice."""

    def load() -> Any:
        from annotator.backends import checkpoints

        pickled = is_pickled(folder)
        state = checkpoints.state_dict(folder / PICKLED) if pickled else None
        model, info = loader.from_pretrained(
            None if pickled else folder,
            config=config,
            dtype=torch_dtype(dtype),
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            **({"state_dict": state} if pickled else {}),
            **LOCAL,
        )
        check_loaded(folder, info)
        return to_device(model, folder.name, on)

    return part(folder, load)


def check_loaded(folder: Path, info: Mapping[str, Any]) -> None:
    """Raises AnnotatorError where ``from_pretrained`` (told to ignore mismatched sizes: its own
    words on them are no reason) found weights missing or of other shapes: it fills them with
    random numbers, and only warns."""
    if info["missing_keys"]:
        raise fault(folder, f"{len(info['missing_keys'])} of its weights are missing")
    for name, found, wanted in sorted(info["mismatched_keys"]):
        shapes = " and not ".join("×".join(map(str, shape)) for shape in (found, wanted))
        raise fault(folder, f"its config.json is of another model, {name} is {shapes}")


def to_device(model: Any, name: str, on: str | None = None) -> Any:
    """The model on the device (or ``on`` another), for inference. Raises OutOfMemory when it does
    not fit."""
    try:
        model = model.to(on or device())
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise out_of_memory(name) from error
    model.train(False)
    return model.requires_grad_(False)


def part(folder: Path, load: Callable[[], T]) -> T:
    """What ``load`` returns; any error of the libraries as an AnnotatorError."""
    try:
        return load()
    except AnnotatorError:
        raise
    except Exception as error:  # the libraries raise many kinds for a folder that is not whole
        raise broken(folder, error) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Of the GPU, or of the computer: there PyTorch raises a plain RuntimeError, and so it does
    for a GPU's libraries."""
    import torch

    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(
        words in str(error) for words in _NO_MEMORY
    )


def out_of_memory(name: str) -> OutOfMemory:
    return OutOfMemory(
        f"The model {name} needs more GPU memory: choose a smaller model or ANNOTATOR_DEVICE=cpu."
    )


def fault(folder: Path, what: str) -> AnnotatorError:
    return AnnotatorError(f"The model folder {folder} cannot be used: {what}.")


def broken(folder: Path, error: BaseException) -> AnnotatorError:
    return fault(folder, f"{reason(error)}; get its files again")


def reason(error: BaseException) -> str:
    """An error of a library in one short line."""
    text = " ".join(str(error).split())
    line = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return (line if len(line) <= 160 else line[:159] + "…").rstrip(".: ")


def check_words(folder: Path, tokenizer: Any) -> None:
    """Raises AnnotatorError for a tokenizer that reads no words, or knows none: of a folder
    without one, the library makes an empty one and says nothing, and the model would never see
    its prompt."""
    read = tokenizer("a list of words", add_special_tokens=False)["input_ids"]
    if not set(read) - {tokenizer.unk_token_id}:
        raise fault(folder, "its tokenizer is missing or has no words; get its files again")


def settle(model: Any, tokenizer: Any) -> None:
    """Leaves the model's own generation settings nothing to say but the tokens that begin, end
    and pad: transformers takes from there whatever a call does not name (temperature, beams,
    penalties, tokens it suppresses). Models inside the model are settled too: InstructBLIP and
    BLIP-2 generate with theirs."""
    speaking = getattr(model, "language_model", None)
    own = getattr(speaking, "generation_config", None) or model.generation_config
    text = model.config.get_text_config(decoder=True)
    said = own.eos_token_id if own.eos_token_id is not None else text.eos_token_id
    ends = [said] if isinstance(said, int) else list(said or ())
    if tokenizer.eos_token_id is not None:
        ends.append(tokenizer.eos_token_id)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    config = library().GenerationConfig(
        bos_token_id=own.bos_token_id,
        eos_token_id=sorted(set(ends)) or None,
        pad_token_id=tokenizer.pad_token_id,
        decoder_start_token_id=own.decoder_start_token_id,
    )
    for module in model.modules():
        if hasattr(module, "generation_config"):
            module.generation_config = config
