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
#: What a concept of the dataset is ranked by (LLM2Labels, sections 3.3.1 and 4, Methods).
Ranking = Literal["product", "occurrence", "probability"]
#: How labels are read out of what a model says (LLM2Labels, section 4, Methods): a list of
#: labels; the noun phrases of a caption (BLIP2 + SP); the answer to a question (BLIP2 VQA).
Strategy = Literal["list", "caption", "vqa"]
SuggestionKind = Literal["merge", "parent"]
#: Kinds of rows, as carried by the change signal.
Kind = Literal[
    "images", "runs", "proposals", "synsets", "tags", "regions", "suggestions", "history"
]

VERDICTS: tuple[str, ...] = get_args(Verdict)
GRIDS: tuple[str, ...] = get_args(Grid)
FILTERS: tuple[str, ...] = get_args(Filter)
COMBINES: tuple[str, ...] = get_args(Combine)
RANKINGS: tuple[str, ...] = get_args(Ranking)
STRATEGIES: tuple[str, ...] = get_args(Strategy)
SUGGESTION_KINDS: tuple[str, ...] = get_args(SuggestionKind)


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
class Answer:
    """One sample: what a Tagger said of one crop, once.

    ``labels`` in the order they were said, a repetition once. ``text``: the reply as it came, ""
    for a classifier, which does not talk. ``failure``: why no label could be read out of it, in
    words for a person; then there are no labels. ``unanswered``: the model said nothing at all,
    for a reason that may pass (a server's error), so the image is to be asked about again.
    """

    labels: tuple[Proposed, ...]
    text: str = ""
    failure: str | None = None
    unanswered: bool = False

    def __post_init__(self) -> None:
        if self.failure is not None and self.labels:
            raise ValueError("an answer that failed has no labels")
        if self.unanswered and self.failure is None:
            raise ValueError("no answer without a reason")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a model's answers took. ``cost`` in the currency of the prices that a pack names,
    None where it names none. Tokens are 0 where a server does not count them."""

    requests: int = 0
    retries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None

    def __add__(self, other: Usage) -> Usage:
        costs = [one.cost for one in (self, other) if one.cost is not None]
        return Usage(
            self.requests + other.requests,
            self.retries + other.retries,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            sum(costs) if costs else None,
        )

    def __sub__(self, before: Usage) -> Usage:
        """What came since ``before``, of the same model."""
        return Usage(
            self.requests - before.requests,
            self.retries - before.retries,
            self.prompt_tokens - before.prompt_tokens,
            self.completion_tokens - before.completion_tokens,
            None if self.cost is None else self.cost - (before.cost or 0.0),
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """A stored reply of a model that talks, word for word. ``failure``: why no label could be
    read out of it, None where some were. ``crop`` is a Crop's name."""

    image_id: int
    image: str
    crop: str
    sample: int
    run_id: int
    text: str
    failure: str | None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A merge ("source is the same as target") or a parent ("source belongs below target") that
    a machine suggests and a person takes or rejects. ``source`` and ``target`` are synset ids,
    merges resolved; ``confidence`` in [0, 1]; ``images``: support of the source."""

    id: int
    kind: SuggestionKind
    source: int
    source_name: str
    target: int
    target_name: str
    confidence: float
    reason: str
    verdict: Verdict
    images: int


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
    ``kept``: it passed the filters; else ``reason`` says which filter dropped it. ``peak``: highest
    similarity of any pixel with the tag (TTD, eq. 2; a cosine, -1 to 1), ``peak_at`` where that
    is, in fractions of the image's width and height, ``supported`` whether that is enough; all
    None where nobody looked at the pixels."""

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
    peak: float | None = None
    peak_at: tuple[float, float] | None = None
    supported: bool | None = None


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
    for a person's. ``threshold`` is the raw similarity at which the heatmap was cut. ``prompt``:
    what the Refiner was asked (points, box, models), and under "overlap" what was settled with
    the masks of other tags."""

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
    prompt: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a pipeline step. ``params`` are the options that make it repeatable.
    ``status``: running, done, cancelled, failed, or interrupted (the program died). ``usage``:
    what the model's answers took, all parts of the run together."""

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
    usage: Usage = field(default_factory=Usage)


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
