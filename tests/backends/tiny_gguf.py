"""A tiny random language model in one GGUF file, with a byte-level tokenizer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from tiny_tokenizers import bytes_tokenizer

WIDTH, INNER, HEADS, LAYERS = 32, 64, 4, 2


def save(path: Path, architecture: str = "qwen2", **keys: Any) -> None:
    """``keys``: more of the file's facts, texts or whole numbers, "." written as "__"."""
    words = bytes_tokenizer()
    facts = json.loads(words.backend_tokenizer.to_str())["model"]
    tokens = sorted(facts["vocab"], key=facts["vocab"].get)
    merges = [" ".join(one) if isinstance(one, list) else one for one in facts["merges"]]
    made = gguf.GGUFWriter(path, architecture)
    made.add_name("Tiny")
    made.add_block_count(LAYERS)
    made.add_context_length(256)
    made.add_embedding_length(WIDTH)
    made.add_feed_forward_length(INNER)
    made.add_head_count(HEADS)
    made.add_head_count_kv(HEADS)
    made.add_rope_freq_base(10000.0)
    made.add_layer_norm_rms_eps(1e-6)
    made.add_tokenizer_model("gpt2")
    made.add_token_list(tokens)
    made.add_token_merges(merges)
    made.add_token_types([1] * len(tokens))
    for name, token in (
        ("bos", "<s>"),
        ("eos", "</s>"),
        ("padding", "<pad>"),
        ("unknown", "<unk>"),
    ):
        made.add_uint32(f"tokenizer.ggml.{name}_token_id", facts["vocab"][token])
    for key, value in keys.items():
        add = made.add_string if isinstance(value, str) else made.add_uint32
        add(key.replace("__", "."), value)
    numbers = np.random.default_rng(0)

    def weight(name: str, *shape: int) -> None:
        value = numbers.normal(0, 0.25, shape) if len(shape) > 1 else np.ones(shape)
        made.add_tensor(name, value.astype(np.float32))

    weight("token_embd.weight", len(tokens), WIDTH)
    weight("output_norm.weight", WIDTH)
    for i in range(LAYERS):
        for part in ("q", "k", "v"):
            weight(f"blk.{i}.attn_{part}.weight", WIDTH, WIDTH)
            weight(f"blk.{i}.attn_{part}.bias", WIDTH)
        weight(f"blk.{i}.attn_output.weight", WIDTH, WIDTH)
        for part in ("gate", "up"):
            weight(f"blk.{i}.ffn_{part}.weight", INNER, WIDTH)
        weight(f"blk.{i}.ffn_down.weight", WIDTH, INNER)
        weight(f"blk.{i}.attn_norm.weight", WIDTH)
        weight(f"blk.{i}.ffn_norm.weight", WIDTH)
    made.write_header_to_file()
    made.write_kv_data_to_file()
    made.write_tensors_to_file()
    made.close()
