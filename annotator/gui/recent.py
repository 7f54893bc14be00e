"""The projects opened before, in the person's settings."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from PySide6.QtCore import QSettings

_KEY = "recent"
_MOST = 12


@dataclass(frozen=True, slots=True)
class Recent:
    """``opened`` is ISO 8601 in UTC; ``images`` as it was counted then, None before it was."""

    path: str
    folder: str
    images: int | None
    opened: str


def load() -> list[Recent]:
    """Newest first; settings that are no list of ours are the same as none."""
    try:
        rows = json.loads(str(QSettings().value(_KEY, "[]")))
        return [Recent(**row) for row in rows]
    except (ValueError, TypeError):
        return []


def note(path: Path, folder: Path, images: int | None = None) -> None:
    """Put a project first. Without ``images`` the number known before stays."""
    rows = load()
    if images is None:
        images = next((row.images for row in rows if row.path == str(path)), None)
    row = Recent(str(path), str(folder), images, datetime.now(UTC).isoformat(timespec="seconds"))
    _save([row, *(other for other in rows if other.path != row.path)][:_MOST])


def forget(path: str) -> None:
    """Take a project off the list; its file stays."""
    _save([row for row in load() if row.path != path])


def _save(rows: list[Recent]) -> None:
    QSettings().setValue(_KEY, json.dumps([asdict(row) for row in rows]))
