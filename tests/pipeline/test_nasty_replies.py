"""Every nasty reply, said by a model to the whole pipeline: nothing breaks, nothing is decided."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotator.backends.answers import Generated, Token, read
from annotator.backends.manifest import Prompt
from annotator.backends.protocols import Pixels, Sampling
from annotator.core.errors import AnnotatorError
from annotator.core.records import Answer
from annotator.pipeline.options import ProposeOptions
from annotator.pipeline.propose import propose
from annotator.pipeline.scan import scan
from annotator.project import queries, store
from annotator.project.check import check
from annotator.project.project import Project

sys.path.insert(0, str(Path(__file__).parents[1] / "replies"))

from nasty_attacks import ATTACKS
from nasty_lists import LISTS, Case
from nasty_texts import TEXTS

CASES = (*LISTS, *TEXTS, *ATTACKS)
SAMPLES = 20
IMAGES = -(-len(CASES) // SAMPLES)
DECISIONS = ("synset_decisions", "tag_decisions", "region_decisions", "suggestion_decisions")


def case_of(image: int, sample: int) -> Case:
    return CASES[(image * SAMPLES + sample) % len(CASES)]


class NastyTagger:
    """Answers an image of grey level n with the n-th twenty of the nasty replies."""

    id = "nasty@1"
    batch = 3

    def propose(
        self, images: Sequence[Pixels], prompt: str, sampling: Sampling
    ) -> list[list[Answer]]:
        return [
            [
                read(self._generated(int(image[0, 0, 0]), sample), sampling.strategy)
                for sample in range(sampling.samples)
            ]
            for image in images
        ]

    def _generated(self, image: int, sample: int) -> Generated:
        case = case_of(image, sample)
        halves = len(case.reply[:2000]) // 2
        tokens = (Token(0, halves, 0.75), Token(halves, len(case.reply), 0.5))
        return Generated(case.reply, tokens if sample % 2 else (), case.cut)


class NastyPack:
    name = "nasty"
    talks = True
    prompts = (
        Prompt("labels", "List what is there.", "list", ""),
        Prompt("caption", "Describe it.", "caption", ""),
    )

    def has(self, role: str) -> bool:
        return role == "tagger"

    def model_id(self, role: str) -> str:
        return "nasty@1"

    def tagger(self) -> NastyTagger:
        return NastyTagger()

    def embedder(self) -> Any:
        raise AnnotatorError("The pack nasty has no embedder.")


@pytest.fixture
def greys(project: Project, save: Callable[..., Path], finish: Callable[..., Any]) -> Project:
    """A scanned project with an image of each grey level."""
    for level in range(IMAGES):
        save(f"{level:03}.png", np.full((16, 16, 3), level))
    finish(scan(project))
    return project


@pytest.mark.parametrize("prompt", ["labels", "caption"])
def test_nothing_breaks_and_nothing_is_accepted(
    greys: Project, finish: Callable[..., Any], prompt: str
) -> None:
    options = ProposeOptions(prompt=prompt, samples=SAMPLES, filter="none")
    result = finish(propose(greys, NastyPack(), options))
    assert (result["done"], result["failed"], result["replies"]) == (IMAGES, [], IMAGES * SAMPLES)

    with greys.read() as db:
        every = list(queries.replies(db))
        failed = list(queries.replies(db, failed=True))
        said = list(queries.proposals(db))
        tags = list(queries.all_tags(db))
        words = queries.vocabulary(db)
        decided = sum(db.execute(f"SELECT count(*) FROM {one}").fetchone()[0] for one in DECISIONS)
        steps = queries.history(db, 10)
    assert decided == 0
    assert steps == []
    assert {tag.verdict for tag in tags} == {"unknown"}
    assert {word.verdict for word in words} == {"unknown"}
    assert check(greys) == []

    # Each reply is kept, as labels or as a failure with its name, never as both or neither.
    looks = {(one.image, one.sample): one for one in every}
    assert len(looks) == IMAGES * SAMPLES
    labelled = {(one.image_id, one.sample) for one in said}
    for (image, sample), reply in looks.items():
        case = case_of(int(image.removesuffix(".png")), sample)
        assert reply.text == store.storable(case.reply)
        assert (reply.failure is None) == ((reply.image_id, sample) in labelled), case.name
        if prompt == "labels":
            texts = [
                one.text for one in said if (one.image_id, one.sample) == (reply.image_id, sample)
            ]
            assert (reply.failure or sorted(texts)) == (
                case.expected if reply.failure else sorted(case.expected.split(", "))
            ), case.name
    assert result["unreadable_replies"] == len(failed)
    names = ("the reply ", "the list ", "the caption ")
    assert all(one.failure and one.failure.startswith(names) for one in failed)
    shown = [word.name.casefold() for word in words]
    assert len(set(shown)) == len(shown)
    assert all(name.isprintable() and name.strip() for name in shown)
