"""Which tags the pixels show; with models that know colours."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotator.core.errors import AnnotatorError
from annotator.core.records import Tag
from annotator.operations import synsets as decide_synsets
from annotator.operations import tags as decide_tags
from annotator.pipeline import vocabulary
from annotator.pipeline.options import ProposeOptions, VocabularyOptions, vocabulary_options
from annotator.pipeline.pages import Pace
from annotator.pipeline.propose import propose
from annotator.pipeline.scan import scan
from annotator.pipeline.support import SupportOptions, _Looker, support
from annotator.project import queries
from annotator.project.check import check
from annotator.project.project import Project

Finish = Callable[..., dict[str, Any]]
ALL = ProposeOptions(filter="none", top=3)


@pytest.fixture
def proposed(project: Project, save: Callable[..., Path], pack: Any, finish: Finish) -> Project:
    """Three images: a pure red square in the bottom right on blue. Said: tabby (red), beagle
    (blue) and Egyptian cat (green), which is nowhere."""
    for number in range(3):
        pixels = np.zeros((64, 64, 3), np.uint8)
        pixels[..., 2] = 150 + number
        pixels[40:, 32:] = (255, 0, 0)
        save(f"{number}.png", pixels)
    finish(scan(project))
    finish(propose(project, pack, ALL))
    return project


def tags(project: Project, number: int = 0, *, dropped: bool = True) -> dict[str, Tag]:
    with project.read() as db:
        image = queries.find_image(db, f"{number}.png")
        return {tag.synset: tag for tag in queries.tags(db, image.id, dropped=dropped)}


def test_what_the_pixels_do_not_show_is_marked(
    proposed: Project, pack: Any, finish: Finish
) -> None:
    before = tags(proposed)
    assert {tag.supported for tag in before.values()} == {None}
    result = finish(support(proposed, pack))
    assert (result["done"], result["failed"], result["skipped"]) == (3, [], 0)
    assert (result["tags"], result["unsupported"]) == (9, 3)
    found = tags(proposed)
    assert {name: tag.supported for name, tag in found.items()} == {
        "tabby": True,
        "beagle": True,
        "Egyptian cat": False,
    }
    assert found["tabby"].peak == pytest.approx(1.0, abs=1e-3)
    assert found["Egyptian cat"].peak == pytest.approx(0.0, abs=1e-3)
    # The first of 8 x 8 cells that is red only: sixth row, fifth column.
    assert found["tabby"].peak_at == pytest.approx((4.5 / 8, 5.5 / 8))
    assert found["beagle"].peak_at == pytest.approx((0.5 / 8, 0.5 / 8))
    # Evidence, no verdict: everything else is what it was.
    for name, tag in found.items():
        assert (tag.score, tag.kept, tag.verdict) == (
            before[name].score,
            before[name].kept,
            before[name].verdict,
        )
    with proposed.read() as db:
        assert queries.status_counts(db)["unsupported"] == 3
        (run,) = [run for run in queries.runs(db) if run.kind == "support"]
        word = queries.find_synset(db, "Egyptian cat")
        evidence = queries.evidence(db, word.id)
    assert (run.status, run.params) == ("done", {"how": "gap", "candidates": "tags"})
    assert {tag.supported for tag in (*evidence.strongest, *evidence.weakest)} == {False}
    assert pack.grounder().looked == 3  # one encoding an image
    assert check(proposed) == []


def test_dropped_tags_and_those_of_a_person_are_looked_at(
    proposed: Project, pack: Any, finish: Finish
) -> None:
    finish(vocabulary.build(proposed, VocabularyOptions("percentile", 0.68)))
    assert [tag.kept for tag in tags(proposed).values()].count(True) == 1
    with proposed.read() as db:
        image = queries.find_image(db, "0.png").id
    dog = decide_tags.add_word(proposed, image, "beagle dog of mine")
    result = finish(support(proposed, pack))
    assert result["tags"] == 10
    found = tags(proposed)
    assert found["Egyptian cat"].supported is False
    assert found["beagle dog of mine"].synset_id == dog
    # The colour model takes what it does not know for red.
    assert found["beagle dog of mine"].supported is True
    assert found["beagle dog of mine"].verdict == "accepted"


def test_an_accepted_tag_stays_accepted(proposed: Project, pack: Any, finish: Finish) -> None:
    cat = tags(proposed)["Egyptian cat"]
    decide_tags.accept(proposed, cat.image_id, cat.synset_id)
    finish(support(proposed, pack))
    finish(vocabulary.build(proposed, VocabularyOptions("none", pixels="drop")))
    found = tags(proposed, dropped=False)["Egyptian cat"]
    assert (found.verdict, found.supported) == ("accepted", False)
    with proposed.read() as db:
        assert cat.image_id not in queries.image_ids(db, status="unsupported")


@pytest.mark.parametrize(
    ("options", "supported"),
    [
        (SupportOptions("top", top=1), {"beagle"}),  # the first of two equal ones, by id
        (SupportOptions("fixed", threshold=-1.0), {"beagle", "tabby", "Egyptian cat"}),
        (SupportOptions("fixed", threshold=0.5), {"beagle", "tabby"}),
        (SupportOptions(candidates="vocabulary"), {"beagle", "tabby"}),
    ],
)
def test_ways_to_select(
    proposed: Project, pack: Any, finish: Finish, options: SupportOptions, supported: set[str]
) -> None:
    finish(support(proposed, pack, options))
    found = {name for name, tag in tags(proposed).items() if tag.supported}
    assert len(found) == len(supported)
    assert found == supported or options.how == "top"


def test_the_whole_vocabulary_is_compared_and_only_tags_are_written(
    project: Project, save: Callable[..., Path], pack: Any, finish: Finish
) -> None:
    for name, colour in (("0.png", (200, 0, 0)), ("1.png", (0, 0, 200))):
        save(name, np.full((32, 32, 3), colour, np.uint8))
    finish(scan(project))
    finish(propose(project, pack, ProposeOptions(filter="none", top=1)))
    alone = finish(support(project, pack, SupportOptions()))
    assert (alone["tags"], alone["unsupported"]) == (2, 0)
    assert finish(support(project, pack, SupportOptions(candidates="vocabulary")))["tags"] == 2
    with project.read() as db:
        assert db.execute("SELECT count(*) FROM tag_pixels").fetchone()[0] == 2
        first = next(iter(queries.all_tags(db)))
    # A red image that is said to show blue: only its own word to compare with, or red as well.
    image = first.image_id
    blue = tags(project, 1)["beagle"].synset_id
    with project.write("tags") as db:
        db.execute("UPDATE tags SET synset_id = ? WHERE image_id = ?", (blue, image))
    finish(support(project, pack, SupportOptions(candidates="tags")))
    assert tags(project, 0)["beagle"].supported is True
    finish(support(project, pack, SupportOptions(candidates="vocabulary")))
    assert tags(project, 0)["beagle"].supported is False


def test_dropping_is_a_filter_and_survives_a_rebuild(
    proposed: Project, pack: Any, finish: Finish
) -> None:
    drop = VocabularyOptions("none", pixels="drop")
    assert finish(vocabulary.build(proposed, drop))["dropped"] == 0  # nobody looked yet
    finish(support(proposed, pack))
    assert finish(vocabulary.build(proposed, drop))["dropped"] == 3
    cat = tags(proposed)["Egyptian cat"]
    assert (cat.kept, cat.reason, cat.supported) == (False, "no pixel supports it (0.00)", False)
    assert "Egyptian cat" not in tags(proposed, dropped=False)
    finish(vocabulary.build(proposed, VocabularyOptions("none")))
    cat = tags(proposed)["Egyptian cat"]
    assert (cat.kept, cat.supported) == (True, False)


def test_a_project_that_drops_drops_after_looking(
    proposed: Project, pack: Any, finish: Finish
) -> None:
    finish(propose(proposed, pack, ProposeOptions(filter="none", top=3, pixels="drop")))
    assert "Egyptian cat" in tags(proposed, dropped=False)
    result = finish(support(proposed, pack))
    assert result["unsupported"] == 3
    assert "Egyptian cat" not in tags(proposed, dropped=False)


def test_what_was_looked_at_before_a_stop_is_dropped_too(
    proposed: Project, pack: Any, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(propose(proposed, pack, ProposeOptions(filter="none", top=3, pixels="drop")))
    monkeypatch.setattr(Pace, "due", lambda self: True)
    steps = support(proposed, pack)
    for step in steps:
        if step.done == 2:
            break
    steps.close()  # type: ignore[attr-defined]
    assert "Egyptian cat" in tags(proposed, 0, dropped=False)
    finish(support(proposed, pack))
    assert ["Egyptian cat" in tags(proposed, n, dropped=False) for n in range(3)] == [False] * 3


def test_merged_words_support_each_other(proposed: Project, pack: Any, finish: Finish) -> None:
    finish(support(proposed, pack))
    of = tags(proposed)
    decide_synsets.merge(proposed, [of["Egyptian cat"].synset_id], of["tabby"].synset_id)
    merged = tags(proposed)["tabby"]
    assert (merged.supported, merged.peak_at) == (True, of["tabby"].peak_at)
    finish(support(proposed, pack))  # looks at both words, each by its own name
    proposed.undo()
    assert tags(proposed)["Egyptian cat"].supported is False


def test_closing_keeps_what_is_written_and_the_next_call_goes_on(
    proposed: Project, pack: Any, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pace, "due", lambda self: True)
    steps = support(proposed, pack)
    for step in steps:
        if step.done == 2:
            break
    steps.close()  # type: ignore[attr-defined]
    assert [tags(proposed, n)["tabby"].supported for n in range(3)] == [True, True, None]
    with proposed.read() as db:
        run = queries.last_run(db, "support")
    assert run is not None
    assert run.status == "cancelled"
    result = finish(support(proposed, pack))
    assert (result["done"], result["skipped"], result["tags"]) == (1, 2, 3)
    again = finish(support(proposed, pack))  # a finished one is repeated
    assert (again["done"], again["skipped"]) == (3, 0)


def test_an_unreadable_file_is_a_failure(
    proposed: Project, folder: Path, pack: Any, finish: Finish
) -> None:
    (folder / "1.png").write_bytes(b"not an image any more")
    result = finish(support(proposed, pack))
    assert [row["image"] for row in result["failed"]] == ["1.png"]
    assert (result["done"], result["tags"]) == (2, 6)


def test_a_word_that_is_taken_back_meanwhile_is_left_out(
    proposed: Project, pack: Any, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proposed.read() as db:
        image = queries.find_image(db, "0.png").id
    decide_tags.add_word(proposed, image, "kite")
    look, looked = _Looker.look, []

    def slow(self: _Looker, job: Any) -> Any:
        found = look(self, job)
        if len(found.rows) == 4:
            looked.append(found)
            assert proposed.undo() is not None
        return found

    monkeypatch.setattr(_Looker, "look", slow)
    result = finish(support(proposed, pack))
    assert len(looked) == 1
    assert (result["done"], result["failed"]) == (3, [])
    assert {tag.supported for tag in tags(proposed).values()} == {True, False}
    assert "kite" not in tags(proposed)
    assert check(proposed) == []


def test_nothing_to_look_for(
    project: Project, photo: Callable[..., Path], pack: Any, finish: Finish
) -> None:
    photo("a.png")
    finish(scan(project))
    with pytest.raises(AnnotatorError, match="has no tags to look for"):
        finish(support(project, pack))


@pytest.mark.parametrize(
    "wrong",
    [
        {"how": "best"},
        {"candidates": "all"},
        {"threshold": 1.5},
        {"top": 0},
        {"limit": 0},
    ],
)
def test_wrong_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(AnnotatorError):
        SupportOptions(**wrong)


def test_stored_runs_keep_their_meaning() -> None:
    assert "pixels" not in ProposeOptions().params
    assert vocabulary_options(ProposeOptions().params) == VocabularyOptions()
    asked = ProposeOptions(pixels="drop")
    assert vocabulary_options(asked.params).pixels == "drop"
    assert asked.identity == ProposeOptions().identity
    with pytest.raises(AnnotatorError, match="mark, drop"):
        VocabularyOptions(pixels="hide")  # type: ignore[arg-type]
