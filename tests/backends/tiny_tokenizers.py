"""Two small tokenizers, made offline: bytes as of GPT-2, and pieces as of SentencePiece."""

from __future__ import annotations

import json
from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

#: Words that become tokens.
WORDS = "wooden bench sky tree green grass dog café road building 自転車 window a the and list of"
CORPUS = [f"{WORDS}, [] '\" ?!.:", *(f" {word}," for word in WORDS.split())] * 20
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>", "<image>", "<fake_token_around_image>"]
SPECIAL += ["<global-img>", "<end_of_utterance>", "<|vision_start|>", "<|vision_end|>"]
SPECIAL += ["<|image_pad|>", "<|video_pad|>", "<img>", "</img>", "<IMG_CONTEXT>", "<video>"]
SPECIAL += [f"<row_{row}_col_{column}>" for row in range(1, 4) for column in range(1, 4)]


def bytes_tokenizer(**more: Any) -> PreTrainedTokenizerFast:
    """Byte-level BPE, as of GPT-2, Qwen and SmolLM."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(
            vocab_size=420, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
        ),
    )
    return _wrapped(made, **more)


def pieces_tokenizer(**more: Any) -> PreTrainedTokenizerFast:
    """SentencePiece BPE with bytes for what it does not know, as of Llama 2."""
    made = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    made.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    corpus = [text.replace("自転車", "").replace("é", "e") for text in CORPUS]
    made.train_from_iterator(
        corpus,
        trainers.BpeTrainer(
            vocab_size=200, special_tokens=SPECIAL, max_token_length=9, show_progress=False
        ),
    )
    facts = json.loads(made.to_str())
    vocabulary = facts["model"]["vocab"]
    for value in range(256):
        vocabulary[f"<0x{value:02X}>"] = len(vocabulary)
    made = Tokenizer.from_str(json.dumps(facts))
    made.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(content=" ", left=1),
        ]
    )
    return _wrapped(made, **more)


def _wrapped(made: Tokenizer, **more: Any) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        **more,
    )
