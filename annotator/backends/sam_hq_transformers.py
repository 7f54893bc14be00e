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
    """A ``SamHQModel`` of transformers, weights in place."""

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
        vision, cells = self._model.config.vision_config, self._cells
        return (1, vision.output_channels, cells, cells), (1, cells, cells, vision.hidden_size)

    @property
    def _cells(self) -> int:
        return int(self._model.config.prompt_encoder_config.image_embedding_size)

    def encode(self, frame: Any) -> tuple[Any, ...]:
        """The image embedding, and the output of the first global attention."""
        embedding, early = self._model.get_image_embeddings(padded(frame, self.edge))
        return embedding, early[0]

    def decode(
        self, tensors: tuple[Any, ...], prompts: Prompts, several: bool, hq_token_only: bool
    ) -> tuple[list[Any], list[float]]:
        import torch

        def grouped(tensor: Any) -> Any:
            """With an axis for several objects at once, of which there is one."""
            return None if tensor is None else tensor[:, None]

        embedding, early = tensors
        with torch.no_grad():
            sparse, dense = self._model.prompt_encoder(
                input_points=grouped(prompts.points),
                input_labels=grouped(prompts.labels),
                input_boxes=grouped(prompts.box),
                input_masks=prompts.mask,
            )
            masks, scores = self._model.mask_decoder(
                image_embeddings=embedding,
                image_positional_embeddings=self._positions,
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
                multimask_output=several,
                hq_token_only=hq_token_only,
                intermediate_embeddings=[early],
            )
        return list(masks[0].split(1, dim=1)), scores[0, 0].tolist()

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
            **pretrained.LOCAL,
        )
        if info["missing_keys"]:
            # The library would fill them with random numbers, and only warn.
            missing = len(info["missing_keys"])
            raise pretrained.fault(folder, f"{missing} of its weights are missing")
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
