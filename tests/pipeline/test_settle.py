"""What free text becomes does not depend on when it was said; images choose between senses."""

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from annotator.backends.protocols import TextEmbedder
from annotator.backends.registry import load_pack
from annotator.core.errors import AnnotatorError
from annotator.core.records import Proposed, Synset
from annotator.operations import synsets as decide
from annotator.operations import tags as decide_tags
from annotator.pipeline import meanings
from annotator.pipeline.options import VocabularyOptions
from annotator.pipeline.rerank import Picks
from annotator.pipeline.vocabulary import build
from annotator.project import queries, queries_meanings, store
from annotator.project.project import Project

Finish = Callable[..., dict[str, Any]]
BIRD, MACHINE = "n02012849", "n03126707"

#: Free text as it comes, with a classifier's labels among it.
IMAGES: tuple[tuple[str, ...], ...] = (
    ("crane", "lake", "bird", "reed"),
    ("Cranes", "building site", "scaffold"),
    ("the crane", "sky"),
    ("wooden bench", "park", "Grey cat"),
    ("wooden benches", "tree", "gray cat"),
    ("a wooden bench", "lawn"),
    ("wooden bench", "bench", "street light"),
    ("wooden bench", "bench", "streetlight"),
    ("church bench", "pew", "Golden gate thing"),
    ("church bench", "two dogs", "golden gate thing"),
    ("dog", "mouse|n03793489", "keyboard"),
    ("mouse", "cheese"),
    ("zorblat", "colour chart", "theatre"),
    ("Zorblat", "color chart", "theater"),
    ("leather jacket", "man in a suit", "people walking"),
    ("white house", "red wooden bench", "zorblat pole"),
)


class Letters:
    """Vectors by what a text is about: birds, building, rodents or computers."""

    id = "letters@1"
    _ABOUT = (
        ("bird", "lake", "reed", "wading"),
        ("lifting", "building", "scaffold"),
        ("rodent", "cheese"),
        ("electronic", "keyboard"),
    )

    def __init__(self) -> None:
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts += texts
        rows = np.full((len(texts), len(self._ABOUT)), 0.01, np.float32)
        for row, text in zip(rows, texts, strict=True):
            for i, about in enumerate(self._ABOUT):
                row[i] += sum(word in text for word in about)
        found: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return found


def add_images(project: Project, count: int) -> list[int]:
    with project.write("images") as db:
        ids = store.upsert_images(db, [store.FileSeen(f"{i:03}.jpg", 1, 1) for i in range(count)])
        for number, image in enumerate(ids):
            store.set_image_read(db, image, hash=f"{number}", width=8, height=8, format="JPEG")
    return ids


def say(project: Project, said: Sequence[tuple[int, Sequence[str]]]) -> None:
    """One run over these (image, labels); "mouse|n03793489" names its synset."""
    with project.write("runs", "proposals") as db:
        run = store.start_run(db, "propose", pack="p", params={"grid": "none", "samples": 1})
        for image, labels in said:
            of_image = []
            for place, label in enumerate(labels):
                text, _, wordnet_id = label.partition("|")
                probability = 0.9 - 0.1 * place
                proposed = Proposed(text, (probability,), wordnet_id or None)
                of_image.append(store.Said(proposed, "whole", 0, probability))
            store.add_run_images(db, run, [(image, None, of_image)])
        store.finish_run(db, run, "done")


def parts_of(order: Sequence[int], parts: int) -> list[Sequence[int]]:
    size = -(-len(order) // parts)
    return [order[start : start + size] for start in range(0, len(order), size)]


def words(project: Project) -> dict[str, Synset]:
    with project.read() as db:
        return {synset.name: synset for synset in queries.vocabulary(db)}


def facts(project: Project) -> Any:
    """Everything the machine made, by names instead of ids."""
    with project.read() as db:
        known = queries.vocabulary(db)
        names = {synset.id: synset.name for synset in known}
        tags = {
            queries.image(db, image).path: [
                (tag.synset, tag.score, tag.kept, tag.reason)
                for tag in queries.tags(db, image, dropped=True)
            ]
            for image in queries.image_ids(db)
        }
        labels = {
            (one.text, one.wordnet_id): (names.get(one.synset_id or 0), one.reason, one.attributes)
            for one in queries_meanings.label_states(db)
        }
    assert len(names) == len({synset.name for synset in known})
    return (
        {
            s.name: (s.wordnet_id, s.lemmas, s.support, s.score, names.get(s.parent or 0), s.inner)
            for s in known
        },
        tags,
        labels,
    )


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Callable[[], tuple[Project, list[int]]]]:
    """fresh(): another project with the images."""
    (tmp_path / "photos").mkdir(exist_ok=True)
    made: list[Project] = []

    def make() -> tuple[Project, list[int]]:
        path = tmp_path / f"{len(made)}.annot"
        made.append(Project.create(path, tmp_path / "photos"))
        return made[-1], add_images(made[-1], len(IMAGES))

    yield make
    for project in made:
        project.close()


@pytest.mark.parametrize("embedder", [None, Letters()], ids=["wordnet", "embedder"])
@pytest.mark.parametrize("filter", ["none", "percentile"])
def test_the_order_in_which_things_were_said_does_not_matter(
    fresh: Callable[..., tuple[Project, list[int]]],
    finish: Finish,
    embedder: TextEmbedder | None,
    filter: Any,
) -> None:
    options = VocabularyOptions(filter, 0.4)
    everything = list(range(len(IMAGES)))
    rng = random.Random(7)
    found = []
    for parts in (1, 1, 1, 2, 2, 5):
        order = everything if not found else rng.sample(everything, len(everything))
        for incremental in (False, True) if parts > 1 else (False,):
            project, ids = fresh()
            for part in parts_of(order, parts):
                say(project, [(ids[number], IMAGES[number]) for number in part])
                if incremental:
                    images = [ids[number] for number in part]
                    finish(build(project, options, images, embedder=embedder))
            finish(build(project, options, embedder=embedder))
            once = facts(project)
            finish(build(project, options, embedder=embedder))
            assert facts(project) == once
            found.append(once)
    assert all(other == found[0] for other in found[1:])


def test_incremental_tags_are_those_of_all_at_once_without_a_full_build(
    fresh: Callable[..., tuple[Project, list[int]]], finish: Finish
) -> None:
    embedder = Letters()
    options = VocabularyOptions("none")
    project, ids = fresh()
    for image, labels in reversed(list(zip(ids, IMAGES, strict=True))):
        say(project, [(image, labels)])
        finish(build(project, options, [image], embedder=embedder))
    whole, others = fresh()
    say(whole, list(zip(others, IMAGES, strict=True)))
    finish(build(whole, options, embedder=embedder))
    assert facts(project) == facts(whole)


def test_what_an_embedder_chose_stays_when_filters_change(
    fresh: Callable[..., tuple[Project, list[int]]], finish: Finish
) -> None:
    project, ids = fresh()
    say(project, list(zip(ids, IMAGES, strict=True)))
    finish(build(project, VocabularyOptions("none"), embedder=Letters()))
    before = facts(project)
    finish(build(project, VocabularyOptions("fixed", 0.85)))
    assert facts(project) != before
    finish(build(project, VocabularyOptions("none")))
    assert facts(project) == before


def test_both_cranes_of_a_folder_get_their_own_images(
    fresh: Callable[..., tuple[Project, list[int]]], finish: Finish
) -> None:
    embedder = load_pack("starter").embedder()
    project, ids = fresh()
    bird, machine = ("crane", "lake", "bird", "reed"), ("crane", "building site", "scaffold")
    alone = ("crane",)
    said = [bird, machine, machine, alone]
    say(project, list(zip(ids, said, strict=False)))
    finish(build(project, VocabularyOptions("none"), embedder=Everyday(embedder)))
    found = words(project)
    assert found["crane (wading bird)"].wordnet_id == BIRD
    assert found["crane (lifting device)"].wordnet_id == MACHINE
    with project.read() as db:
        tags = [
            [tag.synset for tag in queries.tags(db, image) if "crane" in tag.synset]
            for image in ids[:4]
        ]
        reasons = {
            synset.wordnet_id: [raw.reason for raw in queries.evidence(db, synset.id).words]
            for synset in found.values()
        }
        counts = [raw.count for raw in queries.evidence(db, found["crane (wading bird)"].id).words]
        (label,) = [x.id for x in queries_meanings.label_states(db) if x.text == "crane"]
        weights = queries_meanings.senses(db)[1][label]
    # The image that says nothing else goes with most of them.
    machine_tag = ["crane (lifting device)"]
    assert tags == [["crane (wading bird)"], machine_tag, machine_tag, machine_tag]
    assert counts == [1]
    assert reasons[BIRD] == [
        "crane: wading bird rather than lifting device on 1 image, by what else is on them"
    ]
    (why,) = reasons[MACHINE]
    assert why.startswith(
        "crane: lifting device rather than wading bird, by what else is on its images (0."
    )
    assert set(weights) == {BIRD, MACHINE}
    assert sum(weights.values()) == pytest.approx(1.0, abs=1e-3)


class Everyday:
    """An embedder that is not asked for all of WordNet's nouns, to save the test the time."""

    def __init__(self, embedder: TextEmbedder) -> None:
        self.id = embedder.id
        self._embedder = embedder

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if len(texts) < 200:
            return self._embedder.embed(texts)
        return np.zeros((len(texts), 384), np.float32)


def test_an_attribute_is_kept_apart_until_it_is_frequent(
    fresh: Callable[..., tuple[Project, list[int]]], finish: Finish
) -> None:
    project, ids = fresh()
    options = VocabularyOptions("none")
    benches = [("wooden bench",)] * (meanings.OFTEN - 1) + [("bench",)] * 4
    say(project, list(zip(ids, benches, strict=False)))
    finish(build(project, options))
    assert list(words(project)) == ["bench"]
    assert words(project)["bench"].support == 8
    with project.read() as db:
        labels = {label.text: label.attributes for label in queries_meanings.label_states(db)}
        raw = {w.text: w.reason for w in queries.evidence(db, words(project)["bench"].id).words}
    assert labels == {"wooden bench": "wooden", "bench": ""}
    assert raw["wooden bench"] == "wooden bench: bench that is wooden"
    # One more image of it makes it a word of its own, on the others, too.
    say(project, [(ids[8], ["Wooden benches"])])
    finish(build(project, options, [ids[8]]))
    found = words(project)
    assert (found["bench"].support, found["bench"].subtree_support) == (4, 9)
    assert found["wooden bench"].support == 5
    assert found["wooden bench"].parent == found["bench"].id
    # With more benches it is rare again.
    more = add_images(project, 40)[len(IMAGES) :]
    say(project, [(image, ["bench"]) for image in more])
    finish(build(project, options, more))
    assert list(words(project)) == ["bench"]
    assert words(project)["bench"].support == 9 + len(more)


def test_words_that_wordnet_does_not_have_go_below_their_head(
    fresh: Callable[..., tuple[Project, list[int]]], finish: Finish
) -> None:
    project, ids = fresh()
    say(project, [(ids[0], ["zorblat pole", "pole"]), (ids[1], ["zorblat thing", "zorblat"])])
    finish(build(project, VocabularyOptions("none")))
    found = words(project)
    assert found["zorblat pole"].parent == found["pole"].id
    assert found["zorblat"].parent is None
    # One word alone needs no heading.
    assert sorted(found) == ["pole", "zorblat", "zorblat pole", "zorblat thing"]


def test_two_spellings_are_one_synset_with_both_names(
    fresh: Callable[..., tuple[Project, list[int]]], finish: Finish
) -> None:
    project, ids = fresh()
    said = [["grey zorb"], ["gray zorb"], ["gray zorb"], ["Theatre"], ["theater"]]
    say(project, list(zip(ids, said, strict=False)))
    finish(build(project, VocabularyOptions("none")))
    found = words(project)
    assert sorted(found) == ["gray zorb", "theater"]
    assert found["gray zorb"].support == 3
    assert found["gray zorb"].lemmas == ("gray zorb", "grey zorb")
    assert found["theater"].support == 2


def test_what_a_person_named_wins(
    fresh: Callable[..., tuple[Project, list[int]]], finish: Finish
) -> None:
    project, ids = fresh()
    options = VocabularyOptions("none")
    say(project, [(ids[0], ["crane", "zorblat"]), (ids[1], ["wooden bench", "bench"])])
    finish(build(project, options))
    mine = decide.add(project, "tower crane thing", lemmas=["hoisting zorb"])
    zorblat = words(project)["zorblat"].id
    decide.rename(project, zorblat, "blob")
    decide_tags.accept(project, ids[0], zorblat)
    with project.read() as db:
        steps = queries.history(db)
    say(project, [(ids[2], ["Hoisting-Zorb", "blobs", "Zorblat", "Tower Crane Thing"])])
    finish(build(project, options, [ids[2]], embedder=Letters()))
    with project.read() as db:
        tags = {tag.synset_id for tag in queries.tags(db, ids[2])}
        assert queries.history(db) == steps
        (kept,) = [tag for tag in queries.tags(db, ids[0]) if tag.synset_id == zorblat]
        assert kept.verdict == "accepted"
    assert tags == {mine, zorblat}


def test_a_word_that_a_person_decided_about_keeps_its_labels(
    fresh: Callable[..., tuple[Project, list[int]]], finish: Finish
) -> None:
    project, ids = fresh()
    options = VocabularyOptions("none")
    often = [["wooden bench"]] * meanings.OFTEN
    say(project, list(zip(ids, often, strict=False)))
    finish(build(project, options))
    decide.accept(project, words(project)["wooden bench"].id)
    rare = add_images(project, 60)[meanings.OFTEN :]
    say(project, [(image, ["bench"]) for image in rare])
    finish(build(project, options, rare))
    assert words(project)["wooden bench"].support == meanings.OFTEN
    assert words(project)["wooden bench"].verdict == "accepted"


def test_only_the_images_concerned_get_new_tags(
    fresh: Callable[..., tuple[Project, list[int]]], finish: Finish
) -> None:
    project, ids = fresh()
    options = VocabularyOptions("none")
    say(project, [(ids[0], ["mouse"]), (ids[1], ["dog"])])
    finish(build(project, options))
    with project.write("tags") as db:
        db.execute("UPDATE tags SET score = 0.123")
    # A classifier names the computer mouse: now the text means that, too.
    say(project, [(ids[2], ["computer mouse|n03793489"])])
    finish(build(project, options, [ids[2]]))
    with project.read() as db:
        scores = {tag.synset: tag.score for image in ids[:2] for tag in queries.tags(db, image)}
    assert scores == {"mouse": pytest.approx(0.9), "dog": pytest.approx(0.123)}


class Typist(Letters):
    """Takes a misspelt racket for a racket, and nothing else for anything."""

    id = "typist@1"

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts += texts
        found = np.zeros((len(texts), 2), np.float32)
        for row, text in zip(found, texts, strict=True):
            row[int("racket" not in text and "racquett" not in text)] = 1.0
        return found


def test_a_word_that_wordnet_does_not_have_can_be_its_nearest_noun(
    fresh: Callable[..., tuple[Project, list[int]]], finish: Finish
) -> None:
    project, ids = fresh()
    options = VocabularyOptions("none")
    say(project, [(ids[0], ["squash racquett"]), (ids[1], ["dog"])])
    finish(build(project, options))
    assert words(project)["squash racquett"].wordnet_id is None
    embedder = Typist()
    finish(build(project, options, embedder=embedder))
    (racket,) = [one for one in words(project).values() if "racket" in one.name]
    assert racket.support == 1
    with project.read() as db:
        (raw,) = queries.evidence(db, racket.id).words
    assert raw.reason == "WordNet does not have squash racquett; its nearest noun"
    # WordNet is embedded once for a project.
    asked = len(embedder.texts)
    assert asked > 5000
    finish(build(project, options, embedder=embedder))
    assert len(embedder.texts) == asked
    # What it found stays when the filters are applied without it.
    before = facts(project)
    finish(build(project, options))
    assert facts(project) == before


class Opinion:
    """A language model that is sure which definition an ambiguous word has, or cannot score."""

    id = "opinion@1"

    def __init__(self, wanted: str, *, mute: bool = False, unsure: bool = False) -> None:
        self.wanted, self.mute, self.unsure = wanted, mute, unsure
        self.prompts: list[str] = []

    def score(self, prompt: str, options: Sequence[str]) -> NDArray[np.float32]:
        self.prompts.append(prompt)
        if self.mute:
            raise AnnotatorError("This server tells no log-probabilities.")
        sure = 0.0 if self.unsure else -8.0
        lengths = [len(option.split()) for option in options]
        scores = [
            -1.0 * n if self.wanted in option else (sure - 1.0) * n
            for option, n in zip(options, lengths, strict=True)
        ]
        return np.array(scores, np.float32)


def cranes(project: Project) -> dict[str, int]:
    """WordNet id -> images, of the synsets called crane."""
    with project.read() as db:
        return {
            str(one.wordnet_id): one.support
            for one in queries.vocabulary(db)
            if one.wordnet_id in (BIRD, MACHINE) and one.support
        }


def test_a_language_model_picks_among_the_senses_and_is_not_overruled_by_an_embedder(
    fresh: Callable[..., tuple[Project, list[int]]], finish: Finish
) -> None:
    project, ids = fresh()
    bird, machine = ("crane", "lake", "bird", "reed"), ("crane", "building site", "scaffold")
    say(project, [(ids[0], bird), (ids[1], machine), (ids[2], machine)])
    everything = VocabularyOptions("none")
    finish(build(project, everything, embedder=Letters()))
    assert cranes(project) == {BIRD: 1, MACHINE: 2}
    mute, picks = Opinion("", mute=True), Picks()
    finish(build(project, everything, embedder=Letters(), picker=mute, picks=picks))
    assert (picks.words, picks.note) == (0, "This server tells no log-probabilities.")
    assert cranes(project) == {BIRD: 1, MACHINE: 2}
    unsure = Opinion("", unsure=True)
    finish(build(project, everything, embedder=Letters(), picker=unsure, picks=Picks()))
    assert cranes(project) == {BIRD: 1, MACHINE: 2}
    sure, picks = Opinion("lifts and moves heavy"), Picks()
    finish(build(project, everything, embedder=Letters(), picker=sure, picks=picks))
    assert cranes(project) == {MACHINE: 3}
    assert picks.words >= 1
    # Asked of the images together on which the embedder saw the same, with what is beside it.
    asked = [prompt for prompt in sure.prompts if "the word crane means" in prompt]
    assert len(asked) == 2
    assert any("lake" in prompt and "scaffold" not in prompt for prompt in asked)
    finish(build(project, everything, embedder=Letters()))
    assert cranes(project) == {MACHINE: 3}
    with project.read() as db:
        synset = next(x for x in queries.vocabulary(db) if x.wordnet_id == MACHINE)
        reasons = [raw.reason for raw in queries.evidence(db, synset.id).words]
    assert any("says the language model" in reason for reason in reasons)
