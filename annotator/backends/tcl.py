"""Grounders that are TCL models: the released checkpoint beside the folder of its CLIP.

The checkpoint (tcl.pth) has the weights alone; the words of the texts and the shape of the network
come from the folder, which is the CLIP that TCL was trained from (OpenAI's ViT-B/16). A LoRA of
text-tag self-distillation goes on top as the ``adapter``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from annotator.backends import checkpoints, clip_dense, clip_lora, pretrained
from annotator.backends.clip import ClipGrounder
from annotator.backends.clip_dense import Dense
from annotator.backends.clip_options import options
from annotator.core.errors import AnnotatorError

if TYPE_CHECKING:
    import torch

    from annotator.backends.registry import Pack, RoleSpec

#: Colours as TCL was trained with them: mean and deviation over ImageNet.
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class TclDense(Dense):
    """Dense features of TCL: four cells to a patch's side, 4 pixels each for ViT-B/16."""

    def __init__(self, base: Dense, model: Any, doublings: int) -> None:
        """``base``: the CLIP that it was made from; ``doublings`` of the grid in the decoder."""
        super().__init__(base.folder, model, base.tokenizer, base.config)
        self.stride = self.patch >> doublings
        self._mean, self._deviation = _MEAN, _DEVIATION

    @property
    def attention(self) -> tuple[str, str | None]:
        """As of CLIP, whose last layers give way to TCL's own; of the last one only the values."""
        layers = self.config.vision_config.num_hidden_layers
        own = len(self.model.blocks)
        replaced = "|".join(str(one) for one in range(layers - own, layers))
        every = r"(clip\.(vision|text)_model\.encoder\.layers|blocks)\.\d+\.self_attn"
        unused = (
            rf"clip\.vision_model\.encoder\.layers\.({replaced})\.self_attn\..*"
            rf"|blocks\.{own - 1}\.self_attn\.(q|k)_proj"
        )
        return every + r"\.(q|k|v|out)_proj", unused

    def _patches(self, batch: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.model(batch)
        return found.flatten(1, 2)


def load(spec: RoleSpec, *, dtype: str = "", on: str | None = None) -> TclDense:
    """The model of a manifest's ``folder`` (CLIP), ``file`` (TCL's checkpoint) and ``adapter``, as
    clip_dense.load. Raises AnnotatorError that names the file or the folder and what to do."""
    from annotator.backends import tcl_network
    from annotator.backends.device import device

    if spec.folder is None or spec.file is None:
        raise AnnotatorError(
            f"The {spec.role} {spec.model} needs two keys in its manifest: file, the checkpoint of "
            "TCL, and folder, the CLIP that it was trained from."
        )
    folder, path = spec.folder.check(), spec.file.check()
    adapter = spec.adapter.check() if spec.adapter is not None else None
    wanted = dtype or str(spec.options.get("dtype", ""))
    on = on or device()
    base = clip_dense.load_folder(folder, dtype="float32", on="cpu")
    vision = base.config.vision_config
    if base.kind != "clip" or vision.hidden_act != "quick_gelu":
        raise pretrained.fault(
            folder, "TCL stands on a CLIP of OpenAI's, and this is another model"
        )
    state = checkpoints.state_dict(path)
    model: Any = pretrained.part(folder, lambda: tcl_network.build(base.model, state, path))
    doublings = len(model.decoder)
    if adapter is not None:
        model = clip_lora.apply(model, adapter, keep=bool(spec.options.get("keep_adapter", False)))
    precise = wanted or ("float32" if on == "cpu" else "float16")
    model = model.requires_grad_(False).to(pretrained.torch_dtype(precise))
    model = pretrained.to_device(model, spec.model, on)
    return TclDense(base, model, doublings)


def grounder(spec: RoleSpec, pack: Pack) -> ClipGrounder:  # noqa: ARG001 - a factory's signature
    """The Grounder of a manifest: ClipGrounder over TCL's dense features."""
    chosen = options(spec.model, spec.options)

    def make(on: str | None) -> Dense:
        return load(spec, on=on, dtype="float32" if on else "")

    return ClipGrounder(make, spec.id, chosen)
