"""The words of evaluate."""

from __future__ import annotations

import argparse

from annotator.cli_parser_base import Commands, a_count, a_path, a_text, add_project
from annotator.core.records import COMBINES, RANKINGS

_STORED = "Looks at what is stored: of a classifier, propose --grid sgc stores all three grids."


def add_evaluate(commands: Commands) -> None:
    """evaluate vocabulary, evaluate tags, evaluate masks."""
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
    words.add_argument("--pack", help="whose runs (default: the newest run's)")
    _add_tags(group)
    _add_masks(group)


def _add_tags(group: Commands) -> None:
    tags = group.add(
        "tags",
        "accuracy of the tags of each image",
        "evaluate tags my.annot --truth photos.csv",
        _STORED,
    )
    _common(tags)
    tags.add_argument(
        "--table",
        choices=("labels", "selection"),
        default="labels",
        help="labels: the stored tags (table 3 of LLM2Labels; default); selection: which words of "
        "captions the pixels show (table 2b of TTD; the truth is a CSV: file,caption,tags)",
    )
    _add_packs(tags, "whose runs (labels), or to compare (selection)")
    tags.add_argument(
        "--normalise",
        choices=("softmax", "min-max", "none"),
        default="softmax",
        help="selection: what brings similarities to 0 to 1 for the threshold (default: softmax)",
    )
    tags.add_argument(
        "--sweep", action="store_true", help="selection: also each score's best threshold"
    )


def _add_masks(group: Commands) -> None:
    masks = group.add(
        "masks",
        "heatmaps and masks against true ones",
        "evaluate masks my.annot --truth camvid --pamr --refine",
        "Classes: mIoU, mFPR, mFNR. Captions: CaptionIoU, mFPR and mFNR of the map of a whole text "
        "(table 3 of TTD).",
    )
    add_project(masks)
    masks.add_argument(
        "--truth",
        metavar="WHAT",
        type=a_text,
        required=True,
        help="a folder of label maps (PNG) with classes.txt; a CSV (file,caption,mask); or "
        "accepted: the masks that a person accepted in this project",
    )
    _add_packs(masks, "to compare (default: starter)")
    masks.add_argument("--classes", action="store_true", help="a row for each class")
    masks.add_argument(
        "--mode",
        choices=("all", "present"),
        help="all classes compete for each pixel (default), or those that the image has",
    )
    masks.add_argument(
        "--background", type=float, metavar="S", help="similarity below which nothing is there"
    )
    masks.add_argument("--pamr", action="store_true", help="also with the edges of the image")
    masks.add_argument("--refine", action="store_true", help="also with the pack's refiner")
    masks.add_argument(
        "--threshold",
        type=float,
        metavar="P",
        help="of the maps of texts, from 0 to 1 (default: 0.5)",
    )
    masks.add_argument("--limit", type=a_count, metavar="N", help="only the first N images")
    masks.add_argument("--csv", metavar="FILE", type=a_path, help="write the table there too")


def _add_packs(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument(
        "--pack", dest="packs", action="append", metavar="PACK", help=f"{what}; may be repeated"
    )


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
    parser.add_argument(
        "--combine", choices=COMBINES, default="avg", help="of probabilities (default: avg)"
    )
    parser.add_argument("--threshold", type=float, metavar="P", help="(0.68; selection: 0.5)")
    parser.add_argument("--csv", metavar="FILE", type=a_path, help="write the table there too")
