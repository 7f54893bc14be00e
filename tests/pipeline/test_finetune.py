"""Fine-tuning as a run of a project: what is learnt from, stopping and going on, the pack."""

from __future__ import annotations

import csv
import hashlib
import json
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotator.backends import registry, tuned
from annotator.backends.protocols import Floats, Pixels, TagText
from annotator.backends.registry import Pack, RoleSpec, load_pack
from annotator.backends.ttd_protocol import Distiller, Training
from annotator.core.errors import AnnotatorError
from annotator.core.records import Progress
from annotator.operations import tags as tag_operations
from annotator.pipeline import finetune_data
from annotator.pipeline.finetune import FinetuneOptions, finetune
from annotator.pipeline.scan import scan
from annotator.project import queries
from annotator.project.project import Project

MANIFEST = """
name = "tiny"
title = "Tiny CLIP"
extends = "starter"
[roles.grounder]
kind = "clip-grounder"
model = "tiny-clip"
folder = "tiny-clip"
licence = "none"
size_bytes = 1
memory_mb = 1
[roles.grounder.hashes]
"config.json" = "{hash}"
[roles.grounder.options]
template = "none"
size = 32
scales = [1.0]
keep_adapter = false
"""
COLOURS = {"red": (220, 20, 20), "green": (20, 200, 30), "blue": (10, 30, 230)}


class Fake:
    """A Distiller whose one weight is a digest of all that it was ever trained on, in order."""

    id = "fake"
    parameters = 1
    fallback = ""

    def __init__(self, spec: RoleSpec, training: Training, validation: Any = None) -> None:
        self.training, self.weight, self.steps = training, "start", 0
        self.seen: list[list[tuple[str, tuple[str, ...], bool]]] = []
        self.validation = validation or (lambda step: 1.0 / (1 + step))
        self.looked: list[str] = []

    def similarities(self, images: Sequence[Pixels], texts: Sequence[str]) -> Floats:
        """High for a text that names the colour of its image."""
        assert all(one.shape == (self.training.size,) * 2 + (3,) for one in images)
        self.looked += texts
        names = [list(COLOURS)[int(one.reshape(-1, 3).mean(0).argmax())] for one in images]
        fits = [name in text.split() for name, text in zip(names, texts, strict=True)]
        return np.array(fits, np.float32)

    def step(
        self,
        images: Sequence[Pixels],
        texts: Sequence[str],
        tags: Sequence[Sequence[str]],
        given: Sequence[bool] = (),
    ) -> Mapping[str, float]:
        digest = hashlib.sha256(self.weight.encode())
        for image in images:
            assert image.shape == (self.training.size,) * 2 + (3,)
            digest.update(image.tobytes())
        rows = [(a, tuple(b), c) for a, b, c in zip(texts, tags, given, strict=True)]
        digest.update(repr(rows).encode())
        self.weight, self.steps = digest.hexdigest(), self.steps + 1
        self.seen.append(rows)
        return {"loss": 3.0, "distill": 1.0, "tag": 2.0, "selected": 1.0, "grad_norm": 1.0}

    def validate(
        self,
        images: Sequence[Pixels],
        texts: Sequence[str],
        tags: Sequence[Sequence[str]],
        given: Sequence[bool] = (),
    ) -> Mapping[str, float]:
        return {"loss": self.validation(self.steps), "distill": 0.0, "tag": 0.0, "selected": 1.0}

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "fake.json").write_text(json.dumps([self.weight, self.steps]))

    def load(self, folder: Path) -> None:
        self.weight, self.steps = json.loads((folder / "fake.json").read_text())

    def export(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "adapter_config.json").write_text("{}")
        (folder / "adapter_model.safetensors").write_text(self.weight)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The person's folder of models, with a pack that can be fine-tuned."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data of the user"))
    folder = registry.user_models()
    (folder / "tiny-clip").mkdir(parents=True)
    config = folder / "tiny-clip" / "config.json"
    config.write_text("{}")
    write_manifest(folder, config)
    return folder


def write_manifest(folder: Path, config: Path) -> None:
    text = MANIFEST.format(hash=hashlib.sha256(config.read_bytes()).hexdigest())
    (folder / "tiny.toml").write_text(text)


@pytest.fixture
def base(home: Path) -> Pack:
    return load_pack("tiny")


@pytest.fixture
def photos(
    project: Project, photo: Callable[..., Path], finish: Callable[..., dict[str, Any]]
) -> list[str]:
    """Twelve images in three colours; their paths."""
    names = [f"{name} {i}.png" for name in COLOURS for i in range(4)]
    for i, name in enumerate(names):
        photo(name, i, COLOURS[name.split()[0]])
    finish(scan(project))
    return names


@pytest.fixture
def captions(tmp_path: Path, photos: list[str]) -> Path:
    """Each image with a caption that names its colour."""
    return write(tmp_path / "captions.csv", [(one, f"A {one.split()[0]} wall.") for one in photos])


def write(path: Path, rows: Sequence[tuple[str, str]], head: str = "file,caption") -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(head + "\r\n")
        csv.writer(file, delimiter=";" if ";" in head else ",").writerows(rows)
    return path


def chosen(captions: Path | None = None, **more: Any) -> FinetuneOptions:
    few = {"size": 32, "resize": (32, 48), "batch": 2, "prune": False, "checkpoint_every": 2}
    return FinetuneOptions(captions=captions, **{**few, "name": "mine", **more})


class Built:
    """Makes fakes and keeps them."""

    def __init__(self, **more: Any) -> None:
        self.made: list[Fake] = []
        self.more = more

    def __call__(self, spec: RoleSpec, training: Training) -> Distiller:
        assert spec.kind == "clip-grounder"
        self.made.append(Fake(spec, training, **self.more))
        return self.made[-1]

    @property
    def steps(self) -> list[Any]:
        return [batch for one in self.made for batch in one.seen]


def start_over(home: Path) -> None:
    tuned.remove("mine")
    assert sorted(one.name for one in home.iterdir()) == ["tiny-clip", "tiny.toml"]


def test_a_run_ends_in_a_pack(
    project: Project, base: Pack, captions: Path, home: Path, finish: Callable[..., dict[str, Any]]
) -> None:
    build = Built()
    options = chosen(captions, epochs=2, validation=0.25)
    result = finish(finetune(project, base, options, build))
    assert (result["done"], result["steps"], result["resumed"]) == (10, 10, 0)
    assert (result["pairs"], result["trained"], result["validated"]) == (12, 9, 3)
    assert (result["failed"], result["pruned"], result["stopped"]) == ([], 0, "end")
    assert (result["pack"], result["best_step"]) == ("mine", 10)
    assert result["images_per_second"] > 0
    assert [row["step"] for row in result["losses"]] == list(range(11))
    checks = {r["step"]: r["validation"] for r in result["losses"] if r["validation"] is not None}
    assert checks == pytest.approx({step: 1 / (1 + step) for step in (0, 2, 4, 6, 8, 10)})
    assert result["losses"][0]["loss"] is None
    assert {row["loss"] for row in result["losses"][1:]} == {3.0}
    # Every pair once an epoch, in another order.
    first, second = build.steps[:5], build.steps[5:]
    assert sorted(chain(*first)) == sorted(chain(*second))
    assert first != second
    assert [len(one) for one in first] == [2, 2, 2, 2, 1]
    for text, tags, given in chain(*first):
        assert tags == ("a", text.split()[1], "wall")
        assert not given
    with (home / "mine" / "losses.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == [str(i) for i in range(11)]
    assert rows[3] == {"step": "3", "loss": "3.0", "distill": "1.0", "tag": "2.0", "validation": ""}
    assert sorted(one.name for one in (home / "mine").iterdir()) == ["adapter", "losses.csv"]
    made = load_pack("mine")
    assert set(made.roles) == set(load_pack("starter").roles)
    assert made.specs["grounder"].options == base.specs["grounder"].options
    assert made.specs["grounder"].folder.hashes == base.specs["grounder"].folder.hashes  # type: ignore[union-attr]
    assert made.model_id("grounder").startswith(base.model_id("grounder") + "+")
    assert "9 pairs of text and image (9 images, captions) in 10 steps" in made.description
    assert "captions.csv" not in (home / "mine.toml").read_text()
    with project.read() as db:
        run = queries.last_run(db, "finetune")
    assert run is not None
    assert (run.id, run.status, run.done, run.total) == (result["run"], "done", 12, 12)
    assert run.models == {"grounder": base.model_id("grounder")}
    assert run.params["learning_rate"] == 1e-4


def stop_at(steps: Iterator[Progress], number: int) -> bool:
    """Takes ``number`` Progresses and cancels; whether it was not at its end."""
    for at, one in enumerate(steps):
        if one.result is not None:
            return False
        if at == number:
            break
    steps.close()  # type: ignore[attr-defined]
    return True


def test_stopped_anywhere_it_ends_the_same(
    project: Project, base: Pack, captions: Path, home: Path, finish: Callable[..., dict[str, Any]]
) -> None:
    options = chosen(captions, epochs=2, validation=0.25, prune=True)
    # Five of the captions fit, so that pruning has something to keep.
    names = [one[0] for one in csv.reader(captions.open()) if one[0] != "file"]
    fits = [one.split()[0] if i % 5 in (0, 2) else "no" for i, one in enumerate(names)]
    rows = [(one, f"{colour} wall") for one, colour in zip(names, fits, strict=True)]
    write(captions, rows)
    whole = Built()
    *events, end = finetune(project, base, options, whole)
    result = end.result
    assert result is not None
    weight = (home / "mine" / "adapter" / "adapter_model.safetensors").read_text()
    assert (result["pruned"], result["trained"], result["validated"]) == (7, 4, 1)
    number = 0
    while True:
        start_over(home)
        first = Built()
        if not stop_at(finetune(project, base, options, first), number):
            break
        with project.read() as db:
            run = queries.last_run(db, "finetune")
        assert run is not None
        assert run.status == "cancelled"
        assert not (home / "mine.toml").exists()
        second = Built()
        again = finish(finetune(project, base, options, second))
        assert again["run"] == run.id
        assert again["resumed"] == len(first.steps)
        assert first.steps + second.steps == whole.steps
        assert again["losses"] == result["losses"]
        assert (home / "mine" / "adapter" / "adapter_model.safetensors").read_text() == weight
        # What was compared is not compared again.
        looked = [text for one in (*first.made, *second.made) for text in one.looked]
        assert looked == whole.made[0].looked
        number += 1
    # Before, 6 batches pruned, 4 steps, 3 checks.
    assert number == len(events) == 1 + (1 + 6) + (1 + 4 + 3)


def test_a_step_cut_in_half_is_done_again(
    project: Project,
    base: Pack,
    captions: Path,
    home: Path,
    finish: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ctrl-C twice: it does not wait for the end of the step, whose weights are no state."""
    options = chosen(captions, epochs=2, checkpoint_every=3)
    whole = Built()
    finish(finetune(project, base, options, whole))
    start_over(home)

    def cut(self: Fake, *batch: Any) -> Mapping[str, float]:
        if self.steps == 5:
            self.weight = "half of it"
            raise KeyboardInterrupt
        return step(self, *batch)

    step = Fake.step
    with monkeypatch.context() as patch:
        patch.setattr(Fake, "step", cut)
        with pytest.raises(KeyboardInterrupt):
            finish(finetune(project, base, options, Built()))
    with project.read() as db:
        assert queries.runs(db)[0].status == "cancelled"
    again = Built()
    monkeypatch.setattr(Fake, "fallback", "in parts")
    result = finish(finetune(project, base, options, again))
    assert (result["resumed"], result["note"]) == (3, "in parts")
    assert again.steps == whole.steps[3:]
    assert again.made[0].weight == whole.made[0].weight


def test_how_often_is_checked(
    project: Project, base: Pack, captions: Path, finish: Callable[..., dict[str, Any]]
) -> None:
    options = chosen(captions, epochs=2, batch=1, checkpoint_every=None, validation=0.1)
    losses = finish(finetune(project, base, options, Built()))["losses"]
    assert [one["step"] for one in losses if one["validation"] is not None] == list(range(0, 23, 2))


def test_it_stops_early_and_exports_the_best(
    project: Project, base: Pack, captions: Path, home: Path, finish: Callable[..., dict[str, Any]]
) -> None:
    losses = {0: 0.1, 2: 0.9, 4: 0.5, 6: 0.6, 8: 0.5}
    build = Built(validation=losses.__getitem__)
    options = chosen(captions, epochs=9, validation=0.25, patience=2)
    result = finish(finetune(project, base, options, build))
    assert (result["steps"], result["best_step"], result["stopped"]) == (8, 4, "early")
    other = Built(validation=losses.__getitem__)
    steps = finetune(project, base, chosen(captions, epochs=9, validation=0.25, name="o"), other)
    for one in steps:
        if one.step == "finetune" and one.done == 4:
            steps.close()  # type: ignore[attr-defined]
    exported = (home / "mine" / "adapter" / "adapter_model.safetensors").read_text()
    assert exported == other.made[0].weight


def test_pairs_that_do_not_fit_are_left_out(
    project: Project,
    base: Pack,
    photos: list[str],
    tmp_path: Path,
    finish: Callable[..., dict[str, Any]],
) -> None:
    rows = [(one, "blue wall") for one in photos[3:10]] + [(photos[0], "red wall")]
    path = write(tmp_path / "captions.csv", [*rows, (photos[1], "a cat")])
    build = Built()
    result = finish(finetune(project, base, chosen(path, prune=True, validation=0.0), build))
    # Three of nine fit: mean 0.33 and deviation 0.47.
    assert (result["pruned"], result["trained"]) == (6, 3)
    assert {text for batch in build.steps for text, _, _ in batch} == {"red wall", "blue wall"}
    path = write(tmp_path / "captions.csv", [(one, "grey") for one in photos])
    with pytest.raises(AnnotatorError, match="keeps none of the 12 pairs"):
        finish(finetune(project, base, chosen(path, prune=True, name="other"), Built()))


def test_what_is_learnt_from(
    project: Project, base: Pack, photos: list[str], tmp_path: Path, folder: Path
) -> None:
    rows = [
        (photos[1], "  Two\n lines "),
        (f"./{photos[0]}", "One"),
        (str(folder / photos[0]), "Another one"),
        ("elsewhere.png", "Nothing"),
        (photos[2], " ...  "),
        (photos[3].replace("/", "\\"), "Last"),
    ]
    path = write(tmp_path / "c.csv", [(b, a) for a, b in rows], "\ufeffCaption;File ")
    found = finetune_data.gather(project, chosen(path))
    assert [(one.image.path, one.text) for one in found.pairs] == sorted(
        [
            (photos[0], "One"),
            (photos[0], "Another one"),
            (photos[1], "Two lines"),
            (photos[3], "Last"),
        ],
        key=lambda row: row[0],
    )
    assert (found.unknown, found.empty, found.failed) == (["elsewhere.png"], [photos[2]], [])
    assert found.pairs[1].tags == ("another", "one")
    other = finetune_data.gather(project, chosen(path, limit=2))
    assert other.pairs == found.pairs[:2]
    assert other.digest != found.digest


def test_accepted_tags_are_given(
    project: Project, base: Pack, captions: Path, finish: Callable[..., dict[str, Any]]
) -> None:
    with project.read() as db:
        ids = queries.image_ids(db)
    tag_operations.add_word(project, ids[0], "couch")
    tag_operations.add_word(project, ids[0], "wall")
    wrong = tag_operations.add_word(project, ids[0], "dog")
    tag_operations.reject(project, ids[0], wrong)
    tag_operations.add_word(project, ids[5], "wall")
    pairs = finetune_data.gather(project, chosen(text="tags")).pairs
    assert [one.image.id for one in pairs] == [ids[0], ids[5]]
    assert pairs[0].given
    assert set(pairs[0].text.split(", ")) == {"couch", "wall"}
    assert {"couch", "wall"} <= set(pairs[0].tags)
    assert "dog" not in pairs[0].tags
    both = finetune_data.gather(project, chosen(captions, text="both")).pairs
    assert len(both) == 14
    build = Built()
    finish(finetune(project, base, chosen(text="tags", validation=0.0, prune=True), build))
    assert {given for batch in build.steps for _, _, given in batch} == {True}
    # Only captions are pruned.
    assert build.made[0].looked == []
    rows = list(csv.reader(captions.open()))[1:]
    write(captions, [(one, text if one < "c" else "no") for one, text in rows])
    options = chosen(captions, text="both", validation=0.0, prune=True, name="other")
    result = finish(finetune(project, base, options, build))
    assert (result["pairs"], result["pruned"], result["trained"]) == (14, 8, 6)
    assert sorted(given for batch in build.made[1].seen for _, _, given in batch) == [
        *[False] * 4,
        *[True] * 2,
    ]


def test_images_that_do_not_decode_stop_nothing(
    project: Project,
    base: Pack,
    captions: Path,
    folder: Path,
    finish: Callable[..., dict[str, Any]],
) -> None:
    broken = folder / "red 1.png"
    broken.write_bytes(broken.read_bytes()[:200])
    (folder / "blue 2.png").unlink()
    for prune in (False, True):
        rows = [
            (f"{c} {i}.png", f"{c if i == 1 else 'no'} wall") for c in COLOURS for i in range(4)
        ]
        options = chosen(write(captions, rows), prune=prune, name=f"mine{prune:d}", epochs=2)
        events = list(finetune(project, base, options, Built()))
        result = events[-1].result
        assert result is not None
        assert [row["image"] for row in result["failed"]] == ["blue 2.png", "red 1.png"]
        said = [one.image for event in events for one in event.failed]
        assert sorted(said) == ["blue 2.png", "red 1.png"]
    with project.read() as db:
        failed = queries.run_failures(db, result["run"])
    assert [one.image for one in failed] == ["blue 2.png", "red 1.png"]
    # Once a scan has seen it, it is not tried; what is gone is no image of the project.
    finish(scan(project))
    known = finetune_data.gather(project, chosen(captions))
    assert (len(known.pairs), known.unknown) == (10, ["blue 2.png"])
    assert [one.image for one in known.failed] == ["red 1.png"]
    only = chosen(write(captions.with_name("one.csv"), [("red 1.png", "red")]))
    with pytest.raises(AnnotatorError, match=r"None of the images that .*one\.csv"):
        finetune_data.gather(project, only)
    for name in COLOURS:
        for i in range(4):
            (folder / f"{name} {i}.png").write_bytes(b"no image")
    for prune in (False, True):
        with pytest.raises(AnnotatorError, match="None of the images can be decoded"):
            finish(finetune(project, base, chosen(captions, prune=prune, seed=1), Built()))
    (folder.rename(folder.with_name("moved")))
    with pytest.raises(AnnotatorError, match="is not there any more"):
        finish(finetune(project, base, chosen(captions, seed=2), Built()))


def test_a_checkpoint_that_was_cut_off_is_not_taken(
    project: Project, base: Pack, captions: Path, home: Path, finish: Callable[..., dict[str, Any]]
) -> None:
    options = chosen(captions, epochs=2)
    stop_at(finetune(project, base, options, Built()), 5)
    (folder,) = (home / "mine" / "checkpoints").iterdir()
    (kept,) = folder.glob("step-*")
    (folder / "step-00000099").mkdir()
    result = finish(finetune(project, base, options, Built()))
    assert result["resumed"] == int(kept.name[5:]) > 0


def test_other_options_begin_anew(
    project: Project, base: Pack, captions: Path, finish: Callable[..., dict[str, Any]]
) -> None:
    stop_at(finetune(project, base, chosen(captions, epochs=2), Built()), 6)
    result = finish(finetune(project, base, chosen(captions, epochs=2, seed=1), Built()))
    assert result["resumed"] == 0
    with project.read() as db:
        assert [run.status for run in queries.runs(db)] == ["done", "cancelled"]


def test_bad_input_is_one_sentence(
    project: Project, base: Pack, photos: list[str], home: Path, tmp_path: Path, folder: Path
) -> None:
    build = Built()

    def fails(match: str, pack: Pack = base, **more: Any) -> None:
        with pytest.raises(AnnotatorError, match=match):
            list(finetune(project, pack, chosen(**more), build))

    rows = [(photos[0], "a wall")]
    good = write(tmp_path / "good.csv", rows)
    fails("there is no file of captions")
    fails("No such file", captions=tmp_path / "none.csv")
    fails("Is a directory", captions=tmp_path)
    fails("lack the columns", captions=write(tmp_path / "a.csv", rows, "path,text"))
    fails("lack the columns", captions=write(tmp_path / "a.csv", [], ""))
    fails("no rows", captions=write(tmp_path / "a.csv", []))
    fails("no captions with words", captions=write(tmp_path / "a.csv", [(photos[0], " ! ")]))
    fails("None of the captions .* no.png", captions=write(tmp_path / "a.csv", [("no.png", "a")]))
    (tmp_path / "a.csv").write_bytes(b"file,caption\nphoto.jpg,caf\xe9\n")
    fails("no CSV in UTF-8", captions=tmp_path / "a.csv")
    (tmp_path / "a.csv").write_bytes(b'file,caption\n"photo.jpg,never ends\n')
    fails("no CSV in UTF-8", captions=tmp_path / "a.csv")
    fails("is accepted yet", text="tags")
    fails("is accepted yet", text="both", captions=good)
    for name in ("Mine", "../mine", "a b", "", "x" * 99, "-a"):
        if name:
            fails("is no name of a pack", captions=good, name=name)
    fails("comes with Annotator", captions=good, name="starter")
    fails("There is a pack tiny already", captions=good, name="tiny")
    fails("another folder", captions=good, name="tiny-clip")
    fails("imagenet-grounder.*cannot be fine-tuned.*tiny", load_pack("starter"), captions=good)
    outside = tmp_path / "outside.toml"
    outside.write_text((home / "tiny.toml").read_text())
    fails("is not among the packs", load_pack(outside), captions=good)
    assert build.made == []
    with project.read() as db:
        assert queries.runs(db) == []
    assert sorted(one.name for one in home.iterdir()) == ["tiny-clip", "tiny.toml"]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"text": "songs"}, "no text songs"),
        ({"epochs": 0}, "epochs"),
        ({"batch": 0}, "images a step"),
        ({"limit": 0}, "pairs"),
        ({"checkpoint_every": 0}, "two checkpoints"),
        ({"patience": -1}, "checks to wait"),
        ({"validation": 0.7}, "share"),
        ({"validation": float("nan")}, "share"),
        ({"seed": -1}, "seed"),
        ({"resize": (640, 320)}, "smaller one first"),
        ({"resize": (0, 320)}, "16"),
        ({"losses": ("sum",)}, "no loss sum"),
    ],
)
def test_options_are_checked(value: dict[str, Any], says: str) -> None:
    with pytest.raises(AnnotatorError, match=says):
        FinetuneOptions(**{"captions": Path("c.csv"), **value})


@pytest.mark.parametrize("shape", [(40, 90), (90, 40), (1, 1), (20000, 3), (1, 20000), (7, 8)])
def test_crops_have_one_size(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    for epoch in range(3):
        first = finetune_data.random_crop(image, 48, (32, 64), (7, epoch, 1))
        assert (first.shape, first.dtype) == ((48, 48, 3), np.uint8)
        again = finetune_data.random_crop(image, 48, (32, 64), (7, epoch, 1))
        assert np.array_equal(first, again)
    if shape == (40, 90):
        other = finetune_data.random_crop(image, 48, (32, 64), (7, 0, 2))
        assert not np.array_equal(finetune_data.random_crop(image, 48, (32, 64), (7, 0, 1)), other)


def test_a_crop_is_a_part_of_the_image() -> None:
    rows, columns = np.mgrid[:60, :80]
    image = np.stack([rows, columns, rows * 0], axis=-1).astype(np.uint8)
    assert np.array_equal(finetune_data.crop(image, 48, 60, 0.0, 0.0), image[:48, :48])
    assert np.array_equal(finetune_data.crop(image, 48, 60, 1.0, 1.0), image[12:, 32:])
    assert np.array_equal(finetune_data.crop(image, 48, 60, 0.5, 0.5), image[6:54, 16:64])
    # Where the image is too small its mirror image goes on.
    small = finetune_data.crop(image[:40, :40], 48, 40, 0.0, 1.0)
    assert np.array_equal(small[8:, :40], image[:40, :40])
    assert np.array_equal(small[8:, 40:], image[:40, 39:31:-1])
    assert np.array_equal(small[:8, :40], image[7::-1, :40])


def test_images_are_set_apart_whole() -> None:
    from annotator.core.records import Image

    pairs = [
        finetune_data.Pair(Image(id, f"{id}.jpg", 1), f"{id} {i}", ("a",))
        for id in range(20)
        for i in range(2)
    ]
    train, apart = finetune_data.split(pairs, 0.1, 0)
    assert (len(train), len(apart)) == (36, 4)
    assert not {one.image.id for one in train} & {one.image.id for one in apart}
    assert finetune_data.split(pairs, 0.1, 1)[1] != apart
    assert finetune_data.split(pairs, 0.0, 0) == (pairs, [])
    assert finetune_data.split(pairs[:2], 0.5, 0) == (pairs[:2], [])
    assert [len(one) for one in finetune_data.split(pairs[:4], 0.01, 0)] == [2, 2]


def test_only_what_was_made_here_is_removed(
    project: Project, base: Pack, captions: Path, home: Path, finish: Callable[..., dict[str, Any]]
) -> None:
    finish(finetune(project, base, chosen(captions), Built()))
    stop_at(finetune(project, base, chosen(captions, name="half", epochs=3), Built()), 6)
    with pytest.raises(AnnotatorError, match=r"There is a pack mine already.*models remove mine"):
        list(finetune(project, base, chosen(captions), Built()))
    # One made of a fine-tuned pack extends what is below that.
    finish(finetune(project, load_pack("mine"), chosen(captions, name="more"), Built()))
    more = tomllib.loads((home / "more.toml").read_text())
    assert (more["extends"], more["title"]) == ("tiny", "Tiny CLIP, fine-tuned")
    # The LoRA of the first is not in it, so its bytes do not count.
    bytes_ = sum(one.stat().st_size for one in (home / "more" / "adapter").iterdir())
    assert load_pack("more").specs["grounder"].size_bytes == (
        base.specs["grounder"].size_bytes + bytes_
    )
    before = {one for one in home.rglob("*") if "tiny" in one.name}
    for name, says in (
        ("tiny", "not made by Annotator"),
        ("tiny-clip", "that was made here"),
        ("starter", "stays"),
        ("../models/mine", "that was made here"),
        ("nothing", "that was made here"),
    ):
        with pytest.raises(AnnotatorError, match=says):
            tuned.remove(name)
    (home / "mix.toml").write_text('extends = ["starter", "mine"]\n')
    with pytest.raises(AnnotatorError, match="The pack mix extends mine"):
        tuned.remove("mine")
    (home / "mix.toml").unlink()
    (home / "mine" / "notes.txt").write_text("mine")
    (home / "mine" / ".adapter-1234.part").mkdir()
    gone = tuned.remove("mine")
    assert [one.relative_to(home).as_posix() for one in gone] == [
        "mine.toml",
        "mine/adapter",
        "mine/losses.csv",
        "mine/.adapter-1234.part",
    ]
    assert [one.name for one in (home / "mine").iterdir()] == ["notes.txt"]
    tuned.remove("more")
    tuned.remove("half")
    assert {one for one in home.rglob("*") if "tiny" in one.name} == before
    assert sorted(one.name for one in home.iterdir()) == ["mine", "tiny-clip", "tiny.toml"]
    (home / "mine" / "notes.txt").unlink()
    (home / "mine").rmdir()
    (home / "elsewhere").mkdir()
    (home / "elsewhere" / "checkpoints").mkdir()
    (home / "mine").symlink_to(home / "elsewhere")
    with pytest.raises(AnnotatorError, match="is a link"):
        tuned.remove("mine")


def test_a_disk_that_takes_nothing_is_said(
    project: Project, base: Pack, captions: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("annotator.pipeline.finetune_state.os.fsync", full)
    with pytest.raises(AnnotatorError, match=r"No space left on device.*last checkpoint"):
        list(finetune(project, base, chosen(captions), Built()))
    with project.read() as db:
        assert [run.status for run in queries.runs(db)] == ["failed"]
    assert not list(home.rglob("*.part"))


def test_a_tiny_clip_from_captions_to_a_pack(
    project: Project, base: Pack, captions: Path, home: Path, finish: Callable[..., dict[str, Any]]
) -> None:
    """The whole way with real models, in one go and stopped."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "backends"))
    import tiny_clip
    from safetensors.numpy import load_file

    (home / "tiny-clip" / "config.json").unlink()
    tiny_clip.clip(home / "tiny-clip")
    write_manifest(home, home / "tiny-clip" / "config.json")
    base = load_pack("tiny")
    options = {"batch": 4, "epochs": 4, "learning_rate": 5e-3, "rank": 2, "validation": 0.2}
    result = finish(finetune(project, base, chosen(captions, **options)))
    checks = [row["validation"] for row in result["losses"] if row["validation"] is not None]
    assert (result["steps"], result["parameters"]) == (12, 2816)
    assert checks[-1] < 0.9 * checks[0]
    stopped = chosen(captions, **options, name="again")
    stop_at(finetune(project, base, stopped), 9)
    assert finish(finetune(project, base, stopped))["resumed"] == 5
    one, other = (
        load_file(home / name / "adapter" / "adapter_model.safetensors")
        for name in ("mine", "again")
    )
    assert one.keys() == other.keys()
    assert max(float(np.abs(one[key] - other[key]).max()) for key in one) < 1e-6
    made = load_pack("mine")
    grounder = made.grounder()
    assert grounder.id.startswith(made.model_id("grounder"))
    adapter = made.specs["grounder"].adapter
    assert adapter is not None
    assert made.model_id("grounder").endswith(f"+{adapter.fingerprint()[:12]}")
    image = np.full((40, 60, 3), (220, 20, 20), np.uint8)
    before, after = base.grounder().pixels(image), grounder.pixels(image)
    assert before.shape == after.shape
    assert np.abs(before - after).max() > 1e-3
    words = [TagText("red")]
    assert np.abs(base.grounder().texts(words) - grounder.texts(words)).max() > 1e-3
    assert registry.verify("mine")
    tuned.remove("mine")
    assert "mine" not in registry.list_packs()
