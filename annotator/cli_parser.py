"""The words of the command line. Builds the parser and nothing else."""

from __future__ import annotations

import argparse
from pathlib import Path

from annotator import __version__
from annotator.cli_parser_base import (
    Commands,
    Parser,
    a_count,
    a_number,
    a_path,
    a_text,
    add_limit,
    add_pack,
    add_project,
)
from annotator.cli_parser_evaluate import add_evaluate
from annotator.cli_parser_masks import add_masks
from annotator.cli_parser_models import add_models
from annotator.cli_parser_words import add_words
from annotator.core.records import COMBINES, FILTERS, GRIDS, RANKINGS, STRATEGIES

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


def build() -> argparse.ArgumentParser:
    """The parser; parsed arguments carry ``command``, such as "synset merge"."""
    parser = Parser(
        prog="annotator",
        description=_DESCRIPTION,
        epilog=_FIRST_STEPS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"annotator {__version__}")
    commands = Commands(parser, "commands")
    _add_demo(commands)
    _add_steps(commands)
    add_masks(commands)
    add_words(commands)
    _add_synset(commands.group("synset", "decide about words of the vocabulary"))
    _add_tag(commands.group("tag", "decide about tags of images"))
    _add_region(commands.group("region", "decide about masks"))
    _add_looks(commands)
    _add_exchange(commands)
    add_evaluate(commands)
    _add_house(commands)
    return parser


def _add_demo(commands: Commands) -> None:
    demo = commands.add("demo", "take sample photos through every step", "demo --no-gui my-demo")
    demo.add_argument(
        "folder",
        metavar="DIR",
        nargs="?",
        type=a_path,
        default=Path("annotator-demo"),
        help="where to put it (default: annotator-demo)",
    )
    demo.add_argument("--no-gui", action="store_true", help="do not open the window at the end")


def _add_steps(commands: Commands) -> None:
    create = commands.add(
        "create", "make a project for a folder of images and scan it", "create my.annot photos"
    )
    add_project(create)
    create.add_argument("folder", metavar="FOLDER", type=a_path, help="the folder of images")
    add_project(commands.add("scan", "look for new, changed and missing images", "scan my.annot"))
    add_project(commands.add("status", "what is in a project and how far it is", "status my.annot"))

    propose = add_project(
        commands.add(
            "propose",
            "let the models say what is on the images",
            "propose my.annot --grid sgc",
            "Images that are done already are left out, so that it goes on where it was stopped.",
        )
    )
    add_pack(propose)
    propose.add_argument(
        "--grid",
        choices=GRIDS,
        help="look at the whole image (none), its four quarters (sg) or both (sgc)",
    )
    propose.add_argument("--filter", choices=FILTERS, help="which proposals become tags")
    propose.add_argument("--threshold", type=float, metavar="P", help="of the filters (0.68)")
    propose.add_argument(
        "--pixels",
        choices=("mark", "drop"),
        help="tags that no pixel supports (see ground) are marked (default), or dropped too",
    )
    propose.add_argument("--combine", choices=COMBINES, help="how probabilities are combined")
    propose.add_argument("--rank", choices=RANKINGS, help="what words are ranked by (product)")
    add_limit(propose)
    talking = propose.add_argument_group("for models that talk")
    talking.add_argument(
        "--prompt", metavar="TEXT", type=a_text, help="a prompt of the pack by its name, or a text"
    )
    talking.add_argument(
        "--strategy",
        choices=STRATEGIES,
        help="read the reply as a list, as a caption, or as the answer to a question",
    )
    talking.add_argument(
        "--samples",
        type=a_count,
        metavar="N",
        help="answers for each crop (8, 2 or 1 for the grids none, sg and sgc)",
    )
    talking.add_argument(
        "--correct",
        action="store_true",
        default=None,
        help="ask again with the first answer as a prior",
    )
    talking.add_argument("--seed", type=a_number, metavar="N", help="of the answers drawn (0)")
    talking.add_argument("--temperature", type=float, metavar="T", help="(0.3)")
    talking.add_argument("--nucleus", type=float, metavar="P", help="of the probability mass (0.9)")


def _add_synset(group: Commands) -> None:
    for verb, example in (("accept", "cat dog"), ("reject", "jigsaw"), ("clear", "jigsaw")):
        about = {"clear": "take back the decision about words"}.get(verb, f"{verb} words")
        one = add_project(group.add(verb, about, f"synset {verb} my.annot {example}"))
        one.add_argument(
            "synsets", metavar="SYNSET", type=a_text, nargs="+", help="name, lemma or number"
        )
    rename = add_project(
        group.add("rename", "give a word another name", "synset rename my.annot auto car")
    )
    rename.add_argument("synset", metavar="SYNSET", type=a_text, help="name, lemma or number")
    rename.add_argument("name", metavar="NAME", type=a_text, help="its new name")
    merge = add_project(
        group.add("merge", "make several words one", "synset merge my.annot couch settee sofa")
    )
    merge.add_argument(
        "sources", metavar="SYNSET", type=a_text, nargs="+", help="words to merge ..."
    )
    merge.add_argument("target", metavar="INTO", type=a_text, help="... into this one, the last")
    move = add_project(
        group.add("move", "put a word below another", "synset move my.annot tabby cat")
    )
    move.add_argument("synset", metavar="SYNSET", type=a_text, help="name, lemma or number")
    place = move.add_mutually_exclusive_group(required=True)
    place.add_argument(
        "parent", metavar="PARENT", type=a_text, nargs="?", help="the word to put it below"
    )
    place.add_argument("--top", action="store_true", help="put it at the top")


def _add_tag(group: Commands) -> None:
    for verb in ("accept", "reject", "clear", "add"):
        about = {
            "clear": "take back the decision about a tag",
            "add": "give an image a tag, also a new word",
        }.get(verb, f"{verb} a tag of an image")
        one = add_project(group.add(verb, about, f"tag {verb} my.annot pets/rex.jpg dog"))
        one.add_argument(
            "image", metavar="IMAGE", type=a_text, help="path in the folder, or number"
        )
        if verb == "add":
            one.add_argument("text", metavar="WORD", type=a_text, help="a word, known or new")
        else:
            one.add_argument("synset", metavar="SYNSET", type=a_text, help="name, lemma or number")


def _add_region(group: Commands) -> None:
    for verb in ("accept", "reject", "clear"):
        about = {"clear": "take back the decision about masks"}.get(verb, f"{verb} masks")
        one = add_project(group.add(verb, about, f"region {verb} my.annot 12 13"))
        one.add_argument(
            "regions", metavar="REGION", nargs="+", type=a_count, help="numbers, see regions"
        )


def _add_looks(commands: Commands) -> None:
    for name, about in (("tags", "the tags of an image"), ("regions", "the masks of an image")):
        one = add_project(commands.add(name, about, f"{name} my.annot pets/rex.jpg"))
        one.add_argument(
            "image", metavar="IMAGE", type=a_text, help="path in the folder, or number"
        )
    add_project(commands.add("undo", "take back the last decision", "undo my.annot"))
    add_project(commands.add("redo", "do again what was taken back", "redo my.annot"))
    history = add_project(commands.add("history", "decisions, newest first", "history my.annot"))
    history.add_argument("--limit", type=a_count, default=50, metavar="N", help="(default: 50)")


def _add_exchange(commands: Commands) -> None:
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
        add_project(one)
        one.add_argument("out", metavar="OUT", type=a_path, help=what)
        one.add_argument(
            "--include",
            choices=("accepted", "proposed"),
            default="accepted",
            help="only what a person accepted (default), or also what nobody decided yet",
        )
    coco.add_argument("--polygons", action="store_true", help="outlines; holes are filled")
    coco.add_argument("--force", action="store_true", help="replace a file that is not ours")


def _add_house(commands: Commands) -> None:
    add_models(commands)
    _add_self_test(commands)
    add_project(commands.add("check", "look for damage in a project", "check my.annot"))
    backup = add_project(
        commands.add(
            "backup", "copy a project, also while it is open", "backup my.annot safe/my.annot"
        )
    )
    backup.add_argument(
        "out", metavar="OUT", nargs="?", type=a_path, help="(default: beside it, with the date)"
    )


def _add_self_test(commands: Commands) -> None:
    test = commands.add(
        "self-test",
        "try everything on photos that come with the program",
        "self-test --json",
        "Says of each part whether it is ok or what is WRONG, in about a minute. Needs no network, "
        "and leaves your projects and settings alone.",
    )
    test.add_argument(
        "--keep", metavar="DIR", type=a_path, help="work in this new folder, and leave it there"
    )
    test.add_argument(
        "--window", dest="window_too", action="store_true", help="open the window too"
    )
    test.add_argument(
        "--screenshot", metavar="FILE", type=a_path, help="where its picture goes (PNG)"
    )
    # What the processes do that the self-test starts, and kills.
    for name, count in (("--propose", None), ("--decide", 2), ("--show", None)):
        test.add_argument(name, type=a_path, nargs=count, help=argparse.SUPPRESS)
