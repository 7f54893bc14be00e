"""The largest gap and the union of maps in numpy, for a person, and in torch, for training, are the
same."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from annotator.backends import ttd_losses
from annotator.core import tag_scores
from annotator.pipeline import text_maps


@given(arrays(np.float32, st.integers(1, 12), elements=st.floats(-1, 1, width=16)))
def test_both_keep_the_same_tags(scores) -> None:
    padded = torch.from_numpy(np.append(scores, np.float32(2.0)))[None]
    valid = torch.arange(len(scores) + 1)[None] < len(scores)
    found = ttd_losses.largest_gap(padded, valid)[0, :-1]
    assert found.tolist() == tag_scores.select(scores).tolist()


@given(arrays(np.float32, (3, 4, 5), elements=st.floats(-1, 1, width=16)))
def test_both_make_the_same_union(maps) -> None:
    selected = tag_scores.select(maps.max(axis=(1, 2)))
    wanted = ttd_losses.union(torch.from_numpy(maps)[None], torch.from_numpy(selected)[None])[0]
    np.testing.assert_allclose(text_maps.union(maps, selected), wanted.numpy(), atol=1e-6)
