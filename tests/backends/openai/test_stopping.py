"""Runs that a person stops: nothing hangs, nothing is asked twice."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest

from annotator.backends.protocols import Sampling
from annotator.backends.registry import Pack
from annotator.pipeline.options import ProposeOptions
from annotator.pipeline.propose import propose
from annotator.pipeline.scan import scan
from annotator.project import queries
from annotator.project.project import Project


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals to threads")
def test_an_interrupt_ends_the_wait_and_what_waits_is_never_sent(
    server: Any, make_pack: Callable[..., Pack], photo: Callable[..., Any], say: Any
) -> None:
    stopped = threading.Event()
    main = threading.main_thread().ident
    assert main is not None

    def answer(asked: Any) -> Any:
        if asked.number == 1:
            signal.pthread_kill(main, signal.SIGINT)
        assert stopped.wait(20)
        return say.chat("dog")

    server.chat = answer
    tagger = make_pack(server.url, concurrency=2).tagger()
    shown = [photo(number) for number in range(10)]
    with pytest.raises(KeyboardInterrupt):
        tagger.propose(shown, "What is there?", Sampling(seeds=tuple(range(10))))
    stopped.set()
    assert len(server.chats) == 2
    # The tagger goes on as if nothing had been.
    ((found,),) = tagger.propose(shown[:1], "What is there?", Sampling(seeds=(0,)))
    assert found.labels[0].text == "dog"
    assert len(server.chats) == 3


def test_a_run_that_is_stopped_goes_on_without_asking_twice(
    server: Any,
    make_pack: Callable[..., Pack],
    photo: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.modules[propose.__module__], "WRITE_BATCH", 2)
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(9):
        assert cv2.imwrite(str(folder / f"{number}.png"), photo(number))
    pack = make_pack(server.url, concurrency=1)
    options = ProposeOptions(samples=2)
    with Project.create(tmp_path / "my.annot", folder) as project:
        list(scan(project))
        steps = propose(project, pack, options)
        for progress in steps:
            if progress.done >= 2:
                steps.close()
        with project.read() as db:
            stopped = queries.last_run(db, "propose")
        assert stopped is not None
        assert stopped.status == "cancelled"
        asked = len(server.chats)
        *_, last = propose(project, pack, options)
    assert last.result is not None
    assert last.result["skipped"] == stopped.done
    # What was answered but not yet written when the run was stopped is asked again, no more.
    again = len(server.chats) - asked
    assert again == 2 * (9 - stopped.done)
