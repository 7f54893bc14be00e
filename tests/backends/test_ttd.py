"""Fine-tuning tiny random models: what it changes, that it goes on exactly, what comes out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_clip
import tiny_tcl
import torch
import transformers
from peft import PeftModel
from tiny_clip import PATCH, spec

from annotator.backends import clip, tcl, ttd, ttd_lora
from annotator.backends.clip_dense import Dense
from annotator.backends.protocols import Floats, Pixels, TagText
from annotator.backends.registry import RoleSpec, load_pack
from annotator.backends.ttd_protocol import Training
from annotator.core.errors import AnnotatorError

SIZE = 5 * PATCH
TRAINING = Training(size=SIZE, rank=3, alpha=6, learning_rate=5e-3)
TEXTS = ["a dog and a tree", "the green grass of the road", "window and bench", "wooden café"]
TAGS = [
    ["dog", "tree", "a"],
    ["green", "grass", "road", "the", "of"],
    ["window", "bench"],
    ["café"],
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dense")
    for name, make in tiny_clip.MODELS.items():
        make(folder / name)
    return folder


@pytest.fixture
def made(home: Path) -> Callable[..., ttd.Trainer]:
    def trainer(name: str = "clip", adapter: Path | None = None, **more: Any) -> ttd.Trainer:
        values = {one: getattr(TRAINING, one) for one in Training.__dataclass_fields__}
        return ttd.trainer(spec(home / name, adapter), Training(**{**values, **more}))

    return trainer


def photos(seed: int = 0, n: int = 4) -> list[Pixels]:
    """Squares of one colour on noise."""
    rng = np.random.default_rng(seed)
    found = rng.integers(0, 80, (n, SIZE, SIZE, 3), dtype=np.uint8)
    for one in found:
        y, x = rng.integers(0, SIZE // 2, 2)
        one[y : y + SIZE // 2, x : x + SIZE // 2] = rng.integers(100, 256, 3)
    return list(found)


def lora(trainer: ttd.Trainer) -> dict[str, Floats]:
    return {k: v.numpy().copy() for k, v in ttd_lora.state(trainer._model).items()}


def distance(one: Mapping[str, Floats], other: Mapping[str, Floats]) -> float:
    assert one.keys() == other.keys()
    return max(float(np.abs(one[key] - other[key]).max()) for key in one)


@pytest.mark.parametrize("name", list(tiny_clip.MODELS))
def test_only_the_lora_is_trained(name: str, made: Callable[..., ttd.Trainer], on: str) -> None:
    trainer = made(name)
    model = trainer.dense.model
    before = {key: value.clone() for key, value in model.state_dict().items()}
    for _ in range(3):
        trainer.step(photos(), TEXTS, TAGS)
    changed = {key for key, value in model.state_dict().items() if not value.equal(before[key])}
    trained = {key for key in before if ".lora_" in key}
    assert trainer.parameters == sum(before[key].numel() for key in trained)
    assert changed == trained
    assert {key.partition("_model.")[0] for key in changed} == {"text", "vision"}
    attention = {key.split(".")[-4] for key in changed}
    assert attention == {"q_proj", "k_proj", "v_proj", "out_proj"}


def test_the_loss_of_a_batch_falls(made: Callable[..., ttd.Trainer], on: str) -> None:
    trainer = made()
    first = trainer.validate(photos(), TEXTS, TAGS)
    taken = [trainer.step(photos(), TEXTS, TAGS) for _ in range(30)]
    last = trainer.validate(photos(), TEXTS, TAGS)
    # LoRA does nothing before the first step, whose loss is that of the model as it was.
    assert {k: taken[0][k] for k in first} == pytest.approx(first, rel=1e-5 if on == "cpu" else 0.1)
    for loss in ("distill", "tag", "loss"):
        assert last[loss] < 0.8 * first[loss]
    assert last["loss"] == pytest.approx(last["distill"] + last["tag"], rel=1e-6)
    assert all(one["grad_norm"] > 0 for one in taken)


@pytest.mark.parametrize(
    ("name", "half"),
    [("clip", torch.float16), ("siglip", torch.bfloat16), ("siglip2", torch.bfloat16)],
)
def test_half_precision_trains_too(
    name: str,
    half: torch.dtype,
    made: Callable[..., ttd.Trainer],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """What a GPU does, here on the CPU: encoders in half precision, float16 with scaled losses."""
    exact = made(name).validate(photos(), TEXTS, TAGS)
    monkeypatch.setattr(ttd.Trainer, "_mixed", lambda self: torch.autocast("cpu", dtype=half))
    trainer = made(name)
    trainer._scaler = torch.amp.GradScaler("cpu", enabled=half == torch.float16)
    first = trainer.validate(photos(), TEXTS, TAGS)
    assert first["loss"] == pytest.approx(exact["loss"], rel=0.1)
    assert first["loss"] != exact["loss"]
    for _ in range(10):
        trainer.step(photos(), TEXTS, TAGS)
    assert trainer.validate(photos(), TEXTS, TAGS)["loss"] < 0.9 * first["loss"]
    assert {one.dtype for one in trainer._trained.values()} == {torch.float32}
    trainer.save(tmp_path / "checkpoint")
    again = made(name)
    again._scaler = torch.amp.GradScaler("cpu", enabled=half == torch.float16)
    again.load(tmp_path / "checkpoint")
    assert again._scaler.get_scale() == trainer._scaler.get_scale()
    assert again.step(photos(), TEXTS, TAGS) == trainer.step(photos(), TEXTS, TAGS)


def test_losses_are_those_of_the_paper(made: Callable[..., ttd.Trainer]) -> None:
    """Equations 2 to 6 again, in numpy, from what the trainer's own encoders say."""
    trainer = made()
    images = photos()
    distill, tags, count = [], [], 0
    with torch.no_grad():
        batch = torch.stack([trainer.dense.prepare(one, SIZE, SIZE) for one in images])
        cells = trainer.dense.pixels(batch).numpy()
        for image, text, words in zip(cells, TEXTS, TAGS, strict=True):
            whole = image @ trainer.dense.texts([text]).numpy()[0]
            maps = [image @ trainer.dense.texts([word]).numpy()[0] for word in words]
            ranked = sorted((float(one.max()) for one in maps), reverse=True)
            gaps = [a - b for a, b in pairwise(ranked)]
            least = ranked[int(np.argmax(gaps))] if gaps else ranked[0]
            normed = [(one - one.min()) / (one.max() - one.min()) for one in maps]
            chosen = [float(one.max()) >= least for one in maps]
            count += sum(chosen)
            union = np.max([one for one, yes in zip(normed, chosen, strict=True) if yes], axis=0)
            distill.append(((whole - union) ** 2).mean())
            rows = zip(maps, normed, chosen, strict=True)
            tags.append(sum(((raw - (goal if yes else 0)) ** 2).mean() for raw, goal, yes in rows))
    found = trainer.validate(images, TEXTS, TAGS)
    assert found["distill"] == pytest.approx(np.mean(distill), rel=1e-5)
    assert found["tag"] == pytest.approx(np.mean(tags), rel=1e-5)
    assert found["loss"] == pytest.approx(np.mean(distill) + np.mean(tags), rel=1e-5)
    assert found["selected"] == count / 4
    assert 1 < found["selected"] < np.mean([len(some) for some in TAGS])


def test_one_loss_alone_and_other_pseudo_tags(made: Callable[..., ttd.Trainer]) -> None:
    both = made().validate(photos(), TEXTS, TAGS)
    for loss in ("distill", "tag"):
        alone = made(losses=(loss,))
        found = alone.step(photos(), TEXTS, TAGS)
        assert found["loss"] == pytest.approx(both[loss], rel=1e-5)
        # What is left out is measured all the same.
        assert found["distill"] == pytest.approx(both["distill"], rel=1e-5)
    every = made(pseudo="given").validate(photos(), TEXTS, TAGS)
    assert every["selected"] == pytest.approx(sum(map(len, TAGS)) / 4)
    known = made().validate(photos(), TEXTS, TAGS, [True, True, True, True])
    assert known == pytest.approx(every)
    some = made().validate(photos(), TEXTS, TAGS, [False, True, False, False])
    assert both["selected"] < some["selected"] < every["selected"]
    image = made(pseudo="image").validate(photos(), TEXTS, TAGS)
    assert image["loss"] != pytest.approx(both["loss"], rel=1e-3)


def test_similarity_is_that_of_the_mean_pixel(made: Callable[..., ttd.Trainer]) -> None:
    trainer = made()
    rng = np.random.default_rng(1)
    images = [
        rng.integers(0, 256, (h, w, 3), dtype=np.uint8) for h, w in ((40, 90), (1, 1), (7, 3))
    ]
    found = trainer.similarities(images, TEXTS[:3])
    for image, text, value in zip(images, TEXTS, found, strict=False):
        with torch.no_grad():
            cells = trainer.dense.pixels(trainer.dense.prepare(image, SIZE, SIZE)[None])
            mean = cells[0].reshape(-1, cells.shape[-1]).mean(0)
            vector = trainer.dense.texts([text])[0]
        assert value == pytest.approx(float(mean @ vector / mean.norm()), abs=1e-5)
    assert trainer.similarities([], []).shape == (0,)


@pytest.mark.parametrize("name", ["clip", "siglip"])
def test_stopped_and_gone_on_is_one_go(
    name: str, made: Callable[..., ttd.Trainer], tmp_path: Path
) -> None:
    whole = made(name)
    for seed in range(6):
        whole.step(photos(seed), TEXTS, TAGS)
    first = made(name)
    for seed in range(3):
        first.step(photos(seed), TEXTS, TAGS)
    first.save(tmp_path / "checkpoint")
    first.save(tmp_path / "checkpoint")  # replaces
    second = made(name)
    second.load(tmp_path / "checkpoint")
    for seed in range(3, 6):
        second.step(photos(seed), TEXTS, TAGS)
    assert distance(lora(second), lora(whole)) < 1e-6
    assert distance(lora(first), lora(whole)) > 1e-3
    assert [one.name for one in tmp_path.iterdir()] == ["checkpoint"]


def test_another_seed_another_start(made: Callable[..., ttd.Trainer]) -> None:
    state = torch.random.get_rng_state()
    assert distance(lora(made()), lora(made())) == 0
    assert distance(lora(made()), lora(made(seed=1))) > 0.01
    assert torch.random.get_rng_state().equal(state)


@pytest.mark.parametrize("name", list(tiny_clip.MODELS))
def test_what_is_exported_is_what_was_trained(
    name: str, made: Callable[..., ttd.Trainer], home: Path, tmp_path: Path
) -> None:
    trainer = made(name)
    for seed in range(4):
        trainer.step(photos(seed), TEXTS, TAGS)
    trainer.export(tmp_path / "adapter")
    files = sorted(one.name for one in (tmp_path / "adapter").iterdir())
    assert files == ["adapter_config.json", "adapter_model.safetensors"]
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == name
    assert str(home) not in json.dumps(config)
    settings = {"size": SIZE, "template": "none"}
    tuned = clip.grounder(spec(home / name, tmp_path / "adapter", **settings), None)  # type: ignore[arg-type]
    plain = clip.grounder(spec(home / name, **settings), None)  # type: ignore[arg-type]
    image = photos(9)[0]
    with torch.no_grad():
        own = trainer.dense.pixels(trainer.dense.prepare(image, SIZE, SIZE)[None])[0].numpy()
        words = trainer.dense.texts(["dog", "green grass"]).numpy()
    assert np.abs(tuned.pixels(image) - own).max() < 1e-5
    assert np.abs(tuned.texts([TagText("dog"), TagText("green grass")]) - words).max() < 1e-5
    assert np.abs(plain.pixels(image) - own).max() > 1e-3
    # peft itself reads it too.
    model = transformers.AutoModel.from_pretrained(home / name, dtype=torch.float32)
    read = PeftModel.from_pretrained(model, tmp_path / "adapter")
    with torch.no_grad():
        found = read.get_text_features(input_ids=trainer.dense.tokens(["dog", "green grass"]))
    vectors = torch.nn.functional.normalize(getattr(found, "pooler_output", found), dim=-1)
    assert np.abs(vectors.numpy() - words).max() < 1e-5
    # The hash of the adapter is part of what the model is called.
    assert tuned.id != plain.id


def test_a_model_that_has_a_lora_goes_on_from_it(
    made: Callable[..., ttd.Trainer], tmp_path: Path
) -> None:
    first = made()
    first.step(photos(), TEXTS, TAGS)
    first.export(tmp_path / "adapter")
    second = made(adapter=tmp_path / "adapter", rank=7)
    assert second.parameters == first.parameters
    assert distance(lora(second), lora(first)) == 0
    second.step(photos(), TEXTS, TAGS)
    assert distance(lora(second), lora(first)) > 1e-3


def _small_memory(monkeypatch: pytest.MonkeyPatch, most: int) -> list[int]:
    """The encoder fails as a full GPU does for more than ``most`` images; what it was asked."""
    asked: list[int] = []
    pixels = Dense.pixels

    def limited(self: Dense, batch: torch.Tensor) -> torch.Tensor:
        asked.append(len(batch))
        if len(batch) > most:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return pixels(self, batch)

    monkeypatch.setattr(Dense, "pixels", limited)
    return asked


def test_a_batch_too_large_is_computed_in_parts(
    made: Callable[..., ttd.Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, parted = made(), made()
    # One text without tags: it counts in no mean.
    tags = [*TAGS[:3], []]
    expected = [whole.step(photos(seed), TEXTS, tags) for seed in range(3)]
    assert whole.fallback == ""
    asked = _small_memory(monkeypatch, 1)
    found = [parted.step(photos(seed), TEXTS, tags) for seed in range(3)]
    assert asked == [4, 2, *[1] * 9]  # the image without tags is not looked at
    assert "1 of its images" in parted.fallback
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, rel=1e-4)
    assert distance(lora(parted), lora(whole)) < 1e-5
    assert parted.similarities(photos(), TEXTS).shape == (4,)


def test_a_cpu_computes_few_images_at_a_time(
    made: Callable[..., ttd.Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANNOTATOR_DEVICE", "cpu")
    trainer = made()
    asked = _small_memory(monkeypatch, 4)
    trainer.step(photos(n=10), [TEXTS[0]] * 10, [TAGS[0]] * 10)
    assert asked == [4, 4, 2]
    assert trainer.fallback == ""


def test_an_image_too_large_is_said(
    made: Callable[..., ttd.Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = made()
    before = lora(trainer)
    _small_memory(monkeypatch, 0)
    with pytest.raises(AnnotatorError, match="more GPU memory"):
        trainer.step(photos(), TEXTS, TAGS)
    assert distance(lora(trainer), before) == 0


def test_a_loss_that_is_no_number_changes_nothing(
    made: Callable[..., ttd.Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = made()
    trainer.step(photos(), TEXTS, TAGS)
    before = lora(trainer)
    texts = Dense.texts
    monkeypatch.setattr(Dense, "texts", lambda self, some: texts(self, some) * float("nan"))
    with pytest.raises(AnnotatorError, match="no number any more"):
        trainer.step(photos(), TEXTS, TAGS)
    assert distance(lora(trainer), before) == 0


def test_long_and_strange_texts(made: Callable[..., ttd.Trainer]) -> None:
    trainer = made()
    long = " ".join(f"word{i}" for i in range(300))
    texts = [long, "🐶🌳", "自転車 と 木", "café"]
    found = trainer.step(photos(), texts, [one.split() for one in texts])
    assert np.isfinite(list(found.values())).all()
    cut = trainer.validate(photos()[:1], [long], [long.split()])
    same = trainer.validate(photos()[:1], [long], [long.split()[: tiny_clip.CONTEXT]])
    assert cut == same


def test_another_checkpoint_is_refused(made: Callable[..., ttd.Trainer], tmp_path: Path) -> None:
    trainer = made()
    trainer.step(photos(), TEXTS, TAGS)
    trainer.save(tmp_path / "good")
    before = lora(trainer)
    for other in (made(learning_rate=0.1), made("siglip"), made(rank=4)):
        with pytest.raises(AnnotatorError, match="another model or other options"):
            other.load(tmp_path / "good")
    with pytest.raises(AnnotatorError, match="cannot be read"):
        trainer.load(tmp_path / "none")
    for name in ("adapter.safetensors", "optimizer.safetensors", "state.json"):
        trainer.save(tmp_path / "bad")
        path = tmp_path / "bad" / name
        path.write_bytes(path.read_bytes()[:-100])
        with pytest.raises(AnnotatorError, match=r"damaged|cannot be read"):
            trainer.load(tmp_path / "bad")
        assert distance(lora(trainer), before) == 0


def test_what_cannot_be_trained_is_said(
    home: Path, tmp_path: Path, made: Callable[..., ttd.Trainer]
) -> None:
    starter: RoleSpec = load_pack("starter").specs["grounder"]
    with pytest.raises(AnnotatorError, match=r"imagenet-grounder.* cannot be fine-tuned: choose"):
        ttd.trainer(starter)
    with pytest.raises(AnnotatorError, match="choose 40 or 48"):
        made(size=44)
    with pytest.raises(AnnotatorError, match="is not there"):
        ttd.trainer(spec(home / "nothing"))
    (tmp_path / "file").touch()
    with pytest.raises(AnnotatorError, match="could not be written"):
        made().save(tmp_path / "file" / "checkpoint")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"size": 0}, "crop size"),
        ({"rank": 0}, "rank"),
        ({"alpha": 0}, "alpha"),
        ({"learning_rate": float("nan")}, "learning rate"),
        ({"weight_decay": -1.0}, "weight decay"),
        ({"losses": ()}, "one or both"),
        ({"losses": ("tag", "tag")}, "one or both"),
        ({"losses": ("sum",)}, "no loss sum"),
        ({"pseudo": "parser"}, "no way parser"),
    ],
)
def test_options_are_checked(value: dict[str, Any], says: str) -> None:
    with pytest.raises(AnnotatorError, match=says):
        Training(**value)


def test_the_default_lora_is_as_large_as_the_papers() -> None:
    """CLIP ViT-B/16: 149.6 million numbers become 150.2 (TTD, table 6)."""
    config = transformers.CLIPConfig(vision_config={"patch_size": 16})
    with torch.device("meta"):
        model = transformers.CLIPModel(config)
    before = sum(one.numel() for one in model.parameters())
    dense = Dense.__new__(Dense)  # without a tokenizer: nothing is read here
    dense.model, dense.config, dense.kind = model, config, "clip"
    tuned = ttd_lora.put(dense, Training().rank, Training().alpha, 0)
    added = sum(one.numel() for one in tuned.parameters() if one.requires_grad)
    assert (before, added) == (149_620_737, 599_040)
    assert (round(before / 1e6, 1), round((before + added) / 1e6, 1)) == (149.6, 150.2)


def test_tcl_is_trained_too_where_it_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LoRA on TCL's own layers and on those of CLIP before them, not on those they replace."""
    monkeypatch.setenv("ANNOTATOR_DEVICE", "cpu")
    words = tiny_tcl.clip_folder(tmp_path / "clip")
    tiny_tcl.save(tmp_path / "tcl.pth", tiny_tcl.state(tiny_tcl.tcl(words), frozen=False))
    facts: dict[str, Any] = {"file": tmp_path / "tcl.pth", "kind": "tcl-grounder"}
    whole = spec(tmp_path / "clip", **facts, size=SIZE, template="none")
    trainer = ttd.trainer(whole, TRAINING)
    last = tiny_clip.LAYERS - 1
    names = set(ttd_lora.state(trainer._model))
    assert any(".blocks.0.self_attn.v_proj" in name for name in names)
    assert any(".clip.text_model.encoder.layers.0.self_attn.q_proj" in name for name in names)
    assert any(".clip.vision_model.encoder.layers.0.self_attn.q_proj" in name for name in names)
    assert not any(f".clip.vision_model.encoder.layers.{last}." in name for name in names)
    assert not any(".blocks.0.self_attn.q_proj" in name for name in names)
    before = lora(trainer)
    for _ in range(2):
        trainer.step(photos(), TEXTS, TAGS)
    after = lora(trainer)
    # Whatever has a LoRA is used: all of it moves.
    assert all(np.abs(after[k] - before[k]).max() > 0 for k in before if "lora_B" in k)
    trainer.export(tmp_path / "adapter")
    tuned = tcl.grounder(
        spec(tmp_path / "clip", tmp_path / "adapter", **facts, size=SIZE, template="none"),
        None,  # type: ignore[arg-type]
    )
    image = photos(9)[0]
    with torch.no_grad():
        own = trainer.dense.pixels(trainer.dense.prepare(image, SIZE, SIZE)[None])[0].numpy()
    assert np.abs(tuned.pixels(image) - own).max() < 1e-5
    assert np.abs(tcl.grounder(whole, None).pixels(image) - own).max() > 1e-4  # type: ignore[arg-type]
