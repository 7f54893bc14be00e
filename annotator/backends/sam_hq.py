"""HQ-SAM by the package segment-anything-hq, its weights loaded our way.

Only the package's classes are used: its builders would unpickle a checkpoint unguarded, and its
predictor holds one image at a time."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from annotator.backends import checkpoints, torchvision_ops
from annotator.backends.sam_hq_refiner import Prompts, SamRefiner, copied, options
from annotator.core.errors import AnnotatorError

if TYPE_CHECKING:
    from annotator.backends.registry import Pack, RoleSpec

SIZES = ("vit_tiny", "vit_b", "vit_l", "vit_h")
_import_lock = threading.Lock()


class PackageNetwork:
    """A ``segment_anything_hq.modeling.Sam`` with a ``MaskDecoderHQ``, weights in place."""

    def __init__(self, module: Any) -> None:
        import torch

        # TinyViT computes a part of its attention from its weights here, and the builders call
        # it before there are any.
        self._module = module.eval().requires_grad_(False)
        with torch.no_grad():
            self._positions = module.prompt_encoder.get_dense_pe()

    @property
    def device(self) -> str:
        return str(self._module.device.type)

    @property
    def edge(self) -> int:
        return int(self._module.image_encoder.img_size)

    @property
    def low(self) -> int:
        return int(self._module.prompt_encoder.mask_input_size[0])

    @property
    def shapes(self) -> Sequence[tuple[int, ...]]:
        channels = int(self._module.mask_decoder.transformer_dim)
        cells = self.low // 4
        return (1, channels, cells, cells), (1, channels // 8, self.low, self.low)

    def encode(self, frame: Any) -> tuple[Any, ...]:
        """The image embedding, and the high-quality features: the package computes these at each
        prompt, from the embedding and the first global attention's output (Ke et al. 2023,
        section 3.2), but they depend on the image alone."""
        import torch

        decoder = self._module.mask_decoder
        with torch.no_grad():
            embedding, early = self._module.image_encoder(self._module.preprocess(frame))
            early = early[0].permute(0, 3, 1, 2)
            return embedding, decoder.embedding_encoder(embedding) + decoder.compress_vit_feat(
                early
            )

    def decode(self, tensors: tuple[Any, ...], prompts: Prompts) -> tuple[Any, list[float]]:
        import torch

        module = self._module
        embedding, details = tensors
        points = None if prompts.points is None else (prompts.points, prompts.labels)
        with torch.no_grad():
            sparse, dense = module.prompt_encoder(
                points=points, boxes=prompts.box, masks=prompts.mask
            )
            masks, scores = module.mask_decoder.predict_masks(
                image_embeddings=embedding,
                image_pe=self._positions,
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
                hq_features=details,
            )
        return masks, scores[0].tolist()

    def on(self, device: str) -> Self:
        return type(self)(copied(self._module, device))


def library() -> Any:
    """The package. It registers TinyViT with timm under names that timm has, by way of modules
    that timm moved, and warns of all of it at import: not on a person's terminal."""
    with _import_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torchvision_ops.declare()
        import segment_anything_hq
    return segment_anything_hq


def build(size: str) -> Any:
    """The package's network of one of SIZES with random weights, on the CPU."""
    return library().sam_model_registry[size](checkpoint=None)


def load(size: str, path: Path) -> PackageNetwork:
    """The network of one of SIZES with the weights of a checkpoint, on the CPU. Raises
    AnnotatorError when the file is not its checkpoint."""
    state = checkpoints.state_dict(path)
    module = build(size)
    checkpoints.load_into(module, state, path)
    return PackageNetwork(module)


def refiner(spec: RoleSpec, pack: Pack) -> SamRefiner:
    """Options of the manifest: ``size``, one of SIZES, and those of sam_hq_refiner.Options."""
    chosen = options(spec.model, spec.options, ("size",))
    size = spec.options.get("size")
    if size not in SIZES:
        raise AnnotatorError(
            f"The options of the model {spec.model} in its manifest: size is {size!r}, not one "
            f"of {', '.join(SIZES)}."
        )
    if spec.file is None:
        raise AnnotatorError(
            f"The pack manifest {pack.path}, section [roles.{spec.role}]: name the checkpoint "
            "with the key file."
        )
    return SamRefiner(spec.id, load(size, spec.file.check()), chosen)
