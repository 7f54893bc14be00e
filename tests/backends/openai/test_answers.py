"""What a server says, made into labels with probabilities; and what is no answer at all."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from annotator.backends.protocols import Metered, PreparingTagger, Sampling
from annotator.backends.registry import Pack
from annotator.core.errors import AnnotatorError
from annotator.core.records import Answer


def ask(pack: Pack, photo: Any, **sampling: Any) -> Answer:
    return pack.tagger().propose([photo()], "What is there?", Sampling(seeds=(1,), **sampling))[0][
        0
    ]


@pytest.fixture
def asking(server: Any, make_pack: Callable[..., Pack], photo: Any) -> Callable[..., Answer]:
    """asking(answer): what our tagger makes of a server that always answers so."""

    def make(answer: Any, **sampling: Any) -> Answer:
        server.chat = lambda asked: answer
        return ask(make_pack(server.url), photo, **sampling)

    return make


def test_plays_its_roles(server: Any, make_pack: Callable[..., Pack]) -> None:
    tagger = make_pack(server.url, concurrency=3).tagger()
    assert isinstance(tagger, PreparingTagger)
    assert isinstance(tagger, Metered)
    assert tagger.batch % 3 == 0
    assert tagger.id == f"eyes@{server.url}"
    assert server.asked == []


def test_labels_carry_the_probabilities_of_their_tokens(asking: Any, say: Any) -> None:
    tokens = [("['", -0.1), ("dog", -0.5), ("',", -0.2), (" '", 0.0), ("red", -1.0), (" car", -2.0)]
    answer = asking(say.chat("['dog', 'red car']", logprobs=[*tokens, ("']", -0.3)]))
    assert [label.text for label in answer.labels] == ["dog", "red car"]
    found = [label.token_probabilities for label in answer.labels]
    assert found[0] == pytest.approx((math.exp(-0.5),))
    assert found[1] == pytest.approx((math.exp(-1.0), math.exp(-2.0)))
    assert answer.text == "['dog', 'red car']"
    assert answer.failure is None


def test_without_probabilities_labels_have_none(asking: Any, say: Any) -> None:
    answer = asking(say.chat("dog, cat"))
    assert [(label.text, label.token_probabilities) for label in answer.labels] == [
        ("dog", ()),
        ("cat", ()),
    ]


def test_a_reply_that_ended_at_the_limit_loses_its_last_word(asking: Any, say: Any) -> None:
    answer = asking(say.chat("dog, cat, ele", finish="length"))
    assert [label.text for label in answer.labels] == ["dog", "cat"]


@pytest.mark.parametrize(
    ("content", "more", "words"),
    [
        (None, {}, "the reply is empty"),
        ("", {}, "the reply is empty"),
        (" \n", {}, "the reply is empty"),
        ([], {}, "the reply is empty"),
        (7, {}, "the reply is empty"),
        (None, {"refusal": "I can't help with that."}, "the model refused: I can't help"),
        (None, {"tool_calls": [{"id": "1"}]}, "called a tool"),
        (None, {"finish": "content_filter"}, "content filter"),
        ("do", {"finish": "content_filter"}, "content filter"),
        ("", {"finish": "length"}, "used up its tokens"),
    ],
)
def test_a_reply_that_is_none_is_a_failure_with_its_reason(
    asking: Any, say: Any, content: Any, more: dict[str, Any], words: str
) -> None:
    answer = asking(say.chat(content, **more))
    assert answer.labels == ()
    assert words in str(answer.failure)


def test_content_may_come_in_parts(asking: Any, say: Any) -> None:
    parts = [{"type": "text", "text": "dog, "}, {"type": "image"}, {"type": "text", "text": "cat"}]
    answer = asking(say.chat(parts))
    assert [label.text for label in answer.labels] == ["dog", "cat"]


@pytest.mark.parametrize(
    "body",
    [
        {"choices": []},
        {"choices": None},
        {},
        {"choices": [None]},
        {"choices": [{"message": None}]},
        {"choices": {"message": {"content": "dog"}}},
    ],
)
def test_json_without_a_reply_is_a_failure(asking: Any, say: Any, body: Any) -> None:
    answer = asking(say.Answer(body))
    assert answer.failure == "the server's answer has no reply in it"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"choices": [{"mess', "not JSON"),
        (b"<html><body>Bad gateway</body></html>", "a web page"),
        (b"", "not JSON"),
        (b"[1, 2]", "no answer of a model"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_garbage_is_asked_for_again_and_then_a_failure(
    server: Any, asking: Any, say: Any, body: bytes, words: str
) -> None:
    answer = asking(say.Answer(body))
    assert words in str(answer.failure)
    assert "asked 3 times" in str(answer.failure)
    assert len(server.chats) == 3


def test_ten_megabytes_do_not_harm(asking: Any, say: Any) -> None:
    answer = asking(say.chat("dog, " * 2_000_000))
    assert answer.failure is not None or answer.labels[0].text == "dog"
    assert len(answer.text) == 10_000_000


def test_an_answer_without_end_is_not_read_to_it(
    asking: Any, say: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from annotator.backends import openai_client

    monkeypatch.setattr(openai_client, "MOST_BYTES", 2**20)
    answer = asking(say.chat("dog, " * 2_000_000))
    assert "larger than 1 MB" in str(answer.failure)


def test_halves_of_letters_do_not_get_into_the_project(asking: Any, say: Any) -> None:
    answer = asking(say.Answer(b'{"choices": [{"message": {"content": "dog \\ud83d, cat"}}]}'))
    answer.text.encode("utf-8")
    assert answer.labels[-1].text == "cat"


def test_self_correction_asks_again_with_the_first_labels(
    server: Any, make_pack: Callable[..., Pack], photo: Any, say: Any
) -> None:
    server.chat = lambda asked: say.chat("sofa" if "Not dog, cat?" in asked.text else "dog, cat")
    answer = ask(make_pack(server.url), photo, correction="Not {labels}?")
    assert [label.text for label in answer.labels] == ["sofa"]
    first, second = server.chats
    assert (first.text, second.text) == ("What is there?", "Not dog, cat?")
    assert first.image == second.image
    assert first.body["seed"] != second.body["seed"]


def test_nothing_is_corrected_when_nothing_was_said(
    server: Any, make_pack: Callable[..., Pack], photo: Any, say: Any
) -> None:
    server.chat = lambda asked: say.chat("")
    answer = ask(make_pack(server.url), photo, correction="Not {labels}?")
    assert answer.failure == "the reply is empty"
    assert len(server.chats) == 1


def test_nothing_to_ask_asks_nothing(server: Any, make_pack: Callable[..., Pack]) -> None:
    assert make_pack(server.url).tagger().propose([], "What is there?", Sampling()) == []
    assert server.asked == []


def test_an_unknown_host_is_one_sentence(make_pack: Callable[..., Pack], photo: Any) -> None:
    with pytest.raises(AnnotatorError, match=r"http://nowhere\.invalid/v1 cannot be reached"):
        ask(make_pack("http://nowhere.invalid/v1"), photo)
