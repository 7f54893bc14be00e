"""Fine-tunes a pack's grounder on a project: text-tag self-distillation, TTD (Jo et al. 2024).

Threads decode and cut the images ahead of the model. After every few steps the pairs that are set
apart are looked at and a checkpoint is written; a training that was stopped goes on from there
and ends with the same weights as one that was not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from annotator.backends import ttd, tuned
from annotator.backends.manifest import RoleSpec
from annotator.backends.registry import Pack
from annotator.backends.ttd_protocol import Distiller, Training
from annotator.core.records import Progress
from annotator.pipeline import finetune_data, runs
from annotator.pipeline.files import require_folder
from annotator.pipeline.finetune_data import Data
from annotator.pipeline.finetune_options import FinetuneOptions
from annotator.pipeline.finetune_prune import prune
from annotator.pipeline.finetune_state import State
from annotator.pipeline.finetune_steps import Work
from annotator.project import queries, store
from annotator.project.project import Project

__all__ = ["FinetuneOptions", "finetune"]

#: Makes a Distiller of a pack's grounder.
Build = Callable[[RoleSpec, Training], Distiller]
#: Names of files that a result lists.
_LISTED = 20


def finetune(
    project: Project, pack: Pack, options: FinetuneOptions, build: Build = ttd.trainer
) -> Iterator[Progress]:
    """Trains the pack's grounder further; the result is a pack of the person's own.

    Yields "prune" (where captions are pruned), then "finetune" in steps. Closing the generator
    cancels: a checkpoint is kept, and the same call goes on from it, which leads to the same
    weights. An image that does not decode is a Failure and left out.

    The last Progress has ``done`` (steps), ``failed``, ``seconds``, ``run``, ``pack``, ``folder``,
    ``pairs`` (all there are), ``pruned`` of them, ``trained`` and ``validated`` of the rest,
    ``steps``, ``resumed`` (the step it went on from), ``losses`` (rows of step, loss, distill, tag,
    validation; None for what was not looked at; row 0 is before training), ``best_step`` (of what
    was exported), ``stopped`` ("end", or "early" when the checks did not get better),
    ``images_per_second``, ``parameters``, ``note`` (what was done for lack of memory), ``unknown``
    and ``empty`` (captions of files that are not in the project, and without a word: ``count``
    and the first ``files``). Raises AnnotatorError when the pack cannot be fine-tuned, the name is
    taken, there is nothing to learn from, or the model does not fit the memory.
    """
    start = time.monotonic()
    name = options.name or f"{pack.path.stem}-ttd"
    if pack.has("grounder"):  # else the next line says so
        ttd.check(pack.specs["grounder"], pack.name)
    model = {"grounder": pack.model_id("grounder")}
    spec = pack.specs["grounder"]
    tuned.check_name(name)
    tuned.extended(pack)
    require_folder(project)
    data = finetune_data.gather(project, options)
    identity = options.identity | {"pairs": data.digest}
    params = identity | {"name": name}
    plan = runs.Plan("finetune", pack.name, model, params, params, options.seed)
    home = tuned.home(name)
    state = State(home / tuned.CHECKPOINTS, identity | model | {"seed": options.seed})
    run = _begin(project, plan, len({one.image.id for one in data.pairs}))
    with runs.finishing(project, run):
        yield Progress("finetune", 0, None, tuple(data.failed), _before(data))
        trainer = build(spec, options.training)
        kept, failed = data.pairs, dict[str, str]()
        said = [one for one in kept if not one.given]
        if options.prune and said:
            fitting, failed = yield from prune(project, trainer, said, options, state)
            places = {id(one) for one in fitting}
            # What a person has said of an image is no noise.
            kept = [one for one in kept if one.given or id(one) in places]
        work = Work(project, trainer, options, state, kept)
        yield from work.steps()
        record = work.record
        failed |= record.failed
        if not state.best.is_dir():
            trainer.export(state.best)
        state.finish(home / tuned.ADAPTER, home / tuned.LOSSES, record)
        facts = {
            "pairs": len(work.train),
            "images": len({one.image.id for one in work.train}),
            "text": "captions and accepted tags" if options.text == "both" else options.text,
            "steps": record.best_step or record.step,
            "date": date.today().isoformat(),
        }
        tuned.write_pack(pack, name, home / tuned.ADAPTER, facts)
        state.clear()
        _note_images(project, run, data, failed)
    result: dict[str, Any] = {
        "done": record.step - work.resumed,
        "failed": [
            *({"image": one.image, "reason": one.reason} for one in data.failed),
            *({"image": path, "reason": failed[path]} for path in sorted(failed)),
        ],
        "seconds": time.monotonic() - start,
        "run": run,
        "pack": name,
        "folder": str(home),
        "pairs": len(data.pairs),
        "pruned": len(data.pairs) - len(kept),
        "trained": len(work.train),
        "validated": len(work.apart),
        "steps": record.step,
        "resumed": work.resumed,
        "losses": record.losses,
        "best_step": record.best_step or record.step,
        "stopped": "early" if work.early else "end",
        "images_per_second": work.images / work.seconds if work.seconds > 0 else 0.0,
        "parameters": trainer.parameters,
        "note": trainer.fallback,
        "unknown": _listed(data.unknown),
        "empty": _listed(data.empty),
    }
    yield Progress("finetune", record.step, work.total, result=result)


def _begin(project: Project, plan: runs.Plan, total: int) -> int:
    """The equal run that did not end, taken up again, or a new one; its id."""
    with project.write("runs") as db:
        last = queries.last_run(db, plan.kind)
        if last is not None and last.status != "done" and runs.is_equal(last, plan):
            store.resume_run(db, last.id, total)
            return last.id
        return store.start_run(
            db,
            plan.kind,
            pack=plan.pack,
            models=plan.models,
            params=plan.params,
            seed=plan.seed,
            total=total,
        )


def _note_images(project: Project, run: int, data: Data, failed: Mapping[str, str]) -> None:
    rows = {one.image.id: failed.get(one.image.path) for one in data.pairs}
    with project.write("runs") as db:
        store.add_run_images(db, run, [(id, error, ()) for id, error in rows.items()])


def _before(data: Data) -> str:
    said = [f"{len(data.pairs)} pairs of an image and a text"]
    if data.unknown:
        said.append(f"{len(data.unknown)} captions of files that are not in the project")
    if data.empty:
        said.append(f"{len(data.empty)} captions without a word")
    return ", ".join(said)


def _listed(files: Sequence[str]) -> dict[str, Any]:
    return {"count": len(files), "files": list(dict.fromkeys(files))[:_LISTED]}
