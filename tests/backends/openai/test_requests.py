"""How a server is asked: parameters, limits, retries, refusals, and when to stop."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
import pytest

from annotator.backends.protocols import Sampling
from annotator.backends.registry import Pack
from annotator.core.errors import AnnotatorError
from annotator.core.records import Usage

MakePack = Callable[..., Pack]


@pytest.fixture
def ask(photo: Callable[..., Any]) -> Callable[..., list[list[Any]]]:
    """ask(pack, images, **sampling): answers of so many images with the seeds 0, 1, 2, ..."""

    def make(pack: Pack, images: int = 1, **sampling: Any) -> list[list[Any]]:
        shown = [photo(number) for number in range(images)]
        seeds = sampling.pop("seeds", tuple(range(images)))
        return pack.tagger().propose(shown, "What is there?", Sampling(seeds=seeds, **sampling))

    return make


def test_a_request_has_the_sampling_in_it(server: Any, make_pack: MakePack, ask: Any) -> None:
    ask(make_pack(server.url), temperature=0.7, nucleus=0.8, max_tokens=33)
    (asked,) = server.chats
    body = asked.body
    assert body["model"] == "eyes"
    assert (body["temperature"], body["top_p"], body["max_tokens"]) == (0.7, 0.8, 33)
    assert (body["logprobs"], body["top_logprobs"]) == (True, 1)
    assert not body.keys() & {"repetition_penalty", "repeat_penalty", "frequency_penalty"}
    assert [part["type"] for part in body["messages"][0]["content"]] == ["image_url", "text"]


def test_penalties_are_sent_under_the_name_that_the_server_has(
    server: Any, make_pack: MakePack, ask: Any
) -> None:
    pack = make_pack(server.url, repetition_penalty="repeat_penalty", frequency_penalty=0.5)
    ask(pack, repetition_penalty=2.0)
    assert server.chats[0].body["repeat_penalty"] == 2.0
    assert server.chats[0].body["frequency_penalty"] == 0.5


def test_what_is_switched_off_is_not_sent(server: Any, make_pack: MakePack, ask: Any) -> None:
    ask(make_pack(server.url, send_logprobs=False, send_seed=False))
    assert not server.chats[0].body.keys() & {"logprobs", "top_logprobs", "seed"}


def test_seeds_differ_by_sample_and_repeat_by_image(
    server: Any, make_pack: MakePack, ask: Any
) -> None:
    pack = make_pack(server.url)
    ask(pack, images=2, samples=3, seeds=(7, 8))
    first = {(one.image, one.body["seed"]) for one in server.chats}
    assert len({seed for _, seed in first}) == 6
    assert all(0 <= seed < 2**31 for _, seed in first)
    server.asked.clear()
    ask(pack, images=1, samples=3, seeds=(7,))
    assert {(one.image, one.body["seed"]) for one in server.chats} < first


def test_answers_are_in_the_order_of_images_and_samples(
    server: Any, make_pack: MakePack, photo: Any, say: Any
) -> None:
    pack = make_pack(server.url, concurrency=4, send_logprobs=False)
    tagger: Any = pack.tagger()
    shown = [photo(number) for number in range(5)]
    names = {
        "data:image/jpeg;base64," + base64.b64encode(tagger.prepare(one)).decode(): f"thing{number}"
        for number, one in enumerate(shown)
    }
    last = threading.Event()

    def answer(asked: Any) -> Any:
        name = names[asked.image]
        if name == "thing4":
            last.set()
        elif name == "thing0":
            # The first image is answered after the last one was asked.
            assert last.wait(20)
        return say.chat(f"{name} {asked.body['seed']}")

    server.chat = answer
    rows = tagger.propose(shown, "What is there?", Sampling(samples=2, seeds=(0, 1, 2, 3, 4)))
    said = [[one.labels[0].text for one in row] for row in rows]
    assert [[text.split()[0] for text in row] for row in said] == [
        [f"thing{number}"] * 2 for number in range(5)
    ]
    assert all(row[0] != row[1] for row in said)


def test_images_are_sent_small_and_whole(server: Any, make_pack: MakePack) -> None:
    ramp = np.zeros((300, 600, 3), np.uint8)
    ramp[:, :, 0] = 250
    tagger = make_pack(server.url, max_side=100).tagger()
    tagger.propose([ramp, ramp[:40, :80]], "What is there?", Sampling(seeds=(0, 1)))
    sizes = set()
    for asked in server.chats:
        head, _, data = asked.image.partition(",")
        assert head == "data:image/jpeg;base64"
        pixels = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR_RGB)
        assert pixels is not None
        sizes.add(pixels.shape)
        assert np.abs(pixels.reshape(-1, 3).mean(0) - [250, 0, 0]).max() < 4
    assert sizes == {(50, 100, 3), (40, 80, 3)}


def test_no_more_requests_at_once_than_allowed_also_from_two_threads(
    server: Any, make_pack: MakePack, ask: Any, say: Any
) -> None:
    full = threading.Barrier(3)

    def answer(asked: Any) -> Any:
        # Only three that are here together let each other go on.
        full.wait(20)
        return say.chat("dog")

    server.chat = answer
    pack = make_pack(server.url, concurrency=3)
    pack.tagger()
    with ThreadPoolExecutor(2) as threads:
        calls = [threads.submit(ask, pack, 3, samples=2) for _ in range(2)]
        assert [len(call.result()) for call in calls] == [3, 3]
    assert len(server.chats) == 12
    assert server.most_at_once == 3


def test_a_server_that_refuses_probabilities_is_asked_without_them_from_then_on(
    server: Any, make_pack: MakePack, ask: Any, say: Any
) -> None:
    def answer(asked: Any) -> Any:
        if "logprobs" in asked.body:
            return say.error(400, "This model does not support logprobs.")
        return say.chat("dog")

    server.chat = answer
    pack = make_pack(server.url, concurrency=1)
    assert ask(pack)[0][0].labels[0].token_probabilities == ()
    assert ["logprobs" in one.body for one in server.chats] == [True, False]
    assert "seed" in server.chats[1].body
    ask(pack, images=2)
    assert len(server.chats) == 4


@pytest.mark.parametrize("status", [422, 500])
def test_other_ways_to_refuse_probabilities(
    server: Any, make_pack: MakePack, ask: Any, say: Any, status: int
) -> None:
    """llama-cpp-python without logits_all raises, which is an internal error."""
    words = "logprobs is not supported for models created with logits_all=False"
    server.chat = lambda asked: (
        say.error(status, words) if "logprobs" in asked.body else say.chat("dog")
    )
    assert ask(make_pack(server.url))[0][0].labels[0].text == "dog"
    assert len(server.chats) == 2


def test_a_refusal_without_a_reason_leaves_out_one_extra_after_the_other(
    server: Any, make_pack: MakePack, ask: Any, say: Any
) -> None:
    server.chat = lambda asked: (
        say.error(400, "Bad request") if "seed" in asked.body else say.chat("dog")
    )
    pack = make_pack(server.url, concurrency=1)
    ask(pack)
    assert [sorted(one.body.keys() & {"seed", "logprobs"}) for one in server.chats] == [
        ["logprobs", "seed"],
        ["seed"],
        [],
    ]
    ask(pack)
    # Probabilities were not what it refused.
    assert "logprobs" in server.chats[-1].body
    assert "seed" not in server.chats[-1].body


def test_the_newer_name_of_the_token_limit(
    server: Any, make_pack: MakePack, ask: Any, say: Any
) -> None:
    words = "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    server.chat = lambda asked: (
        say.error(400, words) if "max_tokens" in asked.body else say.chat("dog")
    )
    pack = make_pack(server.url)
    ask(pack, max_tokens=9)
    ask(pack, max_tokens=9)
    assert len(server.chats) == 3
    assert server.chats[-1].body["max_completion_tokens"] == 9


def test_busy_and_broken_servers_are_asked_again(
    server: Any, make_pack: MakePack, ask: Any, say: Any
) -> None:
    troubles = [
        say.error(429, "Slow down", Retry_After="0"),
        say.error(503, "Loading", Retry_After="Wed, 21 Oct 2015 07:28:00 GMT"),
        say.error(500, "Oops"),
        say.error(408, "Late"),
        say.error(409, "Locked"),
        say.Answer({"choices": [{"message": {"content": "never seen"}}]}, cut=True),
    ]
    server.chat = lambda asked: (
        troubles[asked.number] if asked.number < len(troubles) else say.chat("dog")
    )
    pack = make_pack(server.url, retries=6)
    assert ask(pack)[0][0].labels[0].text == "dog"
    assert pack.tagger().usage() == Usage(7, 6, 100, 20)  # type: ignore[attr-defined]


def test_a_server_that_stays_broken_ends_the_run_with_a_sentence(
    server: Any, make_pack: MakePack, ask: Any, say: Any
) -> None:
    server.chat = lambda asked: say.error(503, "Overloaded")
    with pytest.raises(AnnotatorError, match=r"does not answer \(error 503: Overloaded.*3 times"):
        ask(make_pack(server.url))
    assert len(server.chats) == 3


def test_a_wait_that_is_too_long_is_a_persons_to_decide(
    server: Any, make_pack: MakePack, ask: Any, say: Any
) -> None:
    server.chat = lambda asked: say.error(429, "Daily limit", Retry_After="7200")
    with pytest.raises(AnnotatorError, match="asks to wait 7200 seconds"):
        ask(make_pack(server.url))
    assert len(server.chats) == 1


def test_a_quota_that_is_used_up_is_not_asked_again(
    server: Any, make_pack: MakePack, ask: Any, say: Any
) -> None:
    body = {"error": {"message": "No credits", "code": "insufficient_quota"}}
    server.chat = lambda asked: say.Answer(body, 429)
    with pytest.raises(AnnotatorError, match=r"wants to be paid first \(.*No credits"):
        ask(make_pack(server.url))
    assert len(server.chats) == 1


def test_an_answer_that_comes_too_late(
    server: Any, make_pack: MakePack, ask: Any, say: Any
) -> None:
    given_up = threading.Event()

    def answer(asked: Any) -> Any:
        if asked.number == 0:
            assert given_up.wait(20)
        else:
            given_up.set()
        return say.chat("dog")

    server.chat = answer
    assert ask(make_pack(server.url, timeout=0.2))[0][0].labels[0].text == "dog"
    assert len(server.chats) == 2


def test_answers_that_always_come_too_late(
    server: Any, make_pack: MakePack, ask: Any, say: Any
) -> None:
    over = threading.Event()
    server.chat = lambda asked: say.chat("dog" if over.wait(20) else "cat")
    answer = ask(make_pack(server.url, timeout=0.05, retries=4))[0][0]
    over.set()
    assert "no answer within 0.05 seconds, asked 2 times" in answer.failure


def test_a_refused_key_stops_everything_at_once(
    server: Any, make_pack: MakePack, ask: Any, say: Any
) -> None:
    server.chat = lambda asked: (
        say.chat("dog") if asked.number < 5 else say.error(401, "Invalid key")
    )
    pack = make_pack(server.url, concurrency=4)
    with pytest.raises(
        AnnotatorError, match=r"asks for a key \(error 401: Invalid key\)"
    ) as caught:
        ask(pack, images=20, samples=3)
    assert server.url in str(caught.value)
    assert len(server.chats) <= 5 + 4


def test_an_image_that_is_refused_is_a_failure_and_the_rest_goes_on(
    server: Any, make_pack: MakePack, ask: Any, say: Any
) -> None:
    seen: list[str] = []

    def answer(asked: Any) -> Any:
        if asked.image not in seen:
            seen.append(asked.image)
        refused = seen.index(asked.image) in (1, 3)
        return say.error(400, "This picture is too strange.") if refused else say.chat("dog")

    server.chat = answer
    rows = ask(make_pack(server.url, concurrency=1), images=5, samples=2)
    failures = [[one.failure for one in row] for row in rows]
    assert failures[0] == failures[2] == failures[4] == [None, None]
    assert "This picture is too strange" in failures[1][0]
    assert failures[3][1] == failures[1][0]
    assert len(server.chats) == 10


def test_a_server_that_refuses_every_image_stops_the_run(
    server: Any, make_pack: MakePack, ask: Any, say: Any
) -> None:
    server.chat = lambda asked: say.error(400, "eyes is not a multimodal model")
    with pytest.raises(AnnotatorError, match=r"none of 5 images in a row .*not a multimodal"):
        ask(make_pack(server.url, concurrency=1), images=30)
    assert len({one.image for one in server.chats}) == 5


def test_filtered_images_do_not_stop_the_run(
    server: Any, make_pack: MakePack, ask: Any, say: Any
) -> None:
    body = {"error": {"message": "Not allowed", "code": "content_policy_violation"}}
    server.chat = lambda asked: say.Answer(body, 400)
    rows = ask(make_pack(server.url, send_seed=False, send_logprobs=False), images=12)
    assert all("Not allowed" in row[0].failure for row in rows)


def test_a_missing_model_names_those_that_are_there(
    server: Any, make_pack: MakePack, ask: Any, say: Any
) -> None:
    server.chat = lambda asked: say.error(404, "The model `eyes` does not exist.")
    with pytest.raises(AnnotatorError, match=r"has no model eyes: .*first, second"):
        ask(make_pack(server.url), images=4)


def test_an_address_without_anything_behind_it(
    server: Any, make_pack: MakePack, ask: Any, say: Any
) -> None:
    server.chat = server.models = lambda asked: say.Answer(b"<html>nothing here</html>", 404)
    with pytest.raises(AnnotatorError, match=r"nothing to chat with.*/v1"):
        ask(make_pack(server.url))


def test_no_model_named_takes_the_first_and_asks_for_it_once(
    server: Any, make_pack: MakePack, ask: Any
) -> None:
    ask(make_pack(server.url, model=""), images=4)
    assert {one.body["model"] for one in server.chats} == {"first"}
    assert len(server.asked) == 5


def test_a_server_without_models(server: Any, make_pack: MakePack, ask: Any, say: Any) -> None:
    server.models = lambda asked: say.Answer({"data": []})
    with pytest.raises(AnnotatorError, match="serves no model"):
        ask(make_pack(server.url, model=""))


def test_a_server_that_is_not_there_is_asked_once(
    server: Any, make_pack: MakePack, ask: Any
) -> None:
    server.close()
    with pytest.raises(AnnotatorError, match="cannot be reached") as caught:
        ask(make_pack(server.url), images=3)
    assert server.url in str(caught.value)


def test_images_are_not_sent_on_to_another_address(
    server: Any, make_pack: MakePack, ask: Any, say: Any
) -> None:
    server.chat = lambda asked: say.Answer(b"", 307, {"Location": f"{server.url}/elsewhere"})
    with pytest.raises(AnnotatorError, match="sends requests on to another address"):
        ask(make_pack(server.url))
    assert len(server.asked) == 1


def test_usage_and_cost(server: Any, make_pack: MakePack, ask: Any) -> None:
    tagger: Any = make_pack(server.url, price_prompt=3.0, price_completion=15.0).tagger()
    assert tagger.usage() == Usage()
    ask(make_pack(server.url))
    pack = make_pack(server.url, price_prompt=3.0, price_completion=15.0)
    ask(pack, images=2, samples=2)
    used = pack.tagger().usage()  # type: ignore[attr-defined]
    assert (used.requests, used.retries) == (4, 0)
    assert (used.prompt_tokens, used.completion_tokens) == (400, 80)
    assert used.cost == pytest.approx((400 * 3 + 80 * 15) / 1e6)


@pytest.mark.parametrize("usage", [None, [], {"prompt_tokens": "many"}, {"prompt_tokens": -5}])
def test_usage_that_is_no_number_counts_nothing(
    server: Any, make_pack: MakePack, ask: Any, say: Any, usage: Any
) -> None:
    body = {"choices": [{"message": {"content": "dog"}}], "usage": usage}
    server.chat = lambda asked: say.Answer(body)
    pack = make_pack(server.url)
    ask(pack)
    assert pack.tagger().usage() == Usage(1)  # type: ignore[attr-defined]
