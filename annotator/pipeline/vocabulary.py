"""From what was proposed to tags, and to the ranked tree of the folder's vocabulary.

Which synset a label belongs to is settled of all labels together (pipeline.settle). Scores and
filters are those of LLM2Labels (core.scoring), for each image on its own. So neither the order of
images nor that of runs matters. Only machine rows are written: whatever a person decided stays as
it is.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from annotator.backends.protocols import TextEmbedder
from annotator.core import scoring
from annotator.core.errors import AnnotatorError
from annotator.core.records import CROPS_OF, Progress, Run
from annotator.core.wordnet import WordNet, wordnet
from annotator.pipeline import runs, settle, vocabulary_tree
from annotator.pipeline.options import VocabularyOptions, vocabulary_options
from annotator.pipeline.pages import PAGE, Pace
from annotator.pipeline.rerank import Picker, Picks
from annotator.project import (
    queries,
    queries_meanings,
    queries_pipeline,
    queries_pixels,
    store,
)
from annotator.project.project import Project
from annotator.project.sqlite import sqlite3


def build(
    project: Project,
    options: VocabularyOptions | None = None,
    image_ids: Sequence[int] | None = None,
    *,
    embedder: TextEmbedder | None = None,
    picker: Picker | None = None,
    picks: Picks | None = None,
) -> Iterator[Progress]:
    """Tags of every image and the vocabulary, anew from all proposals; yields "vocabulary".

    ``options``: the filters; without them those of the last propose run. ``image_ids``: only their
    tags are made anew, and those of images where a label means something else by now; the ranking
    and the tree always are. ``embedder`` chooses between the senses of ambiguous words of free
    text by what else is on an image; without one WordNet's order does; ``picker``, a language
    model, picks among them, and ``picks`` says of how many words. Each image counts with
    what was asked for last of those that looked at it (``runs.chosen``). Doing it twice changes
    nothing. The last Progress has ``synsets``, ``inner`` and ``tags`` of the project, ``dropped``
    tags of the images that were done, and ``seconds``.
    """
    start = time.monotonic()
    with project.read() as db:
        options = options or _last_options(db)
    changed = yield from settle.settle(project, embedder, picker, picks)
    with project.read() as db:
        ids = queries.image_ids(db) if image_ids is None else sorted(changed.union(image_ids))
    grouper = Grouper(options)
    pace = Pace("vocabulary", len(ids))
    for first in range(0, len(ids), PAGE):
        page = ids[first : first + PAGE]
        with project.write("tags", "synsets") as db:
            grouper.tag(db, page)
        pace.step(count=len(page))
        if pace.due():
            yield pace.progress()
    synsets, inner, tags = rank(project, options)
    yield pace.last(
        synsets=synsets,
        inner=inner,
        tags=tags,
        dropped=grouper.dropped,
        seconds=time.monotonic() - start,
    )


def rank(project: Project, options: VocabularyOptions | None = None) -> tuple[int, int, int]:
    """Scores, tree and names of the synsets from their tags; (words, inner synsets, tags).
    ``options``: what they are ranked by; without them that of the last propose run."""
    net = wordnet()
    with project.write("synsets") as db:
        options = options or _last_options(db)
        sums = queries_pipeline.score_synsets(db, options.rank, options.combine)
        known = {one.wordnet_id: one.id for one in sums if one.wordnet_id is not None}
        support = [x.wordnet_id for x in sums if x.wordnet_id and x.wordnet_id in net and x.support]
        tree = vocabulary_tree.tree(db, sums, support)
        for wordnet_id in sorted(tree.inner):
            known[wordnet_id] = settle.ensure(db, net, wordnet_id, inner=True)
        queries_pipeline.set_inner(db, [known[one] for one in tree.inner])
        parents = {known[child]: known.get(above or "") for child, above in tree.parent.items()}
        store.set_parents(
            db, parents | {own: tree.id_of(up, known) for own, up in tree.own.items()}
        )
        _name(db, net, sums, known, tree.inner)
    support_of = [one.support for one in sums if one.support]
    return len(support_of), len(tree.inner), sum(support_of)


def _name(
    db: sqlite3.Connection,
    net: WordNet,
    sums: Sequence[queries_pipeline.SynsetSum],
    known: Mapping[str, int],
    inner: frozenset[str],
) -> None:
    """Names for all WordNet synsets, those in use among themselves: what is left of earlier runs
    must not show in them."""
    used = {one.wordnet_id for one in sums if one.used} | inner
    names = synset_names(net, known) | synset_names(net, [one for one in known if one in used])
    queries_pipeline.set_names(db, {known[one]: name for one, name in names.items()})


def _last_options(db: sqlite3.Connection) -> VocabularyOptions:
    last = queries.last_run(db, "propose")
    return vocabulary_options(last.params if last else {})


@contextmanager
def ranking(project: Project) -> Iterator[None]:
    """Ranks what there is when the work inside is stopped: its tags are to be seen, too."""
    try:
        yield
    except (GeneratorExit, AnnotatorError):
        # What stopped the work may stop this too; then that is what a person should read.
        with suppress(AnnotatorError):
            rank(project)
        raise


@dataclass(frozen=True, slots=True)
class _Looks:
    """How often a run looked at an image: its crops, and the samples it was asked for."""

    crops: int
    samples: int
    talks: bool = False

    def count(self, said: Iterable[scoring.Said[Any]]) -> int:
        """How often an image was looked at of which this was said. A classifier answers once,
        however many samples it was asked for; a reply that could not be read is a look at the
        image all the same."""
        sampled = self.talks or any(one.sample for one in said)
        return self.crops * (self.samples if sampled else 1)


class Grouper:
    """Turns the stored proposals of some images into their tags; knows the labels it has met.

    Use one per loop: it counts the tags that it ``dropped``.
    """

    def __init__(self, options: VocabularyOptions) -> None:
        self.options = options
        self.dropped = 0
        self._synsets: dict[int, int] = {}
        self._looks: dict[int, _Looks] = {}
        self._chosen: list[int] | None = None

    def tag(self, db: sqlite3.Connection, image_ids: Sequence[int]) -> None:
        """Replaces the machine tags of these images, inside the caller's write."""
        said: dict[int, list[scoring.Said[int]]] = {}
        run_of: dict[int, int] = {}
        if self._chosen is None:
            self._chosen = runs.chosen(db)
        others = queries_meanings.label_senses(db, image_ids)
        how = self.options.combine
        for row in queries_pipeline.image_proposals(db, image_ids, order=self._chosen, how=how):
            if row.label_id not in self._synsets:
                self._group(db)
            synset = others.get((row.label_id, row.image_id)) or self._synsets[row.label_id]
            said.setdefault(row.image_id, []).append(
                scoring.Said(synset, row.crop, row.sample, row.probability)
            )
            run_of[row.image_id] = row.run_id
        drop = self.options.pixels == "drop"
        not_seen = queries_pixels.unsupported(db, image_ids) if drop else {}
        rows: dict[int, list[store.TagRow]] = {}
        for image_id, of_image in said.items():
            run = run_of[image_id]
            found = self._score(db, image_id, run, of_image)
            rows.setdefault(run, []).extend(self._without(not_seen, found))
        store.set_tags(db, [], images=image_ids)
        for run, of_run in sorted(rows.items()):
            store.set_tags(db, of_run, run_id=run)

    def _score(
        self, db: sqlite3.Connection, image_id: int, run: int, said: list[scoring.Said[int]]
    ) -> Iterator[store.TagRow]:
        looks = self._looks_of(db, run).count(said)
        for scored in self.options.scores(said, looks):
            yield store.TagRow(
                image_id,
                scored.key,
                scored.score,
                scored.probability,
                scored.occurrence,
                scored.looks,
                scored.seen,
                scored.kept,
                scored.reason,
            )

    def _without(
        self, not_seen: Mapping[tuple[int, int], float], rows: Iterable[store.TagRow]
    ) -> Iterator[store.TagRow]:
        """Drops what no pixel supports; counts what is dropped, by whatever filter."""
        for row in rows:
            peak = not_seen.get((row.image_id, row.synset_id))
            if row.kept and peak is not None:
                row = replace(row, kept=False, reason=f"no pixel supports it ({peak:.2f})")
            self.dropped += not row.kept
            yield row

    def _looks_of(self, db: sqlite3.Connection, run_id: int) -> _Looks:
        if run_id not in self._looks:
            self._looks[run_id] = looks_of(queries.run(db, run_id))
        return self._looks[run_id]

    def _group(self, db: sqlite3.Connection) -> None:
        """Finds the synset of every label that has none yet, by WordNet's order; ``build`` settles
        it when everything was said."""
        labels = queries_meanings.label_states(db)
        fresh = [label for label in labels if label.synset_id is None]
        if fresh:
            found = settle.provisional(db, labels)
            settle.assign(db, found, settle.Ids(db, found.meanings.own), fresh)
            labels = queries_meanings.label_states(db)
        self._synsets = {label.id: label.synset_id for label in labels if label.synset_id}


def looks_of(run: Run) -> _Looks:
    """What the run's options say of how often it looked at an image."""
    crops = len(CROPS_OF[str(run.params.get("grid", "none"))])
    return _Looks(crops, int(run.params.get("samples", 1)), runs.talked(run))


def synset_names(net: WordNet, wordnet_ids: Iterable[str]) -> dict[str, str]:
    """A name for each synset, no two alike: its first lemma; where others of them share it, its
    first lemma that none of them has ("Cardigan Welsh corgi", not the cardigan), else the first
    one with what it is a kind of ("crane (wading bird)"). Ids that WordNet lacks get none."""
    ids = [wordnet_id for wordnet_id in wordnet_ids if wordnet_id in net]
    first = Counter(net.name(one).casefold() for one in ids)
    owners = Counter(lemma for one in ids for lemma in {x.casefold() for x in net.lemmas(one)})
    names = {}
    for one in ids:
        name = net.name(one)
        if first[name.casefold()] > 1:
            own = [lemma for lemma in net.lemmas(one) if owners[lemma.casefold()] == 1]
            kinds = net.hypernyms(one)
            kind = f" ({net.name(kinds[0])})" if kinds else ""
            name = own[0] if own else name + kind
        names[one] = name
    return names
