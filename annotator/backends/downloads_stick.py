"""A folder that is carried to another machine: the list of what is in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from annotator.backends.downloads_net import writing
from annotator.backends.registry import Pack
from annotator.core.paths import shipped

#: The list's name; its lines are those of sha256sum, so that `sha256sum -c FILES.txt` reads it.
LIST = "FILES.txt"
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)\Z")
_HEAD = """\
# Models for Annotator. Copy everything in this folder, with its folders, into the models folder of
# the other machine (annotator models download PACK --list names it there), or into the folder
# "packs" beside the program. Then: annotator models verify PACK
# To check the copy itself, in this folder: sha256sum -c FILES.txt
"""


def write_list(folder: Path, files: Sequence[Mapping[str, Any]]) -> Path:
    """Write the list of a folder: these files ("file", "size", "sha256"), and those that an older
    list names and that are still there. Raises AnnotatorError when it cannot be written."""
    path = folder / LIST
    rows = {**_older(path), **{one["file"]: one["sha256"] for one in files}}
    lines = [_HEAD.rstrip("\n")]
    for name, sha256 in sorted(rows.items()):
        lines += [f"# {(folder / name).stat().st_size} bytes", f"{sha256}  {name}"]
    with writing(path):
        folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{LIST}.new")
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
        temporary.replace(path)
    return path


def carry_manifest(folder: Path, pack: Pack) -> list[str]:
    """Put the manifest of a pack that does not come with Annotator into the folder too. Returns
    what a person should know of it. Raises AnnotatorError when it cannot be written."""
    if pack.path.resolve().parent == shipped("models").resolve():
        return []
    there = folder / f"{pack.path.stem}.toml"
    with writing(there):
        if not there.exists() or not there.samefile(pack.path):
            there.write_bytes(pack.path.read_bytes())
    return [f"The manifest {there.name} is not part of Annotator, so it is in the folder too."]


def _older(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    found = (_LINE.match(line) for line in lines)
    return {one[2]: one[1] for one in found if one and (path.parent / one[2]).is_file()}
