"""The LanguageModel behind a server: replies held to a schema, and answers scored."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from annotator.backends.openai_scores import COUNTING
from annotator.backends.protocols import LanguageModel, Metered
from annotator.backends.registry import Pack
from annotator.core.errors import AnnotatorError

MakePack = Callable[..., Pack]
SCHEMA = {"type": "object", "properties": {"groups": {"type": "array"}}}
ASKED = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Group these."}]


def echo(tokens: list[str], logprobs: list[float | None], say: Any) -> Any:
    rows = {"tokens": tokens, "token_logprobs": logprobs}
    return say.Answer({"choices": [{"text": "".join(tokens), "logprobs": rows}]})


def words_of(prompt: str) -> list[str]:
    """Tokens as of a small model: words with the space before them."""
    parts = prompt.split(" ")
    return [parts[0], *(" " + part for part in parts[1:])]


def test_plays_its_roles_and_counts_rather_too_much(server: Any, make_pack: MakePack) -> None:
    model = make_pack(server.url, context=777).language_model()
    assert isinstance(model, LanguageModel)
    assert isinstance(model, Metered)
    assert model.id == f"eyes@{server.url}"
    assert model.context == 777
    assert [model.count(text) for text in ("", "a", "dog", "dogs", "犬")] == [0, 1, 1, 2, 1]
    assert server.asked == []


def test_a_reply_comes_as_it_is_and_can_be_repeated(
    server: Any, make_pack: MakePack, say: Any
) -> None:
    server.chat = lambda asked: say.chat(' {"groups": []}\n')
    model = make_pack(server.url).language_model()
    assert model.complete(ASKED, SCHEMA, max_tokens=50) == ' {"groups": []}\n'
    body = server.chats[0].body
    assert body["messages"] == ASKED
    assert (body["temperature"], body["seed"], body["max_tokens"]) == (0.0, 0, 50)
    assert body["response_format"]["type"] == "json_schema"
    assert body["response_format"]["json_schema"]["schema"] == SCHEMA
    assert model.usage().completion_tokens == 20  # type: ignore[attr-defined]


def test_without_a_schema_none_is_sent(server: Any, make_pack: MakePack) -> None:
    make_pack(server.url).language_model().complete(ASKED)
    assert "response_format" not in server.chats[0].body


@pytest.mark.parametrize(("takes", "expected"), [("json_object", 2), (None, 3)])
def test_a_server_is_held_to_a_schema_as_far_as_it_can_be(
    server: Any, make_pack: MakePack, say: Any, takes: str | None, expected: int
) -> None:
    def answer(asked: Any) -> Any:
        form = asked.body.get("response_format")
        if form is not None and form["type"] != takes:
            problem = {"loc": ["body", "response_format", "type"], "msg": "unexpected value"}
            return say.Answer({"detail": [problem]}, 422)
        assert form is None or form["schema"] == SCHEMA
        return say.chat("[]")

    server.chat = answer
    model = make_pack(server.url).language_model()
    assert model.complete(ASKED, SCHEMA) == "[]"
    assert len(server.chats) == expected
    model.complete(ASKED, SCHEMA)
    assert len(server.chats) == expected + 1


def test_a_reply_of_nothing_is_an_empty_text(server: Any, make_pack: MakePack, say: Any) -> None:
    server.chat = lambda asked: say.chat(None, refusal="No.")
    assert make_pack(server.url).language_model().complete(ASKED) == ""


@pytest.mark.parametrize("body", [b"garbage", b"<html></html>", b"{}", b'{"choices": []}'])
def test_no_reply_at_all_is_an_error(
    server: Any, make_pack: MakePack, say: Any, body: bytes
) -> None:
    server.chat = lambda asked: say.Answer(body)
    with pytest.raises(AnnotatorError, match="model server at") as caught:
        make_pack(server.url).language_model().complete(ASKED)
    assert server.url in str(caught.value)


def test_a_conversation_that_is_too_long_is_an_error(
    server: Any, make_pack: MakePack, say: Any
) -> None:
    server.chat = lambda asked: say.error(400, "maximum context length is 2048 tokens")
    with pytest.raises(AnnotatorError, match="maximum context length is 2048 tokens"):
        make_pack(server.url).language_model().complete(ASKED, SCHEMA)


def counting(answer: Callable[[Any], Any], say: Any) -> Callable[[Any], Any]:
    """A server that repeats what it is tried out with as a model would, and then answers."""

    def text(asked: Any) -> Any:
        if asked.body["prompt"] != COUNTING:
            return answer(asked)
        assert asked.body["echo"] is True
        tokens = words_of(COUNTING)[1:]
        return echo([*tokens, " one"], [None, *[-0.1] * len(tokens)], say)

    return text


def test_options_are_scored_by_their_own_tokens(server: Any, make_pack: MakePack, say: Any) -> None:
    chances = {" bird": -0.5, " big": -1.0, " machine": -2.0}

    def answer(asked: Any) -> Any:
        assert (asked.body["echo"], asked.body["max_tokens"]) == (True, 1)
        tokens = [*words_of(asked.body["prompt"]), " next"]
        return echo(tokens, [None, *(chances.get(one, -7.0) for one in tokens[1:])], say)

    server.text = counting(answer, say)
    model = make_pack(server.url).language_model()
    scores = model.score("A crane is a", [" bird", " big machine"])
    assert scores.dtype == np.float32
    assert scores.tolist() == pytest.approx([-0.5, -3.0])
    assert len(server.asked) == 3
    assert not server.chats
    assert model.score("A crane is a", []).shape == (0,)


def test_probabilities_told_one_token_late_are_looked_up_where_they_belong(
    server: Any, make_pack: MakePack, say: Any
) -> None:
    """llama-cpp-python: each token with its probability after itself."""
    chances = {" bird": -0.5, " big": -1.0, " machine": -2.0, " lamp": -40.0}

    def answer(asked: Any) -> Any:
        tokens = words_of(asked.body["prompt"])
        tokens = tokens[1:] if not tokens[0] else tokens
        follows = [{one: chances.get(one, -0.2), " rare": -9.0} for one in tokens[1:]]
        for told in follows:
            told.pop(" lamp", None)
        rows = {
            "tokens": tokens,
            "token_logprobs": [None, *[-12.0] * (len(tokens) - 1)],
            "top_logprobs": [*follows, {" the": -0.5}],
        }
        return say.Answer({"choices": [{"text": "", "logprobs": rows}]})

    server.text = answer
    scores = (
        make_pack(server.url).language_model().score("A is a", [" bird", " big machine", " lamp"])
    )
    # What is not among the alternatives is as likely as the least of them.
    assert scores.tolist() == pytest.approx([-0.5, -3.0, -9.0])


def test_a_token_over_the_seam_counts(server: Any, make_pack: MakePack, say: Any) -> None:
    """The prompt's last letter is in the option's first token."""
    tokens = ["A crane", " is a", " bi", "rd", "."]
    server.text = counting(lambda asked: echo(tokens, [None, -9, -2, -1, -5], say), say)
    scores = make_pack(server.url).language_model().score("A crane is a b", ["ird"])
    assert scores.tolist() == pytest.approx([-3.0])


def test_letters_of_several_tokens_are_scored(server: Any, make_pack: MakePack, say: Any) -> None:
    tokens = ["<s>", "It is", " ", "", "", "!"]
    server.text = counting(lambda asked: echo(tokens, [None, -9, -1, -2, -3, -4], say), say)
    scores = make_pack(server.url).language_model().score("It is", [" 犬"])
    assert scores.tolist() == pytest.approx([-6.0])


def alternatives(*rows: tuple[str, float], say: Any) -> Any:
    told = [{"token": token, "logprob": math.log(chance)} for token, chance in rows]
    logprobs = {"content": [{"token": rows[0][0], "logprob": -1.0, "top_logprobs": told}]}
    return say.Answer({"choices": [{"message": {"content": "x"}, "logprobs": logprobs}]})


@pytest.mark.parametrize(
    "way", ["no endpoint", "refused", "not repeated", "no probabilities", "of another text"]
)
def test_a_server_that_repeats_nothing_is_asked_for_the_first_token(
    server: Any, make_pack: MakePack, say: Any, way: str
) -> None:
    server.text = lambda asked: {
        "no endpoint": say.error(404, "Not Found"),
        "refused": say.error(400, "echo is not supported"),
        "not repeated": echo([" next"], [-1.0], say),
        "no probabilities": say.Answer({"choices": [{"text": "A crane is a bird"}]}),
        "of another text": echo(words_of(COUNTING), [None, *[-11.0] * 48], say),
    }[way]
    server.chat = lambda asked: alternatives(
        ("b", 0.5), ("bird", 0.25), ("The", 0.15), (" ma", 0.1), say=say
    )
    model = make_pack(server.url).language_model()
    scores = model.score("Which?", ["bird", "machine", "lamp"])
    # Tokens that begin an option add up; one that is left out is as likely as the least told.
    assert np.exp(scores).tolist() == pytest.approx([0.75, 0.1, 0.1])
    asked = len(server.asked)
    model.score("Which?", ["bird", "machine"])
    assert len(server.asked) == asked + 1
    assert server.chats[0].body["top_logprobs"] == 20


@pytest.mark.parametrize(
    "rows", [[("c", 0.9)], [("dog", 0.9)], []], ids=["begins two", "begins none", "none told"]
)
def test_first_tokens_that_tell_nothing_are_an_error(
    server: Any, make_pack: MakePack, say: Any, rows: list[tuple[str, float]]
) -> None:
    server.chat = lambda asked: alternatives(*rows, say=say) if rows else say.chat("cat")
    with pytest.raises(AnnotatorError, match="no probabilities that tell the answers apart"):
        make_pack(server.url).language_model().score("Which?", ["crane", "car"])


def test_a_refused_key_is_no_reason_to_try_another_way(
    server: Any, make_pack: MakePack, say: Any
) -> None:
    server.text = lambda asked: say.error(401, "No key")
    with pytest.raises(AnnotatorError, match="asks for a key"):
        make_pack(server.url).language_model().score("Which?", ["a", "b"])
    assert not server.chats
