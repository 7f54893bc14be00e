"""What a GGUF file says of itself: its head is read, its weights are not.

The layout is that of the specification (github.com/ggml-org/ggml, docs/gguf.md): magic, version,
counts, key-value pairs, then name, shape, type and place of each weight."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from annotator.backends import pretrained
from annotator.backends.identify_found import (
    UNKNOWN_LICENCE,
    Found,
    Unfit,
    clean,
    memory,
    unreadable,
)

#: Value type -> how struct reads it; 8 is a text and 9 a list.
_NUMBERS = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True))
_TEXT, _LIST = 8, 9
#: No file has more weights, keys or letters in a key than this.
_MOST, _LONGEST = 2**20, 2**24
#: Architectures by llama.cpp's names that transformers knows under another one.
_ALIASES = {
    "qwen2moe": "qwen2_moe",
    "qwen3moe": "qwen3_moe",
    "gpt-oss": "gpt_oss",
    "minimax-m2": "minimax_m2",
}
_NOT_WRITING = frozenset({"general", "tokenizer", "t5", "umt5", "t5encoder"})


@dataclass(frozen=True, slots=True)
class Head:
    """``facts``: keys with their values, lists as their lengths; ``weights``: how many;
    ``end``: where the last of them ends, in bytes from the file's beginning."""

    facts: dict[str, Any]
    weights: int
    end: int


def look(path: Path) -> Found:
    """What the model in a GGUF file fits. Raises Unfit for one that fits nothing."""
    found = head(path)
    kind = str(found.facts.get("general.architecture", ""))
    if path.stat().st_size < found.end:
        raise Unfit(f"{path} is cut short or damaged: get it again.")
    if kind == "clip" or path.name.startswith("mmproj"):
        raise Unfit(
            f"{path} is the image half of a vision-language model: let a server run both halves "
            "(llama.cpp, Ollama) and add it with annotator models server."
        )
    if int(found.facts.get("split.count", 0) or 0) > 1:
        raise Unfit(
            f"{path} is one of {found.facts['split.count']} parts of a model: join them first, "
            "with llama-gguf-split --merge."
        )
    known = architectures()
    if _ALIASES.get(kind, kind) not in known:
        raise Unfit(
            f"{path} is a GGUF model of the architecture {clean(kind, 40) or 'unknown'}, which is "
            f"not read here ({', '.join(sorted(known))} are): get it as safetensors, or let a "
            "server run it and add that with annotator models server."
        )
    remarks = [] if "tokenizer.chat_template" in found.facts else [NO_CHAT]
    licence = clean(found.facts.get("general.license", ""))
    return Found(
        path,
        label=clean(found.facts.get("general.name") or kind, 60),
        title=f"a language model in a GGUF file ({clean(kind, 40)})",
        fits={"language_model": "transformers-language-model"},
        key="file",
        weights=found.weights,
        size_bytes=path.stat().st_size,
        # Unpacked when it is loaded, to four bytes each on a CPU.
        memory_mb=memory(found.weights, 4),
        remarks=tuple(remarks),
        licence=licence or UNKNOWN_LICENCE,
    )


NO_CHAT = (
    "It has no chat template, as models have that were not taught to follow instructions: it may "
    "group words badly."
)


def architectures() -> frozenset[str]:
    """Those that transformers reads out of GGUF and that write text."""
    pretrained.library()
    from transformers import modeling_gguf_pytorch_utils as reader

    return frozenset(reader.GGUF_SUPPORTED_ARCHITECTURES) - _NOT_WRITING


def head(path: Path) -> Head:
    """Raises Unfit when the file is no GGUF of version 2 or 3, or not whole."""
    try:
        with path.open("rb") as file:
            return _Reader(file).head()
    except OSError as error:
        raise unreadable(path, error) from error
    except (ValueError, struct.error, KeyError, OverflowError, MemoryError) as error:
        raise Unfit(f"{path} is cut short or damaged: get it again.") from error


class _Reader:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def head(self) -> Head:
        from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

        magic, version = self._read("4sI")
        if magic != b"GGUF" or version not in (2, 3):
            raise ValueError("no GGUF")
        tensors, pairs = self._read("QQ")
        if max(tensors, pairs) > _MOST:
            raise ValueError("counts")
        facts = {}
        for _ in range(pairs):
            key = self._text()
            (kind,) = self._read("I")
            facts[key] = self._value(kind)
        count = end = 0
        for _ in range(tensors):
            self._text()
            (sides,) = self._read("I")
            if sides > 8:
                raise ValueError("shape")
            shape = self._read(f"{sides}Q")
            kind, place = self._read("IQ")
            block, size = GGML_QUANT_SIZES[GGMLQuantizationType(kind)]
            count += math.prod(shape)
            end = max(end, place + math.prod(shape) // block * size)
        align = int(facts.get("general.alignment", 32)) or 32
        begin = -(-self._file.tell() // align) * align
        return Head(facts, count, begin + end)

    def _read(self, form: str) -> tuple[Any, ...]:
        size = struct.calcsize("<" + form)
        return struct.unpack("<" + form, self._file.read(size))

    def _text(self) -> str:
        (length,) = self._read("Q")
        if length > _LONGEST:
            raise ValueError("text")
        data = self._file.read(length)
        if len(data) < length:
            raise ValueError("cut")
        return data.decode("utf-8", "replace")

    def _value(self, kind: int) -> Any:
        if kind == _TEXT:
            return self._text()
        if kind != _LIST:
            return self._read(_NUMBERS[kind])[0]
        inner, count = self._read("IQ")
        if count > _LONGEST or inner == _LIST:
            raise ValueError("list")
        if inner == _TEXT:
            for _ in range(count):
                self._text()
        else:
            self._file.seek(count * struct.calcsize("<" + _NUMBERS[inner]), 1)
        return count
