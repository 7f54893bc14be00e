"""Which labels a language model is asked about at once, so that question and answer fit it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from annotator.backends.protocols import Floats, LanguageModel
from annotator.core.errors import AnnotatorError
from annotator.core.grouping_prompts import Messages, Question, messages, quoted

#: Labels in one question; of more a model forgets some.
MOST_LABELS = 100
#: Tokens that a chat's own marks take: of the whole, and of each message.
_MARKS, _MARKS_EACH = 16, 12
#: Tokens kept free for what was wrong with the first answer.
_COMPLAINT = 96
#: An answer repeats labels, with quotes and brackets; it needs this much more than their tokens.
_ANSWER, _ANSWER_LEAST = 1.5, 64
#: Share of the room for what is grouped so far, when it is not all used by new labels.
_SO_FAR = 0.3


@dataclass(frozen=True, slots=True)
class Batch:
    """A question: labels by place in the list, what they are shown with, and how long the answer
    may be, in tokens."""

    labels: list[int]
    shown: dict[str, list[str]]
    answer: int


@dataclass
class Packer:
    """Fills questions about ``labels`` (with their ``counts``, in order) to what the model's
    context holds. ``vectors`` float32[n, d] of unit norm: of more than fits of what is grouped so
    far, what is nearest to the new labels is shown."""

    model: LanguageModel
    labels: Sequence[str]
    counts: Sequence[int]
    vectors: Floats

    def __post_init__(self) -> None:
        # Counted one by one: a server may be asked for each count.
        self._costs = [self.model.count(quoted(label) + ", ") for label in self.labels]

    def batch(
        self, question: Question, waiting: Sequence[int], so_far: Mapping[int, Sequence[int]]
    ) -> Batch:
        """The first of the ``waiting`` labels, at least one. ``so_far``: groups or trees by their
        heads. Raises AnnotatorError where not even one fits."""
        room = self._room(question)
        taken: list[int] = []
        used = 0.0
        for label in waiting[:MOST_LABELS]:
            cost = self._costs[label] * (1 + _ANSWER) + 8
            if used + cost > room * (1 - _SO_FAR if so_far else 1):
                break
            taken.append(label)
            used += cost
        if not taken:
            raise AnnotatorError(
                f"The language model {self.model.id} reads {self.model.context} tokens at once, "
                "too few to group with; choose another model, or group without one (--method "
                "words)."
            )
        shown = self._shown(taken, so_far, room - used)
        while True:
            needed = sum(self._costs[label] for label in taken) * _ANSWER + _ANSWER_LEAST
            free = self.model.context - self._size(
                messages(question, self.asked(taken), self._texts(shown))
            )
            if free >= needed:
                # All that is free may be used, but no model needs it to name a few labels.
                return Batch(taken, self._texts(shown), int(min(free, 2 * needed)))
            # What was estimated part by part is more as a whole.
            if shown:
                shown = dict(list(shown.items())[: len(shown) // 2])
            elif len(taken) > 1:
                taken = taken[: len(taken) // 2]
            else:
                raise AnnotatorError(
                    f"The label {self.labels[taken[0]][:40]} is too long for the language model "
                    f"{self.model.id}; reject it, or group without a model (--method words)."
                )

    def asked(self, taken: Sequence[int]) -> dict[str, int]:
        """The labels with their counts, as they are written down."""
        return {self.labels[i]: self.counts[i] for i in taken}

    def _room(self, question: Question) -> int:
        """Tokens for labels and answer."""
        return self.model.context - self._size(messages(question, {}, {"": []})) - _ANSWER_LEAST

    def _size(self, asked: Messages) -> int:
        tokens = sum(self.model.count(one["content"]) for one in asked)
        return tokens + _MARKS + _MARKS_EACH * len(asked) + _COMPLAINT

    def _shown(
        self, taken: Sequence[int], so_far: Mapping[int, Sequence[int]], room: float
    ) -> dict[int, Sequence[int]]:
        """All of ``so_far`` if it fits, else what is nearest to the labels; in its own order."""
        order = list(so_far)
        if not order:
            return {}
        near = (self.vectors[order] @ self.vectors[list(taken)].T).max(axis=1)
        best = np.argsort(-np.round(near, 5), kind="stable").tolist()
        chosen: set[int] = set()
        for at in best:
            head = order[at]
            # As a key and, in the answer, perhaps once more.
            cost = 2 * self._costs[head] + 4 + sum(self._costs[i] for i in so_far[head])
            if cost > room:
                continue
            room -= cost
            chosen.add(head)
        return {head: so_far[head] for head in order if head in chosen}

    def _texts(self, shown: Mapping[int, Sequence[int]]) -> dict[str, list[str]]:
        return {self.labels[head]: [self.labels[i] for i in shown[head]] for head in shown}
