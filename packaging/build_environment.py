"""The Python environment that the executable is built in: Annotator, its models, PyInstaller.

It is used again only while it was built for this very project table of pyproject.toml and this
flavour. Nothing here needs more than the standard library: it runs on the Python that ``make`` was
given.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FLAVOURS = ("cpu", "gpu")
#: The CPU build of torch on Linux; elsewhere the published torch is a CPU build already.
CPU_TORCH = "torch==2.13.0+cpu"
#: torchvision 0.N goes with torch 2.(N - 15), and refuses any other.
_VISION_AHEAD = 15


class BuildError(Exception):
    """One sentence that says what to do."""


def environment(folder: Path, flavour: str, torch: str = "") -> Path:
    """The Python of the environment of a flavour in ``folder``, made if need be. ``torch``: the
    requirement to install as the CPU flavour's torch. Raises BuildError."""
    stamp = folder / f".{flavour}-{fingerprint(torch)}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if stamp.is_file() and python.exists():
        return python
    print(f"Installing Annotator ({flavour}) and PyInstaller into {folder.name} ...", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    if flavour == "cpu" and sys.platform.startswith("linux"):
        _install_cpu(python, torch or CPU_TORCH)
    else:
        _pip(python, "install", *requirements())
    # Editable: its metadata goes into the executable, its modules come from the source tree.
    _pip(python, "install", "--no-deps", "--editable", str(ROOT))
    stamp.touch()
    return python


def fingerprint(torch: str = "") -> str:
    """What an environment was made from: the project as pyproject.toml has it (not the settings of
    tools there), the Python, the torch asked for."""
    made_from = json.dumps([_project(), sys.version, torch or CPU_TORCH])
    return hashlib.sha256(made_from.encode()).hexdigest()[:16]


def requirements(without: tuple[str, ...] = ()) -> list[str]:
    """What pyproject.toml asks for to run and to package, but for the distributions named."""
    project = _project()
    wanted = [*project["dependencies"], *project["optional-dependencies"]["package"]]
    return [one for one in wanted if distribution(one) not in without]


def _project() -> dict[str, Any]:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return dict(data["project"])


def distribution(requirement: str) -> str:
    """The name in a requirement: "torch" of "torch>=2.14; python_version > '3'"."""
    name = requirement
    for mark in "[]<>=!~;@ ":
        name = name.partition(mark)[0]
    return name.lower().replace("_", "-")


def vision_of(torch: str) -> str:
    """The requirement of the torchvision that goes with a version of torch ("2.13.0+cpu")."""
    major, minor = torch.split(".")[:2]
    if major != "2":
        raise BuildError(f"No torchvision is known for torch {torch}: add it to {__file__}.")
    return f"torchvision==0.{int(minor) + _VISION_AHEAD}.*"


def _install_cpu(python: Path, torch: str) -> None:
    """torch first and by itself: the published torchvision and whatever else asks for torch must
    not bring the CUDA one."""
    try:
        _pip(python, "install", torch)
    except BuildError as error:
        raise BuildError(
            f"pip finds no {torch}, the CPU build of torch: point pip at a folder or an index "
            "that has it (PIP_FIND_LINKS or PIP_EXTRA_INDEX_URL), name another one with "
            "make package TORCH=..., or build the other flavour with make package FLAVOUR=gpu."
        ) from error
    installed = _version(python, "torch")
    constraints = python.parent.parent / "constraints.txt"
    constraints.write_text(f"torch=={installed}\n", encoding="utf-8")
    rest = requirements(without=("torch", "torchvision"))
    _pip(python, "install", "--constraint", str(constraints), vision_of(installed), *rest)


def _version(python: Path, name: str) -> str:
    code = f"from importlib.metadata import version; print(version({name!r}))"
    return subprocess.run(
        [python, "-c", code], check=True, capture_output=True, text=True
    ).stdout.strip()


def _pip(python: Path, *words: str) -> None:
    done = subprocess.run([python, "-m", "pip", "--quiet", *words], check=False)
    if done.returncode:
        raise BuildError(f"pip {' '.join(words)} did not work: what it says is above.")
