"""Proposing with a model that talks: its replies, its failures, what it takes, and two packs on
the same photos."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotator.core.errors import AnnotatorError
from annotator.core.records import Answer, Proposed, Usage
from annotator.pipeline import propose as module
from annotator.pipeline import vocabulary
from annotator.pipeline.options import ProposeOptions
from annotator.pipeline.propose import propose
from annotator.pipeline.scan import scan
from annotator.project import queries
from annotator.project.check import check
from annotator.project.project import Project

Finish = Callable[..., dict[str, Any]]


@pytest.fixture
def six(project: Project, photo: Callable[..., Path], finish: Finish) -> Project:
    """A scanned project of six images."""
    for number in range(6):
        photo(f"{number}.jpg", number)
    finish(scan(project))
    return project


def read(project: Project, call: Callable[..., Any], *args: Any, **more: Any) -> Any:
    with project.read() as db:
        found = call(db, *args, **more)
        return found if isinstance(found, list | tuple | dict) else list(found)


def said(project: Project) -> list[tuple[Any, ...]]:
    """What is stored, without the run."""
    return sorted(
        (one.image_id, one.crop, one.sample, one.text, one.token_probabilities)
        for one in read(project, queries.proposals)
    )


def shown(project: Project) -> set[str]:
    """Names of the tags that are shown on any image."""
    return {tag.synset for tag in read(project, queries.all_tags)}


def says(label: str) -> Callable[[int, int], Answer]:
    return lambda seed, sample: Answer((Proposed(label, (0.5,)),), f"['{label}']")


def test_replies_are_kept_and_labels_have_their_probability(
    six: Project, talking: Any, finish: Finish
) -> None:
    result = finish(propose(six, talking(), ProposeOptions(samples=3, combine="product")))
    assert (result["replies"], result["unreadable_replies"]) == (18, 6)
    replies = read(six, queries.replies)
    assert len({(one.image_id, one.crop, one.sample) for one in replies}) == 18
    failed = [one for one in replies if one.failure is not None]
    assert {one.sample for one in failed} == {2}
    assert {one.failure for one in failed} == {"the reply refuses to answer"}
    assert all(one.text.startswith("I will not say") for one in failed)
    proposals = read(six, queries.proposals)
    assert {(one.text, one.probability) for one in proposals if one.text == "photo"} == {
        ("photo", 0.1)
    }
    things = {one.probability for one in proposals if one.text != "photo"}
    assert things == {0.125}, "the product of the tokens (eq. 3)"
    assert check(six) == []


def test_a_failed_reply_is_a_look_at_the_image(six: Project, talking: Any, finish: Finish) -> None:
    def first_only(seed: int, sample: int) -> Answer:
        return says("cat")(seed, sample) if sample == 0 else Answer((), "?", "it is no list")

    finish(propose(six, talking(reply=first_only), ProposeOptions(samples=4, filter="none")))
    (tag, *_) = read(six, queries.tags, 1)
    assert (tag.occurrence, tag.crops) == (1, 4)
    assert tag.score == pytest.approx(0.5 / 4)


def test_all_replies_failed_is_a_run_that_ended_well(
    six: Project, talking: Any, finish: Finish
) -> None:
    pack = talking(reply=lambda seed, sample: Answer((), "", "the reply is empty"))
    result = finish(propose(six, pack))
    assert (result["done"], result["failed"], result["tags"]) == (6, [], 0)
    assert result["unreadable_replies"] == result["replies"] == 6 * 8
    (run,) = read(six, queries.runs)
    assert run.status == "done"
    assert finish(propose(six, pack))["skipped"] == 6
    assert len(pack.tagger().calls) == 2


def test_what_a_server_did_not_answer_for_is_asked_again(
    six: Project, talking: Any, finish: Finish
) -> None:
    down = {"now": True}

    def sometimes(seed: int, sample: int) -> Answer:
        if down["now"] and seed % 2 and sample == 1:
            return Answer((), "", "the server did not answer: error 500", unanswered=True)
        return says("cat")(seed, sample)

    pack = talking(reply=sometimes)
    options = ProposeOptions(samples=2)
    first = finish(propose(six, pack, options))
    missed = {one["image"] for one in first["failed"]}
    assert 0 < len(missed) < 6
    assert {one["reason"] for one in first["failed"]} == {"the server did not answer: error 500"}
    assert first["done"] == 6 - len(missed)
    assert len(read(six, queries.replies)) == 2 * first["done"]
    assert read(six, queries.image_ids, status="unreadable") == []
    down["now"] = False
    second = finish(propose(six, pack, options))
    assert (second["done"], second["skipped"], second["failed"]) == (
        len(missed),
        6 - len(missed),
        [],
    )
    assert len(read(six, queries.replies)) == 12


def test_the_same_label_twice_in_a_sample_counts_once(
    six: Project, talking: Any, finish: Finish
) -> None:
    labels = (Proposed("cat", (0.6,)), Proposed("dog", (0.5,)), Proposed("cat", (0.2,)))
    pack = talking(reply=lambda seed, sample: Answer(labels, "cat, dog, cat"))
    finish(propose(six, pack, ProposeOptions(samples=2, filter="none")))
    assert [one[3:] for one in said(six)][:2] == [("cat", (0.6,)), ("dog", (0.5,))]
    assert len(said(six)) == 6 * 2 * 2
    tags = {tag.synset: tag.occurrence for tag in read(six, queries.tags, 1)}
    assert set(tags.values()) == {2}


def test_each_crop_has_its_seed_and_a_rerun_repeats(
    six: Project, talking: Any, finish: Finish, tmp_path: Path
) -> None:
    pack = talking(batch=5)
    finish(propose(six, pack, ProposeOptions(grid="sgc")))
    seeds = [seed for _, _, sampling in pack.tagger().calls for seed in sampling.seeds]
    assert len(seeds) == len(set(seeds)) == 30
    with Project.create(tmp_path / "again.annot", six.folder) as again:
        finish(scan(again))
        other = talking(batch=3)
        finish(propose(again, other, ProposeOptions(grid="sgc")))
        assert said(again) == said(six), "whatever the batches"
    finish(propose(six, pack, ProposeOptions(grid="sgc", seed=1)))
    later = [seed for _, _, sampling in pack.tagger().calls for seed in sampling.seeds][30:]
    assert not set(later) & set(seeds)


def test_an_image_whose_content_nobody_noted_has_the_same_seed(
    six: Project, talking: Any, finish: Finish
) -> None:
    one, other = talking("one"), talking("other")
    finish(propose(six, one, ProposeOptions(limit=1)))
    with six.write("images") as db:
        db.execute("UPDATE images SET hash = NULL")  # as before a scan has read them
    finish(propose(six, other, ProposeOptions(limit=1)))
    assert one.tagger().calls[0][2].seeds == other.tagger().calls[0][2].seeds


def test_prompt_and_correction_reach_the_model(six: Project, talking: Any, finish: Finish) -> None:
    pack = talking()
    finish(propose(six, pack, ProposeOptions(correct=True, temperature=0.9)))
    _, prompt, sampling = pack.tagger().calls[0]
    assert prompt == "List what is there."
    assert sampling.correction == "You said {labels}. List it again."
    assert (sampling.samples, sampling.temperature) == (8, 0.9)
    (run,) = read(six, queries.runs)
    assert run.params["prompt"] == prompt
    assert (run.params["samples"], run.params["strategy"]) == (8, "list")


def test_runs_are_equal_whatever_they_took(six: Project, talking: Any, finish: Finish) -> None:
    pack = talking()
    finish(propose(six, pack, ProposeOptions(limit=3)))
    result = finish(propose(six, pack))
    assert (result["done"], result["skipped"]) == (3, 3)
    other = finish(propose(six, pack, ProposeOptions(prompt="caption")))
    assert other["skipped"] == 0
    assert finish(propose(six, pack, ProposeOptions(prompt="labels")))["skipped"] == 6
    assert finish(propose(six, pack, ProposeOptions(temperature=0.5)))["skipped"] == 0
    assert finish(propose(six, pack))["skipped"] == 6


def test_usage_is_in_the_run_and_in_the_result(six: Project, talking: Any, finish: Finish) -> None:
    pack = talking()
    result = finish(propose(six, pack, ProposeOptions(samples=2)))
    took = Usage(12, 0, 120, 12, 6.0)
    assert result["usage"] == asdict(took)
    assert read(six, queries.runs)[0].usage == took
    # What the model answered before belongs to what asked it.
    result = finish(propose(six, pack, ProposeOptions(samples=1)))
    assert result["usage"]["requests"] == 6
    assert read(six, queries.runs)[0].usage.requests == 6


def test_a_run_taken_up_again_adds_up_what_it_took(
    six: Project, talking: Any, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WRITE_BATCH", 2)
    pack = talking(batch=1)
    steps = propose(six, pack, ProposeOptions(samples=2))
    for step in steps:
        if step.done:
            break
    steps.close()
    (run,) = read(six, queries.runs)
    assert (run.status, run.done, run.usage.requests) == ("cancelled", 2, 4)
    finish(propose(six, talking(batch=1), ProposeOptions(samples=2)))
    (run,) = read(six, queries.runs)
    assert (run.status, run.done, run.usage.requests) == ("done", 6, 12)
    assert read(six, queries.reply_counts, run.id) == (12, 0)


def test_what_was_answered_before_the_model_failed_is_kept(
    six: Project, talking: Any, finish: Finish
) -> None:
    pack = talking(batch=1)
    tagger = pack.tagger()
    answer = tagger.propose

    def third_fails(*args: Any) -> Any:
        if len(tagger.calls) == 2:
            tagger._usage += Usage(1)
            raise AnnotatorError("The key is wrong.")
        return answer(*args)

    tagger.propose = third_fails
    with pytest.raises(AnnotatorError, match="key is wrong"):
        finish(propose(six, pack, ProposeOptions(samples=1)))
    (run,) = read(six, queries.runs)
    assert (run.status, run.done, run.usage.requests) == ("failed", 2, 3)
    assert len(read(six, queries.replies)) == 2
    tagger.propose = answer
    assert finish(propose(six, pack, ProposeOptions(samples=1)))["done"] == 4


def test_the_embedder_of_a_pack_that_talks_tells_words_apart(
    six: Project, talking: Any, pack: Any, finish: Finish
) -> None:
    class Counting:
        """Vectors of the length and the first letter of a word."""

        id = "counting@1"

        def __init__(self) -> None:
            self.texts: set[str] = set()

        def embed(self, texts: Any) -> Any:
            self.texts.update(texts)
            found = np.array([[len(text), ord(text[0]), 1] for text in texts], np.float32)
            return found / np.linalg.norm(found, axis=1, keepdims=True)

    both = (Proposed("crane", (0.5,)), Proposed("beach", (0.5,)))
    embedder = Counting()
    echo = talking(embedder=embedder, reply=lambda seed, sample: Answer(both, "crane, beach"))
    finish(propose(six, echo))
    assert embedder.texts
    # A classifier names synsets, so there is nothing to tell apart.
    pack.has = lambda role: True
    pack.embedder = lambda: pytest.fail("it is not to be loaded")
    finish(propose(six, pack))


def test_an_embedder_that_is_not_there_is_said_before_anything_is_asked(
    six: Project, talking: Any, finish: Finish
) -> None:
    echo = talking(embedder=object())

    def refuse() -> Any:
        raise AnnotatorError("The weights of MiniLM are not there.")

    echo.embedder = refuse
    with pytest.raises(AnnotatorError, match="MiniLM"):
        finish(propose(six, echo))
    assert echo.tagger().calls == []
    assert read(six, queries.runs) == []


def test_nasty_replies_stop_nothing(six: Project, talking: Any, finish: Finish) -> None:
    text = "\ud83d \x00 \u202e" + "x" * 3_000_000
    pack = talking(reply=lambda seed, sample: Answer((Proposed("cat \ud83d"),), text))
    assert finish(propose(six, pack, ProposeOptions(samples=2)))["done"] == 6
    replies = read(six, queries.replies)
    assert max(len(one.text) for one in replies) <= 64_000
    assert {one.text for one in read(six, queries.proposals)} == {"cat ?"}


def test_two_packs_keep_apart_and_the_one_asked_for_last_counts(
    six: Project, talking: Any, finish: Finish
) -> None:
    cats, dogs = talking("cats", reply=says("cat")), talking("dogs", reply=says("dog"))
    finish(propose(six, cats, ProposeOptions(samples=1)))
    assert len(shown(six)) == 1
    cat = shown(six)
    finish(propose(six, dogs, ProposeOptions(samples=1)))
    dog = shown(six)
    assert dog != cat
    assert len(said(six)) == 12, "what both said stays"
    # Back to the first: nothing is asked, its tags are shown again.
    cats.tagger().calls.clear()
    result = finish(propose(six, cats, ProposeOptions(samples=1)))
    assert (result["done"], result["skipped"], cats.tagger().calls) == (0, 6, [])
    assert shown(six) == cat
    finish(vocabulary.build(six))
    assert shown(six) == cat
    # Again changes nothing, not even the runs.
    runs = read(six, queries.runs)
    finish(propose(six, cats, ProposeOptions(samples=1)))
    assert read(six, queries.runs) == runs


def test_another_pack_on_a_few_images_leaves_the_others(
    six: Project, talking: Any, finish: Finish
) -> None:
    cats, dogs = talking("cats", reply=says("cat")), talking("dogs", reply=says("dog"))
    cows = talking("cows", reply=says("cow"))
    for pack in (cats, dogs, cats):
        finish(propose(six, pack, ProposeOptions(samples=1)))
    finish(propose(six, cows, ProposeOptions(samples=1, limit=2)))
    names = [
        [tag.synset for tag in read(six, queries.tags, id)] for id in read(six, queries.image_ids)
    ]
    assert names == [["cow"]] * 2 + [["cat"]] * 4
    finish(vocabulary.build(six))
    assert shown(six) == {"cow", "cat"}


def test_a_pack_that_was_stopped_goes_on_after_another(
    six: Project, talking: Any, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WRITE_BATCH", 2)
    cats = talking("cats", batch=1, reply=says("cat"))
    steps = propose(six, cats, ProposeOptions(samples=1))
    for step in steps:
        if step.done:
            break
    steps.close()
    finish(propose(six, talking("dogs", reply=says("dog")), ProposeOptions(samples=1)))
    result = finish(propose(six, cats, ProposeOptions(samples=1)))
    assert (result["done"], result["skipped"]) == (4, 2)
    assert shown(six) == {"cat"}


def test_a_small_photo_in_many_crops(
    project: Project, save: Any, talking: Any, finish: Finish
) -> None:
    save("a.png", np.zeros((1, 1, 3), np.uint8))
    finish(scan(project))
    result = finish(propose(project, talking(), ProposeOptions(grid="sgc")))
    assert (result["done"], result["replies"]) == (1, 5)
