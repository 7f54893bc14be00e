"""Suggests which words of the vocabulary are the same, and which belong below which
(LLM2Labels, section 3.4). Nothing is merged, moved or accepted: a person decides.

Two methods: "words" compares with WordNet, word vectors and spelling (core.grouping); "model" has
a language model group the ranked words and build trees of them (pipeline.group_model), and takes
the first method for what the model leaves in a mess.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Protocol, get_args

from annotator.backends.protocols import Floats, LanguageModel, Metered, TextEmbedder
from annotator.core import grouping
from annotator.core.errors import AnnotatorError
from annotator.core.grouping_parents import parents
from annotator.core.records import Progress, Usage
from annotator.pipeline import group_words
from annotator.pipeline.group_model import ModelGrouping
from annotator.pipeline.group_words import Found, Vocabulary
from annotator.pipeline.rerank import Picks
from annotator.pipeline.runs import finishing
from annotator.pipeline.vocabulary import build
from annotator.project import queries, store
from annotator.project.project import Project

Method = Literal["auto", "words", "model"]
METHODS: tuple[str, ...] = get_args(Method)


@dataclass(frozen=True, slots=True)
class GroupOptions:
    """``method``: "words", "model", or "auto": the model where the pack has a language model.
    ``limit``: only the best words, None for all. ``min_confidence`` in [0, 1]: suggestions that
    are less sure are left out. Raises AnnotatorError for a value that is not offered."""

    method: Method = "auto"
    limit: int | None = None
    min_confidence: float = 0.5

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise AnnotatorError(
                f"There is no way to group called {self.method}; choose {', '.join(METHODS)}."
            )
        if self.limit is not None and self.limit < 1:
            raise AnnotatorError(f"The number of words is {self.limit}: it must be 1 or more.")
        if not 0.0 <= self.min_confidence <= 1.0:
            raise AnnotatorError(f"The confidence {self.min_confidence} is not between 0 and 1.")


class GroupingPack(Protocol):
    """What grouping needs of a pack."""

    @property
    def name(self) -> str: ...

    def has(self, role: str) -> bool: ...

    def model_id(self, role: str) -> str: ...

    def embedder(self) -> TextEmbedder: ...

    def language_model(self) -> LanguageModel: ...


def group(
    project: Project, pack: GroupingPack, options: GroupOptions | None = None
) -> Iterator[Progress]:
    """Suggest merges and parents for the words of a project; yields "group".

    The suggestions that nobody decided on are replaced, all at once at the end: a run that is
    stopped writes none. What a person decided stays, and what was rejected is not suggested
    again. The last Progress has ``done`` (words looked at), ``merges`` and ``parents`` suggested,
    ``suggestions`` open now, ``seconds``, ``run``, ``usage`` and, of a language model, how many
    labels it made up (``dropped``), left alone (``singletons``), how often it was asked again
    (``repairs``), how many labels were grouped without it (``fallbacks``), of how many ambiguous
    words it picked the meaning (``senses``), and why it could not, if so (``note``).
    """
    start = time.monotonic()
    options = options or GroupOptions()
    method = _method(pack, options.method)
    vocabulary = group_words.read(project, options.limit)
    roles = [r for r in ("embedder", "language_model") if pack.has(r)]
    models = {r: pack.model_id(r) for r in roles if r == "embedder" or method == "model"}
    params = {"method": method, "limit": options.limit, "min_confidence": options.min_confidence}
    with project.write("runs") as db:
        run = store.start_run(
            db, "group", pack=pack.name, models=models, params=params, total=len(vocabulary.words)
        )
    picks = Picks()
    with finishing(project, run):
        embedder = pack.embedder() if pack.has("embedder") else None
        if method == "model":
            with _metered(project, run, pack.language_model()) as model:
                for step in build(
                    project, image_ids=(), embedder=embedder, picker=model, picks=picks
                ):
                    if step.result is None:
                        yield replace(step, step="group")
            # Words that mean something else by now can be other synsets.
            vocabulary = group_words.read(project, options.limit)
        vectors = yield from group_words.vectors(project, embedder, vocabulary.spoken)
        if method == "model":
            with _metered(project, run, pack.language_model()) as model:
                asking = ModelGrouping(vocabulary, vectors, model, options.min_confidence)
                found = yield from asking.run()
        else:
            yield Progress("group", 0, len(vocabulary.words), message="looking for synonyms")
            found = by_words(vocabulary, vectors, options.min_confidence)
        with project.write("suggestions", "runs") as db:
            store.set_suggestions(db, found.rows, run)
    with project.read() as db:
        open_now = len(queries.suggestions(db))
        usage = queries.run(db, run).usage
    count = len(vocabulary.words)
    result: dict[str, Any] = {
        "done": count,
        "merges": sum(row.kind == "merge" for row in found.rows),
        "parents": sum(row.kind == "parent" for row in found.rows),
        "suggestions": open_now,
        "seconds": time.monotonic() - start,
        "run": run,
        "dropped": found.dropped,
        "singletons": found.singletons,
        "repairs": found.repairs,
        "fallbacks": found.fallbacks,
        "senses": picks.words,
        "note": picks.note,
        "usage": asdict(usage),
    }
    yield Progress("group", count, count, result=result)


def _method(pack: GroupingPack, method: Method) -> Literal["words", "model"]:
    if method == "auto":
        return "model" if pack.has("language_model") else "words"
    if method == "model" and not pack.has("language_model"):
        raise AnnotatorError(
            f"The pack {pack.name} has no language model; group with --method words or another "
            "pack."
        )
    return method


@contextmanager
def _metered(project: Project, run: int, model: LanguageModel) -> Iterator[LanguageModel]:
    """Records what the model's answers took, also of a run that is stopped."""
    before = model.usage() if isinstance(model, Metered) else Usage()
    try:
        yield model
    finally:
        if isinstance(model, Metered):
            with project.write("runs") as db:
                store.add_usage(db, run, model.usage() - before)


def by_words(vocabulary: Vocabulary, vectors: Floats, minimum: float) -> Found:
    """Synonyms and parents by WordNet, vectors and spelling. ``vectors`` of all its synsets."""
    words = vocabulary.words
    links = grouping.links(words, vectors[: len(words)], apart=vocabulary.apart)
    made = grouping.groups(words, links, minimum=minimum, apart=vocabulary.apart)
    found = Found()
    merged = set()
    for link in grouping.merges(words, links, made):
        if link.confidence >= minimum:
            merged.add(link.source)
            found.rows.append(vocabulary.row("merge", link))
    for link in parents(vocabulary.places(), vectors, minimum=minimum):
        if link.source not in merged and vocabulary.movable(link.source, link.target):
            found.rows.append(vocabulary.row("parent", link))
    return found
