"""Words of the vocabulary: verdicts, names, merges, places; each undone exactly."""

from __future__ import annotations

import pytest

from annotator.core.errors import AnnotatorError, NameTaken
from annotator.operations import history, synsets, tags
from annotator.project import queries, store


def find(made, id: int):
    with made.project.read() as db:
        return queries.synset(db, id)


def undone(made) -> str:
    step = history.undo(made.project)
    assert step is not None
    return step.label


def test_verdicts(made, digest) -> None:
    start = digest(made.project)
    synsets.accept(made.project, [made.sofa, made.couch])
    assert (find(made, made.sofa).verdict, find(made, made.couch).verdict) == ("accepted",) * 2
    synsets.reject(made.project, made.sofa)
    assert find(made, made.sofa).verdict == "rejected"
    synsets.clear(made.project, [made.sofa, made.couch, made.dog])
    assert find(made, made.sofa).verdict == "unknown"
    assert digest(made.project) == start
    assert undone(made) == "Clear sofa, couch, dog"
    assert find(made, made.couch).verdict == "accepted"
    assert [undone(made), undone(made)] == ["Reject sofa", "Accept sofa, couch"]
    assert digest(made.project) == start


def test_many_words_make_a_short_label(made) -> None:
    with made.project.write("synsets") as db:
        many = [store.ensure_synset(db, f"word {i}") for i in range(9)]
    synsets.accept(made.project, many)
    assert undone(made) == "Accept 9 synsets"


def test_a_rejected_word_hides_its_tags(made) -> None:
    synsets.reject(made.project, made.sofa)
    with made.project.read() as db:
        assert [tag.synset for tag in queries.tags(db, made.images[0])] == ["couch"]
        hidden = [t for t in queries.tags(db, made.images[0], dropped=True) if t.synset == "sofa"]
        assert [(tag.kept, tag.reason) for tag in hidden] == [(False, "the word was rejected")]
        assert {tag.synset for tag in queries.all_tags(db)} == {"couch"}


@pytest.mark.parametrize("call", [synsets.accept, synsets.reject, synsets.clear])
def test_unknown_words_are_refused(made, digest, call) -> None:
    before = digest(made.project)
    for ids in (999, [made.sofa, 999]):
        with pytest.raises(AnnotatorError, match="no synset 999"):
            call(made.project, ids)
    with pytest.raises(AnnotatorError, match="Choose the synsets"):
        call(made.project, [])
    assert digest(made.project) == before


def test_rename(made, digest) -> None:
    start = digest(made.project)
    synsets.rename(made.project, made.dog, "  Great   Dane ")
    assert find(made, made.dog).name == "Great Dane"
    assert find(made, made.dog).lemmas == ("Great Dane", "dog")
    synsets.rename(made.project, made.dog, "great dane")  # its own name in another case
    assert find(made, made.dog).name == "great dane"
    for name in ("sofa", "SOFA", "Lounge"):
        with pytest.raises(NameTaken, match="merge into it") as taken:
            synsets.rename(made.project, made.dog, name)
        assert taken.value.synset_id == made.sofa
    for name in ("", "   ", "_"):
        with pytest.raises(AnnotatorError, match="needs a name"):
            synsets.rename(made.project, made.dog, name)
    with pytest.raises(AnnotatorError, match="no synset 999"):
        synsets.rename(made.project, 999, "x")
    assert undone(made) == "Rename Great Dane to great dane"
    assert undone(made) == "Rename dog to Great Dane"
    assert digest(made.project) == start


def test_a_name_is_no_page(made) -> None:
    with pytest.raises(AnnotatorError, match="has 201 characters"):
        synsets.rename(made.project, made.dog, "x" * 201)
    synsets.rename(made.project, made.dog, "x" * 200)


def test_a_freed_name_can_be_taken(made) -> None:
    synsets.rename(made.project, made.dog, "hound")
    with pytest.raises(NameTaken):  # still a lemma of hound
        synsets.rename(made.project, made.couch, "dog")
    synsets.rename(made.project, made.dog, "dog")
    synsets.rename(made.project, made.couch, "hound")
    assert find(made, made.couch).name == "hound"


def test_merge_in_a_chain_and_back(made, digest) -> None:
    start = digest(made.project)
    synsets.merge(made.project, made.couch, made.sofa)
    one = digest(made.project)
    synsets.merge(made.project, [made.sofa], made.dog)
    assert [find(made, id).id for id in (made.sofa, made.couch, made.dog)] == [made.dog] * 3
    assert find(made, made.couch).lemmas == ("dog", "sofa", "lounge", "couch")
    assert find(made, made.dog).support == 3
    end = digest(made.project)
    assert undone(made) == "Merge sofa into dog"
    assert digest(made.project) == one
    assert find(made, made.couch).id == made.sofa
    assert undone(made) == "Merge couch into sofa"
    assert digest(made.project) == start
    history.redo(made.project)
    history.redo(made.project)
    assert digest(made.project) == end


def test_merge_of_several_at_once(made, digest) -> None:
    start = digest(made.project)
    synsets.merge(made.project, [made.couch, made.dog, made.couch], made.sofa)
    assert find(made, made.dog).id == made.sofa
    assert undone(made) == "Merge couch, dog into sofa"
    assert digest(made.project) == start


def test_the_better_verdict_survives_a_merge(made, digest) -> None:
    synsets.accept(made.project, made.couch)
    synsets.reject(made.project, [made.sofa, made.dog])
    before = digest(made.project)
    synsets.merge(made.project, made.dog, made.sofa)
    assert find(made, made.sofa).verdict == "rejected"
    synsets.merge(made.project, made.couch, made.sofa)
    assert find(made, made.sofa).verdict == "accepted"
    undone(made)
    undone(made)
    assert digest(made.project) == before
    synsets.clear(made.project, made.sofa)
    synsets.merge(made.project, made.sofa, made.dog)
    assert find(made, made.dog).verdict == "unknown"


def test_merges_that_make_no_sense(made, digest) -> None:
    with made.project.write("synsets") as db:
        seat = store.ensure_synset(db, "seat", inner=True)
        store.set_parents(db, {made.sofa: seat, made.couch: made.sofa})
    before = digest(made.project)
    for sources, target, words in (
        ([made.sofa], made.sofa, "sofa cannot be merged with itself"),
        ([seat], made.couch, "couch is below seat in the tree; move it out first"),
        ([made.couch], seat, "couch is below seat in the tree; move it out first"),
        ([made.dog, seat], made.sofa, "sofa is below seat"),
        ([], made.sofa, "Choose the synsets to merge into sofa"),
        ([999], made.sofa, "no synset 999"),
        ([made.dog], 999, "no synset 999"),
    ):
        with pytest.raises(AnnotatorError, match=words):
            synsets.merge(made.project, sources, target)
        with made.project.read() as db, pytest.raises(AnnotatorError, match=words):
            queries.merge_preview(db, sources, target)
    assert digest(made.project) == before
    synsets.merge(made.project, made.dog, made.sofa)
    with pytest.raises(AnnotatorError, match="merged with itself"):  # it is one already
        synsets.merge(made.project, made.dog, made.sofa)


def test_move(made, digest) -> None:
    start = digest(made.project)
    synsets.move(made.project, made.sofa, made.couch)
    synsets.move(made.project, made.couch, made.dog)
    assert (find(made, made.sofa).parent, find(made, made.couch).parent) == (made.couch, made.dog)
    for id, parent, words in (
        (made.dog, made.dog, "below itself"),
        (made.dog, made.sofa, "dog cannot be put below sofa, which is below it"),
        (made.dog, 999, "no synset 999"),
        (999, None, "no synset 999"),
    ):
        with pytest.raises(AnnotatorError, match=words):
            synsets.move(made.project, id, parent)
    synsets.move(made.project, made.couch, None)
    assert find(made, made.couch).parent is None
    with made.project.write("synsets") as db:
        store.set_parents(db, {made.couch: made.dog})
    assert find(made, made.couch).parent is None  # the person's word counts
    with made.project.write("synsets") as db:
        store.set_parents(db, {made.couch: None})
    labels = [undone(made) for _ in range(3)]
    assert labels == ["Move couch to the top", "Move couch below dog", "Move sofa below couch"]
    assert digest(made.project) == start


def test_add(made, digest) -> None:
    start = digest(made.project)
    lamp = synsets.add(made.project, " table  lamp", "n04380533", ["desk lamp"])
    found = find(made, lamp)
    assert (found.name, found.lemmas) == ("table lamp", ("table lamp", "desk lamp"))
    assert (found.wordnet_id, found.source, found.verdict) == ("n04380533", "person", "accepted")
    for name, taken in (("Table_Lamp", lamp), ("desk lamp", lamp), ("couch", made.couch)):
        with pytest.raises(NameTaken) as error:
            synsets.add(made.project, name)
        assert error.value.synset_id == taken
    with pytest.raises(AnnotatorError, match="needs a name"):
        synsets.add(made.project, " ")
    assert undone(made) == "Add table lamp"
    assert digest(made.project) == start


def test_a_machines_later_tags_of_a_merged_word_join_it(made) -> None:
    synsets.merge(made.project, made.couch, made.sofa)
    tags.accept(made.project, made.images[2], made.sofa)
    with made.project.write("tags") as db:
        row = store.TagRow(made.images[3], made.couch, 0.5, 0.5, 1, 1, ("whole",), True)
        store.set_tags(db, [row], images=made.images)
    with made.project.read() as db:
        assert [tag.synset for tag in queries.tags(db, made.images[3])] == ["sofa"]
        assert [tag.verdict for tag in queries.tags(db, made.images[2])] == ["accepted"]
