"""Which model the weights in one file are of, by their names and shapes."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.backends import checkpoints, identify_looks, manifest
from annotator.backends.identify_found import WHAT_FITS, Found, Unfit, memory
from annotator.backends.identify_tensors import header
from annotator.core.paths import shipped

if TYPE_CHECKING:
    from torch import Tensor

#: Width of the image encoder -> size of a SAM, and how it is called.
_WIDTHS = {768: "vit_b", 1024: "vit_l", 1280: "vit_h"}
NAMES = {"vit_tiny": "tiny", "vit_b": "base", "vit_l": "large", "vit_h": "huge"}
_HIGH_QUALITY = "mask_decoder.hf_token.weight"


def look(path: Path, start: bytes) -> Found:
    """What a file of weights fits. Raises AnnotatorError that says what it is when it fits
    nothing; no code in it runs."""
    if start.startswith(b"GGUF"):
        from annotator.backends.identify_gguf import look as look_gguf

        return look_gguf(path)
    if start[8:9] == b"{":
        header(path)  # whole?
    elif identify_looks.is_text(start):
        raise Unfit(f"{path} is a text, not the weights of a model: choose the model itself.")
    elif not start.startswith((b"PK", b"\x80")):
        raise Unfit(f"{path} is no file of weights that is known here: {WHAT_FITS}.")
    state = checkpoints.state_dict(path, lazy=True)
    for one in (_sam, _tcl, _classifier):
        found = one(path, state)
        if found is not None:
            return found
    raise Unfit(
        f"{path} holds weights of a model that is not known here: {WHAT_FITS}.{_hint(state)}"
    )


def _sam(path: Path, state: Mapping[str, Tensor]) -> Found | None:
    if any(name.startswith("sam_mask_decoder.") for name in state):
        raise Unfit(f"{path} is a SAM 2, which is not used here: {_get('vit_b')}.")
    if "mask_decoder.mask_tokens.weight" not in state:
        return None
    size = _size(state)
    if not size:
        raise Unfit(f"{path} is a SAM of a size that is not known here: {_get('vit_b')}.")
    if _HIGH_QUALITY not in state:
        raise Unfit(f"{path} is SAM {NAMES[size]}, without what makes it HQ-SAM: {_get(size)}.")
    what = checkpoints.difference(_network(size), state)
    if what:
        raise Unfit(
            f"{path} looks like HQ-SAM {NAMES[size]} and is not all of it ({what}): {_get(size)}."
        )
    same = sam_manifest(size)
    count = sum(one.numel() for one in state.values())
    return Found(
        path,
        label=f"HQ-SAM {NAMES[size]}",
        title=f"the checkpoint of an HQ-SAM {NAMES[size]}",
        fits={"refiner": "hq-sam"},
        key="file",
        options={"size": size},
        weights=count,
        size_bytes=path.stat().st_size,
        memory_mb=same.memory_mb,
    )


def _size(state: Mapping[str, Tensor]) -> str:
    if "image_encoder.patch_embed.seq.0.c.weight" in state:
        return "vit_tiny"
    positions = state.get("image_encoder.pos_embed")
    return _WIDTHS.get(int(positions.shape[-1]), "") if positions is not None else ""


def _network(size: str) -> Any:
    """The network without its weights, where its package allows that: TinyViT computes with
    them as it is built."""
    import torch

    from annotator.backends import sam_hq

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if size == "vit_tiny":
            return sam_hq.build(size)
        with torch.device("meta"):
            return sam_hq.build(size)


def sam_manifest(size: str) -> manifest.RoleSpec:
    """The refiner of the shipped pack of that size."""
    name = "hq-sam-tiny" if size == "vit_tiny" else f"hq-sam-{size[-1]}"
    known = {"starter": shipped("models", "starter.toml")}
    return manifest.read(shipped("models", f"{name}.toml"), known).roles["refiner"]


def _get(size: str) -> str:
    return f"get {sam_manifest(size).source}"


def _tcl(path: Path, state: Mapping[str, Tensor]) -> Found | None:
    if not any(name.startswith("masker.image_encoder.") for name in state):
        return None
    count = sum(one.numel() for one in state.values())
    return Found(
        path,
        label="TCL",
        title="a checkpoint of TCL",
        fits={"grounder": "tcl-grounder"},
        key="file",
        needs="clip",
        # Windows as its authors set them.
        options={"template": "openai-7", "size": 448, "window": 448, "stride": 224, "batch": 4},
        weights=count,
        size_bytes=path.stat().st_size,
        memory_mb=memory(count, 4),
    )


def _classifier(path: Path, state: Mapping[str, Tensor]) -> Found | None:
    """EfficientNet-Lite, the starter pack's; the refiner looks at layers of the second."""
    if "_conv_stem.weight" not in state or "_fc.weight" not in state:
        return None
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    from annotator.backends.efficientnet import EDGES

    for name in EDGES:
        with torch.device("meta"):
            network = EfficientNet.from_name(name, image_size=None)
        if checkpoints.difference(network, state):
            continue
        kinds = {"tagger": "imagenet-tagger", "grounder": "imagenet-grounder"}
        if name == "efficientnet-lite2":
            kinds["refiner"] = "starter-refiner"
        count = sum(one.numel() for one in state.values())
        number = re.sub(r"\D", "", name)
        return Found(
            path,
            label=f"EfficientNet-Lite{number}",
            title=f"an EfficientNet-Lite{number}, as in the starter pack",
            fits=kinds,
            key="file",
            options={"network": name},
            weights=count,
            size_bytes=path.stat().st_size,
            memory_mb=memory(count, 4),
        )
    raise Unfit(
        f"{path} is an EfficientNet, and not one of the five EfficientNet-Lite with the 1,000 "
        "classes of ImageNet that are used here: get one of these."
    )


def _hint(state: Mapping[str, Tensor]) -> str:
    """What to do with weights of a family that is used as a folder."""
    if any(
        re.match(r"(text_model|vision_model|model\.layers|language_model)\.", one) for one in state
    ):
        return " If it belongs to a folder with a config.json, add that folder."
    return ""
