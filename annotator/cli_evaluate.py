"""The commands that compare with the truth."""

from __future__ import annotations

import time
from argparse import Namespace
from typing import Any

from annotator.cli_output import Output
from annotator.core.errors import AnnotatorError


def evaluate(words: Namespace, out: Output) -> int:
    """A table of LLM2Labels, on stdout, and with --csv in a file too."""
    from annotator.exchange import tables
    from annotator.pipeline import evaluate as measure
    from annotator.project.project import Project

    started = time.monotonic()
    if not 0.0 <= words.threshold <= 1.0:
        raise AnnotatorError(f"The threshold {words.threshold} is not between 0 and 1.")
    shared: dict[str, Any] = {
        "threshold": words.threshold,
        "combine": words.combine,
        "pack": words.pack,
    }
    drawn = getattr(words, "curves", None)
    if drawn is not None and drawn.suffix.lower() != ".png":
        raise AnnotatorError(f"The curves are drawn as a PNG: give {drawn} a name that ends so.")
    with Project.open(words.project) as project:
        rows = _rows(words, project, shared)
        if drawn is not None:
            lines = measure.curves(project, words.truth, rank=words.rank, **shared)
            tables.draw_curves(lines, drawn, f"Vocabulary of {project.path.stem}")
    if words.csv is not None:
        tables.write_csv(rows, words.csv)
    written = [str(path) for path in (words.csv, drawn) if path is not None]
    text = measure.format_table(rows)
    if written:
        text += f"\nWritten: {', '.join(written)}"
    seconds = round(time.monotonic() - started, 3)
    out.result({"rows": rows, "files": written, "seconds": seconds}, text)
    return 0


def _rows(words: Namespace, project: Any, shared: dict[str, Any]) -> list[dict[str, Any]]:
    from annotator.pipeline import evaluate as measure

    if words.command == "evaluate tags":
        return measure.tags_table(project, words.truth, seen=words.seen, **shared)
    if words.table == "false-positives":
        k = {} if words.k is None else {"k": words.k}
        return measure.false_positives_table(project, words.truth, **k, **shared)
    if words.table == "packs":
        if words.pack is not None:
            raise AnnotatorError("The table of packs has all of them: leave --pack out.")
        del shared["pack"]
        return measure.packs_table(
            project,
            words.truth,
            words.k,
            rank=words.rank,
            seen=words.seen,
            over=words.over,
            **shared,
        )
    table = measure.ablation_table if words.table == "ablation" else measure.vocabulary_table
    return table(
        project,
        words.truth,
        k=words.k,
        rank=words.rank,
        seen=words.seen,
        over=words.over,
        **shared,
    )


COMMANDS = {"evaluate vocabulary": evaluate, "evaluate tags": evaluate}
