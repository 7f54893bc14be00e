"""What is said at the end of a step, and what is offered next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from annotator.core.records import Failure, Progress
from annotator.gui import steps
from annotator.gui.session import Session
from annotator.pipeline import group as group_module
from annotator.pipeline import propose as propose_module
from annotator.pipeline import segment as segment_module
from annotator.pipeline import support as support_module

Said = list[tuple[str, str, Any]]


@pytest.fixture
def said(session: Session) -> Said:
    found: Said = []
    session.offered.connect(lambda level, words, offers: found.append((level, words, offers)))
    session.message.connect(lambda level, words: found.append((level, words, ())))
    return found


def end_with(
    monkeypatch: pytest.MonkeyPatch, module: Any, result: Mapping[str, Any], *failed: Failure
) -> None:
    """The pipeline of ``module`` ends at once with this result."""

    def pipeline(*_: object) -> Iterator[Progress]:
        yield Progress("step", 1, 1, failed, result=result)

    name = module.__name__.rpartition(".")[2]
    monkeypatch.setattr(module, name, pipeline)


def test_propose_offers_groups(
    qtbot: QtBot, session: Session, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    end_with(monkeypatch, propose_module, {"done": 3})
    steps.propose(session, "starter", {})
    qtbot.waitUntil(lambda: bool(said), timeout=20_000)
    level, words, offers = said[0]
    assert level == "info"
    assert words == "Proposed tags: review them here, or as a vocabulary (Ctrl+2)."
    assert [command for _, command in offers] == ["group"]


def test_propose_says_what_could_not_be_read_and_what_it_took(
    qtbot: QtBot, session: Session, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = {
        "requests": 400,
        "retries": 2,
        "prompt_tokens": 12_345,
        "completion_tokens": 678,
        "cost": 0.1234,
    }
    result = {"done": 3, "replies": 400, "unreadable_replies": 12, "usage": usage}
    end_with(monkeypatch, propose_module, result, Failure("a.jpg", "it is no picture."))
    steps.propose(session, "starter", {})
    qtbot.waitUntil(lambda: bool(said), timeout=20_000)
    level, words, offers = said[0]
    assert level == "error"
    assert "12 of 400 replies could not be read." in words
    assert "It took 400 requests, 12,345 tokens read and 678 written, cost 0.1234." in words
    assert words.endswith("a.jpg could not be done: it is no picture.")
    assert [command for _, command in offers] == ["replies", "group"]


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (
            {"merges": 14, "parents": 3, "suggestions": 17},
            "14 merges and 3 parents suggested; see Suggestions in the Vocabulary (Ctrl+2).",
        ),
        (
            {"merges": 1, "parents": 0, "suggestions": 1, "fallbacks": 2},
            "1 merge suggested; see Suggestions in the Vocabulary (Ctrl+2). The "
            "language model left 2 words without a usable answer; these were compared by meaning.",
        ),
        (
            {"merges": 3, "parents": 2, "suggestions": 1, "note": "The model gives no scores."},
            "3 merges and 2 parents found, 1 of them not decided yet; see Suggestions in the "
            "Vocabulary (Ctrl+2). Meanings of ambiguous words were not looked at: "
            "The model gives no scores.",
        ),
        (
            {"merges": 2, "parents": 0, "suggestions": 0},
            "Nothing new to suggest: all of it is decided already.",
        ),
        (
            {"merges": 0, "parents": 0, "suggestions": 0},
            "Nothing to suggest: no words that belong together.",
        ),
    ],
)
def test_group_says_how_many(
    qtbot: QtBot,
    session: Session,
    said: Said,
    monkeypatch: pytest.MonkeyPatch,
    result: dict[str, Any],
    words: str,
) -> None:
    end_with(monkeypatch, group_module, result)
    steps.group(session)
    qtbot.waitUntil(lambda: bool(said), timeout=20_000)
    assert said[0][1] == words
    assert bool(said[0][2]) == bool(result["suggestions"])


def test_looking_for_tags_in_the_pixels_offers_the_images(
    qtbot: QtBot, session: Session, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    end_with(monkeypatch, support_module, {"tags": 1258, "unsupported": 3})
    monkeypatch.setattr(session.models, "grounder", lambda: None)
    steps.support(session)
    qtbot.waitUntil(lambda: bool(said), timeout=20_000)
    level, words, offers = said[0]
    assert (level, words) == ("info", "Looked for 1,258 tags: no pixel shows 3 of them.")
    assert [command for _, command in offers] == ["images.unsupported"]


def test_tags_that_the_pixels_show_offer_nothing(
    qtbot: QtBot, session: Session, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    end_with(monkeypatch, support_module, {"tags": 1, "unsupported": 0})
    monkeypatch.setattr(session.models, "grounder", lambda: None)
    steps.support(session)
    qtbot.waitUntil(lambda: bool(said), timeout=20_000)
    assert said[0][1:] == ("Looked for 1 tag: the pixels show all of them.", ())


def test_drawing_masks_says_where_tags_met_and_what_a_model_did_instead(
    qtbot: QtBot, session: Session, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"image": "a.jpg"}, {"image": "a.jpg"}, {"image": "b.jpg"}]
    end_with(monkeypatch, segment_module, {"overlaps": rows})
    models = session.models
    for role in ("grounder", "refiner"):
        monkeypatch.setattr(models, role, lambda: None)
    monkeypatch.setattr(models, "fallbacks", lambda: ["HQ-SAM runs on the CPU."])
    steps.segment(session, None, {"smooth": True})
    qtbot.waitUntil(lambda: bool(said), timeout=20_000)
    assert said[0][1] == (
        "The masks are drawn; accept or reject them under Regions. On 2 images masks of different "
        "tags met: each says there what it gave. HQ-SAM runs on the CPU."
    )
