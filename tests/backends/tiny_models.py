"""Tiny random checkpoints, whole: config, weights, tokenizer and processor, in the layout of the
real ones. Made offline in a fraction of a second each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from tiny_tokenizers import bytes_tokenizer, pieces_tokenizer

transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()

HIDDEN = 32

CHAT = (
    "{% for message in messages %}{{ message['role'] }}: {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}IMAGE{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{{ '\\n' }}{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
)
TEXT_CHAT = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] + '\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
)


def ids(tokenizer: Any) -> dict[str, int]:
    return {
        "vocab_size": len(tokenizer),
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def randomised(model: Any, seed: int = 0) -> Any:
    """Weights large enough that images and words matter, and answers are not all alike."""
    numbers = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1 or "embedding" in name:
                parameter.normal_(0.0, 0.25, generator=numbers)
    return model.eval()


def text_config(tokenizer: Any, **more: Any) -> dict[str, Any]:
    return {
        "hidden_size": HIDDEN,
        "intermediate_size": 2 * HIDDEN,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        **ids(tokenizer),
        **more,
    }


_VISION = {
    "hidden_size": HIDDEN,
    "intermediate_size": 2 * HIDDEN,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 28,
    "patch_size": 14,
}
_QFORMER = {
    "hidden_size": HIDDEN,
    "intermediate_size": 2 * HIDDEN,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "encoder_hidden_size": HIDDEN,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}
_SQUARE = {"height": 28, "width": 28}


def llama(folder: Path) -> None:
    tokenizer = pieces_tokenizer(chat_template=TEXT_CHAT)
    config = transformers.LlamaConfig(**text_config(tokenizer))
    _save(folder, transformers.LlamaForCausalLM(config), tokenizer)


def t5_config(tokenizer: Any) -> dict[str, Any]:
    return {
        "model_type": "t5",
        "d_model": HIDDEN,
        "d_kv": 8,
        "d_ff": 2 * HIDDEN,
        "num_layers": 2,
        "num_decoder_layers": 2,
        "num_heads": 4,
        "decoder_start_token_id": tokenizer.pad_token_id,
        **ids(tokenizer),
    }


def opt_config(tokenizer: Any) -> dict[str, Any]:
    return {
        "model_type": "opt",
        "hidden_size": HIDDEN,
        "word_embed_proj_dim": HIDDEN,
        "ffn_dim": 2 * HIDDEN,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 256,
        **ids(tokenizer),
    }


def instructblip(folder: Path, speaker: str = "llama") -> None:
    tokenizer = pieces_tokenizer()
    llama_text = text_config(tokenizer, model_type="llama")
    text = t5_config(tokenizer) if speaker == "t5" else llama_text
    config = transformers.InstructBlipConfig(
        vision_config=_VISION,
        qformer_config=_QFORMER | {"vocab_size": len(tokenizer)},
        text_config=text,
        num_query_tokens=4,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    processor = transformers.InstructBlipProcessor(
        transformers.BlipImageProcessor(size=_SQUARE),
        tokenizer,
        pieces_tokenizer(),
        num_query_tokens=4,
    )
    _save(folder, transformers.InstructBlipForConditionalGeneration(config), processor)


def instructblip_t5(folder: Path) -> None:
    instructblip(folder, "t5")


def blip2(folder: Path, speaker: str = "opt") -> None:
    tokenizer = bytes_tokenizer()
    config = transformers.Blip2Config(
        vision_config=_VISION,
        qformer_config=_QFORMER,
        text_config=t5_config(tokenizer) if speaker == "t5" else opt_config(tokenizer),
        num_query_tokens=4,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    processor = transformers.Blip2Processor(
        transformers.BlipImageProcessor(size=_SQUARE), tokenizer, num_query_tokens=4
    )
    _save(folder, transformers.Blip2ForConditionalGeneration(config), processor)


def blip2_t5(folder: Path) -> None:
    blip2(folder, "t5")


def qwen_vl(folder: Path) -> None:
    tokenizer = bytes_tokenizer()
    text = text_config(tokenizer, rope_parameters=_mrope(1, 1, 2))
    vision = {
        "depth": 2,
        "hidden_size": HIDDEN,
        "intermediate_size": 2 * HIDDEN,
        "num_heads": 4,
        "out_hidden_size": HIDDEN,
        "window_size": 56,
        "fullatt_block_indexes": [1],
    }
    model = transformers.Qwen2_5_VLForConditionalGeneration(_qwen_config(tokenizer, text, vision))
    _save(folder, model, _qwen_processor(tokenizer, 28 * 28 * 9))


def wide_qwen_vl(folder: Path, layers: int) -> None:
    """As wide as Qwen2.5-VL-3B, with random bfloat16 weights: for benchmarks, not for tests."""
    tokenizer = bytes_tokenizer()
    text = text_config(
        tokenizer,
        hidden_size=2048,
        intermediate_size=11008,
        num_hidden_layers=layers,
        num_attention_heads=16,
        num_key_value_heads=2,
        max_position_embeddings=8192,
        rope_parameters=_mrope(16, 24, 24),
        vocab_size=151936,
    )
    vision = {
        "depth": min(32, layers),
        "hidden_size": 1280,
        "intermediate_size": 3420,
        "num_heads": 16,
        "out_hidden_size": 2048,
        "fullatt_block_indexes": [7, 15, 23, 31],
    }
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = transformers.AutoModelForImageTextToText.from_config(
            _qwen_config(tokenizer, text, vision), dtype=torch.bfloat16
        )
    model.save_pretrained(folder)
    _qwen_processor(tokenizer, 448 * 448).save_pretrained(folder)


def _mrope(*section: int) -> dict[str, Any]:
    return {"rope_type": "default", "rope_theta": 1e6, "mrope_section": list(section)}


def _qwen_config(tokenizer: Any, text: dict[str, Any], vision: dict[str, Any]) -> Any:
    at = tokenizer.convert_tokens_to_ids
    return transformers.Qwen2_5_VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=at("<|image_pad|>"),
        video_token_id=at("<|video_pad|>"),
        vision_start_token_id=at("<|vision_start|>"),
        vision_end_token_id=at("<|vision_end|>"),
    )


def _qwen_processor(tokenizer: Any, most: int) -> Any:
    size = {"shortest_edge": 28 * 28, "longest_edge": most}
    return transformers.Qwen2_5_VLProcessor(
        transformers.Qwen2VLImageProcessor(size=size),
        tokenizer,
        transformers.Qwen2VLVideoProcessor(size=size),
        chat_template=CHAT.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>"),
    )


def smolvlm(folder: Path) -> None:
    tokenizer = bytes_tokenizer()
    config = transformers.SmolVLMConfig(
        text_config=text_config(tokenizer, model_type="llama"),
        vision_config=_VISION,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        pad_token_id=tokenizer.pad_token_id,
    )
    look = {"size": {"longest_edge": 56}, "max_image_size": {"longest_edge": 28}}
    processor = transformers.SmolVLMProcessor(
        transformers.SmolVLMImageProcessor(**look),
        tokenizer,
        transformers.SmolVLMVideoProcessor(**look),
        image_seq_len=1,
        chat_template=CHAT.replace("IMAGE", "<image>"),
    )
    _save(folder, transformers.SmolVLMForConditionalGeneration(config), processor)


def idefics3(folder: Path) -> None:
    tokenizer = bytes_tokenizer()
    config = transformers.Idefics3Config(
        text_config=text_config(tokenizer, model_type="llama"),
        vision_config=_VISION,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        pad_token_id=tokenizer.pad_token_id,
    )
    processor = transformers.Idefics3Processor(
        transformers.Idefics3ImageProcessor(
            size={"longest_edge": 56}, max_image_size={"longest_edge": 28}
        ),
        tokenizer,
        image_seq_len=1,
        chat_template=CHAT.replace("IMAGE", "<image>"),
    )
    _save(folder, transformers.Idefics3ForConditionalGeneration(config), processor)


def llava(folder: Path) -> None:
    """Without a chat template: it is asked with a plain prompt."""
    tokenizer = pieces_tokenizer()
    config = transformers.LlavaConfig(
        text_config=text_config(tokenizer, model_type="llama"),
        vision_config=_VISION | {"model_type": "clip_vision_model", "projection_dim": HIDDEN},
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=4,
    )
    processor = transformers.LlavaProcessor(
        transformers.CLIPImageProcessor(size={"shortest_edge": 28}, crop_size=_SQUARE),
        tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    )
    _save(folder, transformers.LlavaForConditionalGeneration(config), processor)


def internvl(folder: Path) -> None:
    tokenizer = bytes_tokenizer(
        extra_special_tokens={
            "start_image_token": "<img>",
            "end_image_token": "</img>",
            "context_image_token": "<IMG_CONTEXT>",
            "video_token": "<video>",
        }
    )
    config = transformers.InternVLConfig(
        text_config=text_config(tokenizer, model_type="qwen2"),
        vision_config=_VISION | {"image_size": [28, 28], "patch_size": [14, 14]},
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=1,
        downsample_ratio=0.5,
    )
    processor = transformers.InternVLProcessor(
        transformers.GotOcr2ImageProcessor(size=_SQUARE),
        tokenizer,
        transformers.InternVLVideoProcessor(size=_SQUARE),
        image_seq_length=1,
        chat_template=CHAT.replace("IMAGE", "<IMG_CONTEXT>"),
    )
    _save(folder, transformers.InternVLForConditionalGeneration(config), processor)


TAGGERS: dict[str, Callable[[Path], None]] = {
    "instructblip": instructblip,
    "instructblip-t5": instructblip_t5,
    "blip2": blip2,
    "blip2-t5": blip2_t5,
    "qwen-vl": qwen_vl,
    "smolvlm": smolvlm,
    "idefics3": idefics3,
    "llava": llava,
    "internvl": internvl,
}


MODELS = TAGGERS | {"llama": llama}


def _save(folder: Path, model: Any, *parts: Any) -> None:
    randomised(model).save_pretrained(folder)
    for one in parts:
        one.save_pretrained(folder)


MANIFEST = """
name = "{name}"
[roles.{role}]
kind = "{kind}"
model = "{name}"
folder = "{folder}"
licence = "none"
size_bytes = 1
memory_mb = 1
[roles.{role}.options]
{options}
"""
PROMPTS = """
[[roles.tagger.prompts]]
name = "list"
text = "list of the"
correction = "the and {labels} list"
"""


def manifest(folder: Path, role: str = "tagger", options: str = 'dtype = "float32"') -> Path:
    """A manifest beside a model's folder, as a person would write it."""
    kind = "transformers-" + role.replace("_", "-")
    text = MANIFEST.format(
        name=folder.name, role=role, kind=kind, folder=folder.name, options=options
    )
    path = folder.with_suffix(".toml")
    path.write_text(text + (PROMPTS if role == "tagger" else ""), encoding="utf-8")
    return path
