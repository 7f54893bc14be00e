"""What must hold of a built bundle, looked at from outside: ``check_bundle.py FOLDER [FLAVOUR]``.

One Qt, one OpenCV, a SQLite without the fault of those before 3.51.3, no web browser, small.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import build_sizes

#: Bytes; the GPU flavour carries CUDA's libraries.
LIMITS = {"cpu": 1500 * 10**6, "gpu": 8000 * 10**6}
#: The first SQLite in which a write and a checkpoint at once are safe.
SQLITE = (3, 51, 3)
_ONE = (
    ("Qt", r"(lib)?Qt6?Core(\.so(\.\d+)*|\.abi3\..*|\.dll|\.dylib)?"),
    ("OpenCV", r"cv2(\.[^/]*)?\.(so|pyd)"),
)
_NONE = (
    ("OpenCV's own Qt", r"(^|/)cv2/qt/"),
    ("Qt WebEngine", r"WebEngine"),
    ("QML", r"(^|/)(lib)?Qt6?(Qml|Quick)|(^|/)qml/"),
    ("headers", r"(^|/)torch/include/"),
    ("Tcl/Tk", r"(^|/)(_tkinter|libtcl|libtk)"),
    ("a second SQLite", r"^(?!pysqlite3/)(.*/)?(_sqlite3\.|libsqlite3|sqlite3\.dll)"),
)


def check(folder: Path, flavour: str = "cpu", run: bool = True) -> list[str]:
    """One sentence for each thing that is wrong; none when all is well. ``run``: start the
    program too."""
    inside = folder / "_internal"
    files = [path.relative_to(inside).as_posix() for path in inside.rglob("*") if _is_own(path)]
    faults = [*ones(files), *nones(files), *links(folder)]
    size = build_sizes.total(folder)
    if size > LIMITS[flavour]:
        faults.append(f"It has {size / 1e6:,.0f} MB, more than {LIMITS[flavour] / 1e6:,.0f}.")
    if not (folder / "packs" / "README.txt").is_file():
        faults.append("There is no packs/README.txt.")
    return faults + (started(folder) if run else [])


def ones(files: list[str]) -> list[str]:
    """What must be there exactly once: a second one in the same process breaks both."""
    faults = []
    for name, pattern in _ONE:
        found = [one for one in files if re.fullmatch(pattern, one.rpartition("/")[2])]
        libraries = [one for one in found if not _is_binding(one)]
        if len(libraries) != 1:
            faults.append(f"There is not one {name} but {len(libraries)}: {', '.join(libraries)}.")
    return faults


def nones(files: list[str]) -> list[str]:
    """What must not be there."""
    faults = []
    for name, pattern in _NONE:
        found = [one for one in files if re.search(pattern, one)]
        if found:
            faults.append(f"There is {name}: {found[0]} and {len(found) - 1} more.")
    return faults


def links(folder: Path) -> list[str]:
    """Links that leave the folder or lead nowhere: on another computer neither works."""
    root = folder.resolve()
    faults = []
    for path in folder.rglob("*"):
        if path.is_symlink():
            if not path.resolve().is_relative_to(root):
                faults.append(f"The link {path.relative_to(folder)} leaves the folder.")
            elif not path.exists():
                faults.append(f"The link {path.relative_to(folder)} leads nowhere.")
    return faults


def started(folder: Path) -> list[str]:
    """Runs the program's own test with next to nothing in its environment, and asks what it runs
    on."""
    program = folder / ("annotator-cli.exe" if sys.platform == "win32" else "annotator")
    if sys.platform == "darwin":
        program = folder / "annotator-cli"
    with tempfile.TemporaryDirectory() as home:
        # Windows starts nothing without SYSTEMROOT.
        kept = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
        done = subprocess.run(
            [program, "self-test", "--json"],
            check=False,
            capture_output=True,
            encoding="utf-8",
            cwd=home,
            env={**kept, "HOME": home, "QT_QPA_PLATFORM": "offscreen"},
        )
    try:
        found = json.loads(done.stdout)
    except ValueError:
        return [f"{program.name} self-test says {done.stdout[-200:]!r} {done.stderr[-500:]!r}."]
    return answers(found)


def answers(found: Mapping[str, Any]) -> list[str]:
    """What is wrong in the report of ``annotator self-test --json``."""
    faults = [
        f"self-test, {step['name']}: {step['said']}" for step in found["steps"] if not step["ok"]
    ]
    version = found["versions"]["sqlite"]
    if tuple(int(part) for part in version.split(".")) < SQLITE:
        wanted = ".".join(map(str, SQLITE))
        faults.append(f"SQLite is {version}, before {wanted}: install pysqlite3.")
    return faults


def _is_own(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _is_binding(path: str) -> bool:
    """PySide6's QtCore.abi3.so is a way to Qt, not Qt."""
    return "/QtCore." in f"/{path}"


def main() -> int:
    faults = check(Path(sys.argv[1]), *sys.argv[2:3])
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
