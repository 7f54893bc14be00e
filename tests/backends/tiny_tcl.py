"""Tiny random checkpoints in the layout of TCL's release: OpenAI's names, two networks of their own
that share no code with ours."""

from __future__ import annotations

import sys
import types
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tiny_clip
import torch
from tiny_clip import CONTEXT, HEADS, HIDDEN, IMAGE, LAYERS, PATCH, PROJECTION
from torch import Tensor, nn


class QuickGelu(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


class Block(nn.Module):
    """A layer of OpenAI's CLIP."""

    def __init__(self) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(HIDDEN, HEADS, batch_first=True)
        self.ln_1 = nn.LayerNorm(HIDDEN)
        inner = [("c_fc", nn.Linear(HIDDEN, 2 * HIDDEN)), ("gelu", QuickGelu())]
        self.mlp = nn.Sequential(OrderedDict([*inner, ("c_proj", nn.Linear(2 * HIDDEN, HIDDEN))]))
        self.ln_2 = nn.LayerNorm(HIDDEN)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False, attn_mask=mask)[0]
        return x + self.mlp(self.ln_2(x))


class Tower(nn.Module):
    def __init__(self, layers: int = LAYERS) -> None:
        super().__init__()
        self.resblocks = nn.Sequential(*[Block() for _ in range(layers)])


class Images(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.class_embedding = nn.Parameter(torch.zeros(HIDDEN))
        self.positional_embedding = nn.Parameter(torch.zeros((IMAGE // PATCH) ** 2 + 1, HIDDEN))
        self.conv1 = nn.Conv2d(3, HIDDEN, PATCH, PATCH, bias=False)
        self.ln_pre = nn.LayerNorm(HIDDEN)
        self.transformer = Tower()


class Joint(nn.Module):
    """Layer norm and projection to the joint space."""

    def __init__(self) -> None:
        super().__init__()
        self.ln = nn.LayerNorm(HIDDEN)
        self.proj = nn.Parameter(torch.zeros(HIDDEN, PROJECTION))

    def forward(self, x: Tensor) -> Tensor:
        return self.ln(x) @ self.proj


class Texts(nn.Module):
    def __init__(self, words: int) -> None:
        super().__init__()
        self.transformer = Tower()
        self.token_embedding = nn.Embedding(words, HIDDEN)
        self.positional_embedding = nn.Parameter(torch.zeros(CONTEXT, HIDDEN))
        self.ln_final = nn.LayerNorm(HIDDEN)
        self.text_projection = nn.Parameter(torch.zeros(HIDDEN, PROJECTION))

    def forward(self, ids: Tensor, end: int) -> Tensor:
        length = ids.shape[1]
        mask = torch.full((length, length), -torch.inf).triu(1)
        x = self.token_embedding(ids) + self.positional_embedding[:length]
        for block in self.transformer.resblocks:
            x = block(x, mask)
        x = self.ln_final(x)[torch.arange(len(ids)), (ids == end).int().argmax(1)]
        return x @ self.text_projection


class Gate(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.tensor(0.0))


class ConvBlock(nn.Module):
    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(HIDDEN)
        self.conv = nn.Conv2d(HIDDEN, HIDDEN, kernel, 1, kernel // 2)
        self.gate = Gate()

    def forward(self, x: Tensor) -> Tensor:
        y = nn.functional.gelu(self.norm(x.movedim(1, 3)).movedim(3, 1))
        return x + torch.tanh(self.gate.gate) * self.conv(y)


class ResConv(nn.Module):
    def __init__(self, kernel: int = 3, double: bool = True) -> None:
        super().__init__()
        self.conv = ConvBlock(kernel)
        if double:
            self.conv2 = ConvBlock(kernel)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x.repeat_interleave(2, 2).repeat_interleave(2, 3))
        return self.conv2(x) if hasattr(self, "conv2") else x


def box(**parts: Any) -> nn.Module:
    """A module of nothing but named parts."""
    made = nn.Module()
    for name, part in parts.items():
        setattr(made, name, part)
    return made


class Tcl(nn.Module):
    def __init__(self, words: int, first: int = LAYERS - 1, double: bool = True) -> None:
        super().__init__()
        self.first = first
        self.clip_text_encoder = Texts(words)
        self.clip_image_encoder = box(clip_proj=Joint(), clip_visual=Images())
        tower = Tower()
        tower.resblocks = tower.resblocks[first:]  # a slice keeps its numbers
        net = nn.Sequential(ResConv(double=double), ResConv(double=double))
        decoder = box(decoder=box(net=net), image_proj=Joint())
        sim2mask = box(w=nn.Parameter(torch.tensor(10.0)), b=nn.Parameter(torch.tensor(-2.5)))
        encoder = box(backbone=box(transformer=tower), decoder=decoder)
        self.masker = box(image_encoder=encoder, sim2mask=sim2mask)

    def forward(self, x: Tensor) -> Tensor:
        """float[b, 3, H, W] -> float[b, h, w, c], unit norm; H and W as the positions are for."""
        images, own = self.clip_image_encoder.clip_visual, self.masker.image_encoder
        x = images.conv1(x)
        b, _, h, w = x.shape
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat([images.class_embedding.expand(b, 1, -1), x], 1)
        grid = images.positional_embedding[1:].T.reshape(1, HIDDEN, IMAGE // PATCH, -1)
        grid = nn.functional.interpolate(grid, (h, w), mode="bicubic")
        x = x + torch.cat([images.positional_embedding[:1], grid[0].flatten(1).T])
        x = images.ln_pre(x)
        for block in images.transformer.resblocks[: self.first]:
            x = block(x)
        *blocks, last = own.backbone.transformer.resblocks
        for block in blocks:
            x = block(x)
        alone = torch.full((x.shape[1],) * 2, -torch.inf).fill_diagonal_(0)
        x = last(x, alone)
        x = x[:, 1:].transpose(1, 2).reshape(b, HIDDEN, h, w)
        x = own.decoder.decoder.net(x).movedim(1, 3)
        return nn.functional.normalize(own.decoder.image_proj(x), dim=-1)


def tcl(words: int, seed: int = 5, **more: Any) -> Tcl:
    made = Tcl(words, **more).eval()
    numbers = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in made.named_parameters():
            about = 1.0 if "ln" in name or "norm" in name else 0.0
            offset = about if name.endswith("weight") and value.dim() == 1 else 0.0
            value.copy_(offset + 0.25 * torch.randn(value.shape, generator=numbers))
        for name, value in made.named_parameters():
            if name.endswith("gate"):
                value.copy_(torch.randn((), generator=numbers))
    return made.requires_grad_(False)


def state(model: Tcl, *, frozen: bool = True) -> dict[str, Tensor]:
    """The weights; without the ``frozen`` ones, which are CLIP's."""
    found = model.state_dict()
    return {name: value for name, value in found.items() if frozen or name.startswith("masker.")}


def save(path: Path, weights: dict[str, Tensor]) -> None:
    """As the training script writes it, with its OmegaConf settings beside."""
    with omegaconf() as config:
        envelope = {"model": weights, "optimizer": {"state": {}}, "step": 50_000, "config": config}
        torch.save(envelope, path)


@contextmanager
def omegaconf() -> Iterator[Any]:
    """Settings that pickle under the names of OmegaConf's classes, which need not be there."""
    names = {"omegaconf.dictconfig": "DictConfig", "omegaconf.base": "ContainerMetadata"}
    made: dict[str, Any] = {}
    sys.modules["omegaconf"] = types.ModuleType("omegaconf")
    for module, name in names.items():
        sys.modules[module] = types.ModuleType(module)
        made[name] = type(name, (), {"__module__": module})
        setattr(sys.modules[module], name, made[name])
    try:
        metadata, config = made["ContainerMetadata"](), made["DictConfig"]()
        metadata.__dict__ = {"ref_type": Any, "object_type": dict, "flags": {"struct": True}}
        config.__dict__ = {"_metadata": metadata, "_content": {"model": {"ie_freeze": 11}}}
        yield config
    finally:
        for module in (*names, "omegaconf"):
            del sys.modules[module]


def clip_folder(folder: Path) -> int:
    """A CLIP folder for the checkpoints; its number of words."""
    words = tiny_clip.tokenizer()
    model = tiny_clip.clip_model(words)
    tiny_clip.save(folder, model, words)
    return int(model.config.text_config.vocab_size)
