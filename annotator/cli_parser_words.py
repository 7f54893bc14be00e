"""The words of the commands around the vocabulary: its list, grouping, suggestions, replies."""

from __future__ import annotations

from annotator.cli_parser_base import (
    Commands,
    a_count,
    a_text,
    add_pack,
    add_project,
)


def add_words(commands: Commands) -> None:
    """vocabulary, group, suggestions, suggestion ..., replies."""
    words = add_project(
        commands.add("vocabulary", "the words found, best first", "vocabulary my.annot --top 50")
    )
    words.add_argument("--top", type=a_count, metavar="K", help="only the first K")
    words.add_argument(
        "--by-pack", action="store_true", help="what each pack found of them, side by side"
    )
    group = add_project(
        commands.add(
            "group",
            "suggest which words are the same, and which belong below others",
            "group my.annot",
            "Nothing is merged or moved: see suggestions.",
        )
    )
    add_pack(group)
    group.add_argument(
        "--method",
        choices=("auto", "words", "model"),
        help="with WordNet and word vectors (words), or with the pack's language model (model); "
        "auto takes the language model where there is one",
    )
    group.add_argument("--limit", type=a_count, metavar="K", help="only the first K words")
    group.add_argument(
        "--min-confidence", type=float, metavar="P", help="leave out what is less sure than this"
    )
    listed = add_project(
        commands.add(
            "suggestions", "what was suggested and nobody decided on", "suggestions my.annot"
        )
    )
    listed.add_argument("--top", type=a_count, metavar="K", help="only the first K")
    decide = commands.group("suggestion", "decide about suggestions")
    for verb, about in (
        ("take", "merge or move as suggested"),
        ("reject", "turn suggestions down for good"),
        ("clear", "take back the decision about suggestions"),
    ):
        one = add_project(decide.add(verb, about, f"suggestion {verb} my.annot 3 4"))
        one.add_argument(
            "ids",
            metavar="ID",
            nargs="*" if verb != "clear" else "+",
            type=a_count,
            help="numbers, see suggestions",
        )
        if verb != "clear":
            one.add_argument(
                "--above",
                type=float,
                metavar="P",
                help="also all that are at least this sure",
            )
    replies = add_project(
        commands.add(
            "replies",
            "what models that talk said, word for word",
            "replies my.annot --unreadable",
        )
    )
    replies.add_argument(
        "--unreadable", action="store_true", help="only those that no label was found in"
    )
    replies.add_argument(
        "--image", metavar="IMAGE", type=a_text, help="path in the folder, or number"
    )
    replies.add_argument("--top", type=a_count, metavar="N", help="only the first N")
