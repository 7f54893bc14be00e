"""A causal language model out of one GGUF file, read by transformers."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from annotator.backends import pretrained
from annotator.core.errors import AnnotatorError

_lock = threading.Lock()


def load(path: Path, dtype: str) -> tuple[Any, Any]:
    """Model, on the device, and tokenizer; the weights are unpacked to ``dtype``. Raises
    AnnotatorError when the file is no such model, or not whole."""
    transformers = pretrained.library()
    place = {"pretrained_model_name_or_path": path.parent, "gguf_file": path.name}
    place |= pretrained.LOCAL
    try:
        with _read_once() as reader:
            config = transformers.AutoConfig.from_pretrained(**place)
            wanted = pretrained.torch_dtype(dtype)
            model = transformers.AutoModelForCausalLM.from_config(config, dtype=wanted)
            # Not by from_pretrained, which wants another library for this kind of file.
            tensors = reader.load_gguf_checkpoint(
                path, return_tensors=True, model_to_load=model, torch_dtype=wanted
            )["tensors"]
            tokenizer = transformers.AutoTokenizer.from_pretrained(**place)
        _fill(model, tensors)
        return pretrained.to_device(model, path.name), tokenizer
    except AnnotatorError:
        raise
    except Exception as error:  # the libraries raise many kinds for a file that is not whole
        raise AnnotatorError(
            f"The model file {path} cannot be used ({pretrained.reason(error)}): get it again."
        ) from error


def _fill(model: Any, tensors: dict[str, Any]) -> None:
    model.load_state_dict(tensors, strict=False)
    weights = dict(model.named_parameters(remove_duplicate=False))
    # One weight can have two names: the words that are read and those that are written.
    filled = {id(weights[name]) for name in tensors if name in weights}
    missing = [name for name, weight in weights.items() if id(weight) not in filled]
    if missing:
        raise ValueError(f"{len(missing)} weights are missing")


@contextmanager
def _read_once() -> Iterator[Any]:
    """transformers' reader of GGUF, silent, reading a file once. It would read it for the
    config, the weights and the tokenizer each, and make one table of names for every module:
    that is two thirds of the time a small model takes to load."""
    import gguf
    from transformers import modeling_gguf_pytorch_utils

    reader: Any = modeling_gguf_pytorch_utils
    files: Any = gguf
    with _lock:
        before = files.GGUFReader, files.get_tensor_name_map, reader.tqdm
        opened = functools.cache(before[0])
        files.GGUFReader = lambda path: opened(str(path))
        files.get_tensor_name_map = functools.cache(before[1])
        reader.tqdm = lambda rows, **_: rows  # a progress bar without a switch
        try:
            yield reader
        finally:
            files.GGUFReader, files.get_tensor_name_map, reader.tqdm = before
