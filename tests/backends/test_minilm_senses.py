"""What is beside an ambiguous word tells MiniLM what is meant."""

from __future__ import annotations

import pytest

from annotator.backends.registry import Pack
from annotator.core import senses


@pytest.mark.parametrize(
    ("word", "beside", "meant"),
    [
        ("crane", ["lake", "bird", "reed"], "n02012849"),
        ("crane", ["building site", "scaffold"], "n03126707"),
        ("mouse", ["keyboard", "monitor", "desk"], "n03793489"),
        ("mouse", ["cheese", "cat", "grass"], "n02330245"),
        ("pitcher", ["glass", "table", "water"], "n03950228"),
        ("boxer", ["ring", "glove", "rope"], "n09870208"),
        ("boxer", ["dog", "leash", "grass"], "n02108089"),
        ("table", ["chair", "plate", "room"], "n04379243"),
    ],
)
def test_minilm_tells_senses_apart(starter: Pack, word: str, beside: list[str], meant: str) -> None:
    gaps = senses.meanings(word)
    embedder = starter.embedder()
    vectors = embedder.embed([senses.text_of(one) for one in gaps])
    context = embedder.embed(beside).sum(axis=0)
    scores = senses.evidence(vectors, context[None])
    (chosen,) = senses.choose(scores, list(gaps.values())).tolist()
    assert list(gaps)[chosen] == meant
    assert senses.rerank(list(gaps), vectors, context, list(gaps.values()))[0] == meant
