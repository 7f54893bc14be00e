"""How good the proposed vocabulary and tags are, against the truth; from what is stored.

The tables of LLM2Labels, 1 to 4. P, R and areas are in percent. A project with runs that differ
only in their seed gives means over the seeds, and deviations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

from annotator.core import metrics, scoring
from annotator.core.errors import AnnotatorError
from annotator.core.records import FILTERS, Combine, Filter, Grid, Ranking
from annotator.pipeline.evaluate_methods import (
    Method,
    ablation,
    aligned,
    method,
    over_seeds,
    ranked,
    table_2,
)
from annotator.pipeline.evaluate_stored import Stored
from annotator.pipeline.evaluate_tags import tags_of_images
from annotator.pipeline.evaluate_truth import Key, Truth, read_truth
from annotator.pipeline.options import VocabularyOptions
from annotator.project import queries
from annotator.project.project import Project

__all__ = [
    "ablation_table",
    "curves",
    "false_positives_table",
    "format_table",
    "packs_table",
    "read_truth",
    "tags_table",
    "vocabulary_table",
]

#: What the denominator of P@K is, see core.metrics.precision_recall_at_k.
Over = Literal["k", "labels"]


def vocabulary_table(
    project: Project,
    truth: Path,
    grids: Sequence[Grid] | None = None,
    filters: Sequence[Filter] = FILTERS,  # type: ignore[assignment]
    k: int | None = None,
    threshold: float = scoring.THRESHOLD,
    combine: Combine = "avg",
    *,
    rank: Ranking = "product",
    seen: Path | None = None,
    pack: str | None = None,
    over: Over = "k",
) -> list[dict[str, Any]]:
    """A row for every grid and filter: "Method", "Grid", "Filter" and the columns of
    ``ablation_table``. ``grids``: default all that are stored. Raises AnnotatorError when a grid
    is not stored, or the truth cannot be read."""

    def wanted(stored: Stored) -> list[tuple[Method, dict[str, Any]]]:
        rows = []
        for grid in grids or stored.grids():
            for filter in filters:
                one = method(grid, VocabularyOptions(filter, threshold, combine, rank))
                rows.append((one, {"Method": one.name, "Grid": grid, "Filter": filter}))
        return rows

    return _vocabulary(project, read_truth(truth, seen), wanted, k, pack, over)


def ablation_table(
    project: Project,
    truth: Path,
    k: int | None = None,
    threshold: float = scoring.THRESHOLD,
    combine: Combine = "avg",
    *,
    rank: Ranking = "product",
    seen: Path | None = None,
    pack: str | None = None,
    over: Over = "k",
) -> list[dict[str, Any]]:
    """Table 2 of LLM2Labels and more: rows BASE, SG, SGC, TH, NONE, BOTH; BASE with each way of
    combining (eq. 3), and ranked by occurrence or by probability alone. A method over a grid that
    is not stored is left out.

    Columns: "Method", "Grid", "Filter", "Combine", "Rank"; "P" and "R" at ``k`` (default: the
    number of true classes), "AUC": AUC(PR@K) for K up to 5000, all in percent; of the first 5000
    labels "#L", how many there are, and "FP", how many name no class; "K"; "seeds". With several
    seeds, means, and "P std" and so on for the deviations. Where the truth, or the file ``seen``,
    says which files show what and some classes are on none that was looked at: "P seen", "R seen"
    and "AUC seen" against the others alone, and "Unseen", the share of the classes that are on
    none (table 1). ``over``: what P is a share of where there are fewer labels than K. ``pack``:
    whose runs; None is that of the newest. Raises AnnotatorError when nothing is stored or the
    truth cannot be read.
    """

    def wanted(stored: Stored) -> list[tuple[Method, dict[str, Any]]]:
        return [
            (
                one,
                {
                    "Method": one.name,
                    "Grid": one.grid,
                    "Filter": one.options.filter,
                    "Combine": one.options.combine,
                    "Rank": one.options.rank,
                },
            )
            for one in ablation(threshold, combine, rank)
            if stored.has(one.grid)
        ]

    return _vocabulary(project, read_truth(truth, seen), wanted, k, pack, over)


def packs_table(
    project: Project,
    truth: Path,
    k: int | None = None,
    threshold: float = scoring.THRESHOLD,
    combine: Combine = "avg",
    *,
    rank: Ranking = "product",
    seen: Path | None = None,
    over: Over = "k",
) -> list[dict[str, Any]]:
    """Table 1 of LLM2Labels: the packs that this project was proposed with, side by side, the one
    asked last first; "Pack" and the columns of ``vocabulary_table``, of the percentile filter,
    over every grid that the pack was asked over. Raises AnnotatorError as the other tables do."""
    with project.read() as db:
        runs = [run for run in queries.runs(db) if run.kind == "propose" and run.done]
    if not runs:
        return vocabulary_table(project, truth)  # says that there is nothing
    rows = []
    for pack in dict.fromkeys(run.pack for run in runs):
        of_pack = vocabulary_table(
            project,
            truth,
            None,
            ("percentile",),
            k,
            threshold,
            combine,
            rank=rank,
            seen=seen,
            pack=pack,
            over=over,
        )
        rows += [{"Pack": pack, **row} for row in of_pack]
    return aligned(rows)


def false_positives_table(
    project: Project,
    truth: Path,
    grids: Sequence[Grid] | None = None,
    k: int = metrics.LAST_K,
    threshold: float = scoring.THRESHOLD,
    combine: Combine = "avg",
    *,
    pack: str | None = None,
) -> list[dict[str, Any]]:
    """Table 4 of LLM2Labels: "FP", how many of the first ``k`` words of the vocabulary match no
    class, ranked (and filtered by percentile) by the product and by the occurrence alone; "#L",
    how many words there are. Raises AnnotatorError as the other tables do."""
    facts = read_truth(truth)
    _check(k)
    rankings: tuple[Ranking, ...] = ("product", "occurrence")
    rows = []
    with Stored(project, pack) as stored:
        for grid in grids or stored.grids():
            for by in rankings:
                one = method(grid, VocabularyOptions("percentile", threshold, combine, by))

                def measure(seed: int, one: Method = one) -> dict[str, float]:
                    labels = ranked(stored, one, seed)
                    classes = facts.as_named(labels)
                    return {
                        "FP": metrics.false_positives(labels, classes, k),
                        "#L": min(len(labels), k),
                    }

                head = {"Method": one.name, "Grid": grid, "Rank": by}
                rows.append(head | _with_k(over_seeds(stored, one, measure), k))
    return aligned(rows)


def tags_table(
    project: Project,
    truth: Path,
    grids: Sequence[Grid] | None = None,
    threshold: float = scoring.THRESHOLD,
    combine: Combine = "avg",
    *,
    filter: Filter = "percentile",
    seen: Path | None = None,
    pack: str | None = None,
) -> list[dict[str, Any]]:
    """How well each image is tagged (LLM2Labels, table 3): a row for every grid, by the product
    and by the occurrence alone. "Method", "Grid", "Rank", "Images", then the columns of
    ``evaluate_tags.tags_of_images``, and "seeds". ``truth`` (or ``seen``) needs a "file" column;
    files without a row do not count. Raises AnnotatorError as the other tables do."""
    facts = read_truth(truth, seen)
    if not facts.of_file:
        raise AnnotatorError(f"{truth} says nothing of files: it needs a column named file.")
    rankings: tuple[Ranking, ...] = ("product", "occurrence")
    rows = []
    with Stored(project, pack) as stored:
        for grid in grids or stored.grids():
            for by in rankings:
                options = VocabularyOptions(filter, threshold, combine, by)
                one = method(grid, options)

                def measure(
                    seed: int, grid: Grid = grid, options: VocabularyOptions = options
                ) -> Mapping[str, float]:
                    images = stored.scores(grid, options, seed)
                    found = tags_of_images(facts, images, threshold)
                    if found is None:
                        raise AnnotatorError(
                            f"No file that {seen or truth} names is among the proposed images."
                        )
                    return found

                head = {"Method": one.name, "Grid": grid, "Rank": by}
                rows.append(head | over_seeds(stored, one, measure))
    return aligned(rows)


def curves(
    project: Project,
    truth: Path,
    threshold: float = scoring.THRESHOLD,
    combine: Combine = "avg",
    *,
    rank: Ranking = "product",
    pack: str | None = None,
) -> list[metrics.Curve]:
    """The precision-recall curves of figure 2 of LLM2Labels, for K in [1, 5000], of the methods
    of table 2 that are stored. Of several seeds, the means at each K; a run that has no more
    labels stays where it is."""
    facts = read_truth(truth)
    found = []
    with Stored(project, pack) as stored:
        for one in table_2(threshold, combine, rank):
            if not stored.has(one.grid):
                continue
            points = []
            areas = []
            for seed in stored.seeds(one.grid):
                labels = ranked(stored, one, seed)
                classes = facts.as_named(labels)
                points.append(metrics.curve_at_k(labels, classes))
                areas.append(metrics.auc_pr_at_k(labels, classes))
            recall = _mean_curve([line for line, _ in points])
            precision = _mean_curve([line for _, line in points])
            found.append(metrics.Curve(one.name, recall, precision, sum(areas) / len(areas)))
    return found


def format_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as aligned text with a header; numbers to the right, fractions with two digits, a
    deviation beside its mean ("54.02 ± 0.31"), a dash where there is nothing."""
    if not rows:
        return ""
    columns = [name for name in rows[0] if not name.endswith(" std")]
    cells = [columns] + [[_cell(row, name) for name in columns] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    numbers = [not any(isinstance(row[name], str) for row in rows) for name in columns]
    return "\n".join(
        "  ".join(
            text.rjust(width) if number else text.ljust(width)
            for text, width, number in zip(line, widths, numbers, strict=True)
        ).rstrip()
        for line in cells
    )


def _vocabulary(
    project: Project,
    facts: Truth,
    wanted: Callable[[Stored], list[tuple[Method, dict[str, Any]]]],
    k: int | None,
    pack: str | None,
    over: Over,
) -> list[dict[str, Any]]:
    k = len(facts.classes) if k is None else k
    _check(k)
    rows = []
    with Stored(project, pack) as stored:
        for one, head in wanted(stored):

            def measure(seed: int, one: Method = one) -> dict[str, float]:
                labels = ranked(stored, one, seed)
                shown = _shown(facts, stored.paths(one.grid, seed))
                return _measured(facts, labels, shown, k, over)

            rows.append(head | _with_k(over_seeds(stored, one, measure), k))
    return aligned(rows)


def _measured(
    facts: Truth, labels: Sequence[Key], shown: frozenset[int] | None, k: int, over: Over
) -> dict[str, float]:
    """The columns of one method and seed; ``shown``: the classes on the images, None where the
    truth does not say, or where it is all of them."""
    classes = facts.as_named(labels)
    found = _scores(labels, classes, k, over, "") | {
        "#L": min(len(labels), metrics.LAST_K),
        "FP": metrics.false_positives(labels, classes),
    }
    if shown:
        found |= _scores(labels, facts.as_named(labels, shown), k, over, " seen")
        found["Unseen"] = 100 * (1 - len(shown) / len(facts.classes))
    return found


def _scores(
    labels: Sequence[Key], classes: Sequence[frozenset[Key]], k: int, over: Over, of: str
) -> dict[str, float]:
    precision, recall = metrics.precision_recall_at_k(labels, classes, k, over=over)
    return {
        f"P{of}": 100 * precision,
        f"R{of}": 100 * recall,
        f"AUC{of}": 100 * metrics.auc_pr_at_k(labels, classes),
    }


def _shown(facts: Truth, paths: Sequence[str]) -> frozenset[int] | None:
    """The classes that the images show, None where the truth does not say, or all of them."""
    shown = frozenset[int]().union(*map(facts.shown_on, paths)) if facts.of_file else frozenset()
    return shown if 0 < len(shown) < len(facts.classes) else None


def _with_k(row: dict[str, Any], k: int) -> dict[str, Any]:
    seeds = row.pop("seeds")
    return row | {"K": k, "seeds": seeds}


def _check(k: int) -> None:
    if k < 1:
        raise AnnotatorError(f"K is {k}: it must be 1 or more.")


def _mean_curve(lines: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """The mean at each place; a line that has ended stays at its last value."""
    last = [line[-1] if line else 0.0 for line in lines]
    return tuple(
        sum(end if value is None else value for value, end in zip(places, last, strict=True))
        / len(lines)
        for places in zip_longest(*lines)
    )


def _cell(row: Mapping[str, Any], name: str) -> str:
    value, deviation = row[name], row.get(f"{name} std")
    if value is None:
        return "-"
    text = f"{value:.2f}" if isinstance(value, float) else str(value)
    return text if deviation is None else f"{text} ± {deviation:.2f}"
