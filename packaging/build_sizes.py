"""What a bundle holds by part, in megabytes, and what was cut: dist/annotator-size.md and .json."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import build_contents

MB = 10**6
_STRIPPED = "what torch and Python hold for debuggers"


def total(folder: Path) -> int:
    """Bytes of every file in a folder, a linked one once."""
    return sum(size for _, size in _files(folder))


def by_part(folder: Path) -> dict[str, int]:
    """Bytes of each part, largest first."""
    sizes: Counter[str] = Counter()
    for path, size in _files(folder):
        place = path.relative_to(folder).as_posix()
        inside = place.removeprefix("_internal/")
        if inside != place:
            sizes[build_contents.part(inside)] += size
        elif path.suffix in ("", ".exe") and path.stem.startswith("annotator"):
            sizes["program and compiled Python"] += size
        else:
            sizes[build_contents.OTHERS] += size
    return dict(sizes.most_common())


def strip(folder: Path) -> int:
    """Take the debuggers' names out of torch's and Python's own libraries, where that is usual
    (Linux) and the tool is there. Those that wheels carry were edited by other tools and stay as
    they are. Returns the bytes saved."""
    tool = shutil.which("strip") if sys.platform.startswith("linux") else None
    if tool is None:
        return 0
    before = total(folder)
    inside = folder / "_internal"
    for pattern in ("torch/lib/*.so*", "libpython3*.so*", "python3*/lib-dynload/*.so"):
        for path in sorted(inside.glob(pattern)):
            if path.is_file() and not path.is_symlink():
                subprocess.run([tool, "--strip-unneeded", path], check=True)
    return before - total(folder)


def cut(work: Path, stripped: int) -> dict[str, int]:
    """What the recipe left out, by reason, in bytes, largest first."""
    data = json.loads((work / "cut.json").read_text(encoding="utf-8"))
    rows = {**{str(key): int(value) for key, value in data.items()}, _STRIPPED: stripped}
    return {key: rows[key] for key in sorted(rows, key=rows.__getitem__, reverse=True)}


def write(folder: Path, cut: Mapping[str, int], flavour: str) -> str:
    """Write the tables beside the bundle; returns the Markdown."""
    parts = by_part(folder)
    facts = {
        "flavour": flavour,
        "platform": sys.platform,
        "bytes": sum(parts.values()),
        "parts": parts,
        "cut": dict(cut),
    }
    text = (
        f"# {folder.name}, {flavour} flavour: {sum(parts.values()) / MB:,.0f} MB\n\n"
        + _table("Part", parts)
        + "\nCut (as it lies in the environment):\n\n"
        + _table("What", {key: size for key, size in cut.items() if size >= MB / 2})
    )
    base = folder.parent / f"{folder.name}-size"
    base.with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    base.with_suffix(".md").write_text(text, encoding="utf-8")
    return text


def _table(head: str, rows: Mapping[str, int]) -> str:
    lines = [f"| {head} | MB |", "|---|---:|"]
    return (
        "\n".join([*lines, *(f"| {key} | {size / MB:,.1f} |" for key, size in rows.items())]) + "\n"
    )


def _files(folder: Path) -> list[tuple[Path, int]]:
    return [
        (path, path.stat().st_size)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    ]
