"""EfficientNet-Lite as one fast network that answers with class logits or with a feature map."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from annotator.backends.device import device
from annotator.backends.protocols import Floats
from annotator.core.errors import AnnotatorError

if TYPE_CHECKING:
    import torch

#: Input edge of each variant in pixels (EfficientNet-Lite, table of the release).
EDGES = {
    "efficientnet-lite0": 224,
    "efficientnet-lite1": 240,
    "efficientnet-lite2": 260,
    "efficientnet-lite3": 280,
    "efficientnet-lite4": 300,
}
_lock = threading.Lock()
_networks: dict[tuple[str, str], Network] = {}


class Network:
    """The classifier, batch norms folded into the convolutions, channels-last, never training.

    One instance serves the tagger and the grounder. Any thread may call; calls take turns.
    ``rows`` is float32[classes, c], the classifier's weights; ``edge`` its input size in pixels.
    """

    def __init__(self, name: str, weights: Path) -> None:
        import torch

        self.edge = EDGES[name]
        self.device = device()
        self._net = _load(name, weights).to(self.device, memory_format=torch.channels_last)
        self._lock = threading.Lock()
        self.rows: Floats = self._net._fc.weight.detach().float().cpu().numpy()

    def probabilities(self, images: NDArray[np.uint8]) -> Floats:
        """uint8[n, edge, edge, 3] RGB -> float32[n, classes], each row sums to 1."""
        import torch

        with self._lock, torch.inference_mode(), _exact():
            logits: torch.Tensor = self._net(self._input(images))
            return np.asarray(logits.float().softmax(1).cpu().numpy(), dtype=np.float32)

    def logits(self, images: NDArray[np.uint8]) -> Floats:
        """uint8[n, h, w, 3] RGB -> float32[n, classes]."""
        import torch

        with self._lock, torch.inference_mode(), _exact():
            return np.asarray(self._net(self._input(images)).cpu().numpy(), dtype=np.float32)

    def features(self, images: NDArray[np.uint8], stride: int = 16) -> Floats:
        """uint8[n, h, w, 3] RGB -> float32[n, h / stride, w / stride, c], the map before pooling.

        h and w are multiples of 32. At ``stride`` 16 the last subsampling is skipped and the
        convolutions after it are dilated instead, which keeps what each of them sees
        (DeepLab, section 3.1); at 32 the network is as trained.
        """
        import torch

        with self._lock, torch.inference_mode(), _exact():
            _set_stride(self._net, stride)
            try:
                found: torch.Tensor = self._net.extract_features(self._input(images))
            finally:
                _set_stride(self._net, 32)
            return np.ascontiguousarray(found.permute(0, 2, 3, 1).float().cpu().numpy())

    def inner(self, image: NDArray[np.uint8], blocks: Sequence[int]) -> list[Floats]:
        """uint8[h, w, 3] RGB -> the outputs of some blocks (rising numbers), each float32[h / s,
        w / s, c] at its own stride s; what comes after the last is not computed.

        h and w are multiples of 32."""
        import torch

        found: list[Floats] = []
        with self._lock, torch.inference_mode(), _exact():
            x = self._net._swish(self._net._bn0(self._net._conv_stem(self._input(image[None]))))
            for number, block in enumerate(self._net._blocks[: blocks[-1] + 1]):
                x = block(x)
                if number in blocks:
                    found.append(np.ascontiguousarray(x[0].permute(1, 2, 0).float().cpu().numpy()))
        return found

    def _input(self, images: NDArray[np.uint8]) -> torch.Tensor:
        import torch

        # An NHWC array seen as NCHW is channels-last already: no copy but the cast.
        x = torch.from_numpy(images).to(self.device).permute(0, 3, 1, 2)
        return x.float().sub_(127.0).div_(128.0)


def network(name: str, weights: Path) -> Network:
    """The one Network of that name and (already checked) weight file in this process."""
    key = (name, str(weights))
    with _lock:
        if key not in _networks:
            if name not in EDGES:
                raise AnnotatorError(
                    f"The manifest names a network {name}: use one of {', '.join(EDGES)}."
                )
            _networks[key] = Network(name, weights)
        return _networks[key]


def _exact() -> AbstractContextManager[None]:
    """On CUDA, the same answer every time and, but for rounding, that of a CPU: no TF32."""
    import torch

    flags: AbstractContextManager[None] = torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )
    return flags


def _load(name: str, weights: Path) -> Any:
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    # Without a fixed image size the padding follows the input, so that any size works; at the
    # size of training it is the same padding. The package's own loader unpickles and prints.
    net = EfficientNet.from_name(name, image_size=None)
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
        net.load_state_dict(state)
    except Exception as error:  # torch raises many kinds for a file that is not what it should be
        raise AnnotatorError(
            f"The weight file {weights} does not fit {name} ({type(error).__name__}): "
            f"correct the manifest."
        ) from error
    net.eval().requires_grad_(False)
    _fuse(net)
    for block in net._blocks:
        _fuse(block)
    return net


def _fuse(module: Any) -> None:
    """Folds each batch norm into the convolution before it; lets a convolution of stride 1 pad
    by itself, which saves a copy of its input."""
    import torch
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    pairs = (
        (("_conv_stem", "_bn0"), ("_conv_head", "_bn1"))
        if hasattr(module, "_conv_stem")
        else (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2"))
    )
    for conv_name, norm_name in pairs:
        conv = getattr(module, conv_name, None)
        if conv is None:
            continue
        fused = fuse_conv_bn_eval(conv, getattr(module, norm_name))
        if tuple(fused.stride) == (1, 1):
            fused = _self_padding(fused)
        setattr(module, conv_name, fused)
        setattr(module, norm_name, torch.nn.Identity())


def _self_padding(conv: Any) -> Any:
    import torch

    plain = torch.nn.Conv2d(
        conv.in_channels,
        conv.out_channels,
        conv.kernel_size,
        padding=conv.kernel_size[0] // 2,
        groups=conv.groups,
    )
    plain.weight, plain.bias = conv.weight, conv.bias
    return plain.eval().requires_grad_(False)


def _set_stride(net: Any, stride: int) -> None:
    """Output stride 32 (as trained) or 16. The last block that subsamples is the switch."""
    if stride not in (16, 32):
        raise ValueError(f"stride {stride}: 16 or 32")
    last = max(i for i, b in enumerate(net._blocks) if b._block_args.stride in (2, [2], (2,)))
    dense = stride == 16
    net._blocks[last]._depthwise_conv.stride = [1, 1] if dense else [2, 2]
    for block in net._blocks[last + 1 :]:
        conv = block._depthwise_conv
        dilation = 2 if dense else 1
        conv.dilation = (dilation, dilation)
        conv.padding = (dilation * (conv.kernel_size[0] // 2),) * 2
