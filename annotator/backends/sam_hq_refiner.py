"""HQ-SAM (Ke et al. 2023, "Segment Anything in High Quality") as a Refiner, whichever library has
the network: prompts in, masks of the image's size out, and what to do when memory runs out."""

from __future__ import annotations

import copy
import gc
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar

from annotator.backends import sam_hq_encoding
from annotator.backends.device import device
from annotator.backends.pretrained import is_out_of_memory
from annotator.backends.protocols import Floats, MaskCandidate, Pixels
from annotator.backends.sam_hq_encoding import Encoding
from annotator.backends.sam_hq_frames import (
    Box,
    Point,
    fitted,
    full_size,
    mask_prompt,
    places,
    resized,
)
from annotator.core.errors import AnnotatorError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Options:
    """Options in a manifest. ``hq_token_only``: the mask of the high-quality token alone, where
    the package by default adds it to that of SAM. ``candidates``: at most so many answers, 1 to
    3."""

    hq_token_only: bool = False
    candidates: int = 3


@dataclass(frozen=True, slots=True)
class Prompts:
    """Tensors on the network's device: ``points`` float32[1, n, 2] as (x, y) in the frame,
    ``labels`` int[1, n] 1 for inside, ``box`` float32[1, 4], ``mask`` float32[1, 1, l, l]."""

    points: Any = None
    labels: Any = None
    box: Any = None
    mask: Any = None


class Network(Protocol):
    """The network on one device. Calls keep no state: any thread may make them at any time."""

    @property
    def device(self) -> str: ...

    @property
    def edge(self) -> int:
        """Side of the frame that it sees, in pixels."""
        ...

    @property
    def low(self) -> int:
        """Side of the masks that it takes and gives, in cells."""
        ...

    @property
    def shapes(self) -> Sequence[tuple[int, ...]]:
        """Of the tensors that ``encode`` gives."""
        ...

    def encode(self, frame: Any) -> tuple[Any, ...]:
        """What the decoder needs of a frame uint8[1, 3, h, w] on the network's device."""
        ...

    def decode(self, tensors: tuple[Any, ...], prompts: Prompts) -> tuple[Any, list[float]]:
        """Masks float32[1, n + 1, l, l], above 0 inside, and the IoU that each of the first n is
        predicted to have. Mask 0 answers prompts that say enough, those after it ambiguous ones;
        the last is the high-quality token's."""
        ...

    def on(self, device: str) -> Self:
        """A copy on another device. Raises what PyTorch raises when it does not fit."""
        ...


class SamRefiner:
    """A StoringRefiner around a network that is on the CPU and moves to the device.

    One point is ambiguous (a button, the shirt, the person): the answers are SAM's three masks
    for such prompts, each with the high-quality mask added, by their predicted IoU. The first is
    to the bit what the package's predictor gives for ``multimask_output=True``. A box, a mask or
    several points say enough: the one answer is what it gives for ``multimask_output=False``.

    When the GPU's memory runs out, what is cached is freed and the work done again, then done on
    the CPU from then on; ``fallback`` says so."""

    def __init__(self, model_id: str, network: Network, options: Options | None = None) -> None:
        self._id = model_id
        self._options = options or Options()
        self._lock = threading.Lock()
        self._network = network
        self._fallback = ""
        if device() != network.device:
            self._place(device())

    @property
    def id(self) -> str:
        return self._id

    @property
    def fallback(self) -> str:
        return self._fallback

    def encode(self, image: Pixels) -> Encoding:
        """See the protocol. Raises AnnotatorError when the memory does not suffice, and when the
        network answers with no numbers."""
        height, width = image.shape[:2]

        def work(network: Network) -> Encoding:
            frame = resized(image, network.edge).to(network.device)
            tensors = network.encode(frame)
            if not all(bool(tensor.isfinite().all()) for tensor in tensors):
                # Its masks would be empty, as if it had found nothing.
                raise AnnotatorError(
                    f"The model {self._name} computes values that are no numbers (NaN): its "
                    "weights are damaged, get them again."
                )
            return Encoding(height, width, tensors)

        return self._run(work)

    def refine(
        self,
        encoding: Encoding,
        points: Sequence[Point] = (),
        box: Box | None = None,
        mask: Floats | None = None,
    ) -> list[MaskCandidate]:
        """See the protocol. Raises AnnotatorError when there is no prompt at all, or nothing but
        points outside, and when the memory does not suffice."""
        size = encoding.height, encoding.width
        if mask is not None and mask.shape != size:
            raise ValueError(f"a mask of {mask.shape} for {size[0]}x{size[1]}")
        if mask is None and box is None and not any(point[2] for point in points):
            raise AnnotatorError(
                "There is nothing to refine: give a mask, a box or a point inside."
            )
        several = len(points) == 1 and box is None and mask is None

        def work(network: Network) -> list[MaskCandidate]:
            frame = fitted(*size, network.edge)
            prompts = _prompts(network, size, points, box, mask)
            tensors = tuple(tensor.to(network.device) for tensor in encoding.tensors)
            masks, scores = network.decode(tensors, prompts)
            found = _chosen(masks, scores, several, self._options)
            return [
                MaskCandidate(
                    full_size(logits, network.edge, frame, size, exact=rank == 0),
                    min(max(score, 0.0), 1.0),
                )
                for rank, (logits, score) in enumerate(found)
            ]

        return self._run(work)

    def pack(self, encoding: Encoding) -> bytes:
        """See the protocol."""
        return sam_hq_encoding.pack(encoding, self._id)

    def unpack(self, data: bytes) -> Encoding:
        """See the protocol."""

        def work(network: Network) -> Encoding:
            return sam_hq_encoding.unpack(data, self._id, network.shapes, network.device)

        return self._run(work)

    def _run(self, work: Callable[[Network], T]) -> T:
        network = self._network
        done = _twice(lambda: work(network))
        if done is None and network.device != "cpu":
            done = _twice(lambda: work(self._to_cpu()))
        if done is None:
            raise AnnotatorError(
                f"The model {self._name} needs more memory than there is: choose a smaller model."
            )
        return done

    def _place(self, wanted: str) -> None:
        placed = _twice(lambda: self._network.on(wanted))
        if placed is None:
            self._fallback = self._said
        else:
            self._network = placed

    def _to_cpu(self) -> Network:
        with self._lock:
            if self._network.device != "cpu":
                # A copy: other threads may be at work with the one on the GPU.
                self._network = self._network.on("cpu")
                self._fallback = self._said
            return self._network

    @property
    def _name(self) -> str:
        return self._id.partition("@")[0]

    @property
    def _said(self) -> str:
        return f"{self._name} runs on the CPU, as the GPU has too little free memory for it."


def options(model: str, said: Mapping[str, Any], others: Sequence[str] = ()) -> Options:
    """The options of a manifest, checked; ``others``: those the caller reads. Raises
    AnnotatorError that says what to correct."""

    def fault(what: str) -> AnnotatorError:
        return AnnotatorError(f"The options of the model {model} in its manifest: {what}.")

    known = ("hq_token_only", "candidates")
    for name in said:
        if name not in (*others, *known):
            raise fault(f"{name} is not known; there are {', '.join((*others, *known))}")
    only, count = said.get("hq_token_only", False), said.get("candidates", 3)
    if not isinstance(only, bool):
        raise fault(f"hq_token_only is {only!r}, not true or false")
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= 3:
        raise fault(f"candidates is {count!r}, not a whole number from 1 to 3")
    return Options(only, count)


def copied(module: Any, device: str) -> Any:
    """A torch module on another device, the old one untouched; never both twice on one device,
    as ``copy.deepcopy(module).to(device)`` would have it."""
    import torch

    tensors: dict[int, Any] = {
        id(one): torch.nn.Parameter(one.detach().to(device, copy=True), requires_grad=False)
        for one in module.parameters()
    }
    tensors |= {id(one): one.to(device, copy=True) for one in module.buffers()}
    return copy.deepcopy(module, tensors)


def _chosen(
    masks: Any, scores: list[float], several: bool, options: Options
) -> list[tuple[Any, float]]:
    """Masks float32[1, 1, l, l] and their scores, best first (Ke et al. 2023, section 3.2: the
    high-quality mask corrects the chosen one of SAM)."""
    order = sorted(range(1, len(scores)), key=lambda i: -scores[i]) if several else [0]
    fine = masks[:, -1:]
    if options.hq_token_only:
        return [(fine, scores[order[0]])]
    return [(masks[:, i : i + 1] + fine, scores[i]) for i in order[: options.candidates]]


def _prompts(
    network: Network,
    size: tuple[int, int],
    points: Sequence[Point],
    box: Box | None,
    mask: Floats | None,
) -> Prompts:
    import torch

    frame = fitted(*size, network.edge)
    found: dict[str, Any] = {}
    if points:
        xy = places([(x, y) for x, y, _ in points], size, frame)
        found["points"] = torch.as_tensor(xy, dtype=torch.float32)[None]
        found["labels"] = torch.as_tensor([int(one[2]) for one in points], dtype=torch.int32)[None]
    if box is not None:
        corners = places([box[:2], box[2:]], size, frame)
        found["box"] = torch.as_tensor(corners.reshape(1, 4), dtype=torch.float32)
    if mask is not None:
        found["mask"] = torch.as_tensor(mask_prompt(mask, network.low))[None, None]
    return Prompts(**{name: value.to(network.device) for name, value in found.items()})


def _twice(work: Callable[[], T]) -> T | None:
    """What ``work`` gives; when memory runs out, once more with all that is cached freed; None
    when it still does not suffice."""
    for _ in range(2):
        try:
            return work()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        # Out of the handler, or the error would hold on to what is to be freed.
        _free()
    return None


def _free() -> None:
    import torch

    if gc.isenabled():  # else another thread does it: see gui/garbage.py
        gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
