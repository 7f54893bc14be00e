"""What a command says: results on stdout, progress and remarks on stderr."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, TextIO

from annotator.core.errors import AnnotatorError, Cancelled
from annotator.core.records import Failure, Progress

if TYPE_CHECKING:
    from annotator.project.project import Project

KEPT = "What is done is kept; run the same command again to go on."
NOTHING_WRITTEN = "Nothing was written."

# Seconds between two updates of the line on a terminal, and between two lines elsewhere.
_TICK, _SPARSE = 0.1, 15.0


class Output:
    """Where a command prints. ``as_json``: stdout gets one document and nothing else."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    def result(self, document: Any, text: str) -> None:
        """The command's one answer: ``document`` with --json, else ``text``."""
        try:
            shown = json.dumps(document, indent=2, allow_nan=False) if self.as_json else text
            print(shown, flush=True)
        except BrokenPipeError:
            raise
        except OSError as error:
            # Python would try again when it ends, and say so in its own way.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise AnnotatorError(
                f"The answer could not be written to where it was sent ({error.strerror}); what "
                "the command did is done."
            ) from error

    def remark(self, text: str) -> None:
        """Something worth knowing beside the answer."""
        print(text, file=sys.stderr, flush=True)

    def drive(self, steps: Iterator[Progress], kept: str = KEPT) -> dict[str, Any]:
        """Run a pipeline to its end while showing how far it is; returns its result.

        ``kept`` tells somebody who stops it what became of the work. Raises Cancelled after
        Ctrl-C: once is heard between two steps, twice at once.
        """
        result: Mapping[str, Any] = {}
        line = _Line(sys.stderr)
        last: Progress | None = None
        with _interrupt() as stopped:
            try:
                for last in steps:
                    line.show(last)
                    if last.result is not None:
                        result = last.result
                    elif stopped.is_set():
                        break
            except KeyboardInterrupt:
                stopped.set()
            finally:
                line.end()
                close = getattr(steps, "close", None)
                if close is not None:
                    close()
        if stopped.is_set() and not result:
            raise Cancelled(f"Stopped{_how_far(last)}. {kept}")
        return dict(result)

    @contextmanager
    def telling(self) -> Iterator[Callable[[Progress], None]]:
        """Inside, what is given takes each Progress of work that writes nothing, and shows it.
        Raises Cancelled after Ctrl-C."""
        line = _Line(sys.stderr)
        with _interrupt() as stopped:

            def tell(progress: Progress) -> None:
                line.show(progress)
                if stopped.is_set():
                    raise Cancelled(f"Stopped{_how_far(progress)}. {NOTHING_WRITTEN}")

            try:
                yield tell
            except KeyboardInterrupt:
                raise Cancelled(f"Stopped. {NOTHING_WRITTEN}") from None
            finally:
                line.end()

    def failures(self, result: Mapping[str, Any], most: int = 10) -> None:
        """The images that could not be done, the first few by name."""
        failed = result.get("failed", [])
        if not failed or self.as_json:
            return
        lines = [f"{counted(len(failed), 'image')} could not be done:"]
        lines += [f"  {row['image']}: {row['reason']}" for row in failed[:most]]
        if len(failed) > most:
            lines.append(f"  ... and {len(failed) - most} more; --json lists all of them")
        self.remark("\n".join(lines))


def opened(path: Path) -> Project:
    """The project that a command is about, imported when one is."""
    from annotator.project.project import Project

    return Project.open(path)


def opened_to_read(path: Path) -> Project:
    """The same for a command that writes nothing into it: on a full disk too."""
    from annotator.project.project import Project

    return Project.open_to_read(path)


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Aligned columns, numbers to the right; None is a dash."""
    cells = [[_cell(value) for value in row] for row in rows]
    right = [
        bool(rows) and all(isinstance(row[i], int | float | None) for row in rows)
        for i in range(len(columns))
    ]
    widths = [max(_width(text) for text in column) for column in zip(columns, *cells, strict=True)]
    lines = []
    for row in (columns, *cells):
        parts = (
            " " * (width - _width(text)) + text if to_right else text + " " * (width - _width(text))
            for text, width, to_right in zip(row, widths, right, strict=True)
        )
        lines.append("  ".join(parts).rstrip())
    return "\n".join(lines)


def facts(pairs: Sequence[tuple[str, Any]]) -> str:
    """Names and values below each other."""
    width = max(len(name) for name, _ in pairs)
    return "\n".join(f"{name:<{width}}  {_cell(value)}" for name, value in pairs)


def typed(path: Path) -> str:
    """A path as it must be typed again: one that holds spaces or signs in quotes."""
    if os.name != "nt":
        return shlex.quote(str(path))
    import subprocess  # for its one function, not at every start

    return subprocess.list2cmdline([str(path)])


def duration(seconds: float) -> str:
    """0:05, 12:40 or 1:02:03."""
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def used(usage: Mapping[str, Any] | None) -> str:
    """A line on the requests that an answer took; nothing where none was sent."""
    if not usage or not usage.get("requests"):
        return ""
    requests = usage["requests"]
    asked, said = usage["prompt_tokens"], usage["completion_tokens"]
    parts = [f"{requests} requests ({usage['retries']} repeated)"]
    parts.append(
        f"{asked} + {said} tokens ({asked / requests:.0f} + {said / requests:.0f} a request)"
    )
    if usage.get("cost") is not None:
        parts.append(f"cost {usage['cost']:.4f} ({usage['cost'] / requests:.6f} a request)")
    return "\n" + ", ".join(parts)


def counted(count: int, what: str) -> str:
    """ "1 mask", "2 masks"."""
    return f"1 {what}" if count == 1 else f"{count} {what}s"


def _how_far(last: Progress | None) -> str:
    if last is None:
        return " before it began"
    of = "" if last.total is None else f" of {last.total}"
    return f" after {last.done}{of} ({last.step})"


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}"
    return plain(str(value))


def plain(text: str) -> str:
    """Text that cannot steer a terminal: file names and what models say may hold anything."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def _width(text: str) -> int:
    """Columns on a terminal: wide characters take two, marks none."""
    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )


@contextmanager
def _interrupt() -> Iterator[threading.Event]:
    """Turns the first Ctrl-C into a flag, so that a batch is finished and written."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return

    def hear(_number: int, _frame: FrameType | None) -> None:
        if stopped.is_set():
            raise KeyboardInterrupt
        stopped.set()
        print("\nStopping after this batch; Ctrl-C again stops at once.", file=sys.stderr)

    before = signal.signal(signal.SIGINT, hear)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)


class _Line:
    """Progress: one updating line on a terminal, a line now and then in a log."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._live = stream.isatty()
        self._step = ""
        self._began = 0.0
        self._first = 0
        self._next = 0.0
        self._failed = 0
        self._pending: Progress | None = None

    def show(self, progress: Progress) -> None:
        now = time.monotonic()
        self._failed += len(progress.failed)
        if progress.step != self._step:
            self.end()
            self._step, self._began, self._first = progress.step, now, progress.done
            self._next = now if self._live else now + _SPARSE
        self._pending = progress
        if now >= self._next:
            self._write(progress, now)
            self._next = now + (_TICK if self._live else _SPARSE)

    def end(self) -> None:
        """Leave the last state of a step as a line of its own."""
        if self._pending is not None:
            self._write(self._pending, time.monotonic())
            if self._live:
                self._stream.write("\n")
                self._stream.flush()
        self._pending = None

    def _write(self, progress: Progress, now: float) -> None:
        text = self._text(progress, now)
        if self._live:
            columns = shutil.get_terminal_size().columns
            self._stream.write("\r" + text[: columns - 1] + "\x1b[K")
        else:
            self._stream.write(text + "\n")
        self._stream.flush()

    def _text(self, progress: Progress, now: float) -> str:
        parts = [f"{progress.step:<10} {_amount(progress)}"]
        spent, done = now - self._began, progress.done - self._first
        if spent > 1 and done > 0:
            parts.append(f"{done / spent:.1f}/s")
            if progress.total is not None and progress.done < progress.total:
                left = (progress.total - progress.done) * spent / done
                parts.append(f"{duration(left)} left")
        if self._failed:
            parts.append(f"{self._failed} failed")
        if progress.message:
            parts.append(progress.message)
        return "  ".join(parts)


def _amount(progress: Progress) -> str:
    if progress.total is None:
        return f"{progress.done}"
    share = 100 * progress.done // progress.total if progress.total else 100
    return f"{progress.done}/{progress.total} {share:3d} %"


def failure_rows(failed: Sequence[Failure]) -> list[dict[str, str]]:
    """Failures as every command's JSON has them."""
    return [{"image": one.image, "reason": one.reason} for one in failed]
