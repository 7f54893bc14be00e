"""What a person does with the words on an image. Each call is one step of the history."""

from __future__ import annotations

from annotator.core.records import Verdict
from annotator.operations.synsets import clean
from annotator.project import decisions, queries
from annotator.project.decisions import Words
from annotator.project.project import Project


def accept(project: Project, image_id: int, synset_id: int) -> None:
    """It is on the image. The machine need not have seen it."""
    _decide(project, "Accept", image_id, synset_id, "accepted")


def reject(project: Project, image_id: int, synset_id: int) -> None:
    """It is not on the image, whatever machines say from now on."""
    _decide(project, "Reject", image_id, synset_id, "rejected")


def clear(project: Project, image_id: int, synset_id: int) -> None:
    """Nobody has looked: take back the verdict."""
    _decide(project, "Clear", image_id, synset_id, "unknown")


def _decide(project: Project, verb: str, image_id: int, synset_id: int, verdict: Verdict) -> None:
    with project.read() as db:
        image = queries.image(db, image_id)
        words = Words(db)
        label = f"{verb} {words.name(words.root(synset_id))} on {_file(image.path)}"
    with project.transact(label) as db:
        words = Words(db)
        decisions.decide_tag(db, words, image_id, words.root(synset_id), verdict)


def _file(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def add_word(project: Project, image_id: int, text: str) -> int:
    """Accept a typed word on the image; the id of its synset.

    It is the synset of that name, else with that lemma (of several the best ranked), also for a
    plural; else a new one that the person made. A word that was rejected in the vocabulary is
    taken back in. Raises AnnotatorError when the text is empty or the image unknown.
    """
    text = clean(text)
    with project.read() as db:
        image = queries.image(db, image_id)
    with project.transact(f"Add {text} on {_file(image.path)}") as db:
        words = Words(db)
        found = words.named(text) or words.named(_singular(text))
        if found:
            root = max(found, key=lambda id: (words.entries[id].score, -id))
            if words.entries[root].verdict == "rejected":
                decisions.decide_synset(db, root, "unknown")
        else:
            root = decisions.add_synset(db, text)
            words = Words(db)
        decisions.decide_tag(db, words, image_id, root, "accepted")
    return root


def _singular(text: str) -> str:
    from annotator.core.vocabulary import normalise  # loads WordNet: only for an unknown word

    return normalise(text)
