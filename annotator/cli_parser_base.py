"""What every part of the parser uses: commands that share their look, and kinds of arguments."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NoReturn

#: Whole numbers are stored in 64 bits; nobody has more images than 32 bits can count.
_MOST = 2**31 - 1


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(_stderr())
        self.exit(2, f"annotator: error: {message}\n")


def _stderr() -> Any:
    import sys

    return sys.stderr


class Commands:
    """Adds commands that share their formatting and the option --json."""

    def __init__(self, parser: argparse.ArgumentParser, title: str, prefix: str = "") -> None:
        self._prefix = prefix
        self._actions = parser.add_subparsers(title=title, metavar="COMMAND", required=True)

    def add(self, name: str, about: str, example: str, more: str = "") -> argparse.ArgumentParser:
        parser = self._plain(name, about, more, f"example:\n  annotator {example}")
        parser.set_defaults(command=f"{self._prefix}{name}")
        parser.add_argument("--json", action="store_true", help="print one JSON document")
        return parser

    def group(self, name: str, about: str) -> Commands:
        return Commands(self._plain(name, about, "", ""), "commands", f"{name} ")

    def _plain(self, name: str, about: str, more: str, epilog: str) -> argparse.ArgumentParser:
        sentence = about[0].upper() + about[1:] + "."
        return self._actions.add_parser(
            name,
            help=about,
            description=f"{sentence} {more}".strip(),
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )


def a_path(text: str) -> Path:
    # Path("") would silently be the current folder, as when a variable of a script is not set.
    if not text:
        raise argparse.ArgumentTypeError("it is empty; name a file or folder")
    return Path(a_text(text)).expanduser()


def a_text(text: str) -> str:
    """Words and paths are stored as Unicode; bytes that are none arrive as lone surrogates."""
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise argparse.ArgumentTypeError(f"{text!a} is not Unicode; rename it")
    return text


def a_number(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number") from None
    if abs(number) > _MOST:
        raise argparse.ArgumentTypeError(f"{text} is too large")
    return number


def a_count(text: str) -> int:
    number = a_number(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 up")
    return number


def add_project(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("project", metavar="PROJECT", type=a_path, help="the .annot file")
    return parser


def add_pack(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pack", default="starter", help="models to use (default: starter)")


def add_limit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=a_count, metavar="N", help="at most N images this time")
