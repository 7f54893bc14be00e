"""Between an image and the square frame that SAM sees: the image resized so that its longest side
is the frame's, at the top left; the rest is padding (Kirillov et al. 2023, appendix A)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotator.backends.protocols import Bools, Floats, Pixels

Point = tuple[float, float, bool]
Box = tuple[float, float, float, float]
Size = tuple[int, int]

#: Log-odds of a pixel that a mask prompt is sure of. The low-resolution masks that SAM was
#: trained to take as prompts are log-odds too, hardly any beyond this.
SURE = 10.0
#: Mean and deviation of red, green and blue in 0 to 255 (ImageNet's), as SAM was trained with.
MEAN = (123.675, 116.28, 103.53)
DEVIATION = (58.395, 57.12, 57.375)


def fitted(height: int, width: int, edge: int) -> Size:
    """(height, width) with the longest side ``edge``, in the same proportions, rounded as SAM
    does; never 0, which it is there for an image 2048 times as long as wide."""
    scale = edge * 1.0 / max(height, width)
    return max(int(height * scale + 0.5), 1), max(int(width * scale + 0.5), 1)


def resized(image: Pixels, edge: int) -> Any:
    """uint8[1, 3, h, w] tensor, longest side ``edge``: by Pillow, whose filter looks at every
    pixel when it shrinks, as SAM was trained with."""
    import torch
    from torchvision.transforms.functional import resize, to_pil_image

    size = fitted(image.shape[0], image.shape[1], edge)
    small = np.array(resize(to_pil_image(np.ascontiguousarray(image)), list(size)))
    return torch.as_tensor(small).permute(2, 0, 1).contiguous()[None]


def padded(frame: Any, edge: int) -> Any:
    """float32[1, 3, edge, edge]: a resized image, normalised, zeros to its right and below."""
    import torch

    mean, deviation = (
        torch.tensor(values, device=frame.device).view(-1, 1, 1) for values in (MEAN, DEVIATION)
    )
    height, width = frame.shape[-2:]
    normal = (frame - mean) / deviation
    return torch.nn.functional.pad(normal, (0, edge - width, 0, edge - height))


def places(xy: Sequence[tuple[float, float]], size: Size, frame: Size) -> NDArray[np.float64]:
    """float64[n, 2]: (x, y) in pixels of an image of ``size`` as pixels of its frame."""
    scale = np.array([frame[1] / size[1], frame[0] / size[0]])
    return np.asarray(np.array(xy, dtype=np.float64).reshape(-1, 2) * scale)


def mask_prompt(mask: Floats, edge: int) -> Floats:
    """float32[edge, edge]: log-odds of a soft mask float32[H, W] in [0, 1], in the frame at the
    size SAM takes them (256), cut at +-SURE. 0.5 becomes 0, SAM's own threshold; the padding is
    surely outside."""
    height, width = fitted(mask.shape[0], mask.shape[1], edge)
    shrink = max(mask.shape) > edge
    how = cv2.INTER_AREA if shrink else cv2.INTER_LINEAR
    soft = cv2.resize(mask.astype(np.float32), (width, height), interpolation=how).clip(0, 1)
    # The odds of 1 and 0 are infinite; the cut puts them at +-SURE.
    with np.errstate(divide="ignore"):
        odds = np.log(soft) - np.log1p(-soft)
    found = np.full((edge, edge), -SURE, np.float32)
    found[:height, :width] = np.clip(odds, -SURE, SURE)
    return found


def full_size(logits: Any, edge: int, frame: Size, size: Size, exact: bool = True) -> Bools:
    """bool[H, W] of an image of ``size``: where the mask float32[1, 1, l, l] of the whole frame
    is above 0. Both steps are SAM's own, so that no pixel differs; one mask at a time, as the
    kernels round differently for several. Not ``exact``: on the CPU the second step is OpenCV's,
    which takes a quarter of the time and differs in a few of a million pixels."""
    from torch.nn.functional import interpolate

    large = interpolate(logits, (edge, edge), mode="bilinear", align_corners=False)
    large = large[..., : frame[0], : frame[1]]
    if not exact and large.device.type == "cpu":
        near = large[0, 0].contiguous().numpy()
        return np.asarray(cv2.resize(near, size[::-1], interpolation=cv2.INTER_LINEAR) > 0)
    full = interpolate(large, size, mode="bilinear", align_corners=False)
    return np.asarray((full > 0)[0, 0].cpu().numpy(), dtype=np.bool_)
