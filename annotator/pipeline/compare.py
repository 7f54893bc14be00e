"""What several packs say of the same images, side by side; from what is stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from annotator.core import scoring
from annotator.core.records import Run
from annotator.pipeline import runs
from annotator.pipeline.options import VocabularyOptions, vocabulary_options
from annotator.pipeline.pages import PAGE
from annotator.pipeline.vocabulary import looks_of
from annotator.project import queries, queries_pipeline
from annotator.project.project import Project
from annotator.project.queries_compare import WordOf
from annotator.project.sqlite import sqlite3


def by_pack(project: Project, top: int | None = None) -> list[dict[str, Any]]:
    """The words of every pack that has proposed something, ranked by what each pack said itself.

    Rows with "id", "name", "score" and "support" of the word as the vocabulary has it now, and
    "packs": pack -> {"score", "support", "rank"}, of the packs that have the word, the pack asked
    last first. Of a pack that was asked in several ways, the last way counts; the filters are
    those of the last run, for all packs the same; merges are resolved. The first rows are the
    words with the best rank in any pack; ``top``: only so many.
    """
    with project.read() as db:
        last = queries.last_run(db, "propose")
        options = vocabulary_options(last.params if last else {})
        ids = queries.image_ids(db)
        word_of = WordOf(db)
        packs = {
            pack: scoring.rank(
                _scores(db, of_pack, ids, word_of, options), options.rank, options.combine
            )
            for pack, of_pack in _packs(db).items()
        }
        now = {one.id: one for one in queries.vocabulary(db)}
    found: dict[int, dict[str, dict[str, Any]]] = {}
    for pack, ranked in packs.items():
        for place, one in enumerate(ranked, start=1):
            facts = {"score": one.score, "support": one.support, "rank": place}
            found.setdefault(one.key, {})[pack] = facts
    rows = [
        {
            "id": root,
            "name": word_of.name(root),
            "score": now[root].score if root in now else 0.0,
            "support": now[root].support if root in now else 0,
            "packs": of_packs,
        }
        for root, of_packs in found.items()
    ]
    rows.sort(key=_place)
    return rows[:top]


def _place(row: Mapping[str, Any]) -> tuple[Any, ...]:
    of_packs = row["packs"].values()
    best = min(one["rank"] for one in of_packs)
    return best, -len(of_packs), -sum(one["support"] for one in of_packs), row["name"], row["id"]


def _packs(db: sqlite3.Connection) -> dict[str, list[Run]]:
    """Pack -> its runs that asked what it was asked last, the pack asked last first."""
    known = {run.id: run for run in queries.runs(db)}
    found: dict[str, list[Run]] = {}
    for run_id in reversed(runs.chosen(db)):
        run = known[run_id]
        of_pack = found.setdefault(run.pack, [run])
        if run is not of_pack[0] and runs.alike(run, of_pack[0]):
            of_pack.append(run)
    return {pack: of_pack for pack, of_pack in found.items() if any(run.done for run in of_pack)}


def _scores(
    db: sqlite3.Connection,
    of_pack: Sequence[Run],
    ids: Sequence[int],
    word_of: WordOf,
    options: VocabularyOptions,
) -> Iterator[list[scoring.Scored[int]]]:
    """What each image shows by these runs alone, page by page."""
    by_id = {run.id: run for run in of_pack}
    for first in range(0, len(ids), PAGE):
        page, how = ids[first : first + PAGE], options.combine
        rows = queries_pipeline.image_proposals(db, page, by_id, how=how)
        for image_id, of_image in groupby(rows, key=attrgetter("image_id")):
            group = list(of_image)
            looks = looks_of(by_id[group[0].run_id])
            every = [
                scoring.Said(one.label_id, one.crop, one.sample, one.probability) for one in group
            ]
            said = [
                one._replace(key=root)
                for one in every
                if (root := word_of.of(one.key, image_id)) is not None
            ]
            yield options.scores(said, looks.count(every))
