"""Run the tests of core, project, operations and exchange with PySide6 and torch out of reach.

Proves that these rooms work where neither the window nor a model is installed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

BLOCKED = ("PySide6", "shiboken6", "torch", "torchvision", "transformers", "timm")
ROOMS = ("core", "project", "operations", "exchange")


class Blocker(MetaPathFinder):
    """Refuses to find the blocked packages, as if they were not installed."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"{fullname} is blocked in this run", name=fullname)
        return None


def main() -> int:
    tests = Path(__file__).resolve().parent
    sys.meta_path.insert(0, Blocker())
    loaded = [name for name in sys.modules if name.partition(".")[0] in BLOCKED]
    if loaded:
        print(f"already imported, cannot be blocked: {loaded}")
        return 1
    rooms = [str(tests / room) for room in ROOMS]
    return int(pytest.main(["-p", "no:pytest-qt", "-q", *rooms]))


if __name__ == "__main__":
    sys.exit(main())
