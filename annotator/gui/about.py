"""What the program is made of, for a person and for a report of a fault. Imports no model library:
versions come from what the installation says of itself."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, files, version
from pathlib import Path

from PySide6.QtCore import qVersion

from annotator.core import program
from annotator.core.paths import shipped
from annotator.gui.faults import log_file
from annotator.project import sqlite

#: Name that people know -> distributions that bring it, the first one that is there counts.
_LIBRARIES = {
    "PyTorch": ("torch",),
    "Transformers": ("transformers",),
    "OpenCV": ("opencv-python-headless", "opencv-python"),
    "NumPy": ("numpy",),
}


@dataclass(frozen=True, slots=True)
class About:
    """``versions``: name and version of each part. ``places``: what is kept where. ``notices``:
    the folder of the licences of all parts, or the licence where it runs from source; None where
    neither is there."""

    version: str
    versions: tuple[tuple[str, str], ...]
    places: tuple[tuple[str, Path], ...]
    notices: Path | None

    @property
    def text(self) -> str:
        """For a report of a fault."""
        return "\n".join(f"{name} {value}" for name, value in self.versions)


def read() -> About:
    """All of it. Reads small files: call it on a worker."""
    from annotator.backends.registry import user_models
    from annotator.project.migrations import latest

    own = program.own_version()
    kind = "packaged" if program.frozen() else "from source"
    versions = (
        ("Annotator", f"{own} ({kind})"),
        ("System", platform.platform()),
        ("Python", platform.python_version()),
        ("Qt", f"{qVersion()} (PySide6 {_version(('PySide6', 'PySide6-Essentials'))})"),
        ("SQLite", sqlite.VERSION),
        ("Project file", f"format {latest()}, one SQLite database"),
        *((name, _version(known)) for name, known in _LIBRARIES.items()),
    )
    places = (("Program", program.home() or shipped()), ("Models", user_models()))
    return About(own, versions, (*places, ("Log", log_file())), _notices())


def _version(names: Iterable[str]) -> str:
    for name in names:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "not installed"


def _notices() -> Path | None:
    home = program.home()
    if home is not None:
        return home / "LICENCES" if (home / "LICENCES").is_dir() else None
    try:
        return shipped("LICENSE")
    except FileNotFoundError:
        # A wheel keeps it with what it says of itself.
        kept = [one for one in files("annotator") or () if one.name == "LICENSE"]
        return Path(str(kept[0].locate())) if kept else None
