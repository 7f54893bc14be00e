"""The program: a window, or a command.

``annotator`` and ``annotator PROJECT`` open the window; everything else is a command. Nothing
that a command needs is imported on the way to the window.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

#: First words that are commands, so that the window opens without building their parsers.
COMMANDS = frozenset(
    {
        *("backup", "check", "create", "demo", "evaluate", "export", "finetune"),
        *(
            "ground",
            "group",
            "history",
            "models",
            "propose",
            "redo",
            "region",
            "regions",
            "replies",
            "scan",
            "segment",
        ),
        *("self-test", "status", "suggestion", "suggestions", "synset", "tag", "tags", "undo"),
        "vocabulary",
    }
)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status of the program: 0, 1 for an error, 2 for wrong usage, 130 for Ctrl-C."""
    if getattr(sys, "frozen", False):
        # A library that starts processes starts this very program again: it must not open a window.
        from multiprocessing import freeze_support

        freeze_support()
    words = list(sys.argv[1:] if argv is None else argv)
    if not words:
        return open_window(None)
    if len(words) == 1 and _is_place(words[0]):
        return open_window(Path(words[0]))
    from annotator import cli

    return cli.main(words, open_window if has_display() else None)


def open_window(path: Path | None, picture: Path | None = None) -> int:
    """Run the window on a project, a folder, or its start page, until it is closed; with
    ``picture`` until its first image is there and saved under that name."""
    if not has_display():
        print(  # noqa: T201
            "annotator: error: There is no display for the window; the commands work without "
            "one, see annotator --help.",
            file=sys.stderr,
        )
        return 1
    from annotator.gui import display

    trouble = display.trouble()
    if trouble:
        display.tell(trouble)
        return 1
    if path is not None and picture is not None:
        from annotator.gui import self_test

        return self_test.run(path, picture)
    from annotator.gui import app

    return app.run(path)


def has_display() -> bool:
    """Whether a window can be shown; without this question Qt would end the program itself."""
    if os.name == "nt" or sys.platform == "darwin" or os.environ.get("QT_QPA_PLATFORM"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _is_place(word: str) -> bool:
    """A project or a folder, and not an option or a command (``./scan`` is a folder)."""
    if word.startswith("-") or word in COMMANDS:
        return False
    return word.endswith(".annot") or os.sep in word or "/" in word or Path(word).exists()


if __name__ == "__main__":
    sys.exit(main())
