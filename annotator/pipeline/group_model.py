"""A language model groups the ranked labels, and builds trees of them (LLM2Labels, section 3.4
and appendix D): most frequent first, in batches that fit its context, each with what is grouped
so far. What it says is checked, never trusted: see ``core.grouping_prompts``.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from annotator.backends.protocols import Floats, LanguageModel
from annotator.core import grouping
from annotator.core.grouping import Link
from annotator.core.grouping_pairs import Pairs
from annotator.core.grouping_parents import parents
from annotator.core.grouping_prompts import (
    LONGEST_LABEL,
    SCHEMA,
    Groups,
    Question,
    Trees,
    messages,
    read_groups,
    read_trees,
)
from annotator.core.records import Progress
from annotator.core.wordnet import wordnet
from annotator.pipeline.group_batches import Batch, Packer
from annotator.pipeline.group_words import Found, Vocabulary

#: How sure a merge is that only the model speaks for, and one that WordNet speaks against.
_SAID, _DOUBTED = 0.6, 0.3
#: The same of a parent; and of one that WordNet has above the word, too.
_PARENT, _PARENT_DOUBTED, _PARENT_KNOWN = 0.6, 0.3, 0.9


@dataclass
class ModelGrouping:
    """One run over a vocabulary. ``vectors`` float32[n, d] of all its synsets, unit norm (or all
    0). ``minimum``: confidence in [0, 1] from which something is suggested."""

    vocabulary: Vocabulary
    vectors: Floats
    model: LanguageModel
    minimum: float
    found: Found = field(default_factory=Found)

    def __post_init__(self) -> None:
        self._words = self.vocabulary.words
        self._labels = _labels([word.text for word in self._words])
        self._place = {label: i for i, label in enumerate(self._labels)}
        counts = [self.vocabulary.synsets[i].support for i in range(len(self._words))]
        self._packer = Packer(self.model, self._labels, counts, self.vectors)
        #: Most frequent first, ties by text.
        self._order = sorted(range(len(counts)), key=lambda i: (-counts[i], self._labels[i]))
        self._pairs = Pairs(self._words, self.vectors[: len(self._words)], wordnet())
        #: Groups by their first label; every label that was asked about is in one.
        self._groups: dict[int, list[int]] = {}
        self._group_of: dict[int, int] = {}
        self._parent: dict[int, int] = {}
        #: What was asked about in trees so far, and what either question was not settled for.
        self._seen: list[int] = []
        self._by_rules: set[int] = set()
        self._unplaced: set[int] = set()

    def run(self) -> Generator[Progress, None, Found]:
        """Asks about everything; yields a Progress for each batch and returns what was found.
        Raises AnnotatorError when the model cannot answer at all."""
        yield from self._ask("synsets", self._order, 0)
        merged = self._merges()
        heads = [i for i in self._order if i not in merged]
        yield from self._ask("trees", heads, len(self._order))
        self._parents(merged)
        return self.found

    # --- asking ------------------------------------------------------------------------------

    def _ask(
        self, question: Question, order: Sequence[int], done: int
    ) -> Generator[Progress, None, None]:
        """``done``: labels of the questions before; each label is asked about twice in all."""
        waiting = [i for i in order if len(self._labels[i]) <= LONGEST_LABEL]
        what = "synonyms" if question == "synsets" else "trees"
        number, end = 0, done + len(order)
        while waiting:
            number += 1
            batch = self._packer.batch(question, waiting, self._so_far(question))
            message = f"{what}, question {number}: {len(batch.labels)} labels"
            yield Progress("group", end - len(waiting), 2 * len(self._order), message=message)
            waiting = waiting[len(batch.labels) :]
            self._settle(question, batch)
        self._without_model(question, [i for i in order if len(self._labels[i]) > LONGEST_LABEL])

    def _so_far(self, question: Question) -> dict[int, list[int]]:
        if question == "synsets":
            return {head: members[1:] for head, members in self._groups.items()}
        below: dict[int, list[int]] = {i: [] for i in self._seen}
        for child, parent in self._parent.items():
            below[parent].append(child)
        return below

    def _settle(self, question: Question, batch: Batch) -> None:
        """One batch: asked, asked again at most once, then done without the model."""
        said, repaired = self._said(question, batch, ""), False
        if said.problem is not None:
            repaired = True
            self.found.repairs += 1
            again = self._said(question, batch, said.problem)
            # Two bad answers: the one that says more of what was asked.
            if again.problem is None or len(again.named) >= len(said.named):
                said = again
        self.found.dropped += said.dropped
        if isinstance(said, Groups):
            self._take_groups(said, batch)
        else:
            self._seen += batch.labels
            self._take_trees(said)
        named = {self._place[label] for label in said.named}
        rest = [i for i in batch.labels if i not in named]
        if repaired and said.problem is not None:
            self._without_model(question, rest)
        elif question == "synsets":
            self.found.singletons += len(rest)
        for i in batch.labels if question == "synsets" else ():
            if i not in self._group_of:
                self._start([i])

    def _without_model(self, question: Question, labels: Sequence[int]) -> None:
        """What the model has no usable answer for is done by WordNet, vectors and spelling."""
        self.found.fallbacks += len(labels)
        if question == "trees":
            self._unplaced.update(labels)
            return
        self._by_rules.update(labels)
        for i in labels:
            known = {j: sure for j, sure in self._mates.get(i, {}).items() if j in self._group_of}
            if known:
                best = max(known, key=lambda j: (known[j], self._labels[j]))
                self._join(i, self._group_of[best])
            else:
                self._start([i])

    @cached_property
    def _mates(self) -> dict[int, dict[int, float]]:
        """Word -> the others in its group by the rules, and how sure each of the pairs is."""
        words = self._words
        links = grouping.links(words, self.vectors[: len(words)], apart=self.vocabulary.apart)
        made = grouping.groups(words, links, minimum=self.minimum, apart=self.vocabulary.apart)
        sure = {(link.source, link.target): link.confidence for link in links}
        return {
            i: {j: sure.get((min(i, j), max(i, j)), 0.0) for j in group if j != i}
            for group in made
            for i in group
        }

    def _said(self, question: Question, batch: Batch, complaint: str) -> Groups | Trees:
        labels = [self._labels[i] for i in batch.labels]
        for head, members in batch.shown.items():
            labels += [head, *members]
        asked = messages(question, self._packer.asked(batch.labels), batch.shown, complaint)
        reply = self.model.complete(asked, SCHEMA, max_tokens=batch.answer)
        labels = list(dict.fromkeys(labels))
        return read_groups(reply, labels) if question == "synsets" else read_trees(reply, labels)

    # --- synonyms ----------------------------------------------------------------------------

    def _take_groups(self, said: Groups, batch: Batch) -> None:
        groups = [[self._place[label] for label in group] for group in said.groups]
        new = set(batch.labels)
        for i in batch.labels:
            mine = [group for group in groups if i in group]
            # In several groups it belongs to the one that it is used most like.
            if len(mine) > 1:
                best = self._nearest(i, mine)
                for group in mine:
                    if group is not best:
                        group.remove(i)
        for group in groups:
            fresh = [i for i in group if i in new]
            old = list(dict.fromkeys(self._group_of[i] for i in group if i not in new))
            if not old and fresh:
                self._start(fresh)
            for i in fresh if old else ():
                # Groups that are settled stay apart, whatever is said of them now.
                self._join(i, self._nearest(i, [self._groups[head] for head in old])[0])

    def _start(self, members: Sequence[int]) -> None:
        first = min(members, key=self._rank)
        ordered = [first, *(i for i in members if i != first)]
        self._groups[first] = ordered
        self._group_of.update(dict.fromkeys(ordered, first))

    def _join(self, i: int, head: int) -> None:
        self._groups[head].append(i)
        self._group_of[i] = head

    def _rank(self, i: int) -> tuple[int, str]:
        return -self.vocabulary.synsets[i].support, self._labels[i]

    def _nearest(self, i: int, groups: Sequence[list[int]]) -> list[int]:
        """The group that a label is most like, on average; the first one of equals."""

        def likeness(group: Sequence[int]) -> float:
            others = [j for j in group if j != i]
            cosines = [float(self.vectors[i] @ self.vectors[j]) for j in others]
            return round(sum(cosines) / len(cosines), 6) if cosines else -1.0

        return max(groups, key=likeness)

    def _merges(self) -> set[int]:
        """Suggests the groups; the places of what would be merged into something else."""
        merged: set[int] = set()
        for members in self._groups.values():
            head, *rest = grouping.head_first(self._words, members)
            for i in rest:
                if self.vocabulary.apart(i, head):
                    continue
                link = self._merge(i, head)
                if link.confidence >= self.minimum:
                    merged.add(i)
                    self.found.rows.append(self.vocabulary.row("merge", link))
        return merged

    def _merge(self, i: int, head: int) -> Link:
        """As sure as the model and everything else that speaks for it together."""
        evidence = self._pairs.evidence(min(i, head), max(i, head))
        said = i not in self._by_rules and head not in self._by_rules
        if evidence is None:
            why = f"{self._says}, but WordNet tells them apart"
            return Link(i, head, _DOUBTED if said else 0.0, why)
        reason = evidence.reason(wordnet())
        if not said:
            return Link(i, head, evidence.confidence, reason)
        sure = _SAID + (1 - _SAID) * evidence.confidence
        # What hardly speaks for it is no reason.
        return Link(
            i, head, sure, f"{self._says}; {reason}" if evidence.confidence > 0.2 else self._says
        )

    @property
    def _says(self) -> str:
        return f"the language model {self.model.id.split('@')[0]} says so"

    # --- trees -------------------------------------------------------------------------------

    def _take_trees(self, said: Trees) -> None:
        edges = [(self._place[child], self._place[parent]) for child, parent in said.edges]
        for i in dict.fromkeys(child for child, _ in edges):
            if i in self._parent:
                continue
            above = [[parent] for child, parent in edges if child == i]
            while above:
                (best,) = self._nearest(i, above)
                above.remove([best])
                # A circle is cut where it would close.
                if best != i and not self._is_above(i, best):
                    self._parent[i] = best
                    break

    def _is_above(self, i: int, other: int) -> bool:
        at: int | None = other
        while at is not None:
            if at == i:
                return True
            at = self._parent.get(at)
        return False

    def _parents(self, merged: Iterable[int]) -> None:
        gone = set(merged)
        links = [self._below(child, parent) for child, parent in sorted(self._parent.items())]
        if self._unplaced:
            placed = parents(self.vocabulary.places(), self.vectors, minimum=self.minimum)
            links += [link for link in placed if link.source in self._unplaced]
        for link in links:
            if (
                link.source not in gone
                and link.confidence >= self.minimum
                and self.vocabulary.movable(link.source, link.target)
            ):
                self.found.rows.append(self.vocabulary.row("parent", link))

    def _below(self, child: int, parent: int) -> Link:
        says = self._says
        low, high = (self._words[i].meant[:1] for i in (child, parent))
        known = wordnet()
        if low and high and known.is_a(low[0], high[0]):
            return Link(child, parent, _PARENT_KNOWN, f"{says}, and so does WordNet")
        if low and high and known.is_a(high[0], low[0]):
            return Link(child, parent, _PARENT_DOUBTED / 2, f"{says}, WordNet the reverse")
        if self.vocabulary.synsets[child].parent is not None:
            return Link(child, parent, _PARENT_DOUBTED, f"{says}, but it has a place already")
        return Link(child, parent, _PARENT, says)


def _labels(texts: Sequence[str]) -> list[str]:
    """The texts as they are asked about, no two alike: a second "crane" is "crane (2)"."""
    taken: dict[str, int] = {}
    labels = []
    for text in texts:
        key = text.casefold()
        taken[key] = taken.get(key, 0) + 1
        labels.append(text if taken[key] == 1 else f"{text} ({taken[key]})")
    return labels
