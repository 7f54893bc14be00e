"""What a manifest can say of a Grounder that is a CLIP-like model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from annotator.backends.clip_templates import templates
from annotator.backends.pretrained import DTYPES
from annotator.core.errors import AnnotatorError


@dataclass(frozen=True, slots=True)
class Options:
    """``dtype``: of the weights, "" for float16 on a GPU and float32 on the CPU. ``template``: a
    name of clip_templates, or a sentence with "{}" in it. ``size``: the shorter side at which an
    image is looked at, in pixels. ``window``: side of the windows over larger images, in pixels
    (0: twice the size), ``stride``: from one window to the next (0: half a window); both are
    rounded to whole patches. ``scales``: of ``size``, averaged. ``batch``: windows, or as many
    texts times 16, at a time. ``keep_adapter``: a LoRA stays beside the weights."""

    dtype: str = ""
    template: str = "photo"
    size: int = 448
    window: int = 0
    stride: int = 0
    scales: tuple[float, ...] = (1.0,)
    batch: int = 8
    keep_adapter: bool = False

    def windows(self, patch: int) -> tuple[int, int]:
        """(side of a window, step to the next) in pixels, multiples of ``patch``."""
        side = max(1, round((self.window or 2 * self.size) / patch))
        step = round(self.stride / patch) if self.stride else side // 2
        return side * patch, min(side, max(1, step)) * patch

    @property
    def marks(self) -> str:
        """What changes the vectors of an image or a text, beside the weights: part of the id of
        the model; "" for the defaults."""
        plain = Options()
        names = ("template", "size", "window", "stride", "scales")
        found = [(name, getattr(self, name)) for name in names]
        return ",".join(f"{n}={v}" for n, v in found if v != getattr(plain, n))


def options(model: str, given: Mapping[str, Any]) -> Options:
    """The options of a manifest, checked. Raises AnnotatorError that says what to correct."""

    def fault(what: str) -> AnnotatorError:
        return AnnotatorError(f"The options of the model {model} in its manifest: {what}.")

    known = [one.name for one in fields(Options)]
    for name in given:
        if name not in known:
            raise fault(f"{name} is not known; there are {', '.join(known)}")
    if given.get("dtype", "") not in ("", *DTYPES):
        raise fault(f"dtype is {given['dtype']!r}, not one of {', '.join(DTYPES)}")
    for name, least in (("size", 8), ("window", 0), ("stride", 0), ("batch", 1)):
        value = given.get(name, least)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise fault(f"{name} is {value!r}, not a whole number from {least}")
    scales = given.get("scales", [1.0])
    if not isinstance(scales, (list, tuple)) or not scales or not all(map(_is_scale, scales)):
        raise fault(f"scales is {scales!r}, not a list of numbers from 0.1 to 10")
    if not isinstance(given.get("template", ""), str):
        raise fault(f"template is {given['template']!r}, not a text")
    if not isinstance(given.get("keep_adapter", False), bool):
        raise fault(f"keep_adapter is {given['keep_adapter']!r}, not true or false")
    found = Options(**{**given, "scales": tuple(float(one) for one in scales)})
    templates(found.template)
    return found


def _is_scale(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0.1 <= value <= 10
