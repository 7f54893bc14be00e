"""Beginning, continuing and ending a run, the same way for every loop over images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from annotator.core.errors import AnnotatorError
from annotator.core.records import Run
from annotator.project import queries, queries_pipeline, store
from annotator.project.project import Project
from annotator.project.sqlite import Connection


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is to do. ``identity``: the part of ``params`` that decides the results, None for
    what they must not say; runs of the same kind that agree in pack, models, seed and identity
    are equal, whatever they took and however they ended."""

    kind: str
    pack: str
    models: Mapping[str, str]
    identity: Mapping[str, Any]
    params: Mapping[str, Any]
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Began:
    """A run to work on: image ids that are ``pending``, in path order, and how many of all are
    ``skipped`` because they are done."""

    run: int
    pending: list[int]
    skipped: int


def begin(project: Project, plan: Plan, image_ids: Sequence[int], *, repeat: bool) -> Began:
    """The run that does ``image_ids``: an equal one that did not end, taken up again, or a new one.

    Images that this run has done are skipped; with ``repeat`` False also those that an equal
    earlier run has done, because it would say the same of them. A run is started only when it has
    something to do or to remember: other params than the newest equal one, or, with ``repeat``
    False, that this is what was asked for last, after something else.
    """
    with project.read() as db:
        of_kind = [run for run in queries.runs(db) if run.kind == plan.kind]
        equal = [run for run in of_kind if is_equal(run, plan)]
        newest = equal[0] if equal else None
        open_run = newest if newest is not None and newest.status != "done" else None
        relevant = equal if not repeat else [open_run] if open_run else []
        done = queries_pipeline.done_images(db, [run.id for run in relevant])
        # A file that changed after the run did it: its old and new results must not mix.
        if open_run is not None and queries_pipeline.stale_images(db, open_run.id):
            open_run = None
        last = newest is not None and newest.id == of_kind[0].id
        if not repeat and not last:
            open_run = None
    pending = [image_id for image_id in image_ids if image_id not in done]
    skipped = len(image_ids) - len(pending)
    same = newest is not None and dict(newest.params) == dict(plan.params)
    if newest is not None and same and (last or repeat) and not pending and open_run is None:
        return Began(newest.id, [], skipped)
    with project.write("runs") as db:
        if open_run is not None and same:
            run = open_run.id
            store.resume_run(db, run, total=open_run.done + len(pending))
        else:
            run = store.start_run(
                db,
                plan.kind,
                pack=plan.pack,
                models=plan.models,
                params=plan.params,
                seed=plan.seed,
                total=len(pending),
            )
        if not pending:
            store.finish_run(db, run, "done")
    return Began(run, pending, skipped)


@contextmanager
def finishing(project: Project, run: int) -> Iterator[None]:
    """Writes how the run ended: done; cancelled when its generator is closed, or by Ctrl-C in the
    middle of a batch; else failed."""
    status = "failed"
    try:
        yield
        status = "done"
    except (GeneratorExit, KeyboardInterrupt):
        status = "cancelled"
        raise
    finally:
        with project.write("runs") as db:
            store.finish_run(db, run, status)


def readable_ids(project: Project, limit: int | None = None) -> list[int]:
    """Images that can be worked on, in path order; the first ``limit`` of them. Raises
    AnnotatorError when the project has none."""
    with project.read() as db:
        ids = queries.image_ids(db)
        unreadable = set(queries.image_ids(db, status="unreadable"))
    readable = [image_id for image_id in ids if image_id not in unreadable]
    if not readable:
        raise AnnotatorError(
            f"{project.path.name} has no readable images yet: scan {project.folder} first."
        )
    return readable[:limit]


def is_equal(run: Run, plan: Plan) -> bool:
    """Whether the run did what is planned."""
    return (
        run.kind == plan.kind
        and run.pack == plan.pack
        and run.seed == plan.seed
        and dict(run.models) == dict(plan.models)
        and all(run.params.get(key) == value for key, value in plan.identity.items())
    )


#: Params that are applied to what is stored; the others decided what was said.
_AFTERWARDS = ("filter", "threshold", "combine", "rank", "pixels")


def asked(run: Run) -> dict[str, Any]:
    """What the run's model was asked: its params without what is applied afterwards."""
    return {key: value for key, value in run.params.items() if key not in _AFTERWARDS}


def talked(run: Run) -> bool:
    """Whether the run's model talks: then every sample is a look at the image, also one whose
    reply could not be read."""
    return "strategy" in run.params


def alike(run: Run, other: Run) -> bool:
    """Whether two runs asked the same of the same model, and so continue each other."""
    return (run.kind, run.pack, run.seed, dict(run.models), asked(run)) == (
        other.kind,
        other.pack,
        other.seed,
        dict(other.models),
        asked(other),
    )


def chosen(db: Connection) -> list[int]:
    """The propose runs, what was asked for last at the end; those that are alike together. An
    image's tags are made of what the last one of them said that has looked at it: to run one pack
    after another and then the first one again brings the first one's tags back, without asking
    it anew."""
    groups: list[list[Run]] = []
    for run in queries.runs(db):  # the newest first
        if run.kind != "propose":
            continue
        for group in groups:
            if alike(group[0], run):
                group.append(run)
                break
        else:
            groups.append([run])
    return [run.id for group in reversed(groups) for run in reversed(group)]
