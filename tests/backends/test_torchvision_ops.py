"""torchvision without its compiled operators, as beside a CPU-only torch: in other processes, for
a process that imported torchvision once has its operators for good."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
#: Loading torchvision's library fails as it does where libtorch_cuda is missing.
WITHOUT = """
import torch
really = torch.ops.load_library
def load_library(path):
    if "torchvision" in str(path):
        raise OSError("libtorch_cuda.so: cannot open shared object file: No such file or directory")
    really(path)
torch.ops.load_library = load_library
"""
MASKS = """
import hashlib
import numpy, torch
import tiny_sam
torch.set_num_threads(1)
rng = numpy.random.default_rng(3)
image = rng.integers(0, 256, (97, 131, 3)).astype(numpy.uint8)
refiner = tiny_sam.refiner()
encoding = refiner.encode(image)
found = hashlib.sha256()
for points, box in (((40.0, 30.0, True),), None), ((), (10.0, 9.0, 90.0, 80.0)):
    for one in refiner.refine(encoding, points=list(points), box=box):
        found.update(one.mask.tobytes())
        found.update(repr(one.score).encode())
import torchvision.extension
print(torchvision.extension._has_ops(), found.hexdigest())
"""
CALLED = """
from annotator.backends import torchvision_ops
torchvision_ops.declare()
torchvision_ops.declare()
import torch, torchvision
boxes = torch.rand(3, 4)
for name, call in {
    "package": lambda: torchvision.ops.nms(boxes, torch.rand(3), 0.5),
    "operator": lambda: torch.ops.torchvision.nms(boxes, torch.rand(3), 0.5),
    "quantised": lambda: torch.ops.torchvision.qnms(boxes, torch.rand(3), 0.5),
}.items():
    try:
        call()
        print(name, "answered")
    except (RuntimeError, NotImplementedError) as error:
        print(name, "refused:", str(error)[:40])
"""
CUTTER = """
name = "cutter"
title = "Cutter"
description = "GrabCut alone."

[roles.refiner]
kind = "grabcut"
model = "grabcut"
licence = "Apache-2.0"
size_bytes = 0
memory_mb = 1
"""


def ran(code: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(HERE), "OMP_NUM_THREADS": "1"},
    )
    return done.returncode, done.stdout, done.stderr


def test_without_the_declaration_torchvision_cannot_be_imported() -> None:
    """What the rest is for; when torchvision no longer needs it, it can go."""
    status, _, said = ran(f"{WITHOUT}\nimport torchvision")
    assert status == 1
    assert "torchvision::nms" in said


def test_hq_sam_gives_the_same_masks_without_the_operators() -> None:
    normal, bare = ran(MASKS), ran(WITHOUT + MASKS)
    assert (normal[0], bare[0]) == (0, 0), normal[2] + bare[2]
    (had, masks), (has, same) = normal[1].split(), bare[1].split()
    assert has == "False"
    assert masks == same
    # A torchvision that has its operators keeps them.
    assert had == str(_has_operators())


def test_an_operator_that_is_only_declared_refuses_to_answer() -> None:
    status, said, errors = ran(WITHOUT + CALLED)
    assert status == 0, errors
    assert [line.split(":")[0] for line in said.splitlines()] == [
        "package refused",
        "operator refused",
        "quantised refused",
    ]


def test_what_needs_no_weights_gets_no_torch(tmp_path: Path) -> None:
    manifest = tmp_path / "cutter.toml"
    manifest.write_text(CUTTER, encoding="utf-8")
    code = f"""
import sys
from annotator.backends.registry import load_pack
print(load_pack({str(manifest)!r}).refiner().id, "torch" in sys.modules)
"""
    status, said, errors = ran(code)
    assert status == 0, errors
    assert said.split()[-1] == "False"


def _has_operators() -> bool:
    from annotator.backends import torchvision_ops

    torchvision_ops.declare()
    from torchvision import extension

    return bool(extension._has_ops())
