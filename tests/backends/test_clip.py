"""The Grounder of CLIP-like models: what an image is shown as, what a tag is read as."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_clip
import torch
from tiny_clip import PATCH

from annotator.backends import clip, clip_windows, pretrained
from annotator.backends.clip import ClipGrounder
from annotator.backends.clip_dense import Dense, load_folder
from annotator.backends.clip_options import options
from annotator.backends.clip_templates import NAMED, OPENAI, OPENAI_7, fill, templates
from annotator.backends.protocols import Floats, Grounder, Pixels, Substituting, TagText
from annotator.backends.registry import load_pack
from annotator.core.errors import AnnotatorError

Made = Callable[..., ClipGrounder]
DOG = TagText("dog")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    home = tmp_path_factory.mktemp("clip")

    def made(kind: str) -> Path:
        if not (home / kind).is_dir():
            tiny_clip.MODELS[kind](home / kind)
        return home / kind

    return made


@pytest.fixture
def make(folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Made:
    """A Grounder on the CPU, 40 pixels at the shorter side unless told otherwise."""
    monkeypatch.setenv("ANNOTATOR_DEVICE", "cpu")

    def made(kind: str = "clip", **given: Any) -> ClipGrounder:
        return clip.grounder(tiny_clip.spec(folder(kind), **{"size": 40, **given}), None)  # type: ignore[arg-type]

    return made


@pytest.fixture(scope="module")
def photo() -> Pixels:
    return np.random.default_rng(3).integers(0, 256, (50, 70, 3), dtype=np.uint8)


def unit(vectors: Floats) -> Floats:
    found: Floats = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return found


def seen(folder: Path, image: Pixels, height: int, width: int) -> Floats:
    """Cells of the whole image at one size, without a Grounder."""
    dense = load_folder(folder, dtype="float32")
    with torch.no_grad():
        found: Floats = dense.pixels(dense.prepare(image, height, width)[None])[0].numpy()
    return found


def test_it_is_a_grounder(make: Made) -> None:
    for kind in tiny_clip.MODELS:
        model = make(kind)
        assert isinstance(model, Grounder)
        assert isinstance(model, Substituting)
        assert model.fallback == ""


def test_one_look(make: Made, folder: Callable[[str], Path], photo: Pixels) -> None:
    for kind in tiny_clip.MODELS:
        found = make(kind).pixels(photo)
        assert found.shape[:2] == (5, 7)
        assert np.allclose(found, seen(folder(kind), photo, 40, 56), atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (300, 20_000), (20_000, 300), (3, 700), (64, 64)])
def test_images_of_any_size(make: Made, shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    found = make(window=64, batch=64).pixels(image)
    assert found.dtype == np.float32
    assert np.allclose(np.linalg.norm(found, axis=-1), 1.0, atol=1e-5)
    rows, columns = found.shape[:2]
    assert rows * columns <= clip_windows.MOST_CELLS
    assert min(rows, columns) == 5
    assert columns / rows == pytest.approx(shape[1] / shape[0], rel=0.15)


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_one_colour(make: Made, grey: int) -> None:
    found = make(scales=[1, 1.6]).pixels(np.full((30, 40, 3), grey, np.uint8))
    assert found.shape[:2] == (8, 11)
    assert np.isfinite(found).all()


def test_a_strip_is_bounded(make: Made) -> None:
    """Were its short side shown at full size, its map would not fit into the memory."""
    found = make().pixels(np.zeros((2, 60_000, 3), np.uint8))
    assert found.shape[0] == 1
    assert 0.5 * clip_windows.MOST_CELLS < found.shape[1] <= clip_windows.MOST_CELLS


def test_windows_cover_every_cell() -> None:
    for length, window, step in [
        (5, 8, 4),
        (8, 8, 4),
        (9, 8, 4),
        (30, 8, 3),
        (64, 8, 8),
        (1, 1, 1),
    ]:
        starts = clip_windows.starts(length, window, step)
        covered = {i for start in starts for i in range(start, start + window)}
        assert covered >= set(range(length))
        assert max(starts) + min(window, length) == length
        assert all(b - a <= step for a, b in pairwise(starts))


def test_a_window_that_is_large_enough_is_none(make: Made, photo: Pixels) -> None:
    whole = make(window=0).pixels(photo)
    for window in (56, 64, 4000):
        assert np.array_equal(make(window=window, stride=8).pixels(photo), whole)
    assert not np.allclose(make(window=48, stride=8).pixels(photo), whole, atol=0.01)


def test_overlapping_windows_by_hand(
    make: Made, folder: Callable[[str], Path], photo: Pixels
) -> None:
    """24 pixels of 40 by 56, 16 apart: the last ones end at the edge."""
    dense = load_folder(folder("clip"), dtype="float32")
    x = dense.prepare(photo, 40, 56)
    total, count = np.zeros((5, 7, dense.width)), np.zeros((5, 7, 1))
    for top in (0, 16):
        for left in (0, 16, 32):
            with torch.no_grad():
                cells = dense.pixels(x[None, :, top : top + 24, left : left + 24])[0].numpy()
            for row in range(3):
                for column in range(3):
                    total[top // PATCH + row, left // PATCH + column] += cells[row, column]
                    count[top // PATCH + row, left // PATCH + column] += 1
    assert count.max() == 4
    for batch in (1, 4, 100):
        found = make(window=24, stride=16, batch=batch).pixels(photo)
        assert np.allclose(found, unit(total / count), atol=1e-5)


def test_scales_by_hand(make: Made, folder: Callable[[str], Path], photo: Pixels) -> None:
    sizes = [(24, 32), (40, 56), (80, 112)]
    maps = [seen(folder("clip"), photo, *size) for size in sizes]
    raised = [
        torch.nn.functional.interpolate(
            torch.from_numpy(one).permute(2, 0, 1)[None], (10, 14), mode="bilinear"
        )[0].permute(1, 2, 0)
        for one in maps
    ]
    found = make(scales=[0.6, 1.0, 2.0], window=4000).pixels(photo)
    assert found.shape[:2] == (10, 14)
    assert np.allclose(found, unit(np.mean([one.numpy() for one in raised], axis=0)), atol=1e-5)
    assert np.array_equal(make(scales=[1.0]).pixels(photo), make().pixels(photo))


def test_lemmas_and_templates_by_hand(make: Made, folder: Callable[[str], Path]) -> None:
    dense = load_folder(folder("clip"), dtype="float32")

    def mean(*texts: str) -> Floats:
        with torch.no_grad():
            each: Floats = torch.cat([dense.texts([one]) for one in texts]).numpy()
        return unit(each.mean(axis=0))

    tag = TagText("dog", ("hound", "dog"))
    bare = make(template="none").texts([tag, DOG])
    assert np.allclose(bare[0], mean("dog", "hound"), atol=1e-5)
    assert np.allclose(bare[1], mean("dog"), atol=1e-5)
    photos = make().texts([DOG, tag])
    assert np.allclose(photos[0], mean("a photo of a dog"), atol=1e-5)
    assert np.allclose(photos[1], mean("a photo of a dog", "a photo of a hound"), atol=1e-5)
    own = make(template="the {} {on} the {}").texts([DOG])
    assert np.allclose(own[0], mean("the dog {on} the dog"), atol=1e-5)
    all_80 = make(template="openai", batch=1).texts([tag])
    sentences = [fill(one, name) for name in ("dog", "hound") for one in OPENAI]
    assert np.allclose(all_80[0], mean(*sentences), atol=1e-5)
    assert all_80.dtype == np.float32


def test_a_sentence_is_read_as_it_is(make: Made, folder: Callable[[str], Path]) -> None:
    text = "the green bench of the dog"
    dense = load_folder(folder("clip"), dtype="float32")
    with torch.no_grad():
        expected = dense.texts([text])[0].numpy()
    found = make(template="openai-7").texts([TagText(text, ("dog",), sentence=True), TagText(text)])
    assert np.allclose(found[0], expected, atol=1e-5)
    assert not np.allclose(found[1], expected, atol=0.01)


@pytest.mark.parametrize("kind", list(tiny_clip.MODELS))
def test_tags_of_any_kind(make: Made, kind: str) -> None:
    tags = ["wooden green bench", "wooden bench " * 150, "🐕🛋️", "自転車", "{}", "", "a" * 5000]
    found = make(kind).texts([TagText(one) for one in tags])
    assert found.shape[0] == len(tags)
    assert np.allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-5)


def test_the_openai_sentences() -> None:
    assert len(OPENAI) == len(set(OPENAI)) == 80
    assert set(OPENAI_7) < set(OPENAI)
    assert all(one.count("{}") == 1 for name in NAMED for one in templates(name))


def test_texts_are_embedded_once(make: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    texts = Dense.texts

    def listen(self: Dense, given: Any) -> Any:
        asked.extend(given)
        return texts(self, given)

    monkeypatch.setattr(Dense, "texts", listen)
    model = make(template="none")
    tags = [TagText(f"tag {i}") for i in range(150)]
    first = model.texts(tags)
    assert len(asked) == 150
    assert np.array_equal(model.texts(tags[::-1]), first[::-1])
    assert np.array_equal(model.texts([tags[3], tags[3]]), first[[3, 3]])
    assert len(asked) == 150
    assert model.texts([]).shape == (0, first.shape[1])


def test_what_is_remembered_is_bounded(make: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip, "REMEMBERED", 5)
    model = make(template="none")
    tags = [TagText(f"tag {i}") for i in range(12)]
    found = model.texts(tags)
    assert len(model._known) == 5
    assert np.allclose(model.texts(tags), found, atol=1e-6)
    for tag in (*tags[:5], tags[0], DOG):
        model.texts([tag])  # the one unused for longest goes
    assert set(model._known) == {("dog",), *((f"tag {i}",) for i in (0, 2, 3, 4))}


def test_the_id_says_what_changes_the_vectors(make: Made) -> None:
    """Vectors of images are kept on disk by it."""
    plain = make(size=448).id
    assert re.fullmatch(r"clip@[0-9a-f]{12}", plain)
    ids = {
        make(size=448, **more).id
        for more in ({}, {"batch": 2}, {"window": 64}, {"stride": 8}, {"template": "none"})
    } | {make(size=40).id, make(size=448, scales=[1, 2]).id}
    assert len(ids) == 6


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"dtype": "int8"}, "dtype is 'int8', not one of float32, float16, bfloat16"),
        ({"size": 0}, "size is 0, not a whole number from 8"),
        ({"batch": True}, "batch is True, not a whole number from 1"),
        ({"window": -16}, "window is -16, not a whole number from 0"),
        ({"scales": []}, "scales is [], not a list of numbers from 0.1 to 10"),
        ({"scales": [1, "2"]}, "not a list of numbers from 0.1 to 10"),
        ({"scales": 2}, "scales is 2, not a list"),
        ({"keep_adapter": 1}, "keep_adapter is 1, not true or false"),
        ({"template": 3}, "template is 3, not a text"),
        ({"template": "a photo"}, "The prompt template 'a photo' is not known"),
        ({"quantize": 4}, "quantize is not known; there are dtype, template, size"),
    ],
)
def test_options_that_are_wrong(given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(AnnotatorError, match=re.escape(complaint)):
        options("clip", given)


class Short:
    """A GPU that has memory for so many rows at a time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
        self.rows, self.moved = rows, False
        pixels, texts = Dense.pixels, Dense.texts

        def checked(self_: Dense, given: Any, compute: Any) -> Any:
            if len(given) > self.rows and not self.moved:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return compute(self_, given)

        def to(self_: Dense, device: str, dtype: Any = None) -> None:
            assert device == "cpu"
            self.moved = True

        cuda = property(lambda _: torch.device("cpu" if self.moved else "cuda"))
        monkeypatch.setattr(Dense, "pixels", lambda me, x: checked(me, x, pixels))
        monkeypatch.setattr(Dense, "texts", lambda me, x: checked(me, x, texts))
        monkeypatch.setattr(Dense, "to", to)
        monkeypatch.setattr(clip.ClipGrounder, "_device", cuda)


def test_little_memory_takes_fewer_at_a_time(
    make: Made, photo: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"window": 24, "stride": 8, "batch": 8}
    whole = make(**given)
    cells, words = whole.pixels(photo), whole.texts([DOG, TagText("sky")])
    short = Short(monkeypatch, 3)
    model = make(**given)
    assert np.allclose(model.pixels(photo), cells, atol=1e-5)
    assert not short.moved
    assert "looks at 2 parts of an image at a time" in model.fallback
    assert model.fallback.endswith(".")
    assert np.allclose(model.texts([DOG, TagText("sky")]), words, atol=1e-5)


def test_too_little_memory_goes_to_the_cpu(
    make: Made, photo: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells, words = make().pixels(photo), make().texts([DOG])
    short = Short(monkeypatch, 0)
    model = make()
    assert np.allclose(model.texts([DOG]), words, atol=1e-5)
    assert short.moved
    assert model.fallback == (
        "The model clip runs on the CPU: the GPU has too little memory for it."
    )
    assert np.allclose(model.pixels(photo), cells, atol=1e-5)


def test_no_memory_at_all(make: Made, photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Dense, batch: Any) -> Any:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate")

    monkeypatch.setattr(Dense, "pixels", fail)
    with pytest.raises(pretrained.OutOfMemory, match="needs more"):
        make(window=24).pixels(photo)


def test_a_model_that_does_not_fit_the_gpu_is_loaded_on_the_cpu(
    folder: Callable[[str], Path], photo: Pixels
) -> None:
    asked: list[str | None] = []

    def load(on: str | None) -> Dense:
        asked.append(on)
        if on is None:
            raise pretrained.out_of_memory("clip")
        return load_folder(folder("clip"), dtype="float32", on=on)

    model = ClipGrounder(load, "clip@0", options("clip", {"size": 40}))
    assert asked == [None, "cpu"]
    assert "runs on the CPU" in model.fallback
    assert model.pixels(photo).shape[:2] == (5, 7)


def test_from_a_manifest(
    folder: Callable[[str], Path], tmp_path: Path, photo: Pixels, on: str
) -> None:
    """As a person writes it, on every device there is."""
    text = f"""
        name = "mine"
        [roles.grounder]
        kind = "clip-grounder"
        model = "tiny"
        folder = "{folder("clip").as_posix()}"
        licence = "none"
        size_bytes = 1
        memory_mb = 1
        [roles.grounder.options]
        size = 40
        scales = [1, 1.5]
        template = "a drawing of {{}}"
    """
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    pack = load_pack(tmp_path / "mine.toml")
    model = pack.grounder()
    assert model.id.startswith("tiny@")
    heat = model.pixels(photo) @ model.texts([DOG])[0]
    assert heat.shape == (8, 10)
    assert heat.dtype == np.float32
    assert np.abs(heat).max() <= 1.0 + 1e-5
    assert on in ("cpu", "cuda")
