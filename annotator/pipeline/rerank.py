"""A language model picks what ambiguous words mean, of the senses that were retrieved for them and
with the images that an embedder found alike (infer, retrieve, rerank)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from annotator.backends.protocols import Floats
from annotator.core import senses
from annotator.core.errors import AnnotatorError
from annotator.core.records import Progress
from annotator.pipeline.image_senses import Choice

#: Words beside an ambiguous one that the model is shown, the most frequent.
_SHOWN = 8


class Picker(Protocol):
    """The part of a LanguageModel that is asked here."""

    @property
    def id(self) -> str: ...

    def score(self, prompt: str, options: Sequence[str]) -> Floats: ...


@dataclass(slots=True)
class Picks:
    """How far a model came: ``words`` it picked the sense of; ``note``: why it could not."""

    words: int = 0
    note: str = ""


def by_model(
    choices: Mapping[str, Choice],
    of_word: Mapping[str, Sequence[int]],
    said: Iterable[tuple[int, int]],
    texts: Mapping[int, str],
    model: Picker,
    picks: Picks,
) -> Generator[Progress, None, dict[str, Choice]]:
    """Returns the choices with the model's picks; yields how far it is.

    Of each word, the images on which the embedder chose the same sense are asked about together,
    with the words that are most often beside it there; the model scores every sense
    (``senses.rerank_with``), and that is multiplied by what the embedder makes of it. Arguments
    as of ``image_senses.choose``. A model that cannot score
    changes nothing, and ``picks.note`` says why.
    """
    found = dict(choices)
    beside: dict[int, set[str]] = {}
    images_of: dict[str, set[int]] = {}
    word_of = {label: word for word, labels in of_word.items() for label in labels}
    for image, label in said:
        if label in texts:
            beside.setdefault(image, set()).add(texts[label])
        if label in word_of:
            images_of.setdefault(word_of[label], set()).add(image)
    open_words = [word for word in sorted(choices) if len(choices[word].weights) > 1]
    for done, word in enumerate(open_words):
        yield Progress("vocabulary", done, len(open_words), message=f"what is meant by {word}")
        try:
            picked = _pick(word, choices[word], images_of.get(word, set()), beside, model)
        except AnnotatorError as error:
            picks.note = str(error)
            return found
        if picked is not None:
            found[word] = picked
            picks.words += 1
    return found


def _pick(
    word: str,
    choice: Choice,
    images: Iterable[int],
    beside: Mapping[int, set[str]],
    model: Picker,
) -> Choice | None:
    """The model's choice; None where nothing is ever said beside the word."""
    groups: dict[str, list[int]] = {}
    for image in sorted(images):
        if beside.get(image, set()) - {word}:
            groups.setdefault(choice.others.get(image, choice.first), []).append(image)
    if not groups:
        return None
    ids = sorted(choice.weights, key=lambda one: (-choice.weights[one], one))
    total = sum(len(of) for of in groups.values())
    shares = dict.fromkeys(ids, 0.0)
    of_image: dict[int, str] = {}
    for chosen, of in groups.items():
        said = Counter(text for image in of for text in beside[image] if text != word)
        shown = [text for text, _ in sorted(said.items(), key=lambda one: (-one[1], one[0]))]
        heard = dict(senses.rerank_with(model, word, ids, shown[:_SHOWN]))
        # What the embedder saw counts too: a model that cannot tell leaves it as it is.
        held = {one: heard[one] * (choice.weights[one] + (one == chosen)) for one in ids}
        for one in ids:
            shares[one] += held[one] / sum(held.values()) * len(of) / total
        of_image.update(dict.fromkeys(of, max(ids, key=held.__getitem__)))
    votes = Counter(of_image.values())
    first = max(ids, key=lambda one: (votes[one], shares[one], one))
    second = max((one for one in ids if one != first), key=lambda one: (shares[one], one))
    reason = (
        f"{word}: {senses.kind(first)} rather than {senses.kind(second)}, says the language model "
        f"of what else is on its images ({shares[first]:.2f} against {shares[second]:.2f})"
    )
    others = {image: sense for image, sense in of_image.items() if sense != first}
    return Choice(first, {one: round(shares[one], 4) for one in ids}, others, reason)
