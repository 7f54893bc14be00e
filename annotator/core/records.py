"""The facts of a project as frozen dataclasses, checked where they are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Verdict = Literal["unknown", "accepted", "rejected"]
Grid = Literal["none", "sg", "sgc"]
Filter = Literal["none", "percentile", "fixed", "both"]
Combine = Literal["avg", "product", "min", "max"]
Source = Literal["machine", "person"]
#: Kinds of rows, as carried by the change signal.
Kind = Literal["images", "runs", "proposals", "synsets", "tags", "regions", "history"]

VERDICTS: tuple[str, ...] = get_args(Verdict)
GRIDS: tuple[str, ...] = get_args(Grid)
FILTERS: tuple[str, ...] = get_args(Filter)
COMBINES: tuple[str, ...] = get_args(Combine)


@dataclass(frozen=True, slots=True)
class Image:
    """A file of the folder. Known by ``hash``; path and size can change.

    ``path`` is relative to the project's folder, with forward slashes. ``width`` and ``height``
    are pixels after EXIF orientation, None until the file was read. ``error`` is the reason why
    the file cannot be read. ``missing``: it was there once and is not any more.
    """

    id: int
    path: str
    bytes: int
    hash: str | None = None
    width: int | None = None
    height: int | None = None
    error: str | None = None
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Crop:
    """A part of an image in fractions of its size: 0 <= x < x + w <= 1, same for y and h."""

    name: str
    x: float
    y: float
    w: float
    h: float

    def __post_init__(self) -> None:
        if not (self.w > 0 and self.h > 0 and self.x >= 0 and self.y >= 0):
            raise ValueError(f"crop {self.name}: a crop has a positive size and starts inside")
        if self.x + self.w > 1 + 1e-9 or self.y + self.h > 1 + 1e-9:
            raise ValueError(f"crop {self.name}: a crop ends inside the image")

    def pixels(self, width: int, height: int) -> tuple[int, int, int, int]:
        """(left, top, right, bottom) in whole pixels of a width x height image, never empty."""
        left, top = round(self.x * width), round(self.y * height)
        right, bottom = round((self.x + self.w) * width), round((self.y + self.h) * height)
        left, top = min(left, width - 1), min(top, height - 1)
        return left, top, max(right, left + 1), max(bottom, top + 1)


WHOLE = Crop("whole", 0.0, 0.0, 1.0, 1.0)
CELLS = (
    Crop("top left", 0.0, 0.0, 0.5, 0.5),
    Crop("top right", 0.5, 0.0, 0.5, 0.5),
    Crop("bottom left", 0.0, 0.5, 0.5, 0.5),
    Crop("bottom right", 0.5, 0.5, 0.5, 0.5),
)
#: Crops of each grid (LLM2Labels, section 4.2): base, 2x2 sub-grid, sub-grid and whole image.
CROPS_OF: Mapping[str, tuple[Crop, ...]] = {
    "none": (WHOLE,),
    "sg": CELLS,
    "sgc": (WHOLE, *CELLS),
}
CROPS_BY_NAME: Mapping[str, Crop] = {c.name: c for c in (WHOLE, *CELLS)}


@dataclass(frozen=True, slots=True)
class Proposed:
    """One label a Tagger said of one crop.

    ``token_probabilities``: probability of each token of the label in (0, 1]; one number for a
    classifier; empty where the model gives none. ``wordnet_id`` ("n02123045": n and the WordNet
    3.0 offset in 8 digits) when the model names a synset and not only a word.
    """

    text: str
    token_probabilities: tuple[float, ...] = ()
    wordnet_id: str | None = None

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise ValueError("a proposal without text")
        if any(not 0.0 <= p <= 1.0 for p in self.token_probabilities):
            raise ValueError(f"{self.text}: token probabilities outside [0, 1]")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A stored proposal: what a machine said of an image. ``probability`` combines its tokens
    (LLM2Labels, eq. 3), None where the model gave none. ``crop`` is a Crop's name."""

    image_id: int
    text: str
    crop: str
    sample: int
    run_id: int
    probability: float | None
    token_probabilities: tuple[float, ...] = ()
    wordnet_id: str | None = None


@dataclass(frozen=True, slots=True)
class Synset:
    """A word of the vocabulary as a person sees it now (decisions applied, merges resolved).

    ``support``: number of images where it was proposed and passed the filters, or where a person
    accepted it; ``subtree_support`` counts the synsets below it too. ``score``: machine ranking
    score, >= 0. ``parent``: id of the parent synset. ``source``: who made it. ``inner``: it only
    groups others and was never proposed itself.
    """

    id: int
    name: str
    lemmas: tuple[str, ...]
    wordnet_id: str | None
    support: int
    subtree_support: int
    score: float
    verdict: Verdict
    parent: int | None
    source: Source
    inner: bool


@dataclass(frozen=True, slots=True)
class Tag:
    """A synset on an image. ``score`` in [0, 1] from the machine, None when only a person said
    it. ``seen``: names of the crops it was seen in. ``crops``: how many crops were looked at.
    ``kept``: it passed the filters; else ``reason`` says which filter dropped it."""

    image_id: int
    image: str
    synset_id: int
    synset: str
    score: float | None
    probability: float | None
    occurrence: int
    crops: int
    seen: tuple[str, ...]
    kept: bool
    reason: str | None
    verdict: Verdict
    source: Source


@dataclass(frozen=True, slots=True)
class Rle:
    """A mask as compressed COCO run lengths. ``counts`` is the ASCII string of the COCO API."""

    height: int
    width: int
    counts: str

    def __post_init__(self) -> None:
        if self.height <= 0 or self.width <= 0:
            raise ValueError("a mask has a positive height and width")


@dataclass(frozen=True, slots=True)
class Region:
    """A mask of one instance of a synset on an image. ``bbox`` is x, y, width, height in pixels,
    ``area`` in pixels; ``score`` is the raw similarity of the Grounder (cosine, -1 to 1), None
    for a person's. ``threshold`` is the raw similarity at which the heatmap was cut."""

    id: int
    image_id: int
    image: str
    synset_id: int
    synset: str
    rle: Rle
    bbox: tuple[int, int, int, int]
    area: int
    score: float | None
    threshold: float | None
    verdict: Verdict
    source: Source


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a pipeline step. ``params`` are the options that make it repeatable.
    ``status``: running, done, cancelled, failed, or interrupted (the program died)."""

    id: int
    kind: str
    pack: str
    models: Mapping[str, str]
    params: Mapping[str, Any]
    seed: int
    started: str
    ended: str | None
    status: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the history: a decision that can be undone, or was undone (``undone``)."""

    id: int
    label: str
    at: str
    undone: bool


@dataclass(frozen=True, slots=True)
class MergePreview:
    """What a merge would touch: counts of distinct images and rows, before it is done."""

    target: str
    sources: tuple[str, ...]
    tags: int
    images: int
    both: int
    regions: int
    lemmas: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RawWord:
    """A raw string behind a synset: how often it was said, how often the filters dropped it
    (with the reason), and why it belongs to the synset."""

    text: str
    count: int
    dropped: int
    reason: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a synset is in the vocabulary. The three lists are tags, best first."""

    synset: Synset
    words: tuple[RawWord, ...]
    strongest: tuple[Tag, ...]
    doubtful: tuple[Tag, ...]
    weakest: tuple[Tag, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """An image that a step could not do, and why, in words for a person."""

    image: str
    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """One step forward of a pipeline. ``total`` is None while it is not known yet. The last one
    of a generator carries ``result``, the keys a command prints."""

    step: str
    done: int
    total: int | None
    failed: tuple[Failure, ...] = ()
    message: str = ""
    result: Mapping[str, Any] | None = field(default=None)
