"""The window on the project, in a process of its own: what is wrong with a display ends it."""

from __future__ import annotations

import json
from pathlib import Path

from annotator.core.errors import AnnotatorError
from annotator.self_test import killed
from annotator.self_test.steps import Found


def show(project: Path, picture: Path, folder: Path) -> Found:
    """Open the window, wait for its first image, and save what it shows as ``picture``. Raises
    AnnotatorError."""
    words = ["self-test", "--show", str(project), "--screenshot", str(picture)]
    log = folder / "window.log"
    ran = killed.until(words, lambda _: False, log)
    if not ran.lines or not picture.is_file():
        raise AnnotatorError(f"The window could not be shown: {killed.end_of(log)}")
    facts = json.loads(ran.lines[-1])
    said = f"{facts['width']} x {facts['height']} on {facts['platform']}, first image after "
    return Found(said + f"{facts['painted']:.1f} s", {**facts, "picture": str(picture)})
