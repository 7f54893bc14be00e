"""Weight files and what only looks like one: tensors come out, or one sentence; never code."""

from __future__ import annotations

import argparse
import io
import os
import pickle
import re
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from annotator.backends.checkpoints import load_into, state_dict
from annotator.core.errors import AnnotatorError

WEIGHTS = {"one.weight": torch.arange(12.0).reshape(3, 4), "one.bias": torch.ones(3)}


class Canary:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, (f"echo ran > {self.path}",))


def sentence(error: BaseException, path: Path) -> str:
    """The message; it is one sentence, names the file and gives no advice to trust it."""
    text = str(error)
    assert str(path) in text
    assert text.endswith(".")
    assert "\n" not in text
    assert "weights_only" not in text
    assert len(text.replace(str(path), "")) < 220
    return text


def old_format(weights: Any, path: Path) -> None:
    torch.save(weights, path, _use_new_zipfile_serialization=False)


SAVED: dict[str, Callable[[Path], Any]] = {
    "zip": lambda path: torch.save(WEIGHTS, path),
    "old": lambda path: old_format(WEIGHTS, path),
    "ordered": lambda path: torch.save(OrderedDict(WEIGHTS), path),
    "safetensors": lambda path: save_file(WEIGHTS, path),
    "model": lambda path: torch.save({"epoch": 3, "model": WEIGHTS}, path),
    "state_dict": lambda path: torch.save({"state_dict": WEIGHTS, "lr": 0.1}, path),
    "parallel": lambda path: torch.save({f"module.{k}": v for k, v in WEIGHTS.items()}, path),
    "parameters": lambda path: torch.save(
        {name: torch.nn.Parameter(value) for name, value in WEIGHTS.items()}, path
    ),
}


@pytest.mark.parametrize("kind", SAVED)
def test_weights_come_out_of_every_usual_file(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    SAVED[kind](path)
    found = state_dict(path)
    assert sorted(found) == sorted(WEIGHTS)
    for name, value in WEIGHTS.items():
        assert torch.equal(found[name], value)
        assert found[name].device.type == "cpu"


def raw_pickle(canary: Canary, path: Path, protocol: int) -> None:
    path.write_bytes(pickle.dumps({"model": canary}, protocol=protocol))


HOSTILE: dict[str, Callable[[Canary, Path], Any]] = {
    "zip": lambda canary, path: torch.save({**WEIGHTS, "extra": canary}, path),
    "old": lambda canary, path: old_format({**WEIGHTS, "extra": canary}, path),
    "first": lambda canary, path: torch.save([canary, WEIGHTS], path),
    **{
        f"raw {n}": lambda canary, path, n=n: raw_pickle(canary, path, n)  # type: ignore[misc]
        for n in (2, 3, 4, 5)
    },
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", HOSTILE)
def test_code_in_a_checkpoint_does_not_run(kind: str, tmp_path: Path) -> None:
    path, ran = tmp_path / "weights.pth", tmp_path / "ran"
    HOSTILE[kind](Canary(ran), path)
    with pytest.raises(AnnotatorError) as caught:
        state_dict(path)
    assert "would run code" in sentence(caught.value, path)
    assert not ran.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="the canary needs a POSIX shell")
def test_the_canary_would_sing(tmp_path: Path) -> None:
    """An unguarded reader runs it: the test above can fail."""
    path, ran = tmp_path / "weights.pth", tmp_path / "ran"
    torch.save({"extra": Canary(ran)}, path)
    torch.load(path, weights_only=False)
    assert ran.exists()


def test_classes_beside_the_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"model": WEIGHTS, "args": argparse.Namespace(lr=0.1)}, path)
    with pytest.raises(AnnotatorError, match="get it as safetensors or with its weights alone"):
        state_dict(path)


def halved(save: Callable[[Path], Any], path: Path) -> None:
    save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("letter.txt", "hello")


def scripted(path: Path) -> None:
    buffer = io.BytesIO()
    torch.save(WEIGHTS, buffer)
    with zipfile.ZipFile(buffer, "a") as file:
        file.writestr("archive/constants.pkl", pickle.dumps(()))
    path.write_bytes(buffer.getvalue())


BROKEN: dict[str, tuple[Callable[[Path], Any], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "it is empty"),
    "cut zip": (lambda path: halved(SAVED["zip"], path), "cut short or damaged"),
    "cut old": (lambda path: halved(SAVED["old"], path), "cut short or damaged"),
    "cut safetensors": (lambda path: halved(SAVED["safetensors"], path), "cut short or damaged"),
    "other archive": (archive, "cut short or damaged"),
    "program": (scripted, "cut short or damaged"),
    "web page": (lambda path: path.write_text("<!doctype html><p>Not found"), "no checkpoint"),
    "pointer": (
        lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\nsize 3\n"),
        "no checkpoint",
    ),
    "picture": (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(300)), "no checkpoint"),
    "zeros": (lambda path: path.write_bytes(bytes(3000)), "no checkpoint"),
    "tensor": (lambda path: torch.save(torch.zeros(3), path), "there are no weights in it"),
    "list": (lambda path: torch.save([torch.zeros(3)], path), "there are no weights in it"),
    "settings": (lambda path: torch.save({"lr": 0.1, "model": {}}, path), "there are no weights"),
}


@pytest.mark.filterwarnings("ignore:.*TorchScript archive")
@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_no_checkpoint_is_one_sentence(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    save, expected = BROKEN[kind]
    save(path)
    with pytest.raises(AnnotatorError) as caught:
        state_dict(path)
    assert expected in sentence(caught.value, path)


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.pth", tmp_path):
        with pytest.raises(AnnotatorError) as caught:
            state_dict(path)
        assert "check that it is there" in sentence(caught.value, path)


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="needs a user whom permissions bind"
)
def test_a_file_without_permission_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    SAVED["zip"](path)
    path.chmod(0)
    with pytest.raises(AnnotatorError, match="Permission denied"):
        state_dict(path)


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_too_little_memory_is_one_sentence(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "weights.pth"
    SAVED["zip"](path)

    def load(*args: Any, **kwargs: Any) -> Any:
        raise error

    monkeypatch.setattr(torch, "load", load)
    with pytest.raises(AnnotatorError) as caught:
        state_dict(path)
    assert "needs more memory; choose a smaller model" in sentence(caught.value, path)


class Small(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = torch.nn.Linear(4, 3)


def test_weights_go_into_a_module(tmp_path: Path) -> None:
    module = Small()
    load_into(module, WEIGHTS, tmp_path / "weights.pth")
    assert torch.equal(module.one.weight, WEIGHTS["one.weight"])
    assert torch.equal(module.one.bias, WEIGHTS["one.bias"])


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"one.bias": torch.ones(5)}, "one.bias is 5 and not 3"),
        ({"one.weight": torch.ones(4, 3)}, "one.weight is 4×3 and not 3×4"),
        ({"two": torch.tensor(1)}, "two (one number) is not in the model"),
        ({"one.bias": None}, "one.bias (3) is missing"),
    ],
)
def test_other_weights_are_named(changed: dict[str, Any], expected: str, tmp_path: Path) -> None:
    module, path = Small(), tmp_path / "weights.pth"
    before = module.one.weight.clone()
    state = {name: value for name, value in {**WEIGHTS, **changed}.items() if value is not None}
    with pytest.raises(AnnotatorError, match=re.escape(expected)) as caught:
        load_into(module, state, path)
    assert "it is of another model" in sentence(caught.value, path)
    assert torch.equal(module.one.weight, before)
