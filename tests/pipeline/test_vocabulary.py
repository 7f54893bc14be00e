"""From stored proposals to tags, synsets and the tree."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from annotator.core.records import Proposed, Synset
from annotator.core.wordnet import wordnet
from annotator.operations import synsets as decide
from annotator.operations import tags as decide_tags
from annotator.pipeline.options import VocabularyOptions
from annotator.pipeline.scan import scan
from annotator.pipeline.vocabulary import build, synset_names
from annotator.project import queries, store
from annotator.project.project import Project

Finish = Callable[..., dict[str, Any]]
#: (text, WordNet id or None, probability)
Word = tuple[str, str | None, float]

TABBY = ("tabby", "n02123045", 0.8)
EGYPTIAN = ("Egyptian cat", "n02124075", 0.6)
BEAGLE = ("beagle", "n02088364", 0.5)
MOUSE = ("mouse, computer mouse", "n03793489", 0.4)


@pytest.fixture
def said(
    project: Project, photo: Callable[..., Path], finish: Finish
) -> Callable[[Sequence[Sequence[Word]]], Project]:
    """said(words of each image): a project with these proposals of one run."""

    def make(images: Sequence[Sequence[Word]]) -> Project:
        for number in range(len(images)):
            photo(f"{number}.jpg", number)
        finish(scan(project))
        with project.read() as db:
            ids = queries.image_ids(db)
        add(project, dict(zip(ids, images, strict=True)))
        return project

    return make


def add(project: Project, images: dict[int, Sequence[Word]], grid: str = "none") -> None:
    with project.write("runs", "proposals") as db:
        run = store.start_run(db, "propose", pack="p", params={"grid": grid, "samples": 1})
        store.add_run_images(
            db,
            run,
            [
                (
                    image,
                    None,
                    [store.Said(Proposed(t, (p,), w), "whole", 0, p) for t, w, p in words],
                )
                for image, words in images.items()
            ],
        )
        store.finish_run(db, run, "done")


def words(project: Project) -> dict[str, Synset]:
    with project.read() as db:
        return {synset.name: synset for synset in queries.vocabulary(db)}


def tags(project: Project, number: int) -> dict[str, tuple[float | None, bool]]:
    """Name -> (score, kept) of the image of that number, the dropped ones too."""
    with project.read() as db:
        image = queries.image_ids(db)[number]
        found = queries.tags(db, image, dropped=True)
    return {tag.synset: (tag.score, tag.kept) for tag in found}


def test_labels_of_one_synset_become_one_with_its_lemmas(
    said: Callable[..., Project], finish: Finish
) -> None:
    project = said([[TABBY], [("tabby, tabby cat", "n02123045", 0.6)], [("Tabby cats", None, 0.4)]])
    result = finish(build(project, VocabularyOptions("none")))
    assert (result["synsets"], result["tags"], result["dropped"]) == (1, 3, 0)
    tabby = words(project)["tabby"]
    assert tabby.wordnet_id == "n02123045"
    assert tabby.support == 3
    assert tabby.score == pytest.approx(1.8)
    assert set(tabby.lemmas) >= set(wordnet().lemmas("n02123045"))


def test_text_goes_to_a_known_lemma_then_to_wordnet_then_to_itself(
    said: Callable[..., Project], finish: Finish
) -> None:
    project = said(
        [
            [
                MOUSE,
                ("mouse", None, 0.5),
                ("the umbrellas", None, 0.5),
                ("Zorgblat machines", None, 0.2),
            ]
        ]
    )
    finish(build(project, VocabularyOptions("none")))
    found = words(project)
    assert sorted(found) == ["mouse", "umbrella", "zorgblat machine"]
    assert found["umbrella"].wordnet_id == wordnet().synsets("umbrella")[0]
    assert found["zorgblat machine"].wordnet_id is None
    # Both strings of the mouse were one look: one occurrence, the average of both.
    assert tags(project, 0)["mouse"] == (pytest.approx(0.45), True)
    with project.read() as db:
        evidence = queries.evidence(db, found["mouse"].id)
    assert {raw.text: raw.reason for raw in evidence.words} == {
        "mouse, computer mouse": "the model names this WordNet synset",
        "mouse": "mouse is one of its words",
    }


def test_names_say_which_sense_is_meant_where_two_would_be_alike() -> None:
    alone = ["n02123045", "n01983481", "n02012849"]
    assert list(synset_names(wordnet(), alone).values()) == ["tabby", "American lobster", "crane"]
    assert synset_names(wordnet(), ["n02012849", "n03126707", "n02113186", "n02963159"]) == {
        "n02012849": "crane (wading bird)",
        "n03126707": "crane (lifting device)",
        "n02113186": "Cardigan Welsh corgi",
        "n02963159": "cardigan (sweater)",
    }


def test_a_second_sense_renames_the_first(said: Callable[..., Project], finish: Finish) -> None:
    bird, machine = ("crane", "n02012849", 0.9), ("crane", "n03126707", 0.8)
    project = said([[bird], []])
    finish(build(project, VocabularyOptions("none")))
    assert sorted(words(project)) == ["crane"]
    with project.read() as db:
        second = queries.image_ids(db)[1]
    add(project, {second: [machine]})
    finish(build(project, VocabularyOptions("none")))
    assert sorted(words(project)) == ["crane (lifting device)", "crane (wading bird)"]


def test_filters_drop_per_image_and_say_why(said: Callable[..., Project], finish: Finish) -> None:
    project = said([[TABBY, EGYPTIAN, BEAGLE, MOUSE]])
    finish(build(project, VocabularyOptions("percentile", 0.5)))
    assert tags(project, 0) == {
        "tabby": (pytest.approx(0.8), True),
        "Egyptian cat": (pytest.approx(0.6), True),
        "beagle": (pytest.approx(0.5), False),
        "mouse": (pytest.approx(0.4), False),
    }
    finish(build(project, VocabularyOptions("fixed", 0.7)))
    assert [name for name, (_, kept) in tags(project, 0).items() if kept] == ["tabby"]
    with project.read() as db:
        reasons = {tag.reason for tag in queries.tags(db, 1, dropped=True) if not tag.kept}
    assert all(reason and "below 0.7" in reason for reason in reasons)


def test_hypernyms_head_what_was_proposed(said: Callable[..., Project], finish: Finish) -> None:
    siamese = ("Siamese cat", "n02123597", 0.5)
    project = said([[TABBY], [EGYPTIAN], [siamese], [("Persian cat", "n02123394", 0.4)], [MOUSE]])
    result = finish(build(project, VocabularyOptions("none")))
    found = words(project)
    parents = {found[name].parent for name in ("tabby", "Egyptian cat", "Siamese cat")}
    (parent,) = parents
    (head,) = [synset for synset in found.values() if synset.id == parent]
    assert head.inner
    assert head.wordnet_id == "n02121808"  # domestic cat
    assert (head.support, head.subtree_support) == (0, 4)
    assert found["mouse"].parent != parent
    assert result["inner"] >= 1


def test_building_twice_or_in_another_order_gives_the_same(
    tmp_path: Path, photo: Callable[..., Path], finish: Finish
) -> None:
    images = [[TABBY, MOUSE, ("cranes", None, 0.3)], [EGYPTIAN, TABBY], [("crane", None, 0.7)]]
    for number in range(3):
        photo(f"{number}.jpg", number)
    found = []
    for order in ((0, 1, 2), (2, 0, 1)):
        path = tmp_path / f"{order[0]}.annot"
        with Project.create(path, tmp_path / "photos") as project:
            finish(scan(project))
            with project.read() as db:
                ids = queries.image_ids(db)
            add(project, {ids[number]: images[number] for number in order})
            finish(build(project, VocabularyOptions("percentile")))
            once = facts(project)
            finish(build(project, VocabularyOptions("percentile")))
            assert facts(project) == once
            found.append(once)
    assert found[0] == found[1]


def facts(project: Project) -> Any:
    """Everything the machine made, by names instead of ids."""
    known = words(project)
    names = {synset.id: synset.name for synset in known.values()}
    return (
        {
            s.name: (s.wordnet_id, s.lemmas, s.support, s.score, names.get(s.parent or 0), s.inner)
            for s in known.values()
        },
        [tags(project, number) for number in range(3)],
    )


def test_each_image_counts_with_its_newest_run(
    said: Callable[..., Project], finish: Finish
) -> None:
    project = said([[TABBY], [TABBY]])
    with project.read() as db:
        first = queries.image_ids(db)[0]
    add(project, {first: [BEAGLE]}, grid="sgc")
    finish(build(project, VocabularyOptions("none")))
    # One of the five crops of sgc said it.
    assert tags(project, 0) == {"beagle": (pytest.approx(0.1), True)}
    assert tags(project, 1) == {"tabby": (pytest.approx(0.8), True)}


def test_decisions_stay(said: Callable[..., Project], finish: Finish) -> None:
    project = said([[TABBY, MOUSE], [EGYPTIAN, BEAGLE], [("kitty thing", None, 0.9)]])
    finish(build(project, VocabularyOptions("none")))
    ids = {name: synset.id for name, synset in words(project).items()}
    decide.rename(project, ids["tabby"], "stripes")
    decide.merge(project, [ids["Egyptian cat"]], ids["tabby"])
    decide.reject(project, [ids["mouse"]])
    decide.move(project, ids["beagle"], ids["tabby"])
    with project.read() as db:
        last_image = queries.image_ids(db)[2]
    decide_tags.reject(project, last_image, ids["kitty thing"])
    with project.read() as db:
        steps = queries.history(db)
    finish(build(project, VocabularyOptions("none")))
    found = words(project)
    assert found["stripes"].support == 2
    assert found["mouse"].verdict == "rejected"
    assert found["beagle"].parent == ids["tabby"]
    with project.read() as db:
        assert queries.tags(db, last_image)[0].verdict == "rejected"
        assert queries.history(db) == steps


def test_a_new_string_finds_the_name_that_a_person_gave(
    said: Callable[..., Project], finish: Finish
) -> None:
    project = said([[("zorgblat", None, 0.9)], []])
    finish(build(project, VocabularyOptions("none")))
    zorgblat = words(project)["zorgblat"].id
    decide.rename(project, zorgblat, "umbrella stand thing")
    with project.read() as db:
        second = queries.image_ids(db)[1]
    add(project, {second: [("an umbrella stand thing", None, 0.5)]})
    finish(build(project, VocabularyOptions("none")))
    assert words(project)["umbrella stand thing"].support == 2
