"""What CLIP-like models of transformers say of every patch of an image, and of a text.

MaskCLIP's way (Zhou et al. 2022, section 3.2): in the last attention layer, query and key are
left out, so that each patch keeps what that layer would say of it alone: its value, through the
output projection. Nothing is trained, and the result lies in the space of the texts.

- CLIP: the last layer of the vision encoder is replaced by ``out_proj(v_proj(layer_norm1(x)))``,
  without its residual and its MLP, then the final layer norm and the projection to the joint
  space. The class token takes part up to the last layer and is dropped.
- SigLIP, SigLIP 2: the last attention layer is the pooling head, whose one query looks at all
  patches. A patch goes through the head as if the query looked at it alone: ``y = out_proj(value(
  x))``, then ``y + mlp(layernorm(y))``. For an image of one patch this is the model's own answer.

Everything here is differentiable: the fine-tuning trains through it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.backends import pretrained
from annotator.backends.protocols import Pixels
from annotator.core.errors import AnnotatorError

if TYPE_CHECKING:
    import torch

    from annotator.backends.registry import RoleSpec

#: Model types of config.json that have dense features here, and their classes.
KINDS = {"clip": "CLIPModel", "siglip": "SiglipModel", "siglip2": "Siglip2Model"}
#: Mean and deviation of the colours, where the folder has no preprocessor_config.json: those of
#: Radford et al. 2021 for CLIP, and [-1, 1] for SigLIP.
_COLOURS = {
    "clip": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    "siglip": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "siglip2": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
}


class Dense:
    """A CLIP, SigLIP or SigLIP 2 model with its tokenizer.

    ``model``: the CLIPModel, SiglipModel or Siglip2Model (NaFlex), on its device; LoRA layers
    may be put into it. ``config``: its CLIPConfig or like. ``patch``: sides of an input are
    multiples of it, in pixels. ``stride``: pixels of the input that a cell is wide. ``width``:
    channels of cells and texts.
    ``context``: tokens of a text; longer ones are cut there, their end being lost.
    """

    def __init__(self, folder: Path, model: Any, tokenizer: Any, config: Any) -> None:
        self.folder, self.model, self.tokenizer, self.config = folder, model, tokenizer, config
        self.kind: str = config.model_type
        self.patch: int = config.vision_config.patch_size
        self.stride = self.patch
        self.context: int = config.text_config.max_position_embeddings
        self._mean, self._deviation = _colours(folder, self.kind)

    @property
    def width(self) -> int:
        if self.kind == "clip":
            return int(self.config.projection_dim)
        return int(self.config.vision_config.hidden_size)

    @property
    def attention(self) -> tuple[str, str | None]:
        """Regular expressions of the names in ``model``: the projections of every attention layer
        of both encoders, and those among them that cells and texts do not depend on."""
        last = self.config.vision_config.num_hidden_layers - 1
        unused = rf"vision_model\.encoder\.layers\.{last}\.self_attn\.(q|k)_proj"
        every = r"(vision|text)_model\.encoder\.layers\.\d+\.self_attn\.(q|k|v|out)_proj"
        return every, unused if self.kind == "clip" else None

    @property
    def device(self) -> torch.device:
        found: torch.device = next(self.model.parameters()).device
        return found

    @property
    def dtype(self) -> torch.dtype:
        found: torch.dtype = next(self.model.parameters()).dtype
        return found

    def to(self, device: str, dtype: torch.dtype | None = None) -> None:
        """Moves the model, and changes the type of its weights."""
        self.model.to(device=device, dtype=dtype or self.dtype)

    def prepare(self, image: Pixels, height: int, width: int) -> torch.Tensor:
        """uint8[H, W, 3] -> float32[3, height, width] on the CPU, the colours as the model wants
        them; bicubic, averaging where it shrinks."""
        import torch

        from annotator.backends.starter import squash

        whole = np.ascontiguousarray(image)  # a crop or a flipped view too
        small = torch.from_numpy(squash(whole, height, width)).permute(2, 0, 1).float() / 255
        mean, deviation = torch.tensor(self._mean), torch.tensor(self._deviation)
        return (small - mean[:, None, None]) / deviation[:, None, None]

    def pixels(self, batch: torch.Tensor) -> torch.Tensor:
        """float[b, 3, H, W] of ``prepare``, H and W multiples of ``patch`` -> float32[b, h, w, c],
        unit norm along c. Position embeddings are interpolated to the size, as transformers does
        for the model. Raises ValueError for another size."""
        import torch

        rows, columns = self.grid(*batch.shape[2:])
        found = self._patches(batch.to(self.device, self.dtype))
        cells = found.reshape(len(found), rows, columns, -1).float()
        return torch.nn.functional.normalize(cells, dim=-1)

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Cells of an input of that size, as (rows, columns)."""
        if height < 1 or width < 1 or height % self.patch or width % self.patch:
            raise ValueError(f"{height}x{width} is not a multiple of {self.patch}")
        return height // self.stride, width // self.stride

    def texts(self, texts: Sequence[str]) -> torch.Tensor:
        """float32[n, c], unit norm: the texts as they are, without a template, cut at
        ``context`` tokens. SigLIP reads small letters only and always a full context of padding,
        as it was trained. All texts are one batch."""
        import torch

        if not texts:
            return torch.zeros(0, self.width)
        ids = self.tokens(texts).to(self.device)
        found = self.model.get_text_features(input_ids=ids)
        vectors = getattr(found, "pooler_output", found)
        return torch.nn.functional.normalize(vectors.float(), dim=-1)

    def tokens(self, texts: Sequence[str]) -> torch.Tensor:
        """int64[n, l], l at most ``context``. No padding mask goes with them: CLIP's text encoder
        is causal and read where the text ends, SigLIP's was trained without one. Raises
        AnnotatorError for a word that the tokenizer has and the model has not."""
        clip = self.kind == "clip"
        read = self.tokenizer(
            list(texts) if clip else [one.lower() for one in texts],
            padding=True if clip else "max_length",
            truncation=True,
            max_length=self.context,
            return_tensors="pt",
        )
        ids: torch.Tensor = read["input_ids"]
        if int(ids.max()) >= self.config.text_config.vocab_size:
            what = "its tokenizer has more words than its model; get its files again"
            raise pretrained.fault(self.folder, what)
        return ids

    def _patches(self, batch: torch.Tensor) -> torch.Tensor:
        """float[b, 3, H, W] -> float[b, h * w, c], not yet of unit norm."""
        vision = self.model.vision_model
        if self.kind == "clip":
            tokens = clip_values(vision, clip_tokens(vision, batch))
            patches: torch.Tensor = self.model.visual_projection(vision.post_layernorm(tokens))
            return patches[:, 1:]
        if self.kind == "siglip":
            tokens = vision.embeddings(batch, interpolate_pos_encoding=True)
        else:
            tokens = vision.embeddings(*_naflex(batch, self.patch))
        for layer in vision.encoder.layers:
            tokens = layer(tokens, None)
        return _head_values(vision.head, vision.post_layernorm(tokens))


def clip_tokens(vision: Any, batch: torch.Tensor) -> torch.Tensor:
    """float[b, 3, H, W] -> float[b, 1 + h * w, d]: class token and patches as they enter the last
    layer of CLIP's vision model."""
    tokens = vision.embeddings(batch, interpolate_pos_encoding=True)
    tokens = vision.pre_layrnorm(tokens)
    for layer in vision.encoder.layers[:-1]:
        tokens = layer(tokens, None)
    found: torch.Tensor = tokens
    return found


def clip_values(vision: Any, tokens: torch.Tensor) -> torch.Tensor:
    """float[b, n, d] -> float[b, n, d]: the values of CLIP's last layer, projected."""
    last = vision.encoder.layers[-1]
    found: torch.Tensor = last.self_attn.out_proj(last.self_attn.v_proj(last.layer_norm1(tokens)))
    return found


def _head_values(head: Any, tokens: torch.Tensor) -> torch.Tensor:
    """float[b, n, d] -> float[b, n, d]: SigLIP's pooling head, each token by itself."""
    import torch

    attention, size = head.attention, tokens.shape[-1]
    # nn.MultiheadAttention stacks query, key and value in one matrix.
    bias = attention.in_proj_bias[2 * size :]
    values = torch.nn.functional.linear(tokens, attention.in_proj_weight[2 * size :], bias)
    values = attention.out_proj(values)
    found: torch.Tensor = values + head.mlp(head.layernorm(values))
    return found


def _naflex(batch: torch.Tensor, patch: int) -> tuple[torch.Tensor, torch.Tensor]:
    """float[b, 3, H, W] -> what SigLIP 2 NaFlex takes: patches float[b, h * w, patch * patch * 3]
    and int64[b, 2], the grid of each image."""
    import torch

    b, _, height, width = batch.shape
    rows, columns = height // patch, width // patch
    cut = batch.reshape(b, 3, rows, patch, columns, patch).permute(0, 2, 4, 3, 5, 1)
    shapes = torch.tensor([[rows, columns]] * b, device=batch.device)
    return cut.reshape(b, rows * columns, -1), shapes


def load(spec: RoleSpec, *, dtype: str = "", on: str | None = None) -> Dense:
    """The model of a manifest's ``folder``, with the LoRA of its ``adapter`` if it has one, on
    the device or ``on`` another. Its weights are ``dtype``, or else what the manifest's options
    say, or else float16 on a GPU and float32 on the CPU; train with "float32". Raises
    AnnotatorError that names the folder and what to do, OutOfMemory where that is the reason."""
    if spec.folder is None:
        raise AnnotatorError(f"The {spec.role} {spec.model} needs a folder key in its manifest.")
    adapter = spec.adapter.check() if spec.adapter is not None else None
    wanted = dtype or str(spec.options.get("dtype", ""))
    keep = bool(spec.options.get("keep_adapter", False))
    return load_folder(spec.folder.check(), adapter, dtype=wanted, on=on, keep=keep)


def load_folder(
    folder: Path,
    adapter: Path | None = None,
    *,
    dtype: str = "",
    on: str | None = None,
    keep: bool = False,
) -> Dense:
    """The model in a folder, with the LoRA in another, as ``load``; ``keep``: not merged."""
    from annotator.backends import clip_lora
    from annotator.backends.device import device

    transformers = pretrained.library()
    config = pretrained.config_of(folder, pickled=True)
    check_config(folder, config)
    on = on or device()
    precise = dtype or ("float32" if on == "cpu" else "float16")
    # A LoRA is added in full precision, so that merging it loses nothing.
    first = "float32" if adapter else precise
    model = pretrained.weights(
        getattr(transformers, KINDS[config.model_type]), folder, config, first, on
    )
    if adapter is not None:
        model = clip_lora.apply(model, adapter, keep=keep)
        model = pretrained.to_device(model.to(pretrained.torch_dtype(precise)), folder.name, on)
    tokenizer = pretrained.part(
        folder, lambda: transformers.AutoTokenizer.from_pretrained(folder, **pretrained.LOCAL)
    )
    pretrained.part(folder, lambda: pretrained.check_words(folder, tokenizer))
    if config.model_type == "clip":
        # A text is read where it ends, so that what comes after does not matter.
        tokenizer.padding_side = "right"
    if tokenizer.pad_token is None:
        raise pretrained.fault(folder, "its tokenizer has no token to pad texts with")
    return pretrained.part(folder, lambda: Dense(folder, model, tokenizer, config))


def check_config(folder: Path, config: Any) -> None:
    """Raises AnnotatorError for a model that has no dense features here."""
    if config.model_type not in KINDS:
        raise pretrained.fault(
            folder,
            f"a model of type {config.model_type} does not compare pixels with texts; choose a "
            "CLIP, SigLIP or SigLIP 2 model",
        )
    vision = config.vision_config
    if not isinstance(vision.patch_size, int):
        raise pretrained.fault(folder, "its patches are not square")
    if not getattr(vision, "vision_use_head", True):
        raise pretrained.fault(folder, "its image encoder has no pooling head")
    if config.model_type != "clip" and config.text_config.projection_size != vision.hidden_size:
        raise pretrained.fault(folder, "its texts and its pixels have different widths")


def _colours(folder: Path, kind: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of the colours, each of three in [0, 1]."""
    path = folder / "preprocessor_config.json"
    mean, deviation = _COLOURS[kind]
    if not path.is_file():
        return mean, deviation
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        found = [
            tuple(float(one) for one in facts.get(key, default))
            for key, default in (("image_mean", mean), ("image_std", deviation))
        ]
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise pretrained.fault(folder, f"its {path.name} cannot be read") from error
    if any(len(one) != 3 for one in found) or min(found[1]) <= 0:
        raise pretrained.fault(folder, f"the colours of its {path.name} are not three numbers each")
    return found[0], found[1]
