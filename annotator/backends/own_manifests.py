"""Manifests that the program writes for a person: whole or not at all, and marked as its own.

The mark is the first line. Only a file that bears it is written again or deleted; what a person
wrote by hand stays as it is.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from annotator.backends import manifest
from annotator.core.errors import AnnotatorError
from annotator.core.paths import shipped

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\Z")


def check_name(name: str) -> None:
    """Raises AnnotatorError for what is no name of a pack, and for a pack that is shipped."""
    if not NAME.match(name):
        raise AnnotatorError(
            f"{name[:64]!r} is no name of a pack: use small letters, digits, - and _."
        )
    if any(path.stem == name for path in shipped("models").glob("*.toml")):
        raise AnnotatorError(f"The pack {name} comes with Annotator: choose another name.")


def toml(value: Any) -> str:
    """A value as TOML: texts, numbers, truth values and lists of these are written in JSON as in
    TOML, as long as no letter is spelt as two halves; the one letter that only JSON allows is
    written as its number."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def marked(path: Path, mark: str) -> bool:
    """Whether the file's first line is ``mark``; False for one that cannot be read."""
    try:
        with path.open(encoding="utf-8") as file:
            return file.readline().rstrip("\n") == mark
    except (OSError, UnicodeDecodeError):
        return False


def write(path: Path, text: str, known: Mapping[str, Path], kept: str) -> None:
    """The file, whole or not at all; read back as a manifest before it takes its place.

    ``known``: the manifests that it may extend; ``kept``: what the person is told is not lost.
    Raises AnnotatorError when it cannot be written, or is no manifest.
    """
    temporary = path.parent / f".{path.stem}-{secrets.token_hex(4)}.part"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        manifest.read(temporary, known)
        temporary.replace(path)
    except OSError as error:
        raise AnnotatorError(
            f"The pack manifest {path} could not be written ({error.strerror}): see to the folder "
            f"and its disk, {kept}."
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink()
