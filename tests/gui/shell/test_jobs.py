from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from annotator.core.errors import AnnotatorError
from annotator.core.records import Failure, Progress
from annotator.gui.faults import log_file
from annotator.gui.jobs import Jobs
from annotator.gui.workers import Hurry


@pytest.fixture
def jobs(qtbot: QtBot) -> Iterator[Jobs]:
    made = Jobs()
    yield made
    made.close()


def steps(count: int) -> Iterator[Progress]:
    for i in range(1, count + 1):
        failed = (Failure(f"{i}.jpg", "broken"),) if i == 2 else ()
        yield Progress("test", i, count, failed, result={"done": i} if i == count else None)


def test_a_job_tells_its_progress_and_its_result(qtbot: QtBot, jobs: Jobs) -> None:
    told: list[int] = []
    job = jobs.start("count", lambda: steps(3), "Counting")
    job.progressed.connect(lambda progress: told.append(progress.done))
    with qtbot.waitSignal(job.finished) as finished:
        assert jobs.running == (job,)
        assert jobs.get("count") is job
    assert finished.args[0].result == {"done": 3}
    assert told == [1, 2, 3]
    assert [failure.image for failure in job.failures] == ["2.jpg"]
    assert jobs.running == ()


def test_a_second_job_of_a_name_is_the_first(qtbot: QtBot, jobs: Jobs) -> None:
    go_on = threading.Event()

    def wait() -> Iterator[Progress]:
        go_on.wait(10)
        yield Progress("test", 1, 1, result={})

    job = jobs.start("count", wait)
    with qtbot.waitSignal(job.finished):
        assert jobs.start("count", lambda: steps(9)) is job
        go_on.set()


def test_cancelling_closes_the_generator(qtbot: QtBot, jobs: Jobs) -> None:
    closed = threading.Event()

    def endless() -> Iterator[Progress]:
        try:
            i = 0
            while True:
                i += 1
                yield Progress("test", i, None)
        finally:
            closed.set()

    job = jobs.start("endless", endless)
    job.progressed.connect(lambda _: job.cancel())
    with qtbot.waitSignal(job.cancelled):
        pass
    assert closed.is_set()
    assert job.cancelling


def test_too_late_to_cancel_is_finished(qtbot: QtBot, jobs: Jobs) -> None:
    go_on = threading.Event()

    def last() -> Iterator[Progress]:
        go_on.wait(10)
        yield Progress("test", 1, 1, result={"done": 1})

    job = jobs.start("last", last)
    with qtbot.waitSignal(job.finished):
        job.cancel()
        go_on.set()


def test_an_error_for_a_person_is_told_as_it_is(qtbot: QtBot, jobs: Jobs) -> None:
    def refuse() -> Iterator[Progress]:
        raise AnnotatorError("photos.annot is full; empty it.")

    job = jobs.start("refuse", refuse)
    with qtbot.waitSignal(job.failed) as failed:
        pass
    assert failed.args == ["photos.annot is full; empty it."]


def test_a_defect_is_one_sentence_and_a_log(qtbot: QtBot, jobs: Jobs) -> None:
    def broken() -> Iterator[Progress]:
        yield Progress("test", 1, 2)
        raise KeyError("weights")

    job = jobs.start("broken", broken, "Proposing tags")
    with qtbot.waitSignal(job.failed) as failed:
        pass
    assert "Proposing tags stopped" in failed.args[0]
    assert str(log_file()) in failed.args[0]
    assert "Traceback" in log_file().read_text()


def test_no_job_starts_while_closing(qtbot: QtBot) -> None:
    jobs = Jobs()
    jobs.close()
    with pytest.raises(AnnotatorError, match="being closed"):
        jobs.start("late", lambda: steps(1))


def test_closing_ends_a_running_job(qtbot: QtBot) -> None:
    jobs = Jobs()
    going = threading.Event()

    def endless() -> Iterator[Progress]:
        while True:
            going.set()
            yield Progress("test", 1, None)

    job = jobs.start("endless", endless)
    assert going.wait(10)
    with qtbot.waitSignal(job.cancelled):
        jobs.close()


def test_only_a_job_that_may_be_dropped_is_left_behind(qtbot: QtBot) -> None:
    jobs, go_on = Jobs(), threading.Event()

    def stuck() -> Iterator[Progress]:
        go_on.wait()
        yield Progress("test", 1, 1)

    def writing() -> Iterator[Progress]:
        try:
            yield Progress("test", 1, 1)
        finally:
            written.append(True)

    written: list[bool] = []
    model = jobs.start("model", stuck, droppable=True)
    jobs.start("export", writing)
    hurry = Hurry()
    hurry.begin(0.0)
    assert not jobs.close(hurry)
    assert written == [True]  # whatever it takes
    with qtbot.waitSignal(model.cancelled):
        go_on.set()


def test_rate_and_time_left_count_the_step_at_hand(
    qtbot: QtBot, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("annotator.gui.jobs.time.monotonic", lambda: now[0])
    job = jobs.start("count", lambda: iter(()))
    with qtbot.waitSignal(job.ended):
        pass
    assert job.rate is None
    assert job.seconds_left is None
    job._tell("progressed", Progress("load", 100, 100))
    job._tell("progressed", Progress("tag", 0, 50))
    now[0] = 4.0
    job._tell("progressed", Progress("tag", 20, 50))
    assert job.rate == pytest.approx(5.0)
    assert job.seconds_left == pytest.approx(6.0)
