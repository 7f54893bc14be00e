"""What a person does with the words of the vocabulary. Each call is one step of the history."""

from __future__ import annotations

from collections.abc import Sequence

from annotator.core.errors import AnnotatorError, NameTaken
from annotator.core.records import Verdict
from annotator.project import decisions
from annotator.project.decisions import Words, word_key
from annotator.project.project import Project
from annotator.project.sqlite import Connection

#: Characters of a name: a sentence fits, a pasted page does not.
LONGEST_NAME = 200


def accept(project: Project, ids: Sequence[int] | int) -> None:
    """The words belong to the dataset."""
    _decide(project, "Accept", ids, "accepted")


def reject(project: Project, ids: Sequence[int] | int) -> None:
    """The words do not belong to the dataset: their tags and masks are hidden, not deleted."""
    _decide(project, "Reject", ids, "rejected")


def clear(project: Project, ids: Sequence[int] | int) -> None:
    """Take back the verdicts on the words."""
    _decide(project, "Clear", ids, "unknown")


def _decide(project: Project, verb: str, ids: Sequence[int] | int, verdict: Verdict) -> None:
    with project.read() as db:
        words = Words(db)
        roots = list(dict.fromkeys(words.root(id) for id in several(ids)))
        label = f"{verb} {listed([words.name(root) for root in roots], 'synsets')}"
    if not roots:
        raise AnnotatorError(f"Choose the synsets to {verb.lower()} first.")
    with project.transact(label) as db:
        words = Words(db)
        for id in roots:
            decisions.decide_synset(db, words.root(id), verdict)


def several(ids: Sequence[int] | int) -> Sequence[int]:
    return (ids,) if isinstance(ids, int) else ids


def listed(names: Sequence[str], many: str) -> str:
    """Names for a step's label: up to three of them, else their number."""
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} {many}"


def clean(name: str) -> str:
    """The name without extra spaces; AnnotatorError when nothing is left, or far too much."""
    name = " ".join(name.split())
    if not word_key(name):
        raise AnnotatorError("A synset needs a name; type a word.")
    if len(name) > LONGEST_NAME:
        raise AnnotatorError(
            f"{name[:20]}... has {len(name)} characters; a name has at most {LONGEST_NAME}."
        )
    return name


def rename(project: Project, id: int, name: str) -> None:
    """Give the word another name; the one it was made with stays among its lemmas.

    Raises NameTaken when another synset has that name or lemma: offer to merge into it.
    """
    name = clean(name)
    with project.read() as db:
        words = Words(db)
        label = f"Rename {words.name(words.root(id))} to {name}"
    with project.transact(label) as db:
        words = Words(db)
        root = words.root(id)
        _refuse_taken(words, name, root)
        if words.name(root) != name:
            decisions.rename(db, root, name)


def _refuse_taken(words: Words, name: str, root: int | None) -> None:
    key = word_key(name)
    for other in words.members:
        if other == root:
            continue
        taken = words.name(other)
        if word_key(taken) == key:
            raise NameTaken(f"A synset is called {taken} already; merge into it instead.", other)
    for other in words.members:
        if other != root and any(word_key(lemma) == key for lemma in words.lemmas(other)):
            raise NameTaken(
                f"{name} is a synonym of {words.name(other)} already; merge into it instead.", other
            )


def merge(project: Project, source_ids: Sequence[int] | int, target_id: int) -> None:
    """Make the sources part of the target: their names become lemmas, their tags and masks its
    own, and what is below them in the tree goes below it.

    Raises AnnotatorError when a source is the target itself, or above or below it in the tree.
    """
    source_ids = several(source_ids)
    with project.read() as db:
        words = Words(db)
        sources, target = decisions.check_merge(words, source_ids, target_id)
        names = listed([words.name(source) for source in sources], "synsets")
        label = f"Merge {names} into {words.name(target)}"
    with project.transact(label) as db:
        merge_in(db, Words(db), source_ids, target_id)


def merge_in(db: Connection, words: Words, source_ids: Sequence[int], target_id: int) -> None:
    """``merge`` as a part of the caller's step, by the words as they were before it."""
    decisions.merge(db, words, *decisions.check_merge(words, source_ids, target_id))


def move(project: Project, id: int, parent_id: int | None) -> None:
    """Put the word below another one in the tree, or at the top (None).

    Raises AnnotatorError when the new parent is the word itself or below it.
    """
    with project.read() as db:
        words = Words(db)
        name = words.name(words.root(id))
        label = (
            f"Move {name} to the top"
            if parent_id is None
            else f"Move {name} below {words.name(words.root(parent_id))}"
        )
    with project.transact(label) as db:
        move_in(db, Words(db), id, parent_id)


def move_in(db: Connection, words: Words, id: int, parent_id: int | None) -> None:
    """``move`` as a part of the caller's step; ``words`` knows of it afterwards."""
    root = words.root(id)
    parent = None if parent_id is None else words.root(parent_id)
    if parent is not None and (parent == root or words.is_below(parent, root)):
        where = "itself" if parent == root else f"{words.name(parent)}, which is below it"
        raise AnnotatorError(
            f"{words.name(root)} cannot be put below {where}; choose another parent."
        )
    if words.parents[root] != parent:
        decisions.move(db, root, parent)
        words.moved(root, parent)


def add(
    project: Project, name: str, wordnet_id: str | None = None, lemmas: Sequence[str] = ()
) -> int:
    """Add a word to the vocabulary, accepted at once; its id.

    Raises NameTaken when a synset has that name or lemma already.
    """
    name = clean(name)
    with project.transact(f"Add {name}") as db:
        _refuse_taken(Words(db), name, None)
        return decisions.add_synset(db, name, wordnet_id, [clean(lemma) for lemma in lemmas])
