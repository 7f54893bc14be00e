"""Words as vectors: all-MiniLM-L6-v2, a BERT of transformers, from local files only."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.backends.device import device
from annotator.backends.protocols import Floats
from annotator.core.errors import AnnotatorError

if TYPE_CHECKING:
    from annotator.backends.registry import Pack, RoleSpec

#: The weights in a folder of sentence-transformers; what else it takes lies beside them.
WEIGHTS = "model.safetensors"
_BATCH = 64
#: Longest text in tokens; names of things are far shorter.
_TOKENS = 128


class MiniLM:
    """Sentence embeddings: mean of the token vectors (Reimers & Gurevych 2019, section 3), unit
    norm. Any thread may call; calls take turns."""

    def __init__(self, weights: Path, model_id: str) -> None:
        from tokenizers import Tokenizer

        self._id = model_id
        self._device = device()
        self._lock = threading.Lock()
        try:
            self._tokens = Tokenizer.from_file(str(weights.with_name("tokenizer.json")))
            self._model = _load(weights)
        except Exception as error:  # the libraries raise many kinds for a folder that is not whole
            raise AnnotatorError(
                f"The text model in {weights.parent} cannot be loaded ({type(error).__name__}): "
                f"install its package again."
            ) from error
        self._tokens.enable_truncation(_TOKENS)
        self._tokens.enable_padding()
        self._model = self._model.to(self._device)

    @property
    def id(self) -> str:
        return self._id

    def embed(self, texts: Sequence[str]) -> Floats:
        """float32[n, c], unit norm (all-MiniLM-L6-v2: c is 384), in the order of ``texts``."""
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
            read = self._tokens.encode_batch(texts)
            ids = torch.tensor([r.ids for r in read], device=self._device)
            mask = torch.tensor([r.attention_mask for r in read], device=self._device)
            hidden = self._model(input_ids=ids, attention_mask=mask).last_hidden_state
            part = mask.unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * part).sum(1) / part.sum(1).clamp(min=1)
            vectors = torch.nn.functional.normalize(mean, dim=1)
            return np.asarray(vectors.float().cpu().numpy(), dtype=np.float32)


def _load(weights: Path) -> Any:
    # Built here and not by from_pretrained, which reports to the terminal what it leaves out.
    from safetensors.torch import load_file
    from transformers.models.bert.configuration_bert import BertConfig
    from transformers.models.bert.modeling_bert import BertModel

    config = json.loads(weights.with_name("config.json").read_text(encoding="utf-8"))
    model = BertModel(BertConfig(**config), add_pooling_layer=False)
    missing, _ = model.load_state_dict(load_file(weights), strict=False)
    if missing:
        raise ValueError(f"{len(missing)} weights are missing")
    model.train(False)
    return model.requires_grad_(False)


def embedder(spec: RoleSpec, pack: Pack) -> MiniLM:  # noqa: ARG001 - a factory's signature
    """Of a manifest's ``file``, or of the ``folder`` of another BERT of sentence-transformers."""
    if spec.file is not None:
        return MiniLM(spec.file.check(), spec.id)
    if spec.folder is not None:
        return MiniLM(spec.folder.check() / WEIGHTS, spec.id)
    raise AnnotatorError(
        f"The {spec.role} {spec.model} needs a file or a folder key in its manifest."
    )
