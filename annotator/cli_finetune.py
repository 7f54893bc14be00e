"""The command that trains a model further."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from annotator.cli_output import Output, duration, opened, typed
from annotator.cli_project import given, require_images
from annotator.core.errors import AnnotatorError

_OPTIONS = (
    *("name", "captions", "text", "epochs", "batch", "learning_rate", "weight_decay", "size"),
    *("rank", "prune", "pseudo", "validation", "patience", "checkpoint_every", "seed", "limit"),
)


def ttd(words: Namespace, out: Output) -> int:
    """Text-tag self-distillation; the result is a pack."""
    from annotator.backends.registry import load_pack
    from annotator.exchange import tables
    from annotator.pipeline.finetune import FinetuneOptions, finetune

    if words.plot is not None and words.plot.suffix.lower() != ".png":
        raise AnnotatorError(
            f"The losses are drawn as a PNG: give {words.plot} a name that ends so."
        )
    if words.plot is not None:
        tables.check_place(words.plot)
    losses: tuple[Any, ...] = ("distill", "tag")
    if words.losses not in (None, "both"):
        losses = (words.losses,)
    chosen = given(words, _OPTIONS)
    if words.captions is None:
        chosen.setdefault("text", "tags")
    options = FinetuneOptions(**chosen, losses=losses)
    pack = load_pack(words.pack)
    with opened(words.project) as project:
        require_images(project)
        result = out.drive(finetune(project, pack, options))
    out.failures(result)
    if words.plot is not None:
        tables.draw_losses(result["losses"], words.plot, f"Losses of {result['pack']}")
    for what, kept in (
        ("name files that are not in the project", result["unknown"]),
        ("have no words", result["empty"]),
    ):
        if kept["count"]:
            out.remark(f"{kept['count']} captions {what}: {', '.join(kept['files'][:3])}, ...")
    if result["note"]:
        out.remark(result["note"])
    early = (
        ", stopped early because the checks got no better" if result["stopped"] == "early" else ""
    )
    pruned = f" ({result['pruned']} left out: they do not fit)" if result["pruned"] else ""
    apart = f" ({result['validated']} kept to check with)" if result["validated"] else ""
    text = (
        f"{result['steps']} steps over {result['trained']} of {result['pairs']} pairs of image and "
        f"text{pruned}{apart} in {duration(result['seconds'])}{early}; best at step "
        f"{result['best_step']}."
        f"\nThe pack {result['pack']} is made. Next: annotator ground {typed(words.project)} "
        f"--pack {result['pack']}, or away with it: annotator models remove {result['pack']}"
    )
    out.result(result, text)
    return 0


COMMANDS = {"finetune ttd": ttd}
