"""Build the bundle of Annotator for the machine this runs on: ``make package``.

One folder, dist/annotator, with its own Python: Annotator, its models' libraries, the starter's
weights. What it holds and what was cut is in dist/annotator-size.md and .json.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import build_environment
import build_sizes
import check_bundle
from build_environment import FLAVOURS, ROOT, BuildError

_HERE = Path(__file__).resolve().parent
PACKS = """\
Large models go here: copy their folders and the packs' manifests (*.toml) into this folder, and
Annotator finds them, on every computer that this folder is carried to.

  annotator models list                    the packs, and what each has
  annotator models download NAME           get one; with --list, the files to carry on a stick
"""


def main() -> int:
    words = _parser().parse_args()
    try:
        build(words)
    except BuildError as error:
        print(f"make package: {error}", file=sys.stderr)
        return 1
    return 0


def build(words: argparse.Namespace) -> None:
    """The bundle, checked and measured. Raises BuildError."""
    dist, work = words.distpath.resolve(), words.workpath.resolve()
    if words.python is None:
        python = build_environment.environment(
            ROOT / ".venv-package", words.flavour, words.torch
        ).absolute()
    else:
        python = words.python.absolute()
    icons = work / "icons"
    work.mkdir(parents=True, exist_ok=True)
    _run(python, str(_HERE / "icons.py"), str(icons), quiet=True)
    environment = {
        **os.environ,
        "ANNOTATOR_BUILD_VERSION": own_version(),
        "ANNOTATOR_BUILD_WORK": str(work),
        "ANNOTATOR_BUILD_OPERATORS": "1" if _operators(python) else "0",
        # PyInstaller looks at modules by importing some of them.
        "QT_QPA_PLATFORM": "offscreen",
    }
    folder = dist / "annotator"
    shutil.rmtree(folder, ignore_errors=True)
    print(f"Building {folder} (about ten minutes) ...", flush=True)
    _run(
        python,
        *("-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"),
        *("--distpath", str(dist), "--workpath", str(work)),
        str(_HERE / "annotator.spec"),
        environment=environment,
    )
    stripped = build_sizes.strip(folder)
    finish(folder, python, icons)
    faults = check_bundle.check(folder, words.flavour)
    cut = build_sizes.cut(work, stripped)
    print(build_sizes.write(folder, cut, words.flavour))
    if faults:
        raise BuildError("The bundle is not as it must be: " + " ".join(faults))
    print(f"{folder} is ready: copy the whole folder.")


def finish(folder: Path, python: Path, icons: Path) -> None:
    """What stands beside the program: the folder of large packs, desktop files, licences."""
    packs = folder / "packs"
    packs.mkdir()
    (packs / "README.txt").write_text(PACKS, encoding="utf-8")
    _run(python, str(_HERE / "build_beside.py"), str(folder), str(icons))
    _run(python, str(_HERE / "licences.py"), str(folder))


def own_version() -> str:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return str(data["project"]["version"])


def _operators(python: Path) -> bool:
    """Whether torchvision's compiled operators load in the build's environment."""
    code = (
        "from annotator.backends import torchvision_ops; torchvision_ops.declare();"
        "import torchvision.extension as e; print(e._has_ops())"
    )
    done = subprocess.run(
        [python, "-c", code], check=False, capture_output=True, text=True, cwd=ROOT
    )
    if done.returncode:
        raise BuildError(f"torchvision cannot be imported in {python}: {done.stderr[-300:]}")
    return done.stdout.split()[-1:] == ["True"]


def _run(
    python: Path, *words: str, environment: dict[str, str] | None = None, quiet: bool = False
) -> None:
    done = subprocess.run(
        [python, *words],
        check=False,
        cwd=ROOT,
        env=environment or {**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        stdout=subprocess.DEVNULL if quiet else None,
    )
    if done.returncode:
        raise BuildError(f"{' '.join(words[:2])} did not work: what it says is above.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Build the bundle of Annotator.")
    parser.add_argument("--flavour", choices=FLAVOURS, default="cpu", help="which torch (cpu)")
    parser.add_argument("--torch", default="", help="the requirement of the CPU flavour's torch")
    parser.add_argument("--python", type=Path, help="build in this environment, as it is")
    parser.add_argument("--distpath", type=Path, default=ROOT / "dist", help="where it goes")
    parser.add_argument("--workpath", type=Path, default=ROOT / "build", help="for work files")
    return parser


if __name__ == "__main__":
    sys.exit(main())
