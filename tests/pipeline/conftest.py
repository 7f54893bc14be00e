"""A folder of small photos, and models that know colours instead of things, for speed."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PilImage

from annotator.backends.manifest import Prompt
from annotator.backends.protocols import (
    Floats,
    MaskCandidate,
    Pixels,
    Sampling,
    TagText,
    TextEmbedder,
)
from annotator.core.errors import AnnotatorError
from annotator.core.records import Answer, Progress, Proposed, Usage
from annotator.project.project import Project

#: What the colour models call red, green and blue.
THINGS = (
    ("tabby", "n02123045"),
    ("Egyptian cat", "n02124075"),
    ("beagle", "n02088364"),
)


class ColourTagger:
    """Says red, green and blue with their shares as probabilities; answers once per image."""

    def __init__(self, batch: int = 4) -> None:
        self.batch = batch
        self.id = "colours@1"
        self.calls: list[int] = []

    def propose(
        self, images: Sequence[Pixels], prompt: str, sampling: Sampling
    ) -> list[list[Answer]]:
        self.calls.append(len(images))
        return [[Answer(tuple(self._one(image)[: sampling.top]))] for image in images]

    def _one(self, image: Pixels) -> list[Proposed]:
        sums = image.reshape(-1, 3).astype(float).sum(0)
        shares = sums / max(sums.sum(), 1.0)
        order = sorted(range(3), key=lambda i: -shares[i])
        return [Proposed(THINGS[i][0], (float(shares[i]),), THINGS[i][1]) for i in order]


class Echo:
    """A tagger that talks. Its replies say what is asked of it, image by image and sample by
    sample; every third reply is a refusal. Counts what that takes, as a server does."""

    def __init__(self, batch: int = 4, reply: Callable[[int, int], Answer] | None = None) -> None:
        self.batch = batch
        self.id = "echo@1"
        self.calls: list[tuple[int, str, Sampling]] = []
        self.reply = reply or self._reply
        self._usage = Usage()

    def propose(
        self, images: Sequence[Pixels], prompt: str, sampling: Sampling
    ) -> list[list[Answer]]:
        self.calls.append((len(images), prompt, sampling))
        assert len(sampling.seeds) == len(images)
        asked = len(images) * sampling.samples
        self._usage += Usage(asked, 0, 10 * asked, asked, 0.5 * asked)
        return [[self.reply(s, i) for i in range(sampling.samples)] for s in sampling.seeds]

    def usage(self) -> Usage:
        return self._usage

    def _reply(self, seed: int, sample: int) -> Answer:
        if sample % 3 == 2:
            return Answer((), f"I will not say {seed}.", "the reply refuses to answer")
        thing = THINGS[(seed + sample) % 3][0]
        return Answer(
            (Proposed(thing, (0.5, 0.25)), Proposed("photo", (0.1,))), f"['{thing}', 'photo']"
        )


class EchoPack:
    """A pack whose tagger talks."""

    talks = True
    prompts = (
        Prompt("labels", "List what is there.", "list", "You said {labels}. List it again."),
        Prompt("caption", "Describe it.", "caption"),
    )

    def __init__(
        self,
        name: str = "echo",
        batch: int = 4,
        embedder: TextEmbedder | None = None,
        **more: Any,
    ) -> None:
        self.name = name
        self._tagger, self._embedder = Echo(batch, **more), embedder

    def has(self, role: str) -> bool:
        return role == "tagger" or (role == "embedder" and self._embedder is not None)

    def model_id(self, role: str) -> str:
        return {"tagger": "echo@1"}[role]

    def tagger(self) -> Echo:
        return self._tagger

    def embedder(self) -> TextEmbedder:
        if self._embedder is None:
            raise AnnotatorError(f"The pack {self.name} has no embedder.")
        return self._embedder


class ColourGrounder:
    """Every cell is its mean colour; a tag is the colour of its thing."""

    def __init__(self) -> None:
        self.id = "colour-cells@1"
        self.looked = 0

    def pixels(self, image: Pixels) -> Floats:
        self.looked += 1
        rows = [np.array_split(row, 8, axis=1) for row in np.array_split(image, 8, axis=0)]
        cells = np.array([[c.reshape(-1, 3).mean(0) for c in row] for row in rows], np.float32)
        return cells / np.maximum(np.linalg.norm(cells, axis=-1, keepdims=True), 1e-6)

    def texts(self, tags: Sequence[TagText]) -> Floats:
        ids = [wordnet_id for _, wordnet_id in THINGS]
        vectors = np.zeros((len(tags), 3), np.float32)
        for row, tag in zip(vectors, tags, strict=True):
            row[ids.index(tag.wordnet_id) if tag.wordnet_id in ids else 0] = 1.0
        return vectors


class PlainRefiner:
    """Cuts at a half."""

    id = "plain"

    def encode(self, image: Pixels) -> Any:
        return image.shape[:2]

    def refine(
        self, encoding: Any, points: Any = (), box: Any = None, mask: Floats | None = None
    ) -> list[MaskCandidate]:
        assert mask is not None
        assert mask.shape == encoding
        return [MaskCandidate(mask > 0.5, 1.0)]


class ColourPack:
    """A pack whose tagger does not talk."""

    talks = False
    prompts: tuple[Prompt, ...] = ()

    def __init__(self, batch: int = 4) -> None:
        self.name = "colours"
        self._tagger, self._grounder = ColourTagger(batch), ColourGrounder()

    def models(self) -> dict[str, str]:
        return {"tagger": "colours@1", "grounder": "colour-cells@1", "refiner": "plain"}

    def model_id(self, role: str) -> str:
        return self.models()[role]

    def has(self, role: str) -> bool:
        return role in self.models()

    def embedder(self) -> TextEmbedder:
        raise AnnotatorError("The pack colours has no embedder.")

    def tagger(self) -> ColourTagger:
        return self._tagger

    def grounder(self) -> ColourGrounder:
        return self._grounder

    def refiner(self) -> PlainRefiner:
        return PlainRefiner()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "photos"
    made.mkdir()
    return made


@pytest.fixture
def project(tmp_path: Path, folder: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "my.annot", folder) as made:
        yield made


@pytest.fixture
def save(folder: Path) -> Callable[..., Path]:
    """save(name, pixels): an image file in the folder."""

    def make(name: str, pixels: Any) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        PilImage.fromarray(np.asarray(pixels, np.uint8)).save(path)
        return path

    return make


@pytest.fixture
def photo(save: Callable[..., Path]) -> Callable[..., Path]:
    """photo(name, seed, colour): 64 x 48, mostly of one colour, another content for each seed."""

    def make(name: str, seed: int = 0, colour: tuple[int, int, int] = (200, 60, 20)) -> Path:
        noise = np.random.default_rng(seed).integers(0, 40, (48, 64, 3))
        return save(name, np.clip(noise + np.array(colour), 0, 255))

    return make


@pytest.fixture
def finish() -> Callable[[Iterator[Progress]], dict[str, Any]]:
    """finish(pipeline): runs it to its end; the result."""

    def run(steps: Iterator[Progress]) -> dict[str, Any]:
        *_, end = steps
        assert end.result is not None
        return dict(end.result)

    return run


@pytest.fixture
def pack() -> ColourPack:
    return ColourPack()


@pytest.fixture
def talking() -> Callable[..., EchoPack]:
    """talking(name="echo", batch=4, reply=None): a pack whose tagger talks."""
    return EchoPack
