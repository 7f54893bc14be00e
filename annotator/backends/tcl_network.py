"""The network of TCL (Cha et al. 2023, section 3.2) as its authors released it, for inference.

CLIP's image encoder is frozen; a copy of its last layers is trained on top of the others, without
attention between patches in the last one, then a decoder that doubles the grid twice by gated
convolutions, then a layer norm and the projection to CLIP's joint space. Texts are CLIP's own."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from annotator.core.errors import AnnotatorError

#: What the released file's names begin with.
_MASKER = "masker.image_encoder."
_BLOCKS = _MASKER + "backbone.transformer.resblocks."
_LAYERS = _MASKER + "decoder.decoder.net."
_PROJECTION = _MASKER + "decoder.image_proj."
_IMAGES, _JOINT = "clip_image_encoder.clip_visual.", "clip_image_encoder.clip_proj."
_TEXTS = "clip_text_encoder."
#: Of the training alone.
_TRAINING = re.compile(r"masker\.sim2mask\.|.*_loss\.")
#: OpenAI's name -> transformers' name within a layer of CLIP.
_LAYER_NAMES = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
    "attn.out_proj": "self_attn.out_proj",
}
_VISION_NAMES = {
    "class_embedding": "embeddings.class_embedding",
    "positional_embedding": "embeddings.position_embedding.weight",
    "conv1.weight": "embeddings.patch_embedding.weight",
    "ln_pre.weight": "pre_layrnorm.weight",
    "ln_pre.bias": "pre_layrnorm.bias",
}
_TEXT_NAMES = {
    "token_embedding.weight": "embeddings.token_embedding.weight",
    "positional_embedding": "embeddings.position_embedding.weight",
    "ln_final.weight": "final_layer_norm.weight",
    "ln_final.bias": "final_layer_norm.bias",
}


class GatedConvolution(nn.Module):
    """x + tanh(gate) * conv(gelu(norm(x))), the norm over the channels of each cell."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.conv = nn.Conv2d(channels, channels, kernel, padding=kernel // 2)
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        inner = self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        found: Tensor = self.conv(nn.functional.gelu(inner))
        return x + torch.tanh(self.gate) * found


class Doubling(nn.Module):
    """float[b, d, h, w] -> float[b, d, 2 h, 2 w]: each cell four times, then convolutions."""

    def __init__(self, channels: int, kernels: list[int]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(GatedConvolution(channels, kernel) for kernel in kernels)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.interpolate(x, scale_factor=2.0)
        for conv in self.convs:
            x = conv(x)
        return x


class TclNetwork(nn.Module):
    """``clip``: all of CLIP; ``blocks``: TCL's own last layers, in place of as many of CLIP's."""

    def __init__(self, clip: Any, blocks: int, kernels: list[list[int]]) -> None:
        super().__init__()
        config = clip.config
        width = config.vision_config.hidden_size
        self.patch = config.vision_config.patch_size
        self.clip = clip
        layers = clip.vision_model.encoder.layers
        self.blocks = nn.ModuleList(copy.deepcopy(one) for one in layers[len(layers) - blocks :])
        self.decoder = nn.ModuleList(Doubling(width, one) for one in kernels)
        self.norm = nn.LayerNorm(width)
        self.projection = nn.Linear(width, config.projection_dim, bias=False)

    def get_text_features(self, **given: Any) -> Any:
        return self.clip.get_text_features(**given)

    def forward(self, batch: Tensor) -> Tensor:
        """float[b, 3, H, W] -> float[b, h, w, c], 2 ** len(decoder) cells a patch on each side,
        not yet of unit norm."""
        vision = self.clip.vision_model
        x = vision.pre_layrnorm(vision.embeddings(batch, interpolate_pos_encoding=True))
        own: list[Any] = list(self.blocks)
        last = own.pop()
        for layer in (*vision.encoder.layers[: -len(self.blocks)], *own):
            x = layer(x, None)
        # Every patch looks at itself alone: its attention is its value.
        x = x + last.self_attn.out_proj(last.self_attn.v_proj(last.layer_norm1(x)))
        x = x + last.mlp(last.layer_norm2(x))
        rows = batch.shape[2] // self.patch
        x = x[:, 1:].transpose(1, 2).unflatten(2, (rows, -1))
        for layer in self.decoder:
            x = layer(x)
        found: Tensor = self.projection(self.norm(x.permute(0, 2, 3, 1)))
        return found


def build(clip: Any, state: Mapping[str, Tensor], path: Path) -> TclNetwork:
    """The network of a checkpoint, around a CLIP model of transformers that is changed to have the
    checkpoint's CLIP weights where it has some (they are frozen in training: a release may leave
    them out). Raises AnnotatorError that names the file for a checkpoint of another layout, or of
    another CLIP."""
    depth = len(clip.vision_model.encoder.layers)
    first, kernels = _plan(state, depth, path)
    if clip.config.vision_config.patch_size % 2 ** len(kernels):
        raise _fault(
            path, f"its decoder doubles {len(kernels)} times, and its CLIP's patches do not"
        )
    network = TclNetwork(clip, depth - first, kernels)
    renamed: dict[str, Tensor] = {}
    for name, value in state.items():
        if _TRAINING.match(name):
            continue
        mapped = _mapped(name, value, first)
        if not mapped:
            raise _fault(path, f"it has a weight {name} that TCL has not")
        renamed.update(mapped)
    own = network.state_dict()
    for name, value in renamed.items():
        if name not in own:
            raise _fault(path, f"it is for another CLIP, which has a weight {name}")
        if value.shape != own[name].shape:
            there, here = (tuple(one.shape) for one in (value, own[name]))
            raise _fault(path, f"its weight {name} is {there} and that of its CLIP folder {here}")
    missing = [n for n in own if n not in renamed and not n.startswith("clip.")]
    if missing:
        raise _fault(path, f"{len(missing)} of its weights are missing, {missing[0]} among them")
    network.load_state_dict({**own, **renamed})
    return network.float()


def _plan(state: Mapping[str, Tensor], depth: int, path: Path) -> tuple[int, list[list[int]]]:
    """(first of the trained layers, kernel sizes of each doubling) of a checkpoint."""
    blocks = sorted(
        {int(_rest(name, _BLOCKS).partition(".")[0]) for name in _below(state, _BLOCKS)}
    )
    kernels: dict[int, dict[str, int]] = {}
    for name in _below(state, _LAYERS):
        parts = _rest(name, _LAYERS).split(".")
        if parts[1:] and ".".join(parts[2:]) == "conv.weight":
            kernels.setdefault(int(parts[0]), {})[parts[1]] = int(state[name].shape[-1])
    if not blocks or not kernels:
        raise _fault(path, "it is no checkpoint of TCL: its image encoder and decoder are missing")
    if blocks != list(range(blocks[0], depth)):
        raise _fault(path, f"its trained layers are {blocks}, and its CLIP folder has {depth}")
    if sorted(kernels) != list(range(len(kernels))):
        raise _fault(path, f"its decoder has the layers {sorted(kernels)}")
    return blocks[0], [[kernels[i][one] for one in sorted(kernels[i])] for i in sorted(kernels)]


def _below(state: Mapping[str, Tensor], start: str) -> list[str]:
    return [name for name in state if re.match(re.escape(start) + r"\d+\.", name)]


def _rest(name: str, start: str) -> str:
    return name[len(start) :]


def _mapped(name: str, value: Tensor, first: int) -> dict[str, Tensor]:
    """The weight under its names in TclNetwork; nothing for one that has no place there."""
    if name.startswith(_BLOCKS):
        number, _, rest = _rest(name, _BLOCKS).partition(".")
        return _in_layer(f"blocks.{int(number) - first}.", rest, value) if number.isdigit() else {}
    if found := re.fullmatch(re.escape(_LAYERS) + r"(\d+)\.conv(2?)\.(.+)", name):
        layer, second, rest = found.groups()
        rest = "gate" if rest == "gate.gate" else rest
        return {f"decoder.{layer}.convs.{1 if second else 0}.{rest}": value}
    for start, to in ((_PROJECTION, _own_projection), (_JOINT, _clip_projection)):
        if name.startswith(start):
            return to(_rest(name, start), value)
    if name.startswith(_IMAGES):
        return _in_tower("clip.vision_model.", _VISION_NAMES, _rest(name, _IMAGES), value)
    if name == _TEXTS + "text_projection":
        return {"clip.text_projection.weight": value.T}
    if name.startswith(_TEXTS):
        return _in_tower("clip.text_model.", _TEXT_NAMES, _rest(name, _TEXTS), value)
    return {}


def _own_projection(rest: str, value: Tensor) -> dict[str, Tensor]:
    if rest == "proj":
        return {"projection.weight": value.T}
    return {f"norm.{rest.removeprefix('ln.')}": value} if rest.startswith("ln.") else {}


def _clip_projection(rest: str, value: Tensor) -> dict[str, Tensor]:
    if rest == "proj":
        return {"clip.visual_projection.weight": value.T}
    name = f"clip.vision_model.post_layernorm.{rest.removeprefix('ln.')}"
    return {name: value} if rest.startswith("ln.") else {}


def _in_tower(start: str, names: Mapping[str, str], rest: str, value: Tensor) -> dict[str, Tensor]:
    """A weight of CLIP's image or text encoder."""
    if rest in names:
        return {start + names[rest]: value}
    found = re.fullmatch(r"transformer\.resblocks\.(\d+)\.(.+)", rest)
    if found is None:
        return {}
    return _in_layer(f"{start}encoder.layers.{found[1]}.", found[2], value)


def _in_layer(start: str, rest: str, value: Tensor) -> dict[str, Tensor]:
    """A weight of a layer; query, key and value are stacked in one in OpenAI's."""
    if rest in ("attn.in_proj_weight", "attn.in_proj_bias"):
        kind = rest.rpartition("_")[2]
        parts = zip("qkv", value.chunk(3), strict=True)
        return {f"{start}self_attn.{one}_proj.{kind}": part for one, part in parts}
    module, _, kind = rest.rpartition(".")
    return {f"{start}{_LAYER_NAMES[module]}.{kind}": value} if module in _LAYER_NAMES else {}


def _fault(path: Path, what: str) -> AnnotatorError:
    return AnnotatorError(f"The weight file {path} cannot be used: {what}; correct the manifest.")
