"""Proposing with a model that knows colours, on real files and a real project."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotator.backends.protocols import Pixels, Sampling
from annotator.core.errors import AnnotatorError
from annotator.core.records import Answer, Proposal, Proposed
from annotator.operations import synsets as decide_synsets
from annotator.pipeline import propose as module
from annotator.pipeline import vocabulary
from annotator.pipeline.options import ProposeOptions
from annotator.pipeline.propose import propose
from annotator.pipeline.scan import scan
from annotator.project import queries
from annotator.project.project import Project

Photo = Callable[..., Path]
Finish = Callable[..., dict[str, Any]]


def stored(project: Project) -> list[Proposal]:
    with project.read() as db:
        return list(queries.proposals(db))


def runs(project: Project) -> list[tuple[str, int]]:
    """(status, images) of each run, oldest first."""
    with project.read() as db:
        return [(run.status, run.done) for run in reversed(queries.runs(db))]


@pytest.fixture
def ten(project: Project, photo: Photo, finish: Finish) -> Project:
    """A scanned project of ten images."""
    for number in range(10):
        photo(f"{number}.jpg", number)
    finish(scan(project))
    return project


def test_every_answer_is_stored_as_it_was_said(
    project: Project, photo: Photo, pack: Any, finish: Finish
) -> None:
    photo("a.jpg")
    finish(scan(project))
    result = finish(propose(project, pack))
    (first, second, third) = stored(project)
    assert (first.text, first.wordnet_id, first.crop, first.sample) == (
        "tabby",
        "n02123045",
        "whole",
        0,
    )
    assert first.probability == pytest.approx(first.token_probabilities[0])
    assert first.probability > (second.probability or 0) > (third.probability or 0)
    assert (result["done"], result["skipped"], result["failed"]) == (1, 0, [])
    assert runs(project) == [("done", 1)]


def test_grid_crops_are_what_the_model_sees(
    project: Project, save: Callable[..., Path], pack: Any, finish: Finish
) -> None:
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[:20, :20, 0] = 255  # red, green and blue corners, and a white one
    pixels[:20, 20:, 1] = 255
    pixels[20:, :20, 2] = 255
    pixels[20:, 20:] = 255
    save("a.png", pixels)
    finish(scan(project))
    finish(propose(project, pack, ProposeOptions(grid="sgc", top=1)))
    said = {(one.crop, one.text) for one in stored(project)}
    assert {
        ("top left", "tabby"),
        ("top right", "Egyptian cat"),
        ("bottom left", "beagle"),
    } <= said
    assert {crop for crop, _ in said} == {
        *("whole", "top left", "top right", "bottom left", "bottom right")
    }


def test_crops_of_several_images_share_a_batch(ten: Project, pack: Any, finish: Finish) -> None:
    finish(propose(ten, pack, ProposeOptions(grid="sg")))
    assert pack.tagger().calls == [4] * 10
    pack.tagger().calls.clear()
    finish(propose(ten, pack))
    assert pack.tagger().calls == [4, 4, 2]


def test_a_tagger_that_prepares_gets_what_it_prepared(ten: Project, finish: Finish) -> None:
    threads = set()

    class Preparing:
        id, batch = "preparing@1", 3

        def prepare(self, image: Pixels) -> Pixels:
            threads.add(threading.current_thread())
            return image[:1, :1]

        def answer(
            self, prepared: Sequence[Pixels], prompt: str, sampling: Sampling
        ) -> list[list[Answer]]:
            assert all(image.shape == (1, 1, 3) for image in prepared)
            assert threading.current_thread() not in threads
            return [[Answer((Proposed("pixel", (0.5, 0.25)),))] for _ in prepared]

        def propose(
            self, images: Sequence[Pixels], prompt: str, sampling: Sampling
        ) -> list[list[Answer]]:
            raise AssertionError("it was to be asked what it prepared")

    class Pack:
        name = "preparing"
        talks = False
        prompts = ()

        def model_id(self, role: str) -> str:
            return {"tagger": "preparing@1"}[role]

        def has(self, role: str) -> bool:
            return role == "tagger"

        def tagger(self) -> Preparing:
            return Preparing()

    finish(propose(ten, Pack(), ProposeOptions(combine="product")))
    assert {one.probability for one in stored(ten)} == {0.125}


def test_the_same_again_does_nothing(ten: Project, pack: Any, finish: Finish) -> None:
    finish(propose(ten, pack))
    before = stored(ten)
    pack.tagger().calls.clear()
    result = finish(propose(ten, pack))
    assert (result["done"], result["skipped"]) == (0, 10)
    assert pack.tagger().calls == []
    assert stored(ten) == before
    assert len(runs(ten)) == 1


def test_other_filters_ask_the_model_nothing(ten: Project, pack: Any, finish: Finish) -> None:
    finish(propose(ten, pack, ProposeOptions(filter="none")))
    pack.tagger().calls.clear()
    result = finish(propose(ten, pack, ProposeOptions(filter="fixed", threshold=0.5)))
    assert pack.tagger().calls == []
    assert result["tags"] < 30
    with ten.read() as db:
        run = queries.last_run(db, "propose")
    assert run is not None
    assert (run.params["filter"], run.status) == ("fixed", "done")


def test_only_new_and_changed_files_are_looked_at(
    ten: Project, photo: Photo, pack: Any, finish: Finish
) -> None:
    finish(propose(ten, pack))
    photo("new.jpg", 100)
    photo("3.jpg", 101, (20, 60, 200))
    finish(scan(ten))
    pack.tagger().calls.clear()
    result = finish(propose(ten, pack))
    assert (result["done"], result["skipped"]) == (2, 9)
    assert sum(pack.tagger().calls) == 2
    with ten.read() as db:
        changed = queries.find_image(db, "3.jpg")
        tags = queries.tags(db, changed.id)
    assert tags[0].synset == "beagle"  # blue now; what was said of the red file does not count


def test_a_moved_or_touched_file_is_not_looked_at_again(
    ten: Project, folder: Path, pack: Any, finish: Finish
) -> None:
    finish(propose(ten, pack))
    (folder / "3.jpg").rename(folder / "moved.jpg")
    (folder / "4.jpg").touch()
    finish(scan(ten))
    assert finish(propose(ten, pack))["skipped"] == 10


def test_closing_keeps_what_is_written_and_the_next_call_goes_on(
    ten: Project, pack: Any, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WRITE_BATCH", 4)
    steps = propose(ten, pack)
    for step in steps:
        if step.done:
            break
    steps.close()
    assert runs(ten) == [("cancelled", 4)]
    assert len(stored(ten)) == 12
    with ten.read() as db:
        assert queries.vocabulary(db)[0].score > 0  # the tags so far are ranked
    result = finish(propose(ten, pack))
    assert (result["done"], result["skipped"]) == (6, 4)
    assert runs(ten) == [("done", 10)]
    said = [(one.image_id, one.text) for one in stored(ten)]
    assert len(said) == len(set(said)) == 30


def test_a_run_is_not_taken_up_for_a_file_that_changed_meanwhile(
    ten: Project, photo: Photo, pack: Any, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WRITE_BATCH", 4)
    steps = propose(ten, pack)
    for step in steps:
        if step.done:
            break
    steps.close()
    photo("0.jpg", 77, (20, 60, 200))
    finish(scan(ten))
    result = finish(propose(ten, pack))
    assert (result["done"], result["skipped"]) == (7, 3)
    with ten.read() as db:
        assert queries.tags(db, queries.find_image(db, "0.jpg").id)[0].synset == "beagle"


def test_a_file_that_broke_after_the_scan_is_a_failure_and_unreadable(
    ten: Project, folder: Path, pack: Any, finish: Finish
) -> None:
    good = (folder / "3.jpg").read_bytes()
    (folder / "3.jpg").write_bytes(good[:700])
    result = finish(propose(ten, pack))
    assert result["done"] == 9
    (failed,) = result["failed"]
    assert failed["image"] == "3.jpg"
    assert "cut off" in failed["reason"]
    with ten.read() as db:
        assert queries.find_image(db, "3.jpg").error == failed["reason"]
    # Repaired, it is proposed like a new one.
    (folder / "3.jpg").write_bytes(good)
    finish(scan(ten))
    assert finish(propose(ten, pack))["done"] == 1


def test_a_disk_that_is_disconnected_meanwhile_marks_nothing(
    ten: Project, folder: Path, pack: Any, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WRITE_BATCH", 2)
    steps = propose(ten, pack)
    for step in steps:
        if step.done:
            break
    away = folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(AnnotatorError, match="not there any more"):
        finish(steps)
    away.rename(folder)
    with ten.read() as db:
        assert queries.status_counts(db)["unreadable"] == 0
    assert runs(ten)[0][0] == "failed"
    result = finish(propose(ten, pack))
    assert result["done"] + result["skipped"] == 10
    assert runs(ten) == [("done", 10)]


def test_a_deleted_file_is_a_failure_and_left_to_the_next_scan(
    ten: Project, folder: Path, pack: Any, finish: Finish
) -> None:
    (folder / "3.jpg").unlink()
    result = finish(propose(ten, pack))
    assert [row["image"] for row in result["failed"]] == ["3.jpg"]
    with ten.read() as db:
        assert queries.find_image(db, "3.jpg").error is None
    assert finish(scan(ten))["missing"] == 1
    assert finish(propose(ten, pack))["failed"] == []


def test_closing_before_anything_is_done_cancels(ten: Project, pack: Any) -> None:
    steps = propose(ten, pack)
    next(steps)
    steps.close()
    assert runs(ten) == [("cancelled", 0)]


def test_ctrl_c_in_a_batch_cancels(
    ten: Project, pack: Any, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_args: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(pack.tagger()), "propose", interrupted)
        with pytest.raises(KeyboardInterrupt):
            finish(propose(ten, pack))
    assert runs(ten) == [("cancelled", 0)]
    assert finish(propose(ten, pack))["done"] == 10
    assert runs(ten) == [("done", 10)]


def test_a_model_that_cannot_load_ends_the_run_as_failed(
    ten: Project, pack: Any, finish: Finish
) -> None:
    def refuse() -> Any:
        raise AnnotatorError("The weights are not there.")

    pack.tagger = refuse
    with pytest.raises(AnnotatorError, match="weights"):
        finish(propose(ten, pack))
    assert runs(ten) == [("failed", 0)]


def test_a_model_that_fails_ends_the_run_as_failed(ten: Project, pack: Any, finish: Finish) -> None:
    def refuse(*args: Any) -> Any:
        raise AnnotatorError("The server does not answer.")

    tagger = pack.tagger()
    answer, tagger.propose = tagger.propose, refuse
    with pytest.raises(AnnotatorError, match="does not answer"):
        finish(propose(ten, pack))
    assert runs(ten) == [("failed", 0)]
    tagger.propose = answer
    finish(propose(ten, pack))
    assert runs(ten) == [("done", 10)]


def test_another_way_to_combine_asks_nothing_again(ten: Project, finish: Finish) -> None:
    class Tokens:
        id, batch, asked = "tokens@1", 4, 0

        def propose(self, images: Any, prompt: str, sampling: Sampling) -> list[list[Answer]]:
            self.asked += len(images)
            return [[Answer((Proposed("tabby", (0.5, 0.25)),))] for _ in images]

    class Pack:
        name, talks, prompts = "tokens", False, ()

        def __init__(self) -> None:
            self.one = Tokens()

        def has(self, role: str) -> bool:
            return role == "tagger"

        def model_id(self, role: str) -> str:
            return self.one.id

        def tagger(self) -> Tokens:
            return self.one

    def probabilities() -> set[float | None]:
        with ten.read() as db:
            return {tag.probability for id in queries.image_ids(db) for tag in queries.tags(db, id)}

    pack = Pack()
    for combine, expected in (("avg", 0.375), ("product", 0.125), ("min", 0.25), ("max", 0.5)):
        finish(propose(ten, pack, ProposeOptions(combine=combine)))
        assert probabilities() == {expected}
    assert pack.one.asked == 10


def test_a_rejected_synset_stays_rejected(ten: Project, pack: Any, finish: Finish) -> None:
    finish(propose(ten, pack))
    with ten.read() as db:
        tabby = queries.find_synset(db, "n02123045").id
    decide_synsets.reject(ten, [tabby])
    finish(propose(ten, pack, ProposeOptions(seed=1)))
    with ten.read() as db:
        assert queries.synset(db, tabby).verdict == "rejected"
        image = queries.image_ids(db)[0]
        assert "tabby" not in {tag.synset for tag in queries.tags(db, image)}


def test_a_limit_takes_the_first_images(ten: Project, pack: Any, finish: Finish) -> None:
    assert finish(propose(ten, pack, ProposeOptions(limit=3)))["done"] == 3
    assert finish(propose(ten, pack, ProposeOptions(limit=3)))["done"] == 0
    assert finish(propose(ten, pack))["done"] == 7


def test_nothing_to_propose_is_one_sentence(project: Project, pack: Any, finish: Finish) -> None:
    with pytest.raises(AnnotatorError, match="no readable images yet: scan"):
        finish(propose(project, pack))


def test_without_its_folder_nothing_is_marked(
    ten: Project, folder: Path, pack: Any, finish: Finish
) -> None:
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(AnnotatorError, match="not there any more"):
        finish(propose(ten, pack))
    with ten.read() as db:
        assert queries.status_counts(db)["unreadable"] == 0


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"grid": "3x3"}, "no grid 3x3: choose one of none, sg, sgc"),
        ({"filter": "best"}, "no filter best"),
        ({"combine": "sum"}, "no way to combine sum"),
        ({"samples": 0}, "number of samples is 0"),
        ({"limit": 0}, "number of images is 0"),
        ({"threshold": 1.5}, "not between 0 and 1"),
    ],
)
def test_wrong_options_are_named(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(AnnotatorError, match=says):
        ProposeOptions(**wrong)


def test_a_disk_that_is_full_is_said(
    ten: Project, pack: Any, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag = vocabulary.Grouper.tag

    def fill(self: vocabulary.Grouper, db: Any, ids: Sequence[int]) -> None:
        tag(self, db, ids)
        # As when the log of the database finds no room at the end of the transaction.
        db.execute("PRAGMA max_page_count = 1")
        db.execute("INSERT INTO meta VALUES ('filler', zeroblob(1000000))")

    monkeypatch.setattr(module, "WRITE_BATCH", 8)
    monkeypatch.setattr(vocabulary.Grouper, "tag", fill)
    with pytest.raises(AnnotatorError, match="is full: free some space"):
        finish(propose(ten, pack))
    assert stored(ten) == []
    monkeypatch.setattr(vocabulary.Grouper, "tag", tag)
    ten._writer.execute("PRAGMA max_page_count = 1000000")
    assert finish(propose(ten, pack))["done"] == 10
