"""What the program runs on: versions, and that nothing is there twice."""

from __future__ import annotations

import importlib
import platform
from collections.abc import Iterable, Mapping
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from annotator.backends import torchvision_ops
from annotator.core import program
from annotator.core.errors import AnnotatorError
from annotator.project import sqlite
from annotator.self_test.steps import Found

#: Name in the table -> the module, which is imported to see that it can be.
_LIBRARIES = {
    "numpy": "numpy",
    "opencv": "cv2",
    "pillow": "PIL",
    "torch": "torch",
    "torchvision": "torchvision",
    "transformers": "transformers",
}
_BINDINGS = ("PySide6", "PyQt6", "PySide2", "PyQt5")
_OPENCV = "opencv-"


def versions() -> dict[str, str]:
    """Name -> version of everything that matters, "does not import (why)" for what does not."""
    found = {
        "annotator": program.own_version(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "runs": "frozen" if program.frozen() else "from source",
        "sqlite": sqlite.VERSION,
        "qt": _qt(),
    }
    torchvision_ops.declare()  # or torchvision would not import beside a torch for CPUs alone
    for name, module in _LIBRARIES.items():
        found[name] = _imported(module)
    return found


def look(found: Mapping[str, str]) -> Found:
    """Whether these versions, and what is installed beside them, are in order. Raises
    AnnotatorError."""
    faults = [
        *_missing(found),
        *twice(_installed_bindings(), _distributions()),
        *old_sqlite(found["sqlite"]),
        *(_bundled_twice(home) if (home := program.home()) else ()),
    ]
    if faults:
        raise AnnotatorError(" ".join(faults))
    said = f"Annotator {found['annotator']} {found['runs']}, Python {found['python']}, SQLite "
    return Found(said + f"{found['sqlite']}, PyTorch {found['torch']}")


def old_sqlite(version: str) -> list[str]:
    """A sentence when that SQLite is older than the one that projects need."""
    try:
        parts = tuple(int(part) for part in version.split("."))
    except ValueError:
        parts = ()
    if parts >= sqlite.SAFE:
        return []
    wanted = ".".join(str(part) for part in sqlite.SAFE)
    return [f"SQLite is {version} and not at least {wanted}: install the package pysqlite3."]


def twice(bindings: Iterable[str], opencvs: Iterable[str]) -> list[str]:
    """Sentences where several bindings of Qt, or several builds of OpenCV, are beside each other:
    whichever is loaded second brings libraries that do not fit the first."""
    faults = []
    several = sorted(set(bindings))
    if len(several) > 1:
        faults.append(f"There are {' and '.join(several)}: uninstall all but PySide6.")
    builds = sorted(set(opencvs))
    if len(builds) > 1:
        kept = "opencv-python-headless"
        faults.append(
            f"There are {' and '.join(builds)}: uninstall all of them, then install {kept} again."
        )
    return faults


def _qt() -> str:
    if find_spec("PySide6") is None:
        return "not installed"
    try:
        return str(importlib.import_module("PySide6.QtCore").qVersion())
    except ImportError as error:
        return f"does not import ({error})"


def _imported(module: str) -> str:
    try:
        return str(importlib.import_module(module).__version__)
    # A library that is built for another one raises anything (torchvision: RuntimeError).
    except Exception as error:
        return f"does not import ({' '.join(str(error).split())})"


def _missing(found: Mapping[str, str]) -> list[str]:
    faults = [
        f"{name} {version}: install Annotator again with its dependencies."
        for name, version in found.items()
        if version.startswith("does not import")
    ]
    if found["qt"] == "not installed" and program.frozen():
        faults.append("Qt is not in this copy of Annotator: get it again.")
    return faults


def _installed_bindings() -> list[str]:
    return [name for name in _BINDINGS if find_spec(name) is not None]


def _distributions() -> list[str]:
    names = (one.metadata["Name"] for one in metadata.distributions())
    return [name.lower() for name in names if name and name.lower().startswith(_OPENCV)]


def _bundled_twice(home: Path) -> list[str]:
    """A sentence for each library that the packaged executable carries twice, or in vain."""
    files = [path for path in home.rglob("*") if not path.is_symlink()]
    faults = []
    for what, names in {
        "Qt": ("libQt6Core.so.6", "Qt6Core.dll", "QtCore"),
        "OpenCV": ("cv2.abi3.so", "cv2.pyd", "cv2.so"),
    }.items():
        there = [path for path in files if path.name in names and path.is_file()]
        if len(there) > 1:
            places = " and ".join(str(path.relative_to(home)) for path in there)
            faults.append(f"{what} is in this copy of Annotator more than once ({places}).")
    if any(path.name == "qt" and path.parent.name == "cv2" for path in files):
        faults.append("OpenCV brings a Qt of its own (cv2/qt) into this copy of Annotator.")
    return faults
