"""The command line: parse, call, print. Thin on purpose: the window calls the same functions."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from annotator import cli_parser
from annotator.cli_output import Output, plain
from annotator.core.errors import AnnotatorError, Cancelled

#: A command: its words and where it prints; returns the exit status.
Command = Callable[[Namespace, Output], int]
#: Opens the window on a project, or for a picture of it, and returns the exit status.
Window = Callable[..., int]


def main(argv: Sequence[str], window: Window | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 error, 2 wrong usage, 130 Ctrl-C.

    ``window`` opens the window where a command ends with it; None where there is no display.
    """
    _forgiving_streams()
    try:
        status = _run(argv, window)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # The reader (head, less) has seen enough; nothing may be written when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        _say("Stopped.")
        return 130


def _run(argv: Sequence[str], window: Window | None) -> int:
    try:
        words = cli_parser.build().parse_args(list(argv))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 2
    try:
        words.window = window
        return _commands()[words.command](words, Output(words.json))
    except Cancelled as stop:
        _say(str(stop))
        return 130
    except AnnotatorError as error:
        _say(f"annotator: error: {_one_line(error)}")
        return 1
    except (BrokenPipeError, KeyboardInterrupt):
        raise
    # The last boundary: a defect of ours must not end in a traceback for a person.
    except Exception as error:
        _say(f"annotator: error: {_defect(error)}")
        return 1


def _commands() -> Mapping[str, Command]:
    from annotator import (
        cli_demo,
        cli_evaluate,
        cli_finetune,
        cli_house,
        cli_masks,
        cli_models,
        cli_models_add,
        cli_review,
        cli_self_test,
        cli_steps,
        cli_words,
    )

    return {
        **cli_demo.COMMANDS,
        **cli_evaluate.COMMANDS,
        **cli_finetune.COMMANDS,
        **cli_house.COMMANDS,
        **cli_masks.COMMANDS,
        **cli_models.COMMANDS,
        **cli_models_add.COMMANDS,
        **cli_review.COMMANDS,
        **cli_self_test.COMMANDS,
        **cli_steps.COMMANDS,
        **cli_words.COMMANDS,
    }


def _defect(error: Exception) -> str:
    what = f"Something went wrong that should not have ({type(error).__name__}: {_one_line(error)})"
    try:
        path = _log()
    except OSError as trouble:
        return f"{what}; the details could not be written down either ({trouble.strerror})."
    return f"{what}; the details are in {path}."


def _log() -> Path:
    """Append the traceback of the current exception to the log; returns where it is."""
    import time
    import traceback

    from platformdirs import user_log_path

    folder = user_log_path("annotator", appauthor=False, ensure_exists=True)
    path = folder / "annotator.log"
    with path.open("a", encoding="utf-8", errors="backslashreplace") as log:
        log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {' '.join(sys.argv)}\n")
        log.write(traceback.format_exc() + "\n")
    return path


def _forgiving_streams() -> None:
    """A file name that the terminal cannot show is escaped instead of ending the program, and
    what is said to a closed stream (``>&-``) is lost."""
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _say(text: str) -> None:
    print(plain(text), file=sys.stderr, flush=True)
