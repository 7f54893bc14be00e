"""How good the proposed vocabulary and tags are, against the truth; from what is stored.

Nothing is asked of a model: a run over "sgc" contains what "none" and "sg" would have said, and
filters apply afterwards. (LLM2Labels samples each SG cell twice, section 4.2; a classifier would
say the same again.)
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from annotator.core import metrics, scoring
from annotator.core.errors import AnnotatorError
from annotator.core.records import COMBINES, CROPS_OF, FILTERS, GRIDS, Combine, Filter, Grid, Run
from annotator.core.vocabulary import normalise, parse_class_list
from annotator.core.wordnet import wordnet
from annotator.pipeline.options import VocabularyOptions
from annotator.pipeline.pages import PAGE
from annotator.project import queries, queries_pipeline
from annotator.project.project import Project

#: A concept: its WordNet id, or a normalised word.
Key = str


@dataclass(frozen=True, slots=True)
class Truth:
    """True classes, each as the keys that name it; ``of_file``: file name -> its classes."""

    classes: tuple[frozenset[Key], ...]
    of_file: Mapping[str, frozenset[int]] = field(default_factory=dict)


def read_truth(path: Path) -> Truth:
    """The truth of a CSV with columns "wnid" or "name", and "file" (one row for each class of a
    file), or of a class list ``id:name,synonym,...``. Raises AnnotatorError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".csv":
            return _from_csv(path, list(csv.DictReader(text.splitlines())))
        names = parse_class_list(text)
    except OSError as error:
        raise AnnotatorError(f"{path} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise AnnotatorError(f"{path} is not a list of classes: it is no UTF-8 text.") from error
    except (ValueError, csv.Error) as error:
        raise AnnotatorError(f"{path} is not a list of classes: {error}.") from error
    if not names:
        raise AnnotatorError(f"{path} names no classes.")
    return Truth(tuple(frozenset(normalise(name) for name in of_class) for of_class in names))


def vocabulary_table(
    project: Project,
    truth: Path,
    grids: Sequence[Grid] | None = None,
    filters: Sequence[Filter] = FILTERS,  # type: ignore[assignment]
    k: int | None = None,
    threshold: float = scoring.THRESHOLD,
    combine: Combine = "avg",
) -> list[dict[str, Any]]:
    """Rows in the style of LLM2Labels, table 2: "Grid", "Filter", "P", "R", "AUC" in percent,
    "#L" labels that passed the filter, "K".

    P and R at ``k`` (default: the number of true classes), AUC(PR@K) for K up to 5000. ``grids``:
    default all that are stored. Raises AnnotatorError when a grid is not stored, or the truth
    cannot be read.
    """
    facts = read_truth(truth)
    k = len(facts.classes) if k is None else k
    if k < 1:
        raise AnnotatorError(f"K is {k}: it must be 1 or more.")
    if combine not in COMBINES:
        raise AnnotatorError(f"There is no way to combine {combine}.")
    rows = []
    with _Stored(project) as stored:
        for grid in grids or stored.grids():
            for filter in filters:
                options = VocabularyOptions(filter, threshold, combine)
                ranked = scoring.rank(found for _, found in stored.scores(grid, options))
                labels = _as_named(facts, [one.key for one in ranked])
                precision, recall = metrics.precision_recall_at_k(labels, facts.classes, k)
                area = metrics.auc_pr_at_k(labels, facts.classes)
                rows.append(
                    {
                        "Grid": grid,
                        "Filter": filter,
                        "P": 100 * precision,
                        "R": 100 * recall,
                        "AUC": 100 * area,
                        "#L": min(len(ranked), metrics.LAST_K),
                        "K": k,
                    }
                )
    return rows


def tags_table(
    project: Project, truth: Path, grids: Sequence[Grid] | None = None
) -> list[dict[str, Any]]:
    """How well each image is tagged: "Grid", "Images", "Top-1" and "Top-5" (a true class is the
    first, or among the first five, in percent) and "mAP" over the images: average precision of
    the scores of its labels against its classes, in percent; a class that was not proposed has
    score 0. ``truth`` needs a "file" column; files without a row do not count."""
    facts = read_truth(truth)
    if not facts.of_file:
        raise AnnotatorError(f"{truth} says nothing of files: it needs a column named file.")
    rows = []
    with _Stored(project) as stored:
        for grid in grids or stored.grids():
            first = among = count = 0
            precisions = []
            for path, found in stored.scores(grid, VocabularyOptions("none")):
                wanted = facts.of_file.get(path) or facts.of_file.get(path.rsplit("/", 1)[-1])
                if not wanted:
                    continue
                count += 1
                hits = _classes_of(facts, [one.key for one in found])
                first += bool(hits[:1] and hits[0] & wanted)
                among += any(hit & wanted for hit in hits[:5])
                precisions.append(_image_precision(hits, [one.score for one in found], wanted))
            if not count:
                raise AnnotatorError(f"No file that {truth} names is among the proposed images.")
            rows.append(
                {
                    "Grid": grid,
                    "Images": count,
                    "Top-1": 100 * first / count,
                    "Top-5": 100 * among / count,
                    "mAP": 100 * float(np.mean(precisions)),
                }
            )
    return rows


def format_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as aligned text with a header; numbers to the right, fractions with two digits."""
    if not rows:
        return ""
    cells = [list(rows[0])] + [[_cell(value) for value in row.values()] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    numbers = [not isinstance(value, str) for value in rows[0].values()]
    return "\n".join(
        "  ".join(
            text.rjust(width) if number else text.ljust(width)
            for text, width, number in zip(line, widths, numbers, strict=True)
        ).rstrip()
        for line in cells
    )


class _Stored:
    """The stored proposals as scores of each image, for any grid and filter."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._reading = project.read()

    def __enter__(self) -> _Stored:
        self._db = self._reading.__enter__()
        self._keys = {
            label.id: label.wordnet_id or normalise(label.text) or label.text
            for label in queries_pipeline.label_rows(self._db)
        }
        self._runs = [run for run in queries.runs(self._db) if run.kind == "propose" and run.done]
        self._ids = queries.image_ids(self._db)
        return self

    def __exit__(self, *error: Any) -> None:
        self._reading.__exit__(*error)

    def grids(self) -> list[Grid]:
        """Grids whose answers are stored."""
        found = [grid for grid in GRIDS if self._runs_with(grid)]
        if not found:
            raise AnnotatorError(
                f"{self._project.path.name} has no proposals to evaluate: run annotator propose "
                "first."
            )
        return found  # type: ignore[return-value]

    def scores(
        self, grid: Grid, options: VocabularyOptions
    ) -> Iterator[tuple[str, list[scoring.Scored[Key]]]]:
        """(path, labels best first, dropped ones too) of each image that was looked at."""
        runs = self._runs_with(grid)
        if not runs:
            raise AnnotatorError(
                f"No proposals over the grid {grid} are stored: run annotator propose --grid "
                f"{grid} (sgc contains the others) first."
            )
        crops = {crop.name for crop in CROPS_OF[grid]}
        samples = {run.id: int(run.params.get("samples", 1)) for run in runs}
        for start in range(0, len(self._ids), PAGE):
            page = self._ids[start : start + PAGE]
            paths = {image.id: image.path for image in queries.images(self._db, page)}
            rows = queries_pipeline.image_proposals(self._db, page, list(samples))
            for image_id, of_image in groupby(rows, key=attrgetter("image_id")):
                group = list(of_image)
                asked = samples[group[0].run_id] if any(row.sample for row in group) else 1
                said = [
                    scoring.Said(self._keys[row.label_id], row.crop, row.sample, row.probability)
                    for row in group
                    if row.crop in crops
                ]
                yield (
                    paths[image_id],
                    scoring.image_scores(
                        said,
                        len(crops) * asked,
                        how=options.combine,
                        filter=options.filter,
                        threshold=options.threshold,
                        percentile=options.threshold,
                    ),
                )

    def _runs_with(self, grid: str) -> list[Run]:
        """The newest run over this grid, or over one that contains it, and its equals."""
        for wanted in (grid, "sgc"):
            runs = [run for run in self._runs if run.params.get("grid") == wanted]
            if runs:
                newest = runs[0]
                return [
                    run
                    for run in runs
                    if (run.models, run.seed, _asked(run))
                    == (newest.models, newest.seed, _asked(newest))
                ]
        return []


def _asked(run: Run) -> dict[str, Any]:
    """Params of a run without the filters, which are applied afterwards."""
    return {key: value for key, value in run.params.items() if key not in ("filter", "threshold")}


def _from_csv(path: Path, rows: Sequence[Mapping[str, str | None]]) -> Truth:
    keys: dict[Key, int] = {}
    of_file: dict[str, set[int]] = {}
    for row in rows:
        key = (row.get("wnid") or "").strip() or normalise(row.get("name") or "")
        if not key:
            raise AnnotatorError(f"{path} needs a wnid or a name in every row.")
        index = keys.setdefault(key, len(keys))
        if row.get("file"):
            of_file.setdefault(str(row["file"]), set()).add(index)
    if not keys:
        raise AnnotatorError(f"{path} names no classes.")
    return Truth(
        tuple(frozenset({key}) for key in keys),
        {file: frozenset(classes) for file, classes in of_file.items()},
    )


def _names_of(key: Key) -> list[Key]:
    """The keys under which a truth may know a concept: itself, then its words."""
    net = wordnet()
    words = [normalise(lemma) for lemma in net.lemmas(key)] if key in net else []
    return [key, *words]


def _as_named(truth: Truth, ranked: Iterable[Key]) -> list[Key]:
    """Each concept under the first of its names that the truth knows, else as it is."""
    known = frozenset().union(*truth.classes)
    return [next((name for name in _names_of(key) if name in known), key) for key in ranked]


def _classes_of(truth: Truth, keys: Sequence[Key]) -> list[frozenset[int]]:
    of_name: dict[Key, set[int]] = {}
    for index, names in enumerate(truth.classes):
        for name in names:
            of_name.setdefault(name, set()).add(index)
    return [frozenset(of_name.get(name, ())) for name in _as_named(truth, keys)]


def _image_precision(
    hits: Sequence[frozenset[int]], scores: Sequence[float], wanted: frozenset[int]
) -> float:
    """Average precision of an image's labels; true classes that no label named come last."""
    missed = wanted.difference(*hits)
    truth = [bool(hit & wanted) for hit in hits] + [True] * len(missed)
    return metrics.average_precision(
        np.array(truth), np.array([*scores, *(0.0 for _ in missed)], np.float64)
    )


def _cell(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
