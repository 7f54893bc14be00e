"""Small models of the real architectures with random weights, written as the real ones are: the
self-test loads them as a person's are loaded, and so proves that their libraries work here.

Weights come from numpy, whose numbers are the same everywhere."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from annotator.backends import pretrained, sam_hq
from annotator.backends.registry import Pack, load_pack

_CHECKPOINT, _FOLDER = "random-sam-hq.pth", "random-clip"
_ROLE = """\
[roles.{role}]
kind = "{kind}"
model = "{model}"
{weights}
licence = "random numbers"
size_bytes = 1
memory_mb = 100
[roles.{role}.options]
{options}
"""


def sam(folder: Path) -> Pack:
    """A pack in ``folder`` whose refiner is a HQ-SAM of the smallest size, by segment-anything-hq
    from a checkpoint of PyTorch. Raises what these libraries raise where they do not work."""
    import torch

    module = randomised(sam_hq.build("vit_tiny"))
    torch.save(module.state_dict(), folder / _CHECKPOINT)
    return _pack(
        folder, "refiner", "hq-sam", "random-sam-hq", f'file = "{_CHECKPOINT}"', 'size = "vit_tiny"'
    )


def clip(folder: Path) -> Pack:
    """A pack in ``folder`` whose grounder is a tiny CLIP, by transformers from the folder that it
    saves. Raises what these libraries raise where they do not work."""
    transformers = pretrained.library()
    words = _tokenizer(transformers)
    shape = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    config = transformers.CLIPConfig(
        text_config={
            **shape,
            "vocab_size": len(words),
            "max_position_embeddings": 24,
            "bos_token_id": words.bos_token_id,
            "eos_token_id": words.eos_token_id,
            "pad_token_id": words.pad_token_id,
        },
        vision_config={**shape, "image_size": 64, "patch_size": 16},
        projection_dim=16,
    )
    model = randomised(transformers.CLIPModel(config))
    model.save_pretrained(folder / _FOLDER)
    words.save_pretrained(folder / _FOLDER)
    return _pack(
        folder,
        "grounder",
        "clip-grounder",
        "random-clip",
        f'folder = "{_FOLDER}"',
        'dtype = "float32"',
    )


def randomised(module: Any) -> Any:
    """The torch module with weights of a size that numbers keep on their way through it: matrices
    by the number of inputs, gains around 1, biases around 0."""
    import torch

    numbers = np.random.default_rng(0)
    with torch.no_grad():
        for name, value in sorted(module.named_parameters()):
            drawn = numbers.standard_normal(tuple(value.shape))
            if value.dim() > 1:
                drawn /= math.sqrt(math.prod(value.shape[1:]))
            else:
                drawn = drawn * 0.1 + (1.0 if name.endswith("weight") else 0.0)
            value.copy_(torch.as_tensor(drawn))
        for name, buffer in sorted(module.named_buffers()):
            if name.endswith("gaussian_matrix"):
                buffer.copy_(torch.from_numpy(numbers.standard_normal(tuple(buffer.shape))))
    return module.eval()


def _tokenizer(transformers: Any) -> Any:
    """Bytes as tokens, marks at both ends of a text, the last one the last token there is."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from tokenizers.processors import TemplateProcessing

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {text: number for number, text in enumerate(["<pad>", "<s>", *letters, "<end>"])}
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.post_processor = TemplateProcessing(
        single="<s> $A <end>",
        special_tokens=[("<s>", vocabulary["<s>"]), ("<end>", vocabulary["<end>"])],
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<s>", eos_token="<end>", pad_token="<pad>"
    )


def _pack(folder: Path, role: str, kind: str, model: str, weights: str, options: str) -> Pack:
    path = folder / f"{model}.toml"
    text = _ROLE.format(role=role, kind=kind, model=model, weights=weights, options=options)
    path.write_text(text, encoding="utf-8")
    return load_pack(path)
