"""Drawing from a distribution, and which letters a token wrote."""

from __future__ import annotations

import numpy as np
import pytest
import tiny_tokenizers
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.backends import generation
from annotator.backends.protocols import Sampling

BYTES = tiny_tokenizers.bytes_tokenizer()
PIECES = tiny_tokenizers.pieces_tokenizer()
TOKENIZERS = pytest.mark.parametrize("tokenizer", [BYTES, PIECES], ids=["bytes", "pieces"])


def distribution(logits: np.ndarray, sampling: Sampling, said: list[int]) -> np.ndarray:
    """The sampling distribution in plain numpy, float64[vocabulary]."""
    scores = logits.astype(np.float64).copy()
    for token in set(said):
        scores[token] *= (
            sampling.repetition_penalty if scores[token] < 0 else 1 / sampling.repetition_penalty
        )
    scores = scores / sampling.temperature
    chances = np.exp(scores - scores.max())
    chances /= chances.sum()
    kept, total = set(), 0.0
    for token in sorted(range(len(chances)), key=lambda i: (-chances[i], i)):
        if total >= sampling.nucleus:
            break
        kept.add(token)
        total += chances[token]
    return np.array([chances[i] / total if i in kept else 0.0 for i in range(len(chances))])


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    temperature=st.sampled_from([0.1, 0.3, 1.0, 3.0]),
    share=st.sampled_from([0.1, 0.5, 0.9, 0.999, 1.0]),
    penalty=st.sampled_from([1.0, 2.0, 0.5]),
)
def test_three_steps_are_drawn_from_the_distribution_and_say_its_probabilities(
    seed: int, temperature: float, share: float, penalty: float
) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (3, 4, 50)).astype(np.float32)
    sampling = Sampling(temperature=temperature, nucleus=share, repetition_penalty=penalty)
    numbers = rng.random((4, 3), dtype=np.float32)
    draw = generation.Draw(sampling, numbers)
    for step in logits:
        out = draw(None, torch.from_numpy(step))
        assert (out.exp().sum(1) == 1).all()
        assert torch.isfinite(out).sum() == 4
    tokens, chances = draw.drawn()
    for row in range(4):
        for step in range(3):
            wanted = distribution(logits[step, row], sampling, tokens[row][:step])
            token = tokens[row][step]
            assert chances[row][step] == pytest.approx(wanted[token], abs=1e-9)
            below = wanted[:token].sum()
            assert below - 1e-9 <= numbers[row, step] <= below + wanted[token] + 1e-9


def test_an_even_spread_of_numbers_draws_in_proportion() -> None:
    logits = torch.log(torch.tensor([0.5, 0.25, 0.125, 0.125]))
    numbers = (np.arange(1024, dtype=np.float32) / 1024)[:, None]
    sampling = Sampling(temperature=1.0, nucleus=1.0, repetition_penalty=1.0)
    draw = generation.Draw(sampling, numbers)
    draw(None, logits.expand(1024, -1))
    drawn = np.bincount(np.array(draw.drawn()[0])[:, 0], minlength=4)
    assert np.abs(drawn - [512, 256, 128, 128]).max() <= 1


def test_the_nucleus_is_the_smallest_set_that_reaches_the_share() -> None:
    scores = torch.log(torch.tensor([[0.1, 0.4, 0.3, 0.2]], dtype=torch.float64))
    kept = {share: (generation.nucleus(scores, share)[0] > 0).tolist() for share in (0.3, 0.5, 0.8)}
    assert kept[0.3] == [False, True, False, False]
    assert kept[0.5] == [False, True, True, False]
    assert kept[0.8] == [False, True, True, True]


def test_numbers_depend_on_their_key_alone() -> None:
    alone = generation.numbers([(7, 1)], 5)
    among = generation.numbers([(7, 0), (7, 1), (8, 1)], 9)
    assert (among[1, :5] == alone[0]).all()
    assert len({tuple(row) for row in among}) == 3
    assert ((among >= 0) & (among < 1)).all()
    many = generation.numbers([(-5, 0)], 20_000)
    assert abs(many.mean() - 0.5) < 0.01
    assert (generation.numbers([(2**80, 0)], 3) != generation.numbers([(0, 0)], 3)).any()


@TOKENIZERS
@pytest.mark.parametrize(
    "text",
    [
        "wooden bench, sky",
        " wooden bench",
        "['café', \"自転車\"]",
        "🦆 duck\n\n  🦆🦆",
        "",
        "xyzzy\tplugh",
    ],
)
def test_a_token_wrote_what_the_tokenizer_says_it_covers(tokenizer: object, text: str) -> None:
    read = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)  # type: ignore[operator]
    whole, spans = generation.written(tokenizer, read["input_ids"])
    assert whole == text
    pieces = tokenizer.convert_ids_to_tokens(read["input_ids"])  # type: ignore[attr-defined]
    for (start, end), (first, last), piece in zip(
        spans, read["offset_mapping"], pieces, strict=True
    ):
        if tokenizer is BYTES:
            assert (start, end) == (first, last)
        elif piece != "▁":
            # SentencePiece writes a space before the text, which the decoder takes off again.
            assert text[start:end].strip() == text[first:last].strip()


@TOKENIZERS
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_any_tokens_write_their_text_from_left_to_right(
    tokenizer: object, data: st.DataObject
) -> None:
    ids = data.draw(st.lists(st.integers(0, len(tokenizer) + 20), max_size=30))  # type: ignore[arg-type]
    whole, spans = generation.written(tokenizer, ids)
    assert len(spans) == len(ids)
    covered = set()
    for (start, end), (after, _) in zip(spans, [*spans, (len(whole), 0)][1:], strict=True):
        assert 0 <= start <= end <= len(whole)
        assert start <= after
        covered |= set(range(start, end))
    letters = {i for i, letter in enumerate(whole) if letter.isalnum()}
    assert letters <= covered


def test_the_bytes_of_one_letter_all_wrote_it() -> None:
    ids = BYTES("é🦆a", add_special_tokens=False)["input_ids"]
    whole, spans = generation.written(BYTES, ids)
    assert whole == "é🦆a"
    assert spans == [(0, 1)] * (len(ids) - 5) + [(1, 2)] * 4 + [(2, 3)]


def test_special_tokens_write_nothing_and_the_end_token_is_left_out() -> None:
    sky, image = BYTES.convert_tokens_to_ids(["Ġsky", "<image>"])
    end = BYTES.eos_token_id
    said = generation.reply(BYTES, [sky, image, sky, end, sky], [0.5, 0.4, 0.3, 0.2, 0.1], {end})
    assert said.text == " sky sky"
    assert [(one.start, one.end) for one in said.tokens] == [(0, 4), (4, 4), (4, 8)]
    assert [one.probability for one in said.tokens] == [0.5, 0.4, 0.3]
    assert not said.cut
    assert generation.reply(BYTES, [sky], [0.5], {end}).cut
