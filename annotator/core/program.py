"""What this program runs as: from its source, or frozen into a folder with its own Python."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def frozen() -> bool:
    """Whether this is the packaged executable: pip and other Pythons are then out of reach."""
    return bool(getattr(sys, "frozen", False))


def home() -> Path | None:
    """The folder of the packaged executable; None when it runs from source."""
    return Path(sys.executable).resolve().parent if frozen() else None


def command() -> list[str]:
    """The words that start this very program again, before its arguments."""
    return [sys.executable] if frozen() else [sys.executable, "-m", "annotator"]


def own_version() -> str:
    """The version as the installation has it; "unknown" for a copy that was never installed."""
    try:
        return version("annotator")
    except PackageNotFoundError:
        return "unknown"
