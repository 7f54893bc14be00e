"""The words of evaluate."""

from __future__ import annotations

import argparse

from annotator.cli_parser_base import Commands, a_count, a_path, add_project
from annotator.core.records import COMBINES, RANKINGS

_STORED = "Looks at what is stored: of a classifier, propose --grid sgc stores all three grids."


def add_evaluate(commands: Commands) -> None:
    """evaluate vocabulary, evaluate tags."""
    group = commands.group("evaluate", "compare with the truth")
    words = group.add(
        "vocabulary",
        "precision and recall of the ranked vocabulary",
        "evaluate vocabulary my.annot --truth photos.csv",
        f"{_STORED} Several runs that differ in --seed give means and deviations.",
    )
    _common(words)
    words.add_argument(
        "--table",
        choices=("filters", "ablation", "packs", "false-positives"),
        default="filters",
        help="every grid and filter (default); the rows of table 2 of the paper and the ways to "
        "combine and rank; the packs side by side (table 1); or words that name no class (table 4)",
    )
    words.add_argument("--k", type=a_count, metavar="K", help="(default: number of classes)")
    words.add_argument(
        "--over",
        choices=("k", "labels"),
        default="k",
        help="what P is a share of where there are fewer labels than K (default: k)",
    )
    words.add_argument("--rank", choices=RANKINGS, default="product", help="(default: product)")
    words.add_argument("--curves", metavar="PNG", type=a_path, help="draw precision over recall")
    tags = group.add(
        "tags",
        "accuracy of the tags of each image (table 3)",
        "evaluate tags my.annot --truth photos.csv",
        _STORED,
    )
    _common(tags)


def _common(parser: argparse.ArgumentParser) -> None:
    add_project(parser)
    parser.add_argument(
        "--truth",
        metavar="FILE",
        type=a_path,
        required=True,
        help="a CSV (file,wnid,name), or a class list (id:name,synonym,...)",
    )
    parser.add_argument(
        "--seen", metavar="CSV", type=a_path, help="which files show what, for a class list"
    )
    parser.add_argument("--pack", help="whose runs (default: the newest run's)")
    parser.add_argument(
        "--combine", choices=COMBINES, default="avg", help="of probabilities (default: avg)"
    )
    parser.add_argument("--threshold", type=float, default=0.68, metavar="P", help="(0.68)")
    parser.add_argument("--csv", metavar="FILE", type=a_path, help="write the table there too")
