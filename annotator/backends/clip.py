"""Grounders that are CLIP-like models: CLIP, SigLIP, SigLIP 2, with or without a LoRA."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from annotator.backends import clip_dense, clip_windows, pretrained
from annotator.backends.clip_dense import Dense
from annotator.backends.clip_options import Options, options
from annotator.backends.clip_templates import fill, templates
from annotator.backends.protocols import Floats, Pixels, TagText
from annotator.core.errors import AnnotatorError

if TYPE_CHECKING:
    import torch

    from annotator.backends.registry import Pack, RoleSpec

#: Texts whose vectors are remembered: 33 MB at 512 channels.
REMEMBERED = 16_384
#: Sentences that are embedded before they are averaged: bounds the memory of a large vocabulary.
_SENTENCES = 2_048
_TEXTS = 16


class ClipGrounder:
    """Compares every patch of an image with a tag (TTD, eq. 2), by the dense features of
    clip_dense. Inside it computes in the type of the weights, what comes out is float32. Any
    thread may call; calls take turns.

    A text of any length and language is taken: what the model's tokenizer makes of it is cut at
    the model's context (77 tokens for CLIP, 64 for SigLIP), so of 300 words the first fifty or so
    count. When the memory of the GPU does not suffice, fewer windows are looked at together, and
    if one is too many the model goes to the CPU: ``fallback`` says so, and nothing is lost."""

    def __init__(self, load: Callable[[str | None], Dense], model_id: str, chosen: Options) -> None:
        """``load``: makes the model on a device, None for the usual one."""
        self._name = model_id.partition("@")[0]
        self._id = f"{model_id},{chosen.marks}" if chosen.marks else model_id
        self._options = chosen
        self._templates = templates(chosen.template)
        self._rows = chosen.batch
        self._lock = threading.Lock()
        self._fallback = ""
        self._known: OrderedDict[tuple[str, ...], Floats] = OrderedDict()
        try:
            self._dense = load(None)
        except pretrained.OutOfMemory:
            self._dense = load("cpu")
            self._fallback = self._on_the_cpu()

    @property
    def id(self) -> str:
        return self._id

    @property
    def fallback(self) -> str:
        """What was done for lack of memory, in one sentence; "" for nothing."""
        return self._fallback

    @property
    def context(self) -> int:
        """Tokens of a text that count."""
        return self._dense.context

    def pixels(self, image: Pixels) -> Floats:
        """float32[h, w, c], unit norm: the shorter side is ``size`` pixels, a cell every patch
        (16 pixels for ViT-B/16: 28 cells), the aspect kept. Larger inputs by overlapping windows,
        several scales averaged on the finest grid."""
        chosen, dense = self._options, self._dense
        window, step = chosen.windows(dense.patch)
        with self._lock:
            maps = []
            for scale in chosen.scales:
                height, width = clip_windows.sides(
                    image.shape[0],
                    image.shape[1],
                    chosen.size,
                    scale,
                    largest=max(chosen.scales),
                    patch=dense.patch,
                    stride=dense.stride,
                )
                looked = clip_windows.cells_of(
                    dense.prepare(image, height, width),
                    self._encode,
                    window=window,
                    step=step,
                    stride=dense.stride,
                    batch=chosen.batch,
                )
                maps.append(looked)
            return self._numbers(clip_windows.mean_of_scales(maps))

    def texts(self, tags: Sequence[TagText]) -> Floats:
        """float32[n, c], unit norm. A tag is the mean of the unit vectors of its name and its
        lemmas in each template; a sentence is embedded as it is."""
        wanted = [self._sentences(tag) for tag in tags]
        with self._lock:
            found: dict[tuple[str, ...], Floats] = {}
            for key in dict.fromkeys(wanted):
                if key in self._known:
                    self._known.move_to_end(key)
                    found[key] = self._known[key]
            missing = [key for key in dict.fromkeys(wanted) if key not in found]
            for part in _parts(missing):
                vectors = self._embed([text for key in part for text in key])
                at = 0
                for key in part:
                    mean = vectors[at : at + len(key)].mean(axis=0)
                    found[key] = mean / max(float(np.linalg.norm(mean)), 1e-12)
                    at += len(key)
                    self._known[key] = found[key]
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        width = self._dense.width
        return np.stack([found[key] for key in wanted]) if wanted else np.zeros((0, width), "f4")

    def _sentences(self, tag: TagText) -> tuple[str, ...]:
        if tag.sentence:
            return (tag.name,)
        names = dict.fromkeys((tag.name, *tag.lemmas))
        return tuple(fill(one, name) for name in names for one in self._templates)

    def _embed(self, texts: Sequence[str]) -> Floats:
        """float32[n, c], unit norm each."""
        found = np.zeros((len(texts), self._dense.width), dtype=np.float32)
        # Texts of similar length share a batch: less padding, less work.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        at = 0
        while at < len(order):
            part = order[at : at + self._rows * _TEXTS]
            vectors = self._tried(lambda p=part: self._dense.texts([texts[i] for i in p]))  # type: ignore[misc]
            if vectors is None:
                self._with_less(self._rows)
                continue
            found[part] = self._numbers(vectors)
            at += len(part)
        return found

    def _encode(self, batch: torch.Tensor) -> torch.Tensor:
        """float[b, 3, h, w] -> float32[b, ., ., c] on the CPU."""
        import torch

        found: list[torch.Tensor] = []
        at = 0
        while at < len(batch):
            part = batch[at : at + self._rows]
            cells = self._tried(lambda p=part: self._dense.pixels(p))  # type: ignore[misc]
            if cells is None:
                self._with_less(len(part))
                continue
            found.append(cells)
            at += len(part)
        return torch.cat(found)

    def _tried(self, compute: Callable[[], torch.Tensor]) -> torch.Tensor | None:
        """What ``compute`` gives, on the CPU; None when the memory does not suffice."""
        import torch

        try:
            with torch.inference_mode():
                return compute().float().cpu()
        except AnnotatorError:
            raise
        except Exception as error:  # a model that does not fit its weights or its tokenizer
            if pretrained.is_out_of_memory(error):
                return None
            raise AnnotatorError(
                f"The model in {self._dense.folder} cannot answer ({pretrained.reason(error)}): "
                "get its files again or choose another model."
            ) from error

    def _with_less(self, rows: int) -> None:
        """Takes fewer at a time, or the CPU. Raises OutOfMemory when nothing is left to do."""
        import torch

        torch.cuda.empty_cache()
        if rows > 1:
            self._rows = rows // 2
            self._fallback = (
                f"The model {self._name} looks at {self._rows} parts of an image at a time: the "
                "GPU has no memory for more."
            )
        elif self._device.type != "cpu":
            self._dense.to("cpu", torch.float32)
            self._rows = 1
            self._fallback = self._on_the_cpu()
        else:
            raise pretrained.out_of_memory(self._name)

    @property
    def _device(self) -> torch.device:
        return self._dense.device

    def _on_the_cpu(self) -> str:
        return f"The model {self._name} runs on the CPU: the GPU has too little memory for it."

    def _numbers(self, found: torch.Tensor) -> Floats:
        values = np.asarray(found.numpy(), dtype=np.float32)
        if not np.isfinite(values).all():
            raise AnnotatorError(
                f"The model in {self._dense.folder} answers with no numbers: set its dtype to "
                "float32, or get its files again."
            )
        return values


def _parts(keys: Iterable[tuple[str, ...]]) -> Iterator[list[tuple[str, ...]]]:
    part: list[tuple[str, ...]] = []
    size = 0
    for key in keys:
        part.append(key)
        size += len(key)
        if size >= _SENTENCES:
            yield part
            part, size = [], 0
    if part:
        yield part


def grounder(spec: RoleSpec, pack: Pack) -> ClipGrounder:  # noqa: ARG001 - a factory's signature
    """The Grounder of a manifest's ``folder``, ``adapter`` and ``options`` (see Options)."""
    chosen = options(spec.model, spec.options)

    def load(on: str | None) -> Dense:
        return clip_dense.load(spec, on=on, dtype="float32" if on else "")

    return ClipGrounder(load, spec.id, chosen)
