"""HQ-SAM as transformers saves it: safetensors, in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from annotator.backends import pretrained
from annotator.backends.sam_hq_frames import padded
from annotator.backends.sam_hq_refiner import Prompts, SamRefiner, copied, options
from annotator.core.errors import AnnotatorError

if TYPE_CHECKING:
    from annotator.backends.registry import Pack, RoleSpec


class TransformersNetwork:
    """A ``SamHQModel`` of transformers, weights in place.

    Its mask decoder's own ``forward`` is not used: up to transformers 5.23 it goes on with the
    image as it was before the prompts attended to it, rows and columns exchanged, and draws
    other masks than HQ-SAM from the same weights. The decoder's parts are right; they are put
    together here as in the paper's code."""

    def __init__(self, model: Any) -> None:
        import torch

        self._model = model.eval().requires_grad_(False)
        with torch.no_grad():
            self._positions = model.get_image_wide_positional_embeddings()

    @property
    def device(self) -> str:
        return str(self._positions.device.type)

    @property
    def edge(self) -> int:
        return int(self._model.config.vision_config.image_size)

    @property
    def low(self) -> int:
        return 4 * self._cells

    @property
    def shapes(self) -> Sequence[tuple[int, ...]]:
        channels = int(self._model.mask_decoder.hidden_size)
        cells = self._cells
        return (1, channels, cells, cells), (1, channels // 8, self.low, self.low)

    @property
    def _cells(self) -> int:
        return int(self._model.config.prompt_encoder_config.image_embedding_size)

    def encode(self, frame: Any) -> tuple[Any, ...]:
        """The image embedding, and the high-quality features, which depend on the image alone
        (Ke et al. 2023, section 3.2): from the embedding and the first global attention."""
        import torch

        parts = self._model.mask_decoder
        with torch.no_grad():
            embedding, early = self._model.get_image_embeddings(padded(frame, self.edge))
            late = parts.activation(parts.encoder_norm(parts.encoder_conv1(embedding)))
            early = parts.compress_vit_norm(parts.compress_vit_conv1(early[0].permute(0, 3, 1, 2)))
            early = parts.compress_vit_conv2(parts.activation(early))
            return embedding, parts.encoder_conv2(late) + early

    def decode(self, tensors: tuple[Any, ...], prompts: Prompts) -> tuple[Any, list[float]]:
        import torch

        def grouped(tensor: Any) -> Any:
            """With an axis for several objects at once, of which there is one."""
            return None if tensor is None else tensor[:, None]

        parts = self._model.mask_decoder
        embedding, details = tensors
        with torch.no_grad():
            sparse, dense = self._model.prompt_encoder(
                input_points=grouped(prompts.points),
                input_labels=grouped(prompts.labels),
                input_boxes=grouped(prompts.box),
                input_masks=prompts.mask,
            )
            own = (parts.iou_token.weight, parts.mask_tokens.weight, parts.hq_token.weight)
            tokens = torch.cat(own)[None, None]
            tokens, image = parts.transformer(
                point_embeddings=tokens if sparse is None else torch.cat((tokens, sparse), dim=2),
                image_embeddings=embedding + dense,
                image_positional_embeddings=self._positions,
                attention_similarity=None,
            )
            image = image[:, 0].transpose(1, 2).reshape(embedding.shape)
            image = parts.activation(parts.upscale_layer_norm(parts.upscale_conv1(image)))
            coarse = parts.activation(parts.upscale_conv2(image))
            fine = parts.activation(parts.mask_norm(parts.mask_conv1(coarse)))
            fine = parts.mask_conv2(fine) + details
            heads = (*parts.output_hypernetworks_mlps, parts.hq_mask_mlp)
            weights = torch.stack([head(tokens[0, :, 1 + i]) for i, head in enumerate(heads)], 1)
            masks = torch.cat(
                (weights[:, :-1] @ coarse.flatten(2), weights[:, -1:] @ fine.flatten(2)), dim=1
            )
            scores = parts.iou_prediction_head(tokens[0, :, 0])
        return masks.view(1, -1, self.low, self.low), scores[0].tolist()

    def on(self, device: str) -> Self:
        return type(self)(copied(self._model, device))


def load(folder: Path) -> TransformersNetwork:
    """The network in a folder, on the CPU. Raises AnnotatorError when it holds no HQ-SAM, or not
    all of it."""
    config = pretrained.config_of(folder)
    if config.model_type != "sam_hq":
        raise pretrained.fault(folder, f"it holds a model of type {config.model_type}, not sam_hq")

    def whole() -> Any:
        model, info = pretrained.library().SamHQModel.from_pretrained(
            folder,
            config=config,
            dtype="float32",
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            **pretrained.LOCAL,
        )
        pretrained.check_loaded(folder, info)
        return model

    return TransformersNetwork(pretrained.part(folder, whole))


def refiner(spec: RoleSpec, pack: Pack) -> SamRefiner:
    """Options of the manifest: those of sam_hq_refiner.Options."""
    chosen = options(spec.model, spec.options)
    if spec.folder is None:
        raise AnnotatorError(
            f"The pack manifest {pack.path}, section [roles.{spec.role}]: name the model's "
            "folder with the key folder."
        )
    return SamRefiner(spec.id, load(spec.folder.check()), chosen)
