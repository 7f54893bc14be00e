"""Put what desktops need beside a built program: ``build_beside.py FOLDER ICONS``.

It runs in the build's environment: the icons are drawn by Qt.
"""

from __future__ import annotations

import sys
from pathlib import Path

import desktop


def put(folder: Path, icons: Path) -> None:
    """``icons``: the folder that ``icons.py`` drew."""
    made = {path.name: path for path in icons.iterdir()}
    if sys.platform.startswith("linux"):
        desktop.put_linux(folder, made)
    elif sys.platform == "win32":
        desktop.put_windows(folder, made)


if __name__ == "__main__":
    put(Path(sys.argv[1]), Path(sys.argv[2]))
