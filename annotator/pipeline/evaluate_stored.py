"""The stored proposals as scores of each image, for any grid, filter, combination and seed.

Nothing is asked of a model. A classifier that looked at "sgc" has said everything that it would
say of "none" (which LLM2Labels asks eight times) and of "sg" (twice a cell): it would say the
same again. A model that talks draws its answers, so each grid needs a run of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any, get_args

from annotator.core import scoring
from annotator.core.errors import AnnotatorError
from annotator.core.records import CROPS_OF, Combine, Grid, Run
from annotator.core.vocabulary import normalise
from annotator.pipeline import runs
from annotator.pipeline.evaluate_truth import Key
from annotator.pipeline.options import VocabularyOptions
from annotator.pipeline.pages import PAGE
from annotator.project import queries, queries_evaluate, queries_pipeline
from annotator.project.project import Project
from annotator.project.queries_evaluate import TokensOf


@dataclass(frozen=True, slots=True)
class _Asked:
    """Runs that asked the same, by seed; those of one seed continue each other."""

    runs: dict[int, list[Run]]
    talks: bool


class Stored:
    """What one pack's newest runs said. ``pack``: None is that of the newest run. A context
    manager that reads the project while it is open. Raises AnnotatorError on entering when there
    is nothing to evaluate."""

    def __init__(self, project: Project, pack: str | None = None) -> None:
        self._project = project
        self._pack = pack
        self._reading = project.read()

    def __enter__(self) -> Stored:
        self._db = self._reading.__enter__()
        try:
            self._runs = self._of_pack(
                [run for run in queries.runs(self._db) if run.kind == "propose"]
            )
            self._keys = {
                label.id: label.wordnet_id or normalise(label.text) or label.text
                for label in queries_pipeline.label_rows(self._db)
            }
            self._ids = queries.image_ids(self._db)
            self._asked: dict[Grid, _Asked | None] = {}
        except BaseException:
            self._reading.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *error: Any) -> None:
        self._reading.__exit__(*error)

    def grids(self) -> list[Grid]:
        """Grids whose answers are stored, in the order of the paper."""
        return [grid for grid in get_args(Grid) if self.has(grid)]

    def has(self, grid: Grid) -> bool:
        """Whether answers over this grid are stored."""
        return self._find(grid) is not None

    def seeds(self, grid: Grid) -> list[int]:
        """Seeds of the runs over this grid that agree in everything else and have looked at as
        many images as any of them. Raises AnnotatorError when the grid is not stored."""
        return sorted(self._require(grid).runs)

    def paths(self, grid: Grid, seed: int) -> list[str]:
        """Paths of the images that were looked at, in order. Raises AnnotatorError when the grid
        is not stored."""
        of_seed = [run.id for run in self._require(grid).runs[seed]]
        done = queries_pipeline.done_images(self._db, of_seed)
        looked = [image_id for image_id in self._ids if image_id in done]
        return [
            image.path
            for start in range(0, len(looked), PAGE)
            for image in queries.images(self._db, looked[start : start + PAGE])
        ]

    def scores(
        self, grid: Grid, options: VocabularyOptions, seed: int
    ) -> Iterator[tuple[str, list[scoring.Scored[Key]]]]:
        """(path, labels best first, dropped ones too) of each image that was looked at.

        The tokens of each label are combined as ``options`` say, whatever the run did. Raises
        AnnotatorError when the grid is not stored.
        """
        asked = self._require(grid)
        of_seed = {run.id: run for run in asked.runs[seed]}
        crops = [crop.name for crop in CROPS_OF[grid]]
        for start in range(0, len(self._ids), PAGE):
            page = self._ids[start : start + PAGE]
            paths = {image.id: image.path for image in queries.images(self._db, page)}
            rows = queries_evaluate.image_tokens(self._db, page, list(of_seed), crops)
            for image_id, of_image in groupby(rows, key=attrgetter("image_id")):
                group = list(of_image)
                run = of_seed[group[0].run_id]
                # A classifier answers once, however many samples it was asked for.
                more = asked.talks or any(row.sample for row in group)
                samples = int(run.params.get("samples", 1)) if more else 1
                said = self._said(group, run, options.combine)
                yield paths[image_id], options.scores(said, len(crops) * samples)

    def _said(
        self, rows: Sequence[TokensOf], run: Run, how: Combine
    ) -> Iterator[scoring.Said[Key]]:
        stored = run.params.get("combine", "avg") == how
        for row in rows:
            if row.label_id is None:
                continue
            tokens = [] if stored else json.loads(row.tokens)
            probability = scoring.combine(tokens, how) if tokens else row.probability
            yield scoring.Said(self._keys[row.label_id], row.crop, row.sample, probability)

    def _of_pack(self, all_runs: Sequence[Run]) -> list[Run]:
        """The pack's runs, newest first. One that had nothing left to do counts too: it says
        what was asked for last."""
        name = self._project.path.name
        packs = {run.pack for run in all_runs if run.done}
        if not packs:
            raise AnnotatorError(
                f"{name} has no proposals to evaluate: run annotator propose first."
            )
        known = list(dict.fromkeys(run.pack for run in all_runs if run.pack in packs))
        pack = known[0] if self._pack is None else self._pack
        if pack not in packs:
            raise AnnotatorError(
                f"{name} has no proposals of the pack {pack}, only of {', '.join(known)}."
            )
        return [run for run in all_runs if run.pack == pack]

    def _require(self, grid: Grid) -> _Asked:
        asked = self._find(grid)
        if asked is None:
            raise AnnotatorError(
                f"No proposals over the grid {grid} are stored: run annotator propose --grid "
                f"{grid} first (of a classifier, sgc contains the others)."
            )
        return asked

    def _find(self, grid: Grid) -> _Asked | None:
        if grid not in self._asked:
            self._asked[grid] = self._newest(grid) or self._within_sgc()
        return self._asked[grid]

    def _within_sgc(self) -> _Asked | None:
        asked = self._newest("sgc")
        return None if asked is None or asked.talks else asked

    def _newest(self, grid: str) -> _Asked | None:
        """The newest run over this grid, with those that differ from it in the seed only."""
        over = [run for run in self._runs if run.params.get("grid") == grid]
        for newest in over:
            same = [run for run in over if _question(run) == _question(newest)]
            if any(run.done for run in same):
                break
        else:
            return None
        by_seed: dict[int, list[Run]] = {}
        for run in same:
            by_seed.setdefault(run.seed, []).append(run)
        looked = {
            seed: queries_evaluate.count_images(self._db, [run.id for run in of_seed])
            for seed, of_seed in by_seed.items()
        }
        most = max(looked.values())
        whole = {seed: of_seed for seed, of_seed in by_seed.items() if looked[seed] == most}
        return _Asked(whole, runs.talked(newest))


def _question(run: Run) -> tuple[Any, ...]:
    """What the model was asked, but for the seed. The tokens are kept, so the way in which the
    run combined them is not part of it."""
    params = runs.asked(run)
    return dict(run.models), params
