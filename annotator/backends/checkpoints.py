"""Weights out of a file, without running anything that is in it.

A checkpoint of PyTorch is a pickle, and a pickle can run code when it is read. Here only tensors
and plain containers come out of one: PyTorch's restricted reader refuses all else."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.backends.pretrained import is_out_of_memory
from annotator.core.errors import AnnotatorError

if TYPE_CHECKING:
    from torch import Tensor

#: Keys under which training scripts put the weights beside their optimiser and settings.
ENVELOPES = ("model", "state_dict", "model_state_dict", "module", "net", "weights")
#: Settings of a training script that checkpoints carry beside their weights (TCL's does): classes
#: of OmegaConf and what those are made of, read as a stand-in that does nothing.
_SETTINGS = "omegaconf."
_OF_SETTINGS = frozenset(
    {"typing.Any", "typing.Union", "collections.defaultdict"}
    | {f"builtins.{kind}" for kind in ("dict", "list", "tuple", "str", "int", "float", "bool")}
)
#: What data-parallel training writes before every name.
_WRAPPER = "module."


def state_dict(path: Path, *, lazy: bool = False) -> dict[str, Tensor]:
    """Name -> tensor on the CPU, from safetensors or a PyTorch checkpoint; of a checkpoint that
    holds more than weights, the weights. ``lazy``: they are read where they are used, for a look
    at names and shapes. No code in the file runs. Raises AnnotatorError that names the file: not
    there, unreadable, no checkpoint, cut short, a pickle with code in it, no tensors, larger than
    the memory."""
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise AnnotatorError(
            f"The weight file {path} cannot be read ({error.strerror}): check that it is there "
            "and its permissions."
        ) from error
    if not start:
        raise _fault(path, "it is empty", "get it again")
    try:
        found = _safetensors(path) if _is_safetensors(start) else _checkpoint(path, lazy)
    except AnnotatorError:
        raise
    except Exception as error:  # the libraries raise many kinds for a file that is not whole
        if is_out_of_memory(error):
            raise _fault(path, "it needs more memory", "choose a smaller model") from error
        if isinstance(error, OSError) and error.strerror:
            raise _fault(path, error.strerror, "check the disk and its permissions") from error
        if isinstance(error, pickle.UnpicklingError) and _is_pickle(start):
            # PyTorch's own words tell how to switch its guard off: they are not shown.
            what = "reading it would run code, as it holds more than weights"
            raise _fault(path, what, "get it as safetensors or with its weights alone") from error
        known = _is_safetensors(start) or _is_pickle(start)
        what = "it is cut short or damaged" if known else "it is no checkpoint of weights"
        raise _fault(path, what, "get it again") from error
    return _tensors(path, found)


def load_into(module: Any, state: Mapping[str, Tensor], path: Path) -> None:
    """Copies ``state`` into a torch module that has exactly these names and shapes. Raises
    AnnotatorError that names the first weight that differs, with both shapes."""
    what = difference(module, state)
    if what:
        raise _fault(path, f"it is of another model, {what}", "correct the manifest")
    module.load_state_dict(dict(state), strict=True)


def difference(module: Any, state: Mapping[str, Tensor]) -> str:
    """The first weight whose name or shape differs from the module's; "" when all are its own."""
    own: dict[str, Any] = module.state_dict()
    for name in (*own, *state):
        if name not in state:
            return f"{name} ({_shape(own[name])}) is missing"
        if name not in own:
            return f"{name} ({_shape(state[name])}) is not in the model"
        if state[name].shape != own[name].shape:
            return f"{name} is {_shape(state[name])} and not {_shape(own[name])}"
    return ""


def _is_safetensors(start: bytes) -> bool:
    """Eight bytes of length, then the brace of a JSON header."""
    return start[8:9] == b"{"


def _safetensors(path: Path) -> Any:
    from safetensors.torch import load_file

    return load_file(path, device="cpu")


def _is_pickle(start: bytes) -> bool:
    """A zip archive around one, as PyTorch writes since 1.6, or one of protocol 2 to 5."""
    return start[:2] == b"PK" or (start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05")


class _Inert:
    """Stands for an object of a training script's settings: takes whatever it is given and does
    nothing."""

    def __new__(cls, *_: Any, **__: Any) -> _Inert:
        return object.__new__(cls)

    def __setstate__(self, _: Any) -> None:
        return


def _checkpoint(path: Path, lazy: bool) -> Any:
    import torch

    # Only the archives that PyTorch writes since 1.6 can be read in parts.
    mapped = lazy and zipfile.is_zipfile(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the pickle's protocol, on a person's terminal
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError:
        named = _settings_in(path)
        if not named:
            raise
    # The names lead to the stand-in: their own code is not even imported.
    with torch.serialization.safe_globals([(_Inert, name) for name in named]):
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)


def _settings_in(path: Path) -> list[str]:
    """Names of the classes in a checkpoint that PyTorch refuses, if all are of settings; else
    none."""
    import torch

    try:
        named = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # not the layout that it reads: what PyTorch said before stands
        return []
    settings = [name for name in named if name.startswith(_SETTINGS)]
    return named if settings and {*named} <= {*settings, *_OF_SETTINGS} else []


def _tensors(path: Path, found: Any) -> dict[str, Tensor]:
    import torch

    for key in ENVELOPES:
        inner = found.get(key) if isinstance(found, Mapping) else None
        if isinstance(inner, Mapping) and any(isinstance(v, torch.Tensor) for v in inner.values()):
            found = inner
            break
    named = found.items() if isinstance(found, Mapping) else ()
    tensors = {str(name): value for name, value in named if isinstance(value, torch.Tensor)}
    if not tensors:
        raise _fault(path, "there are no weights in it", "get the model's checkpoint")
    if all(name.startswith(_WRAPPER) for name in tensors):
        tensors = {name.removeprefix(_WRAPPER): value for name, value in tensors.items()}
    return tensors


def _shape(tensor: Any) -> str:
    return "×".join(str(side) for side in tensor.shape) or "one number"


def _fault(path: Path, what: str, remedy: str) -> AnnotatorError:
    return AnnotatorError(f"The weight file {path} cannot be used: {what}; {remedy}.")
