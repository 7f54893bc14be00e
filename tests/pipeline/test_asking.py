"""What a person leaves open is settled with the pack; the same image gets the same seed."""

from typing import Any

import pytest

from annotator.core.errors import AnnotatorError
from annotator.pipeline.asking import seed, settle
from annotator.pipeline.options import PAPER_SAMPLES, ProposeOptions


@pytest.mark.parametrize("grid", ["none", "sg", "sgc"])
def test_samples_are_those_of_the_paper(talking: Any, grid: Any) -> None:
    assert settle(talking(), ProposeOptions(grid=grid)).options.samples == PAPER_SAMPLES[grid]
    assert settle(talking(), ProposeOptions(grid=grid, samples=3)).options.samples == 3


@pytest.mark.parametrize(
    ("said", "text", "strategy"),
    [
        ({}, "List what is there.", "list"),
        ({"prompt": "caption"}, "Describe it.", "caption"),
        ({"prompt": " Describe it. "}, "Describe it.", "caption"),
        ({"prompt": "caption", "strategy": "vqa"}, "Describe it.", "vqa"),
        ({"prompt": "What is it?"}, "What is it?", "list"),
        ({"prompt": "What is it?", "strategy": "vqa"}, "What is it?", "vqa"),
    ],
)
def test_the_prompt(talking: Any, said: dict[str, Any], text: str, strategy: str) -> None:
    asking = settle(talking(), ProposeOptions(**said))
    assert (asking.options.prompt, asking.options.strategy) == (text, strategy)
    assert asking.params["prompt"] == text
    assert asking.sampling([7]).strategy == strategy


def test_a_misspelt_name_is_not_asked(talking: Any) -> None:
    with pytest.raises(AnnotatorError, match="no prompt named captoin: choose one of labels, cap"):
        settle(talking(), ProposeOptions(prompt="captoin"))


def test_correction(talking: Any) -> None:
    once = settle(talking(), ProposeOptions())
    twice = settle(talking(), ProposeOptions(correct=True))
    assert (once.correction, once.sampling([1]).correction) == ("", "")
    assert twice.sampling([1]).correction == "You said {labels}. List it again."
    assert twice.identity != once.identity
    assert "correction" not in once.params
    assert settle(talking(), ProposeOptions(prompt="What is it?", correct=True)).correction
    with pytest.raises(AnnotatorError, match="no correction"):
        settle(talking(), ProposeOptions(prompt="caption", correct=True))


def test_a_classifier_is_asked_nothing(pack: Any) -> None:
    plain = settle(pack, ProposeOptions())
    talk = ProposeOptions(samples=8, prompt="labels", strategy="vqa", temperature=2, nucleus=0.1)
    asked = settle(pack, talk)
    assert asked == plain
    assert asked.params == {  # as runs of older files have them
        "grid": "none",
        "samples": 1,
        "combine": "avg",
        "top": 10,
        "prompt": "",
        "filter": "percentile",
        "threshold": 0.68,
    }
    assert asked.sampling([1, 2]).seeds == ()
    with pytest.raises(AnnotatorError, match="cannot correct itself"):
        settle(pack, ProposeOptions(correct=True))


def test_what_a_run_says_nothing_of_it_must_not_have(talking: Any) -> None:
    plain = settle(talking(), ProposeOptions()).identity
    warm = settle(talking(), ProposeOptions(temperature=1.0)).params
    assert plain["temperature"] is None
    assert any(warm.get(key) != value for key, value in plain.items())


def test_sampling_carries_everything(talking: Any) -> None:
    options = ProposeOptions(samples=2, temperature=0.7, nucleus=0.5, prompt="caption")
    sampling = settle(talking(), options).sampling([4, 5])
    assert (sampling.samples, sampling.temperature, sampling.nucleus) == (2, 0.7, 0.5)
    assert (sampling.seeds, sampling.strategy) == ((4, 5), "caption")
    assert (sampling.repetition_penalty, sampling.max_tokens) == (2.0, 100)


def test_seeds_repeat_and_differ() -> None:
    assert seed(0, "abc", "whole") == seed(0, "abc", "whole")
    seeds = [
        seed(of_run, content, crop)
        for of_run in (0, 1)
        for content in (f"{i:x}" for i in range(200))
        for crop in ("whole", "top left")
    ]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= one < 2**31 for one in seeds)
