"""Manifests of packs to download, and what a download of one does."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from annotator.backends import downloads
from annotator.backends.downloads import Settings
from annotator.core.records import Progress

WEIGHTS = random.Random(1).randbytes(3 * 2**20)
HEAD = """
[roles.grounder]
kind = "clip-grounder"
model = "tiny"
licence = "MIT"
size_bytes = 3000000
memory_mb = 1
source = "Hugging Face somebody/tiny"
folder = "tiny"
"""
HUB = '[[roles.grounder.downloads]]\nrepository = "somebody/tiny"\n'
LISTED = HEAD + HUB + 'files = ["config.json", "model.safetensors"]\n'
OPEN = HEAD + HUB + 'include = ["*.json", "*.safetensors", "words/*"]\n'
REPOSITORY = {
    "config.json": b'{"model_type": "clip"}',
    "model.safetensors": WEIGHTS,
    "words/list.txt": b"cat dog",
    "README.md": b"# Tiny",
    "onnx/config.json": b"{}",
}


def fetched(pack: Path, settings: Settings) -> dict[str, Any]:
    last = list(downloads.download(downloads.plan(pack, None, settings), settings))[-1]
    assert last.result is not None
    return dict(last.result)


def stop_after(steps: Iterator[Progress], done: int) -> None:
    """Read until so many bytes are there, and close."""
    for step in steps:
        if step.done >= done:
            break
    steps.close()  # type: ignore[attr-defined]
