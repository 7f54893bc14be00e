"""Words as vectors: all-MiniLM-L6-v2 through transformers, from local files only."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from annotator.backends.device import device
from annotator.backends.protocols import Floats
from annotator.core.errors import AnnotatorError

if TYPE_CHECKING:
    from annotator.backends.registry import Pack, RoleSpec

_BATCH = 64
#: Longest text in tokens, as the model was trained (its sentence_bert_config.json).
_TOKENS = 256


class MiniLM:
    """Sentence embeddings: mean of the token vectors (Reimers & Gurevych 2019, section 3), unit
    norm. Any thread may call; calls take turns."""

    def __init__(self, folder: Path, model_id: str) -> None:
        from transformers import AutoTokenizer, BertModel

        self._id = model_id
        self._device = device()
        try:
            self._tokens = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            model = BertModel.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, add_pooling_layer=False
            )
        except Exception as error:  # transformers raises many kinds for a folder that is not whole
            raise AnnotatorError(
                f"The text model in {folder} cannot be loaded ({type(error).__name__}): "
                f"install its package again."
            ) from error
        self._model = model.eval().to(self._device)
        self._lock = threading.Lock()

    @property
    def id(self) -> str:
        return self._id

    def embed(self, texts: Sequence[str]) -> Floats:
        """float32[n, 384], unit norm, in the order of ``texts``."""
        width = int(self._model.config.hidden_size)
        found = np.zeros((len(texts), width), dtype=np.float32)
        # Texts of similar length share a batch: less padding, much less work.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for start in range(0, len(order), _BATCH):
            part = order[start : start + _BATCH]
            found[part] = self._embed([texts[i] for i in part])
        return found

    def _embed(self, texts: list[str]) -> Floats:
        import torch

        with self._lock, torch.inference_mode():
            batch = self._tokens(
                texts, padding=True, truncation=True, max_length=_TOKENS, return_tensors="pt"
            ).to(self._device)
            hidden = self._model(**batch).last_hidden_state
            mask = batch["attention_mask"].unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)
            vectors = torch.nn.functional.normalize(mean, dim=1)
            return np.asarray(vectors.float().cpu().numpy(), dtype=np.float32)


def embedder(spec: RoleSpec, pack: Pack) -> MiniLM:  # noqa: ARG001 - a factory's signature
    if spec.file is None:
        raise AnnotatorError(f"The {spec.role} {spec.model} needs a file key in its manifest.")
    return MiniLM(spec.file.check().parent, spec.id)
