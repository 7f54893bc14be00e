"""The variants that LLM2Labels compares (tables 1 to 4): how images are shown, what is dropped,
how numbers are combined, what words are ranked by."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

from annotator.core import scoring
from annotator.core.records import Combine, Filter, Grid, Ranking
from annotator.pipeline.evaluate_stored import Stored
from annotator.pipeline.evaluate_truth import Key
from annotator.pipeline.options import VocabularyOptions

_BASE = {"percentile": "BASE", "none": "NONE", "fixed": "TH", "both": "BOTH"}
_SHORT = {"occurrence": "occ", "probability": "prob"}

#: Columns whose numbers count something: their mean over seeds is rounded (table 4).
COUNTS = ("#L", "FP", "Images")
#: Columns of the truth and the folder, which do not vary with the seed.
FACTS = ("Images", "Unseen")


@dataclass(frozen=True, slots=True)
class Method:
    """A variant by its name, the grid that it needs, and what it does with the answers."""

    name: str
    grid: Grid
    options: VocabularyOptions


def method(grid: Grid, options: VocabularyOptions) -> Method:
    """The variant under the paper's name: over the whole image BASE, NONE, TH or BOTH by its
    filter; SG or SGC, with the filter where it is not the percentile; then what else differs from
    the paper's default ("BASE product", "SG TH occ")."""
    if grid == "none":
        name = _BASE[options.filter]
    else:
        more = "" if options.filter == "percentile" else f" {_BASE[options.filter]}"
        name = grid.upper() + more
    if options.combine != "avg":
        name += f" {options.combine}"
    if options.rank != "product":
        name += f" {_SHORT[options.rank]}"
    return Method(name, grid, options)


def table_2(
    threshold: float = scoring.THRESHOLD, combine: Combine = "avg", rank: Ranking = "product"
) -> list[Method]:
    """The rows of table 2: BASE, SG, SGC, TH, NONE, BOTH."""
    base = VocabularyOptions("percentile", threshold, combine, rank)
    grids: tuple[Grid, ...] = ("none", "sg", "sgc")
    filters: tuple[Filter, ...] = ("fixed", "none", "both")
    return [
        *(method(grid, base) for grid in grids),
        *(method("none", replace(base, filter=filter)) for filter in filters),
    ]


def ablation(
    threshold: float = scoring.THRESHOLD, combine: Combine = "avg", rank: Ranking = "product"
) -> list[Method]:
    """The rows of table 2, then BASE with each way of combining (eq. 3), then BASE ranked by
    occurrence (tables 3 and 4) and by probability alone."""
    base = VocabularyOptions("percentile", threshold, combine, rank)
    found = table_2(threshold, combine, rank)
    for how in get_args(Combine):
        one = method("none", replace(base, combine=how))
        # The default has no name of its own, but belongs into the row of four.
        found.append(
            replace(one, name=one.name.replace("BASE", "BASE avg")) if how == "avg" else one
        )
    found += [method("none", VocabularyOptions("percentile", threshold, combine, "occurrence"))]
    found += [method("none", VocabularyOptions("percentile", threshold, combine, "probability"))]
    return list({one.name: one for one in found}.values())


def ranked(stored: Stored, wanted: Method, seed: int) -> list[Key]:
    """The labels of the dataset, best first, as this method sees one run."""
    images = stored.scores(wanted.grid, wanted.options, seed)
    found = scoring.rank(
        (labels for _, labels in images), wanted.options.rank, wanted.options.combine
    )
    return [one.key for one in found]


def over_seeds(
    stored: Stored, wanted: Method, measure: Callable[[int], Mapping[str, float]]
) -> dict[str, Any]:
    """What ``measure`` says of each seed, as the mean of each of its columns; with several seeds
    also the sample standard deviation, as "<column> std"; and "seeds", how many there are."""
    seeds = stored.seeds(wanted.grid)
    each = [measure(seed) for seed in seeds]
    row: dict[str, Any] = {}
    for column, value in each[0].items():
        if len(each) == 1:
            row[column] = value
            continue
        values = [one[column] for one in each]
        mean = math.fsum(values) / len(values)
        row[column] = round(mean) if column in COUNTS else mean
        if column not in FACTS:
            spread = math.fsum((one - mean) ** 2 for one in values) / (len(values) - 1)
            row[f"{column} std"] = math.sqrt(spread)
    return row | {"seeds": len(seeds)}


def aligned(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows with the same columns in the same order, those of the longest row first; a cell
    that a row does not have is None."""
    longest_first = sorted(rows, key=lambda row: -len(row))
    columns = dict.fromkeys(name for row in longest_first for name in row)
    return [{name: row.get(name) for name in columns} for row in rows]
