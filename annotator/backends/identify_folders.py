"""Which model a folder holds, as transformers, peft or sentence-transformers save one."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from annotator.backends import manifest, pretrained
from annotator.backends.clip_dense import KINDS
from annotator.backends.clip_lora import CONFIG, WEIGHTS
from annotator.backends.identify_checkpoints import NAMES, sam_manifest
from annotator.backends.identify_found import (
    UNKNOWN_LICENCE,
    WHAT_FITS,
    Found,
    Unfit,
    a,
    clean,
    memory,
)
from annotator.backends.identify_gguf import NO_CHAT
from annotator.backends.identify_tensors import Tensors, files, header, listed, of_folder, read_json
from annotator.core.paths import shipped

_LABELS = {
    "clip": "CLIP",
    "siglip": "SigLIP",
    "siglip2": "SigLIP 2",
    "instructblip": "InstructBLIP",
    "blip-2": "BLIP-2",
    "qwen2_vl": "Qwen2-VL",
    "qwen2_5_vl": "Qwen2.5-VL",
    "qwen3_vl": "Qwen3-VL",
    "smolvlm": "SmolVLM",
    "idefics3": "Idefics3",
    "llava": "LLaVA",
    "internvl": "InternVL",
}
#: Model types of vision-language models -> the shipped pack whose prompts and batch they get;
#: all others are asked like SmolVLM.
_FAMILIES = {
    "instructblip": "instructblip",
    "blip-2": "blip2",
    "qwen2_vl": "qwen-vl",
    "qwen2_5_vl": "qwen-vl",
    "qwen3_vl": "qwen-vl",
}
_TRIED = frozenset(_LABELS) - {"qwen3_vl"}
#: Any of these, all files of one.
_TOKENIZERS = (
    ("tokenizer.json",),
    ("vocab.json", "merges.txt"),
    ("tokenizer.model",),
    ("spiece.model",),
    ("sentencepiece.bpe.model",),
    ("vocab.txt",),
    ("tekken.json",),
)
_PROCESSORS = (("preprocessor_config.json",), ("processor_config.json",))
#: Ways to quantise weights -> the library that reads them.
_QUANTISED = {
    "bitsandbytes": "bitsandbytes",
    "gptq": "gptqmodel",
    "awq": "gptqmodel",
    "aqlm": "aqlm",
    "hqq": "hqq",
    "compressed-tensors": "compressed_tensors",
}
_WIDTHS = {768: "vit_b", 1024: "vit_l", 1280: "vit_h"}


def look(folder: Path) -> Found:
    """What the model in a folder with a config.json or an adapter_config.json fits. Raises
    AnnotatorError that says what it is, or what it lacks, when it fits nothing."""
    if (folder / CONFIG).is_file():
        return _lora(folder)
    facts = read_json(folder / "config.json")
    kind = facts.get("model_type")
    named = facts.get("architectures")
    built = str(named[0]) if isinstance(named, list) and named else ""
    if not isinstance(kind, str):
        raise Unfit(
            f"{folder} is no model as transformers saves one, its config.json has no model_type: "
            f"{WHAT_FITS}."
        )
    _check_quantised(folder, facts)
    found = _fitting(folder, kind, built, facts)
    if found is None:
        what = f" ({clean(built, 60)})" if built else ""
        raise Unfit(
            f"{folder} is a model of the type {clean(kind, 60)}{what}, and fits no role: "
            f"{WHAT_FITS}."
        )
    return found


def _fitting(folder: Path, kind: str, built: str, facts: Mapping[str, Any]) -> Found | None:
    if kind in KINDS:
        return _clip(folder, kind)
    if kind == "sam_hq":
        return _sam(folder)
    if kind == "bert" and _is_sentences(folder):
        return _sentences(folder)
    words, images = _writers()
    if built in images.values() or (not built and kind in images):
        return _tagger(folder, kind)
    if built in words.values() or (not built and kind in words):
        return _language_model(folder, kind)
    if "auto_map" in facts:
        pretrained.config_of(folder)  # says whether its type is code of its own
    return None


@cache
def _writers() -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Model type -> class of the models of transformers that write text, and of those that do so
    about images."""
    pretrained.library()
    from transformers.models.auto import modeling_auto as auto

    words: Mapping[str, Any] = auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    images: Mapping[str, Any] = auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
    return dict(words), dict(images)


def _clip(folder: Path, kind: str) -> Found:
    label = _LABELS[kind]
    tensors = of_folder(folder, pickled=True)
    _check_files(folder, label, _TOKENIZERS)
    config = pretrained.config_of(folder, pickled=True)
    from annotator.backends.clip_dense import check_config

    check_config(folder, config)
    for part, what in (("vision_model.", "images"), ("text_model.", "texts")):
        if not any(name.startswith(part) for name in tensors.shapes):
            raise Unfit(f"{folder} is half a {label}, without its part for {what}: get all of it.")
    own = {"clip": "clip", "siglip2": "siglip2"}.get(kind, "siglip2")
    options = dict(_shipped(own)["grounder"].options)
    side = getattr(config.vision_config, "image_size", None)
    if isinstance(side, int) and kind != "clip":
        # As large as it was trained for, or the size that the dense features are made for.
        options["size"] = max(side, 224)
    return _found(folder, label, {"grounder": "clip-grounder"}, tensors, 4, options=options)


def _sam(folder: Path) -> Found:
    tensors = of_folder(folder)
    config = pretrained.config_of(folder)
    size = _WIDTHS.get(int(config.vision_config.hidden_size), "")
    label = f"HQ-SAM {NAMES[size]}" if size else "HQ-SAM"
    found = _found(folder, label, {"refiner": "transformers-sam-hq"}, tensors, 4)
    return found if not size else _with(found, memory_mb=sam_manifest(size).memory_mb)


def _tagger(folder: Path, kind: str) -> Found:
    label = _LABELS.get(kind, clean(kind, 40))
    tensors = of_folder(folder)
    _check_files(folder, label, _TOKENIZERS, _PROCESSORS)
    if kind == "instructblip" and not (folder / "qformer_tokenizer").is_dir():
        raise Unfit(f"{folder} is {a(label)} without its folder qformer_tokenizer: get it too.")
    pretrained.config_of(folder)
    spec = _shipped(_FAMILIES.get(kind, "smolvlm"))["tagger"]
    options, each = _dtype(tensors)
    options["batch"] = int(spec.options.get("batch", 4))
    remarks = () if kind in _TRIED else (
        f"Models of the type {clean(kind, 40)} have not been tried with Annotator: --try shows "
        "whether this one answers.",
    )  # fmt: skip
    found = _found(
        folder, label, {"tagger": "transformers-tagger"}, tensors, each, "a vision-language model",
        options=options,
    )  # fmt: skip
    return _with(found, prompts=spec.prompts, remarks=remarks)


def _language_model(folder: Path, kind: str) -> Found:
    label = clean(kind, 40)
    tensors = of_folder(folder)
    _check_files(folder, label, _TOKENIZERS)
    pretrained.config_of(folder)
    options, each = _dtype(tensors)
    found = _found(
        folder, label, {"language_model": "transformers-language-model"}, tensors, each,
        "a language model", options=options,
    )  # fmt: skip
    return found if _chats(folder) else _with(found, remarks=(NO_CHAT,))


def _chats(folder: Path) -> bool:
    if (folder / "chat_template.jinja").is_file() or (folder / "chat_template.json").is_file():
        return True
    path = folder / "tokenizer_config.json"
    return path.is_file() and bool(read_json(path).get("chat_template"))


def _is_sentences(folder: Path) -> bool:
    return any((folder / one).is_file() for one in ("modules.json", "1_Pooling/config.json"))


def _sentences(folder: Path) -> Found:
    label = "sentence-transformers BERT"
    tensors = of_folder(folder)
    if not (folder / "model.safetensors").is_file():
        raise Unfit(f"{folder} is {a(label)} whose weights are in several files: get them as one.")
    _check_files(folder, label, (("tokenizer.json",),))
    if (folder / "1_Pooling" / "config.json").is_file():
        pooling = read_json(folder / "1_Pooling" / "config.json")
        if not pooling.get("pooling_mode_mean_tokens"):
            raise Unfit(
                f"{folder} is {a(label)} whose vectors are not the mean of its words, and only "
                "such are read here: take one like all-MiniLM-L6-v2."
            )
    if "embeddings.word_embeddings.weight" not in tensors.shapes:
        raise Unfit(f"{folder} is a BERT saved under other names than a {label}: get one of these.")
    pretrained.config_of(folder)
    return _found(folder, label, {"embedder": "minilm"}, tensors, 4, options={})


def _lora(folder: Path) -> Found:
    facts = read_json(folder / CONFIG)
    base = clean(facts.get("base_model_name_or_path") or "", 80)
    if facts.get("peft_type") != "LORA":
        raise Unfit(
            f"{folder} is an adapter of the kind {clean(facts.get('peft_type'), 40)}, and only a "
            "LoRA is read here: merge it into its model and add that."
        )
    if not (folder / WEIGHTS).is_file():
        pickle = (folder / "adapter_model.bin").is_file()
        raise Unfit(
            f"The weights of the LoRA in {folder} are a pickle, which runs code when it is read: "
            "save it as safetensors."
            if pickle
            else f"{folder} lacks {WEIGHTS}, the weights of its LoRA: get it too."
        )
    tensors = header(folder / WEIGHTS)
    if not any(re.search(r"\b(vision_model|text_model|blocks)\.", one) for one in tensors.shapes):
        of = f" of {base}" if base else ""
        raise Unfit(
            f"{folder} is a LoRA{of}, which is no CLIP, SigLIP or TCL: merge it into its model and "
            "add that."
        )
    remarks = (f"Its adapter_config.json says that it was trained on {base}.",) if base else ()
    found = _found(
        folder, "LoRA", {"grounder": "clip-grounder"}, tensors, 4, "a LoRA for a grounder"
    )
    return _with(found, key="adapter", needs="grounder", remarks=remarks, options={})


def _found(
    folder: Path,
    label: str,
    fits: Mapping[str, str],
    tensors: Tensors,
    each: int,
    title: str = "",
    options: Mapping[str, Any] | None = None,
) -> Found:
    """``each``: bytes that a weight takes once loaded."""
    return Found(
        folder,
        label=label,
        title=f"{title} ({label})" if title else f"{a(label)} model",
        fits=fits,
        weights=tensors.count,
        size_bytes=sum(path.stat().st_size for path, _ in files(folder)),
        memory_mb=memory(tensors.count, each),
        options=options or {},
        licence=licence(folder),
    )


def _with(found: Found, **changed: Any) -> Found:
    from dataclasses import replace

    return replace(found, **changed)


def _dtype(tensors: Tensors) -> tuple[dict[str, Any], int]:
    """Options for what the weights are kept in, and bytes of each: half as many where they came
    in 16 bits, as those of large models do."""
    half = tensors.dtypes[:1] in (("BF16",), ("F16",))
    return ({"dtype": "bfloat16"}, 2) if half else ({}, 4)


def _shipped(name: str) -> Mapping[str, manifest.RoleSpec]:
    known = {"starter": shipped("models", "starter.toml")}
    return manifest.read(shipped("models", f"{name}.toml"), known).roles


def _check_files(folder: Path, label: str, *wanted: tuple[tuple[str, ...], ...]) -> None:
    """Raises Unfit where all choices of one of ``wanted`` lack a file."""
    for choices in wanted:
        if any(all((folder / name).is_file() for name in names) for names in choices):
            continue
        missing = [name for name in choices[0] if not (folder / name).is_file()]
        raise Unfit(f"{folder} is {a(label)} and lacks {listed(missing)}: get it too.")


def _check_quantised(folder: Path, facts: Mapping[str, Any]) -> None:
    how = facts.get("quantization_config")
    method = str(how.get("quant_method", "")) if isinstance(how, dict) else ""
    library = _QUANTISED.get(method)
    if library is not None and importlib.util.find_spec(library) is None:
        raise Unfit(
            f"The weights in {folder} are quantised by {method}, which Annotator cannot read: get "
            "the model as it was before."
        )


def licence(folder: Path) -> str:
    """As the front matter of the folder's README.md names it."""
    try:
        with (folder / "README.md").open(encoding="utf-8", errors="replace") as file:
            head = file.read(64 * 1024)
    except OSError:
        return UNKNOWN_LICENCE
    matter = re.match(r"\s*---\s*\n(.*?)\n---", head, re.DOTALL)
    found = {}
    for line in matter[1].splitlines() if matter else ():
        key, _, value = line.partition(":")
        if key in ("license", "license_name"):
            found[key] = clean(value.strip(" \"'"), 60)
    if found.get("license") == "other":
        return found.get("license_name") or "other: see its README.md"
    return found.get("license") or UNKNOWN_LICENCE
