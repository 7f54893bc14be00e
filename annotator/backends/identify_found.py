"""What a look at a file or a folder found, and the rules that all such looks share."""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from annotator.backends.manifest import Prompt
from annotator.core.errors import AnnotatorError

UNKNOWN_LICENCE = "unknown: see where it came from"
#: What fits which role, for a person whose model fits none.
WHAT_FITS = (
    "a tagger is a vision-language model, a language_model one that writes text, an embedder a "
    "sentence-transformers BERT, a grounder a CLIP, SigLIP or TCL, a refiner an HQ-SAM"
)
_UNPRINTABLE = re.compile(r"[^\w .,:+/()\[\]-]+")


@dataclass(frozen=True, slots=True)
class Found:
    """What a file or folder is. ``path``: what a manifest names, absolute; ``key``: under which
    key of it. ``label``: its family ("CLIP"); ``title`` reads after "is" ("a CLIP model").
    ``fits``: role -> kind of the adapter; empty where ``reason``, a sentence, says why nothing
    fits. ``needs``: what it works on top of, "clip" (a folder) or "grounder" (a pack or a folder),
    "" for a model that is whole. ``weights``: how many; ``size_bytes`` of the files that are of
    use, ``memory_mb`` as ``memory`` estimates. ``remarks``: sentences worth knowing."""

    path: Path
    label: str
    title: str
    fits: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    key: Literal["file", "folder", "adapter"] = "folder"
    needs: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    prompts: tuple[Prompt, ...] = ()
    weights: int = 0
    size_bytes: int = 0
    memory_mb: int = 0
    licence: str = UNKNOWN_LICENCE
    source: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def roles(self) -> tuple[str, ...]:
        return tuple(self.fits)


class Unfit(AnnotatorError):
    """Nothing can be made of it; the sentence says what it is and what to do."""


def memory(weights: int, bytes_each: int) -> int:
    """Memory in MB that a model takes at work: a fifth more than its weights as they are loaded,
    and 300 MB. Within a quarter of what the shipped manifests measured."""
    return round(weights * bytes_each * 1.2 / 1e6 + 300)


def clean(text: object, most: int = 100) -> str:
    """A text out of a file, short and printable; it is shown and written down, never obeyed."""
    line = " ".join(_UNPRINTABLE.sub(" ", str(text)).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def a(label: str) -> str:
    """With its article: "an HQ-SAM", "a CLIP"."""
    return f"{'an' if label[:1] in 'AEHIOaeio' else 'a'} {label}"


def is_regular(path: Path) -> bool:
    """Whether it is a file of bytes, links followed: opening a pipe would wait for ever."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def start_of(path: Path, count: int = 512) -> bytes:
    """The first bytes of a file. Raises Unfit when it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(count)
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> Unfit:
    return Unfit(f"{path} cannot be read ({error.strerror}): see to its permissions and its disk.")
