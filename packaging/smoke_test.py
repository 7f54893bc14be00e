"""Try a built bundle as somebody else would find it.

    packaging/smoke_test [BUNDLE]                       default: dist/annotator
    packaging/smoke_test --program "python -m annotator"    the source, with what of this fits it

The folder is copied to a path with a space and letters that are not ASCII and made read-only; the
program runs there without a network, without PATH and PYTHONPATH, in a fresh home, as nobody when
root runs this. A line for each check, the report beside the bundle (``--out``), exit 0 when all is
well.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import smoke_checks
import smoke_kills
import smoke_place
from smoke_checks import Wrong
from smoke_place import Place

ROOT = Path(__file__).resolve().parent.parent


def checks(
    options: argparse.Namespace, work: Path
) -> dict[str, tuple[str, Callable[[Place], str]]]:
    """Name -> what it is about, and the check."""
    out, source = options.out, options.source
    return {
        "place": ("where the program runs", smoke_checks.contained),
        "self-test": ("without a screen", lambda p: smoke_checks.offscreen(p, out)),
        "window": ("with a window", lambda p: smoke_checks.window(p, out)),
        "same": (
            "the same as the source says",
            lambda p: smoke_checks.same_proposals(p, source, work),
        ),
        "kills": (
            "killed while it works",
            lambda p: smoke_kills.working(p, options.kills),
        ),
        "decisions": (
            "killed while one decides",
            lambda p: smoke_kills.deciding(p, options.kills),
        ),
        "formats": ("older and newer projects", lambda p: smoke_checks.formats(p, source)),
        "menu": ("menu and file type", smoke_checks.in_the_menu),
        "start": (
            "how soon the window is there",
            lambda p: smoke_checks.start_times(p, out, options.starts),
        ),
    }


def main() -> int:
    options = _parser().parse_args()
    options.out = options.out.resolve()
    options.out.mkdir(parents=True, exist_ok=True)
    # Everybody may enter it: the program runs as nobody.
    work = Path(tempfile.mkdtemp(prefix="annotator-smoke-"))
    work.chmod(0o755)
    rows: list[dict[str, Any]] = []
    try:
        with _place(options, work) as place:
            before = smoke_checks.listing(place.bundle) if place.bundle else ""
            for remark in place.remarks:
                print(f"note       {remark}", flush=True)
            for name, (about, check) in checks(options, work).items():
                if not options.only or name in options.only:
                    rows.append(_tried(name, about, lambda: check(place)))  # noqa: B023
            if place.bundle is not None:
                rows.append(_tried("untouched", "the folder", lambda: _untouched(place, before)))
            notes = place.remarks
    finally:
        shutil.rmtree(work, ignore_errors=True)
    ok = all(row["ok"] for row in rows)
    report = {"ok": ok, "notes": notes, "checks": rows}
    (options.out / "smoke-test.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    (options.out / "smoke-test.md").write_text(_table(report), encoding="utf-8")
    print(f"{'all is well' if ok else 'NOT ALL IS WELL'}: {options.out / 'smoke-test.md'}")
    return 0 if ok else 1


def _tried(name: str, about: str, check: Callable[[], str]) -> dict[str, Any]:
    began = time.monotonic()
    try:
        told, ok = check(), True
    except (Wrong, RuntimeError, OSError, ValueError, KeyError) as error:
        told, ok = str(error) if isinstance(error, Wrong) else repr(error), False
    seconds = round(time.monotonic() - began, 1)
    print(f"{'ok   ' if ok else 'WRONG'} {name:<10} {seconds:6.1f} s  {told}", flush=True)
    return {"name": name, "about": about, "ok": ok, "seconds": seconds, "found": told}


def _untouched(place: Place, before: str) -> str:
    assert place.bundle is not None
    if smoke_checks.listing(place.bundle) != before:
        raise Wrong("the program changed something in its own folder")
    return "names, sizes and times of all files are as they were"


def _place(options: argparse.Namespace, work: Path) -> AbstractContextManager[Place]:
    if options.program:
        return smoke_place.here(shlex.split(options.program), work)
    return smoke_place.moved(options.bundle.resolve(), work)


def _table(report: dict[str, Any]) -> str:
    lines = ["# Smoke test", "", "| check | | seconds | found |", "|---|---|---|---|"]
    for row in report["checks"]:
        found = row["found"].replace("|", "\\|").replace("\n", " ")
        verdict = "ok" if row["ok"] else "**wrong**"
        lines.append(f"| {row['about']} | {verdict} | {row['seconds']} | {found} |")
    return "\n".join([*lines, "", *(f"Note: {one}." for one in report["notes"])]) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", nargs="?", type=Path, default=ROOT / "dist" / "annotator")
    parser.add_argument("--program", default="", help="words that start it, instead of a bundle")
    parser.add_argument("--source", type=Path, default=ROOT / ".venv" / "bin" / "python",
                        help="a Python with Annotator's source, to compare with")  # fmt: skip
    parser.add_argument("--kills", type=int, default=4, help="kills of each kind of work")
    parser.add_argument("--starts", type=int, default=5, help="starts that are timed, of each kind")
    parser.add_argument("--only", nargs="+", metavar="CHECK", help="only these checks, by name")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "smoke", help="the report")
    return parser


if __name__ == "__main__":
    sys.exit(main())
