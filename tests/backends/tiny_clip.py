"""Tiny random CLIP-like models with a byte-level tokenizer, saved as the real ones are, and LoRA
adapters for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from tiny_models import randomised
from tiny_tokenizers import bytes_tokenizer, pieces_tokenizer
from tokenizers.processors import TemplateProcessing

from annotator.backends.manifest import RoleSpec
from annotator.backends.weights import WeightFile, WeightFolder

HIDDEN, LAYERS, HEADS = 32, 3, 4
PATCH, IMAGE = 8, 32
PROJECTION, CONTEXT = 20, 24


def tokenizer(make: Callable[[], Any] = bytes_tokenizer) -> Any:
    """Texts begin and end with a mark, the end's being the last token there is, as CLIP's do;
    bytes for what it does not know."""
    made = make()
    made.add_special_tokens({"eos_token": "<|end|>"})
    marks = [("<s>", made.bos_token_id), ("<|end|>", made.eos_token_id)]
    made.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A <|end|>", special_tokens=marks
    )
    return made


def shape(**more: Any) -> dict[str, Any]:
    return {
        "hidden_size": HIDDEN,
        "intermediate_size": 2 * HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        **more,
    }


def text_shape(words: Any, **more: Any) -> dict[str, Any]:
    return shape(
        vocab_size=len(words) + 7,
        max_position_embeddings=CONTEXT,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
        **more,
    )


def clip_model(words: Any, **vision: Any) -> Any:
    config = transformers.CLIPConfig(
        text_config=text_shape(words),
        vision_config=shape(**{"image_size": IMAGE, "patch_size": PATCH, **vision}),
        projection_dim=PROJECTION,
    )
    return randomised(transformers.CLIPModel(config))


def clip(folder: Path) -> None:
    words = tokenizer()
    save(folder, clip_model(words), words)


def siglip(folder: Path) -> None:
    words = tokenizer()
    config = transformers.SiglipConfig(
        text_config=text_shape(words),
        vision_config=shape(image_size=IMAGE, patch_size=PATCH),
    )
    save(folder, randomised(transformers.SiglipModel(config)), words)


def siglip2(folder: Path) -> None:
    words = tokenizer(pieces_tokenizer)  # transformers reads it as Gemma's, of pieces
    config = transformers.Siglip2Config(
        text_config=text_shape(words),
        vision_config=shape(num_patches=(IMAGE // PATCH) ** 2, patch_size=PATCH),
    )
    save(folder, randomised(transformers.Siglip2Model(config)), words)


MODELS: Mapping[str, Callable[[Path], None]] = {"clip": clip, "siglip": siglip, "siglip2": siglip2}


def save(folder: Path, model: Any, words: Any) -> None:
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.dim() == 1 and "logit" not in name:
                # Norms and biases that are all 1 or 0 would not be missed.
                value.add_(torch.randn(value.shape, generator=_numbers(name)) * 0.1)
    model.save_pretrained(folder)
    words.save_pretrained(folder)


def _numbers(name: str) -> torch.Generator:
    return torch.Generator().manual_seed(sum(name.encode()))


def lora(folder: Path, model: Any, seed: int = 1, **settings: Any) -> None:
    """An adapter as peft saves it, with random weights of its own; ``model`` is changed."""
    import peft

    chosen = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"], **settings}
    tuned = peft.get_peft_model(model, peft.LoraConfig(**chosen))
    numbers = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in tuned.named_parameters():
            if "lora_" in name:
                value.normal_(0.0, 0.2, generator=numbers)
    tuned.save_pretrained(folder)


def spec(
    folder: Path,
    adapter: Path | None = None,
    *,
    file: Path | None = None,
    kind: str = "clip-grounder",
    **options: Any,
) -> RoleSpec:
    """What a manifest beside the folder would say; float32, so that tests can be exact."""
    return RoleSpec(
        role="grounder",
        kind=kind,
        model=folder.name,
        licence="none",
        size_bytes=1,
        memory_mb=1,
        file=WeightFile(file.name, "", None, file.parent) if file else None,
        folder=WeightFolder(folder.name, folder.parent),
        adapter=WeightFolder(adapter.name, adapter.parent, needs="adapter_config.json")
        if adapter
        else None,
        options={"dtype": "float32", **options},
    )
