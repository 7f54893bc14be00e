"""The words of the command line. Builds the parser and nothing else."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NoReturn

from annotator import __version__
from annotator.core.records import COMBINES, FILTERS, GRIDS

_DESCRIPTION = """\
From a folder of photographs to a reviewed, exported dataset.

  annotator                    open the window
  annotator PROJECT            open the window on a project or a folder
  annotator COMMAND --help     what a command does, with an example
"""

_FIRST_STEPS = """\
first steps:
  annotator demo
  annotator create my.annot photos
  annotator propose my.annot
  annotator my.annot
"""


#: Whole numbers are stored in 64 bits; nobody has more images than 32 bits can count.
_MOST = 2**31 - 1


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(_stderr())
        self.exit(2, f"annotator: error: {message}\n")


def _stderr() -> Any:
    import sys

    return sys.stderr


class _Commands:
    """Adds commands that share their formatting and the option --json."""

    def __init__(self, parser: argparse.ArgumentParser, title: str, prefix: str = "") -> None:
        self._prefix = prefix
        self._actions = parser.add_subparsers(title=title, metavar="COMMAND", required=True)

    def add(self, name: str, about: str, example: str, more: str = "") -> argparse.ArgumentParser:
        parser = self._plain(name, about, more, f"example:\n  annotator {example}")
        parser.set_defaults(command=f"{self._prefix}{name}")
        parser.add_argument("--json", action="store_true", help="print one JSON document")
        return parser

    def group(self, name: str, about: str) -> _Commands:
        return _Commands(self._plain(name, about, "", ""), "commands", f"{name} ")

    def _plain(self, name: str, about: str, more: str, epilog: str) -> argparse.ArgumentParser:
        sentence = about[0].upper() + about[1:] + "."
        return self._actions.add_parser(
            name,
            help=about,
            description=f"{sentence} {more}".strip(),
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )


def build() -> argparse.ArgumentParser:
    """The parser; parsed arguments carry ``command``, such as "synset merge"."""
    parser = _Parser(
        prog="annotator",
        description=_DESCRIPTION,
        epilog=_FIRST_STEPS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"annotator {__version__}")
    commands = _Commands(parser, "commands")
    _add_demo(commands)
    _add_steps(commands)
    _add_synset(commands.group("synset", "decide about words of the vocabulary"))
    _add_tag(commands.group("tag", "decide about tags of images"))
    _add_region(commands.group("region", "decide about masks"))
    _add_looks(commands)
    _add_exchange(commands)
    _add_house(commands)
    return parser


def _path(text: str) -> Path:
    # Path("") would silently be the current folder, as when a variable of a script is not set.
    if not text:
        raise argparse.ArgumentTypeError("it is empty; name a file or folder")
    return Path(_text(text)).expanduser()


def _text(text: str) -> str:
    """Words and paths are stored as Unicode; bytes that are none arrive as lone surrogates."""
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise argparse.ArgumentTypeError(f"{text!a} is not Unicode; rename it")
    return text


def _number(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number") from None
    if abs(number) > _MOST:
        raise argparse.ArgumentTypeError(f"{text} is too large")
    return number


def _count(text: str) -> int:
    number = _number(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 up")
    return number


def _project(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("project", metavar="PROJECT", type=_path, help="the .annot file")
    return parser


def _pack(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pack", default="starter", help="models to use (default: starter)")


def _limit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=_count, metavar="N", help="at most N images this time")


def _add_demo(commands: _Commands) -> None:
    demo = commands.add("demo", "take sample photos through every step", "demo --no-gui my-demo")
    demo.add_argument(
        "folder",
        metavar="DIR",
        nargs="?",
        type=_path,
        default=Path("annotator-demo"),
        help="where to put it (default: annotator-demo)",
    )
    demo.add_argument("--no-gui", action="store_true", help="do not open the window at the end")


def _add_steps(commands: _Commands) -> None:
    create = commands.add(
        "create", "make a project for a folder of images and scan it", "create my.annot photos"
    )
    _project(create)
    create.add_argument("folder", metavar="FOLDER", type=_path, help="the folder of images")
    _project(commands.add("scan", "look for new, changed and missing images", "scan my.annot"))
    _project(commands.add("status", "what is in a project and how far it is", "status my.annot"))

    propose = _project(
        commands.add(
            "propose",
            "let the models say what is on the images",
            "propose my.annot --grid sgc",
            "Images that are done already are left out, so that it goes on where it was stopped.",
        )
    )
    _pack(propose)
    propose.add_argument(
        "--grid",
        choices=GRIDS,
        help="look at the whole image (none), its four quarters (sg) or both (sgc)",
    )
    propose.add_argument("--samples", type=_count, metavar="N", help="answers for each crop")
    propose.add_argument("--filter", choices=FILTERS, help="which proposals become tags")
    propose.add_argument("--threshold", type=float, metavar="P", help="of the fixed filter (0.68)")
    propose.add_argument("--combine", choices=COMBINES, help="how probabilities are combined")
    propose.add_argument("--seed", type=_number, metavar="N", help="of models that draw answers")
    _limit(propose)

    words = _project(
        commands.add("vocabulary", "the words found, best first", "vocabulary my.annot --top 50")
    )
    words.add_argument("--top", type=_count, metavar="K", help="only the first K")

    ground = _project(
        commands.add(
            "ground",
            "how well each image fits a word, from its best pixel",
            'ground my.annot --text "wheel"',
        )
    )
    what = ground.add_mutually_exclusive_group(required=True)
    what.add_argument("--synset", metavar="NAME", type=_text, help="a word of the vocabulary")
    what.add_argument("--text", metavar="TEXT", type=_text, help="any other word")
    _pack(ground)
    _limit(ground)

    segment = _project(
        commands.add("segment", "draw masks for the tags", "segment my.annot --synset cat")
    )
    segment.add_argument("--synset", metavar="NAME", type=_text, help="only masks of this word")
    segment.add_argument("--top", type=_count, metavar="N", help="tags an image, best first")
    segment.add_argument("--threshold", type=float, metavar="S", help="similarity to cut at")
    segment.add_argument(
        "--no-refine", dest="refine", action="store_false", help="leave the edges as they are"
    )
    _pack(segment)
    _limit(segment)


def _add_synset(group: _Commands) -> None:
    for verb, example in (("accept", "cat dog"), ("reject", "jigsaw"), ("clear", "jigsaw")):
        about = {"clear": "take back the decision about words"}.get(verb, f"{verb} words")
        one = _project(group.add(verb, about, f"synset {verb} my.annot {example}"))
        one.add_argument(
            "synsets", metavar="SYNSET", type=_text, nargs="+", help="name, lemma or number"
        )
    rename = _project(
        group.add("rename", "give a word another name", "synset rename my.annot auto car")
    )
    rename.add_argument("synset", metavar="SYNSET", type=_text, help="name, lemma or number")
    rename.add_argument("name", metavar="NAME", type=_text, help="its new name")
    merge = _project(
        group.add("merge", "make several words one", "synset merge my.annot couch settee sofa")
    )
    merge.add_argument(
        "sources", metavar="SYNSET", type=_text, nargs="+", help="words to merge ..."
    )
    merge.add_argument("target", metavar="INTO", type=_text, help="... into this one, the last")
    move = _project(group.add("move", "put a word below another", "synset move my.annot tabby cat"))
    move.add_argument("synset", metavar="SYNSET", type=_text, help="name, lemma or number")
    place = move.add_mutually_exclusive_group(required=True)
    place.add_argument(
        "parent", metavar="PARENT", type=_text, nargs="?", help="the word to put it below"
    )
    place.add_argument("--top", action="store_true", help="put it at the top")


def _add_tag(group: _Commands) -> None:
    for verb in ("accept", "reject", "clear", "add"):
        about = {
            "clear": "take back the decision about a tag",
            "add": "give an image a tag, also a new word",
        }.get(verb, f"{verb} a tag of an image")
        one = _project(group.add(verb, about, f"tag {verb} my.annot pets/rex.jpg dog"))
        one.add_argument("image", metavar="IMAGE", type=_text, help="path in the folder, or number")
        if verb == "add":
            one.add_argument("text", metavar="WORD", type=_text, help="a word, known or new")
        else:
            one.add_argument("synset", metavar="SYNSET", type=_text, help="name, lemma or number")


def _add_region(group: _Commands) -> None:
    for verb in ("accept", "reject", "clear"):
        about = {"clear": "take back the decision about masks"}.get(verb, f"{verb} masks")
        one = _project(group.add(verb, about, f"region {verb} my.annot 12 13"))
        one.add_argument(
            "regions", metavar="REGION", nargs="+", type=_count, help="numbers, see regions"
        )


def _add_looks(commands: _Commands) -> None:
    for name, about in (("tags", "the tags of an image"), ("regions", "the masks of an image")):
        one = _project(commands.add(name, about, f"{name} my.annot pets/rex.jpg"))
        one.add_argument("image", metavar="IMAGE", type=_text, help="path in the folder, or number")
    _project(commands.add("undo", "take back the last decision", "undo my.annot"))
    _project(commands.add("redo", "do again what was taken back", "redo my.annot"))
    history = _project(commands.add("history", "decisions, newest first", "history my.annot"))
    history.add_argument("--limit", type=_count, default=50, metavar="N", help="(default: 50)")


def _add_exchange(commands: _Commands) -> None:
    group = commands.group("export", "write the dataset for other programs")
    coco = group.add(
        "coco", "write COCO instances: one JSON file", "export coco my.annot coco.json"
    )
    ade = group.add(
        "ade20k",
        "write pictures and label maps in the style of ADE20K SceneParse",
        "export ade20k my.annot dataset",
    )
    for one, what in ((coco, "the file to write"), (ade, "the folder to write")):
        _project(one)
        one.add_argument("out", metavar="OUT", type=_path, help=what)
        one.add_argument(
            "--include",
            choices=("accepted", "proposed"),
            default="accepted",
            help="only what a person accepted (default), or also what nobody decided yet",
        )
    coco.add_argument("--polygons", action="store_true", help="outlines; holes are filled")
    coco.add_argument("--force", action="store_true", help="replace a file that is not ours")

    group = commands.group("evaluate", "compare with the truth")
    for name, about in (
        ("vocabulary", "precision and recall of the vocabulary for each grid and filter"),
        ("tags", "accuracy of the tags"),
    ):
        one = _project(
            group.add(
                name,
                about,
                f"evaluate {name} my.annot --truth photos.csv",
                "Looks at what is stored: propose --grid sgc stores all three grids.",
            )
        )
        one.add_argument(
            "--truth", metavar="FILE", type=_path, required=True, help="CSV: file,wnid,name"
        )
        if name == "vocabulary":
            one.add_argument("--k", type=_count, metavar="K", help="(default: number of classes)")


def _add_house(commands: _Commands) -> None:
    group = commands.group("models", "the packs of models")
    group.add("list", "the packs that are there", "models list")
    show = group.add("show", "the models of a pack, their sources and licences", "models show")
    verify = group.add("verify", "compare the files of a pack with their hashes", "models verify")
    for one in (show, verify):
        one.add_argument("pack", metavar="PACK", nargs="?", default="starter", help="(starter)")
    _project(commands.add("check", "look for damage in a project", "check my.annot"))
    backup = _project(
        commands.add(
            "backup", "copy a project, also while it is open", "backup my.annot safe/my.annot"
        )
    )
    backup.add_argument(
        "out", metavar="OUT", nargs="?", type=_path, help="(default: beside it, with the date)"
    )
