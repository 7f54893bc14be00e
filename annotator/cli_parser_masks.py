"""The words of the commands that look into the pixels: ground, segment, finetune."""

from __future__ import annotations

import argparse

from annotator.cli_parser_base import (
    Commands,
    a_count,
    a_number,
    a_path,
    a_text,
    add_limit,
    add_pack,
    add_project,
)


def add_masks(commands: Commands) -> None:
    """ground, segment, finetune ttd."""
    _add_ground(commands)
    _add_segment(commands)
    _add_finetune(commands.group("finetune", "train a model further on your own images"))


def _add_ground(commands: Commands) -> None:
    ground = add_project(
        commands.add(
            "ground",
            "look for words in the pixels",
            'ground my.annot --text "wheel"',
            "With a word: how well each image fits it, from its best pixel. Without one: looks for "
            "every tag of every image and marks those that no pixel supports.",
        )
    )
    what = ground.add_mutually_exclusive_group()
    what.add_argument("--synset", metavar="NAME", type=a_text, help="a word of the vocabulary")
    what.add_argument("--text", metavar="TEXT", type=a_text, help="any other word, or a sentence")
    ground.add_argument(
        "--image",
        metavar="IMAGE",
        type=a_text,
        help="with --text: which of its words this one image shows",
    )
    add_pack(ground)
    add_limit(ground)
    marking = ground.add_argument_group("for all tags")
    add_select(marking)
    marking.add_argument(
        "--candidates",
        choices=("tags", "vocabulary"),
        help="compare the tags of an image with each other, or with all words there are",
    )


def add_select(parser: argparse._ActionsContainer) -> None:
    """Which of the sorted scores are enough."""
    parser.add_argument(
        "--select",
        dest="how",
        choices=("gap", "fixed", "top"),
        help="what is enough: all above the largest gap (gap), a similarity, or the best few",
    )
    parser.add_argument("--least", type=float, metavar="S", help="for fixed: the least similarity")
    parser.add_argument("--best", type=a_count, metavar="N", help="for top: how many")


def _add_segment(commands: Commands) -> None:
    segment = add_project(
        commands.add("segment", "draw masks for the tags", "segment my.annot --synset cat")
    )
    segment.add_argument("--synset", metavar="NAME", type=a_text, help="only masks of this word")
    segment.add_argument("--top", type=a_count, metavar="N", help="tags an image, best first")
    segment.add_argument(
        "--min-score", type=float, metavar="P", help="least score of a tag nobody decided on (0.2)"
    )
    segment.add_argument("--threshold", type=float, metavar="S", help="similarity to cut at")
    segment.add_argument(
        "--no-refine", dest="refine", action="store_false", help="leave the edges as they are"
    )
    segment.add_argument(
        "--one",
        dest="instances",
        action="store_false",
        default=None,
        help="one mask a tag, not one for each thing",
    )
    segment.add_argument(
        "--no-points",
        dest="points",
        action="store_false",
        default=None,
        help="give the refiner the map and its box only",
    )
    segment.add_argument(
        "--smooth",
        action="store_true",
        default=None,
        help="let the map follow the colours first (PAMR)",
    )
    segment.add_argument(
        "--overlap",
        choices=("resolve", "keep"),
        help="pixels that two tags claim go to the one that fits better, or stay with both",
    )
    segment.add_argument(
        "--supported",
        dest="supported_only",
        action="store_true",
        default=None,
        help="only tags that the pixels support (see ground)",
    )
    add_pack(segment)
    add_limit(segment)


def _add_finetune(group: Commands) -> None:
    ttd = add_project(
        group.add(
            "ttd",
            "text-tag self-distillation: teaches a CLIP to see every word of a text, not only one",
            "finetune ttd my.annot --captions captions.csv --pack clip --name clip-mine",
            "The result is a pack of yours. What was stopped goes on where it was.",
        )
    )
    ttd.add_argument("--pack", default="clip", help="whose grounder is trained (default: clip)")
    ttd.add_argument("--name", metavar="NAME", type=a_text, help="what to call the new pack")
    ttd.add_argument(
        "--captions", metavar="CSV", type=a_path, help="texts of the images: columns file, caption"
    )
    ttd.add_argument(
        "--text",
        choices=("captions", "tags", "both"),
        help="learn from captions, from the accepted tags, or from both (default: captions where "
        "a file of them is given, else tags)",
    )
    ttd.add_argument("--epochs", type=a_count, metavar="N", help="(1)")
    ttd.add_argument("--batch", type=a_count, metavar="N", help="images a step (32)")
    ttd.add_argument("--learning-rate", type=float, metavar="R", help="(0.0001)")
    ttd.add_argument("--weight-decay", type=float, metavar="D", help="(0.00005)")
    ttd.add_argument("--size", type=a_count, metavar="PX", help="side of the crops (448)")
    ttd.add_argument("--rank", type=a_count, metavar="R", help="of the low-rank adapters (5)")
    ttd.add_argument(
        "--no-prune",
        dest="prune",
        action="store_false",
        default=None,
        help="learn also from pairs of image and text that do not fit each other well",
    )
    ttd.add_argument(
        "--losses",
        choices=("both", "distill", "tag"),
        help="both (default), or one alone to compare",
    )
    ttd.add_argument(
        "--pseudo",
        choices=("gap", "image", "given"),
        help="which words of a text are true: by their best pixel (default), by the image as a "
        "whole, or all of them",
    )
    ttd.add_argument(
        "--validation", type=float, metavar="P", help="share of the pairs kept to check with (0.1)"
    )
    ttd.add_argument(
        "--patience",
        type=a_number,
        metavar="N",
        help="checks without gain, then stop (5; 0: never)",
    )
    ttd.add_argument(
        "--checkpoint-every", type=a_count, metavar="N", help="steps from check to check (100)"
    )
    ttd.add_argument("--seed", type=a_number, metavar="N", help="(0)")
    ttd.add_argument("--limit", type=a_count, metavar="N", help="at most N pairs")
    ttd.add_argument("--plot", metavar="PNG", type=a_path, help="draw the losses")
