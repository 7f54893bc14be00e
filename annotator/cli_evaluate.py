"""The commands that compare with the truth."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from annotator.cli_output import Output, opened
from annotator.core.errors import AnnotatorError


def evaluate(words: Namespace, out: Output) -> int:
    """A table of LLM2Labels, on stdout, and with --csv in a file too."""
    from annotator.exchange import tables
    from annotator.pipeline import evaluate as measure

    started = time.monotonic()
    if words.csv is not None:
        tables.check_place(words.csv)
    if getattr(words, "table", None) == "selection":
        return _selection(words, out, started)
    threshold = 0.68 if words.threshold is None else words.threshold
    if not 0.0 <= threshold <= 1.0:
        raise AnnotatorError(f"The threshold {threshold} is not between 0 and 1.")
    if getattr(words, "sweep", False):
        raise AnnotatorError("--sweep goes with --table selection.")
    packs = getattr(words, "packs", None) or [getattr(words, "pack", None)]
    if len(packs) > 1:
        raise AnnotatorError("This table is of one pack's runs: name one --pack.")
    shared: dict[str, Any] = {
        "threshold": threshold,
        "combine": words.combine,
        "pack": packs[0],
    }
    drawn = getattr(words, "curves", None)
    if drawn is not None and drawn.suffix.lower() != ".png":
        raise AnnotatorError(f"The curves are drawn as a PNG: give {drawn} a name that ends so.")
    if drawn is not None:
        tables.check_place(drawn)
    with opened(words.project) as project:
        rows = _rows(words, project, shared)
        if drawn is not None:
            lines = measure.curves(project, words.truth, rank=words.rank, **shared)
            tables.draw_curves(lines, drawn, f"Vocabulary of {project.path.stem}")
    return _show(words, out, rows, started, [drawn] if drawn is not None else [])


def _selection(words: Namespace, out: Output, started: float) -> int:
    """Which words of a caption are true of its image: TTD, table 2b."""
    from annotator.backends.registry import load_pack
    from annotator.pipeline.evaluate_selection import selection_table

    if words.seen is not None:
        raise AnnotatorError("--seen is for a class list, which --table selection does not take.")
    packs = [load_pack(name) for name in words.packs or ["starter"]]
    with opened(words.project) as project, out.telling() as tell:
        rows = selection_table(
            project,
            packs,
            words.truth,
            threshold=0.5 if words.threshold is None else words.threshold,
            normalise=words.normalise,
            sweep=words.sweep,
            tell=tell,
        )
    return _show(words, out, rows, started)


#: Options of evaluate masks that a table of captions has no use for.
_OF_CLASSES = ("classes", "mode", "background", "pamr", "refine", "limit")


def masks(words: Namespace, out: Output) -> int:
    """Heatmaps and masks against the truth; of captions where that is a CSV."""
    from annotator.backends.registry import load_pack
    from annotator.exchange import tables
    from annotator.pipeline.evaluate_masks import ACCEPTED, MaskOptions, masks_table
    from annotator.pipeline.evaluate_texts import text_masks_table

    started = time.monotonic()
    if words.csv is not None:
        tables.check_place(words.csv)
    packs = [load_pack(name) for name in words.packs or ["starter"]]
    options = MaskOptions(
        words.mode or "all",
        words.background,
        pamr=words.pamr,
        refine=words.refine,
        limit=words.limit,
    )
    truth = words.truth if words.truth == ACCEPTED else Path(words.truth).expanduser()
    texts = isinstance(truth, Path) and truth.suffix.lower() == ".csv"
    for option in _OF_CLASSES if texts else ("threshold",):
        if getattr(words, option) not in (None, False):
            raise AnnotatorError(
                f"--{option} is for {'classes' if texts else 'captions'}, and {words.truth} holds "
                f"{'captions' if texts else 'masks of classes'}: leave it out."
            )
    threshold = 0.5 if words.threshold is None else words.threshold
    with opened(words.project) as project, out.telling() as tell:
        if texts:
            rows = text_masks_table(project, packs, Path(truth), threshold=threshold, tell=tell)
        else:
            rows = masks_table(project, packs, truth, options, classes=words.classes, tell=tell)
    return _show(words, out, rows, started)


def _show(
    words: Namespace,
    out: Output,
    rows: list[dict[str, Any]],
    started: float,
    drawn: Sequence[Path] = (),
) -> int:
    """The table, on stdout and where --csv says."""
    from annotator.exchange import tables
    from annotator.pipeline import evaluate as measure

    if words.csv is not None:
        tables.write_csv(rows, words.csv)
    written = [str(path) for path in (words.csv, *drawn) if path is not None]
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


COMMANDS = {"evaluate vocabulary": evaluate, "evaluate tags": evaluate, "evaluate masks": masks}
