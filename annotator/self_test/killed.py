"""Another process of this very program, which is killed without a warning."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from annotator.core import program
from annotator.core.errors import AnnotatorError

#: Seconds that a process may take at most.
PATIENCE = 300.0


@dataclass(frozen=True, slots=True)
class Ran:
    """The whole lines that a process said on stdout until its end, and whether that came by being
    killed here."""

    lines: list[str]
    killed: bool


def until(
    words: Sequence[str], enough: Callable[[Sequence[str]], bool], log: Path, **environment: str
) -> Ran:
    """Start this program with ``words`` and kill it (SIGKILL, TerminateProcess) as soon as
    ``enough`` says so of what it said by then. ``log`` takes its stderr. Raises AnnotatorError
    when it ends with an error of its own, or hangs."""
    lines: list[str] = []
    killed = False
    with log.open("wb") as errors:
        process = _started([*program.command(), *words], errors.fileno(), environment)
        hung = threading.Timer(PATIENCE, process.kill)
        hung.start()
        try:
            assert process.stdout is not None
            with process.stdout:
                for line in process.stdout:
                    # What comes after is what it said before the kill reached it.
                    if line.endswith("\n"):
                        lines.append(line.rstrip("\r\n"))
                    if not killed and enough(lines):
                        killed = True
                        process.kill()
            status = process.wait()
        finally:
            process.kill()
            process.wait()
            assert process.stdin is not None
            process.stdin.close()
            timed_out = not hung.is_alive()
            hung.cancel()
    if timed_out:
        raise AnnotatorError(
            f"A second process of Annotator was not ready after {PATIENCE:.0f} s and was ended: "
            "look whether other programs keep this computer busy, and try again."
        )
    if not killed and status:
        raise AnnotatorError(
            f"A second process of Annotator ended with status {status}: {end_of(log)}"
        )
    return Ran(lines, killed)


def wait() -> None:
    """In the other process: do nothing until it is killed, or nobody is there to do it."""
    if sys.stdin is not None:
        sys.stdin.read()


def _started(
    command: Sequence[str], errors: int, environment: dict[str, str]
) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, **environment},
        )
    except OSError as error:
        raise AnnotatorError(
            f"Annotator cannot start itself again as {command[0]} ({error.strerror}): install it "
            "again."
        ) from error


def end_of(log: Path) -> str:
    """The last line of what it said on stderr."""
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return said[-1] if said else "it did not say why."
