"""A small CLIP for ttd_toy.py, trained from scratch as CLIP is: image against text in a batch.

transformers' CLIPModel of two layers with 64 patches of 8 pixels, trained with SigLIP's loss over
batches of 32, so small that one word of a caption is mostly enough to tell its scene from the
others. Saved as a folder that the product reads: everything after training goes through
``annotator``.

The image's vector is equation 1 to the letter, the mean of the dense features (MaskCLIP's), as in
TCL, and patches do not look at each other (the first layer's attention is held at zero), so that
they show what is there. This was arrived at: a CLIP of a few thousand steps has no dense features
by itself as one of billions of pairs has. What came before it:

- CLIP's own vector, with residual and MLP of the last layer: its patches say nothing MaskCLIP's
  way (mIoU 1.9 %, chance is 1.8);
- the mean over patches that look at each other: the background, being most of the mean, takes over
  the objects' vectors and the maps come out inverted;
- the class token's attention over the values (as CLIP's ResNets pool), with or without attention
  among patches: mIoU 7 to 26 % by design and seed, for what is never attended to may say anything;
- CLIP's softmax instead of SigLIP's sigmoids: what all texts resemble alike costs nothing there,
  and the background resembles all of them. With the sigmoids that is less so, but it remains the
  main fault of these maps, and what fine-tuning mends.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
import ttd_toy_scenes
from tokenizers import Tokenizer, models, pre_tokenizers
from tokenizers.processors import TemplateProcessing
from torch.nn.functional import logsigmoid, normalize
from ttd_toy_scenes import Scene

from annotator.backends.clip_dense import clip_tokens, clip_values
from annotator.backends.device import device

PAD, BEGIN, END, UNKNOWN = "<pad>", "<begin>", "<end>", "<unknown>"
CONTEXT = 32


@dataclass(frozen=True)
class Recipe:
    """How the CLIP is made and trained."""

    scenes: int = 12000
    epochs: int = 5
    batch: int = 32
    rate: float = 1e-3
    width: int = 128
    layers: int = 2
    text_width: int = 96
    text_layers: int = 2
    joint: int = 64


def tokenizer() -> Any:
    """Words are tokens; a text begins and ends with a mark."""
    names = [PAD, BEGIN, UNKNOWN, END, *ttd_toy_scenes.VOCABULARY]
    made = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, UNKNOWN))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = TemplateProcessing(
        single=f"{BEGIN} $A {END}", special_tokens=[(BEGIN, 1), (END, 3)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token=PAD, bos_token=BEGIN, eos_token=END, unk_token=UNKNOWN
    )


def model(recipe: Recipe, seed: int) -> Any:
    torch.manual_seed(seed)
    shape = {"num_attention_heads": 4, "projection_dim": recipe.joint}
    config = transformers.CLIPConfig(
        vision_config={
            "hidden_size": recipe.width,
            "intermediate_size": 3 * recipe.width,
            "num_hidden_layers": recipe.layers,
            "image_size": ttd_toy_scenes.SIZE,
            "patch_size": 8,
            **shape,
        },
        text_config={
            "hidden_size": recipe.text_width,
            "intermediate_size": 3 * recipe.text_width,
            "num_hidden_layers": recipe.text_layers,
            "vocab_size": 4 + len(ttd_toy_scenes.VOCABULARY),
            "max_position_embeddings": CONTEXT,
            "pad_token_id": 0,
            "bos_token_id": 1,
            # Not 2: there transformers takes the highest id for the end, as old checkpoints need.
            "eos_token_id": 3,
            **shape,
        },
        projection_dim=recipe.joint,
    )
    clip = transformers.CLIPModel(config)
    with torch.no_grad():  # patches keep to themselves, see above
        for layer in clip.vision_model.encoder.layers[:-1]:
            layer.self_attn.out_proj.weight.zero_().requires_grad_(False)
            layer.self_attn.out_proj.bias.requires_grad_(False)
    return clip


def pixels(scenes: Sequence[Scene]) -> torch.Tensor:
    """float32[n, 3, 64, 64], the colours as the saved folder says."""
    stacked = torch.from_numpy(np.stack([one.image for one in scenes]))
    return (stacked.permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.25


def contrast(
    clip: Any, images: torch.Tensor, tokens: torch.Tensor, bias: torch.Tensor
) -> torch.Tensor:
    """SigLIP's loss of a batch (Zhai et al. 2023): every image with every text, true or not."""
    seen = normalize(pooled(clip, images), dim=-1)
    read = clip.get_text_features(input_ids=tokens)
    told = normalize(getattr(read, "pooler_output", read).float(), dim=-1)
    logits = clip.logit_scale.exp() * seen @ told.T + bias
    signs = 2 * torch.eye(len(logits), device=logits.device) - 1
    return -logsigmoid(signs * logits).sum() / len(logits)


def pooled(clip: Any, images: torch.Tensor) -> torch.Tensor:
    """float[b, c]: the mean of the patches' unit vectors (equation 1)."""
    vision = clip.vision_model
    values = clip_values(vision, clip_tokens(vision, images))[:, 1:]
    cells = clip.visual_projection(vision.post_layernorm(values)).float()
    return normalize(cells, dim=-1).mean(dim=1)


def train(folder: Path, scenes: Sequence[Scene], recipe: Recipe, seed: int) -> float:
    """Trains on scenes and captions and saves the model; the seconds it took."""
    started, where = time.monotonic(), device()
    words, clip = tokenizer(), model(recipe, seed).to(where)
    tokens = words([one.caption for one in scenes], padding=True, return_tensors="pt")["input_ids"]
    steps = recipe.epochs * (len(scenes) // recipe.batch)
    bias = torch.nn.Parameter(torch.tensor(-8.0, device=where))
    optimiser = torch.optim.AdamW([*clip.parameters(), bias], lr=recipe.rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.rate, steps, pct_start=0.1)
    chance = np.random.default_rng(seed)
    clip.train()
    for _ in range(recipe.epochs):
        order = chance.permutation(len(scenes))
        for at in range(0, len(order) - recipe.batch + 1, recipe.batch):
            chosen = order[at : at + recipe.batch]
            images = pixels([scenes[i] for i in chosen]).to(where)
            with torch.autocast(where, dtype=torch.bfloat16):
                loss = contrast(clip, images, tokens[chosen].to(where), bias)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(clip.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            with torch.no_grad():
                clip.logit_scale.clamp_(max=np.log(100.0))
    clip.eval().cpu().save_pretrained(folder)
    words.save_pretrained(folder)
    transformers.CLIPImageProcessor(
        size={"height": 64, "width": 64}, image_mean=[0.5] * 3, image_std=[0.25] * 3
    ).save_pretrained(folder)
    return time.monotonic() - started
