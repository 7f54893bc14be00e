"""From the start of the program to its painted window, cold and warm: medians of several starts.

    python tests/benchmarks/bench_start.py [--program WORDS] [--runs 5] [--json FILE]

``--program``: what starts the program, by default this Python's ``-m annotator``; for the packaged
one its path (quoted, where it has spaces). Cold means that the system's cache of files was dropped
before, which Linux allows to root; where it cannot be, only warm starts are measured and that is
said. Ends with 1 when a warm window takes over 3 s, a cold one over 10 s, or a library of models is
imported by then.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

#: Seconds that a start may take.
LIMITS = {"warm": 3.0, "cold": 10.0}
#: What only models need.
HEAVY = ("torch", "torchvision", "transformers", "timm", "peft", "numpy", "cv2", "matplotlib")
_CACHES = Path("/proc/sys/vm/drop_caches")


def start(program: list[str], project: Path | None, folder: Path) -> tuple[float, list[str]]:
    """Seconds from the start of the process to the paint, and the packages imported by then."""
    report = folder / "start.json"
    report.unlink(missing_ok=True)
    words = [*program, *([str(project)] if project is not None else [])]
    environment = {**os.environ, "ANNOTATOR_REPORT_START": str(report)}
    began = time.time()
    done = subprocess.run(
        words, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode or not report.is_file():
        raise SystemExit(f"{shlex.join(words)} ended with {done.returncode}: {done.stderr}")
    facts = json.loads(report.read_text(encoding="utf-8"))
    return facts["painted"] - began, facts["modules"]


def forget_files() -> bool:
    """Make the system read every file from the disk again; False where it may not be asked."""
    os.sync()
    try:
        _CACHES.write_text("3\n", encoding="ascii")
    except OSError:
        return False
    return True


def measure(program: list[str], project: Path | None, runs: int) -> dict[str, Any]:
    """``{"cold": [seconds] or [], "warm": [seconds], "modules": [names]}``."""
    with tempfile.TemporaryDirectory(prefix="annotator-start-") as name:
        folder = Path(name)
        _, modules = start(program, project, folder)  # what is written at the first start only
        cold = [start(program, project, folder)[0] for _ in range(runs) if forget_files()]
        start(program, project, folder)
        warm = [start(program, project, folder)[0] for _ in range(runs)]
    return {"cold": cold, "warm": warm, "modules": modules}


def verdict(found: dict[str, Any]) -> list[str]:
    """What is not as it must be, a sentence each."""
    wrong = [
        f"{kind}: the window takes {statistics.median(found[kind]):.2f} s, more than {limit:.0f} s"
        for kind, limit in LIMITS.items()
        if found[kind] and statistics.median(found[kind]) > limit
    ]
    heavy = [name for name in HEAVY if name in found["modules"]]
    if heavy:
        wrong.append(f"imported before the window is there: {', '.join(heavy)}")
    return wrong


def describe(found: dict[str, Any]) -> str:
    parts = []
    for kind in ("cold", "warm"):
        times = found[kind]
        if times:
            parts.append(
                f"{kind} {statistics.median(times):.2f} s "
                f"({min(times):.2f} to {max(times):.2f}, {len(times)} starts)"
            )
        else:
            parts.append(f"{kind} not measured: the cache of files cannot be dropped here")
    return "; ".join(parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--program", default=shlex.join([sys.executable, "-m", "annotator"]))
    parser.add_argument("--project", type=Path, help="also time its first image")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    program = shlex.split(options.program)
    found = {"window": measure(program, None, options.runs)}
    if options.project is not None:
        found["first image"] = measure(program, options.project, options.runs)
    for what, facts in found.items():
        print(f"{what}: {describe(facts)}")
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    wrong = verdict(found["window"])
    for sentence in wrong:
        print(f"WRONG  {sentence}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
