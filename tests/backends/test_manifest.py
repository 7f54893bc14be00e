"""Manifests of packs that talk: prompts, folders of weights, servers, and packs that extend."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from annotator.backends import manifest, registry, weights
from annotator.backends.registry import describe, list_packs, load_pack, verify
from annotator.core.errors import AnnotatorError

TAGGER = """
[roles.tagger]
kind = "transformers-tagger"
model = "talker"
folder = "talker"
source = "Hugging Face somebody/talker"
licence = "MIT"
size_bytes = 12
memory_mb = 1
"""
PROMPT = """
[[roles.tagger.prompts]]
name = "labels"
text = "List what is there."
correction = "You said {labels}. Look again."
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """write(text): a manifest beside a folder "talker" with a config and weights."""
    monkeypatch.setattr(registry, "user_models", lambda: tmp_path / "mine")
    monkeypatch.setattr(weights, "_memory", lambda: tmp_path / "cache" / "hashes.json")
    folder = tmp_path / "talker"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")

    def make(text: str) -> Path:
        path = tmp_path / "talker.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return make


def test_a_pack_takes_the_roles_that_it_does_not_name_from_the_one_it_extends(write) -> None:
    pack = load_pack(write('extends = "starter"\n' + TAGGER + PROMPT))
    assert pack.roles == ("tagger", "embedder", "grounder", "refiner")
    assert pack.specs["tagger"].kind == "transformers-tagger"
    assert pack.model_id("embedder") == load_pack("starter").model_id("embedder")
    assert pack.talks
    assert not load_pack("starter").talks
    assert [one.name for one in pack.prompts] == ["labels"]
    assert pack.servers == ()


def test_a_pack_cannot_extend_what_is_not_there_or_itself(write, tmp_path: Path) -> None:
    with pytest.raises(AnnotatorError, match="extends nobody, which is no pack"):
        load_pack(write('extends = "nobody"\n' + TAGGER + PROMPT))
    mine = tmp_path / "mine"
    mine.mkdir()
    for one, other in (("a", "b"), ("b", "a")):
        (mine / f"{one}.toml").write_text(f'extends = "{other}"\n' + TAGGER + PROMPT)
    with pytest.raises(AnnotatorError, match="extends itself"):
        load_pack("a")


def test_a_model_folder_is_known_by_its_content(write, tmp_path: Path) -> None:
    pack = load_pack(write(TAGGER + PROMPT))
    before = pack.model_id("tagger")
    assert before.startswith("talker@")
    (tmp_path / "talker" / "notes.md").write_text("not part of the model")
    assert load_pack(write(TAGGER + PROMPT)).model_id("tagger") == before
    (tmp_path / "talker" / "model.safetensors").write_bytes(b"other weights")
    assert load_pack(write(TAGGER + PROMPT)).model_id("tagger") != before


def test_a_folder_that_is_not_there_says_where_to_put_what(write, tmp_path: Path) -> None:
    path = write(TAGGER.replace('folder = "talker"', 'folder = "gone"') + PROMPT)
    pack = load_pack(path)
    with pytest.raises(AnnotatorError, match=r"mine/gone .*Get Hugging Face somebody/talker"):
        pack.model_id("tagger")
    assert describe(path)["roles"]["tagger"]["present"] is False
    ((role, _, ok, message),) = verify(path)
    assert (role, ok) == ("tagger", False)
    assert "is not there" in message


def test_the_users_own_folder_of_models_is_looked_at_too(write, tmp_path: Path) -> None:
    other = tmp_path / "mine" / "elsewhere"
    other.mkdir(parents=True)
    (other / "config.json").write_text("{}")
    path = write(TAGGER.replace('folder = "talker"', 'folder = "elsewhere"') + PROMPT)
    folder = load_pack(path).specs["tagger"].folder
    assert folder is not None
    assert folder.check() == other


def test_pinned_hashes_are_compared(write, tmp_path: Path) -> None:
    right = hashlib.sha256(b"weights").hexdigest()
    pinned = TAGGER + f'[roles.tagger.hashes]\n"model.safetensors" = "{right}"\n' + PROMPT
    ((_, _, ok, message),) = verify(write(pinned))
    assert (ok, message) == (True, "SHA-256 of 1 files matches")
    ((_, _, ok, message),) = verify(write(pinned.replace(right, "0" * 64)))
    assert not ok
    assert "is not the one its manifest names" in message
    ((_, _, ok, message),) = verify(write(TAGGER + PROMPT))
    assert ok
    assert "pins no hashes" in message


def test_large_files_are_hashed_once_and_remembered(
    write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "_LARGE", 3)
    path = tmp_path / "talker" / "model.safetensors"
    expected = hashlib.sha256(b"weights").hexdigest()
    assert weights.sha256(path) == expected
    weights._hashes.clear()
    monkeypatch.setattr(weights.hashlib, "file_digest", lambda *_: pytest.fail("hashed again"))
    assert weights.sha256(path) == expected
    weights._memory().write_text("damaged")
    weights._hashes.clear()
    monkeypatch.undo()
    assert weights.sha256(path) == expected


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ((PROMPT, ""), "a tagger that talks needs"),
        (("{labels}", "them"), "a correction needs {labels} in it"),
        (('name = "labels"', 'name = ""'), "a prompt has a name and a text"),
        (('name = "labels"', 'name = "labels"\nhow = "x"'), "a prompt has a name and a text"),
        (('name = "labels"', "name = 3"), "a prompt is a table of texts"),
        (('name = "labels"', 'name = "labels"\nstrategy = "guess"'), "guess is not one of list"),
        (('kind = "transformers-tagger"', 'kind = "magic"'), "kind magic is not one of"),
        (('licence = "MIT"', 'licence = "MIT"\nfile = "x"'), "either a file or a folder"),
    ],
)
def test_a_faulty_manifest_is_one_sentence(write, change: tuple[str, str], says: str) -> None:
    text = TAGGER + PROMPT
    assert change[0] in text
    with pytest.raises(AnnotatorError) as raised:
        load_pack(write(text.replace(*change)))
    assert says in str(raised.value)
    assert "talker.toml, section [roles.tagger]" in str(raised.value)


def test_every_shipped_pack_is_sound() -> None:
    for name in list_packs():
        pack = load_pack(name)
        assert pack.name == name
        assert {"tagger", "embedder", "grounder", "refiner"} <= set(pack.roles)
        if pack.talks:
            assert pack.prompts[0].text
    papers = load_pack("instructblip").prompts[0]
    assert papers.strategy == "list"
    assert "{labels}" in papers.correction
    assert {one.strategy for one in load_pack("blip2").prompts} == {"caption", "vqa"}


def test_a_server_pack_names_where_images_go() -> None:
    pack = load_pack("server")
    assert pack.servers == ("http://127.0.0.1:8000/v1",)
    assert pack.specs["tagger"].id == "@http://127.0.0.1:8000/v1"


def test_a_local_file_without_a_hash_is_known_by_its_own(tmp_path: Path) -> None:
    (tmp_path / "some.pth").write_bytes(b"weights")
    file = weights.WeightFile("some.pth", base=tmp_path)
    assert file.check() == tmp_path / "some.pth"
    assert file.fingerprint() == hashlib.sha256(b"weights").hexdigest()
    assert "pins no hash" in file.proof
    gone = weights.WeightFile("other.pth", base=tmp_path, source="the model zoo")
    with pytest.raises(AnnotatorError, match=r"other\.pth is not there\. Get the model zoo"):
        gone.check()


def test_an_adapter_is_part_of_what_a_model_is(tmp_path: Path) -> None:
    for folder, name in (("base", "config.json"), ("lora", "adapter_config.json")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text("{}")
    head = """[roles.grounder]
kind = "clip-grounder"
model = "clip"
licence = "MIT"
size_bytes = 1
memory_mb = 1
folder = "base"
"""
    (tmp_path / "plain.toml").write_text(head)
    (tmp_path / "tuned.toml").write_text(head + 'adapter = "lora"\n')
    plain = manifest.read(tmp_path / "plain.toml").roles["grounder"]
    tuned = manifest.read(tmp_path / "tuned.toml").roles["grounder"]
    assert tuned.id.startswith(plain.id + "+")
    (tmp_path / "lora" / "adapter_config.json").write_text("{} ")
    assert manifest.read(tmp_path / "tuned.toml").roles["grounder"].id != tuned.id


def test_a_pack_can_be_put_together_from_others(tmp_path: Path) -> None:
    """Each role comes from the pack that names it itself, whatever the order."""

    def role(name: str, model: str) -> str:
        facts = f'kind = "pamr"\nmodel = "{model}"\nlicence = "MIT"\nsize_bytes = 0\nmemory_mb = 1'
        return f"[roles.{name}]\n{facts}\n"

    def write(name: str, text: str) -> None:
        (tmp_path / f"{name}.toml").write_text(text)

    write("base", role("refiner", "old cut") + role("grounder", "old eye"))
    write("cut", 'extends = "base"\n' + role("refiner", "new cut"))
    write("eye", 'extends = "base"\n' + role("grounder", "new eye"))
    write("both", 'extends = ["cut", "eye"]\n')
    write("turned", 'extends = ["eye", "cut"]\n')
    write("own", 'extends = ["cut", "eye"]\n' + role("refiner", "own cut"))
    write("round", 'extends = ["cut", "round"]\n')
    write("odd", 'extends = ["cut", 3]\n')
    known = {path.stem: path for path in tmp_path.glob("*.toml")}

    def models(name: str) -> dict[str, str]:
        found = manifest.read(known[name], known).roles
        return {one: spec.model for one, spec in found.items()}

    assert models("both") == models("turned") == {"grounder": "new eye", "refiner": "new cut"}
    assert models("own") == {"grounder": "new eye", "refiner": "own cut"}
    with pytest.raises(AnnotatorError, match="extends itself"):
        models("round")
    with pytest.raises(AnnotatorError, match="extends 3, which is no pack"):
        models("odd")
