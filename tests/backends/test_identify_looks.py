"""Files that are no models: each is one sentence that says what it is and what to do."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from annotator.backends.identify import identify


def image(kind: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, kind)
    return out.getvalue()


def archive(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name, data in files.items():
            made.writestr(name.replace("__", "/"), data)
    return out.getvalue()


def tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        made.addfile(tarfile.TarInfo("x"))
    return out.getvalue()


def half_checkpoint() -> bytes:
    out = io.BytesIO()
    torch.save({"x": torch.zeros(1000)}, out)
    return out.getvalue()[:2000]


def tensors() -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        save_file({"x": torch.zeros(100)}, f"{folder}/x.safetensors")
        return Path(folder, "x.safetensors").read_bytes()


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12\n"
CASES: list[tuple[str, Callable[[], bytes], str]] = [
    ("a.pth", lambda: b"", "is empty: get the file again"),
    ("a.pth", lambda: POINTER, "is a pointer of Git LFS"),
    ("a.pth", lambda: b"\n <!DOCTYPE html><html>", "is a web page"),
    ("a.pth", lambda: b"\xef\xbb\xbf<HTML>", "is a web page"),
    ("a.jpg", lambda: image("JPEG"), "is a JPEG image"),
    ("a.pth", lambda: image("PNG"), "is a PNG image"),
    ("a.zip", lambda: archive(x=b"1"), "is a zip archive: unpack it"),
    ("a.pt", lambda: archive(m__constants__pkl=b"1"), "is a zip archive"),
    ("a.tar", tar, "is a tar archive"),
    ("a.gz", lambda: b"\x1f\x8b\x08", "is a gzip archive"),
    ("a.h5", lambda: b"\x89HDF\r\n\x1a\n", "weights of Keras"),
    ("a.annot", lambda: b"SQLite format 3\0", "is a database"),
    ("a.pth", half_checkpoint, "is cut short or damaged"),
    ("a.pth.crdownload", half_checkpoint, "is a download that is not finished"),
    ("a.safetensors", lambda: tensors()[:-3], "is cut short or damaged"),
    ("a.safetensors", lambda: tensors()[:20], "is cut short or damaged"),
    ("a.safetensors", tensors, "a model that is not known here"),
    ("a.pth", lambda: b"\0" * 5000, "begins with nothing but zeros"),
    ("a.pth", lambda: b"hello there, I am a text\n" * 9, "is a text"),
    ("a.pth", lambda: bytes(range(7, 255)) * 9, "is no file of weights that is known here"),
    ("a.pth", lambda: b"\x80\x02}q\x00", "cannot be used"),
    ("a.gguf", lambda: b"GGUF\x03\0\0\0" + b"\xff" * 16, "is cut short or damaged"),
    ("a.gguf", lambda: b"GGUF\x63\0\0\0" + b"\0" * 16, "is cut short or damaged"),
    ("a.bin", lambda: b"lmgg\1\0\0\0", "old GGML format"),
    ("a.toml", lambda: b'[roles.refiner]\nkind = "x"\n', "is the manifest of a pack"),
    ("a.toml", lambda: b"[project]\n" * 9, "is a text"),
    ("a.exe", lambda: b"MZ\x90\0", "is a program"),
]


@pytest.mark.parametrize(("name", "content", "says"), CASES)
def test_what_is_no_model(
    tmp_path: Path, name: str, content: Callable[[], bytes], says: str
) -> None:
    path = tmp_path / "мой файл" / name
    path.parent.mkdir()
    path.write_bytes(content())
    found = identify(path)
    assert says in found.reason
    assert str(path) in found.reason
    assert not found.fits
    assert found.reason.endswith(".")


def test_a_torchscript_program_is_code(tmp_path: Path) -> None:
    path = tmp_path / "script.pt"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("script/constants.pkl", b"1")
        made.writestr("script/data.pkl", b"1")
        made.writestr("script/code/x.py", b"1")
    assert "is a TorchScript program" in identify(path).reason


def test_a_checkpoint_of_something_else(tmp_path: Path) -> None:
    torch.save({"layer1.weight": torch.zeros(3)}, tmp_path / "x.pth")
    found = identify(tmp_path / "x.pth")
    assert "a model that is not known here: a tagger is" in found.reason
    torch.save({"epoch": 3}, tmp_path / "x.pth")
    assert "there are no weights in it" in identify(tmp_path / "x.pth").reason
    torch.save({"model.layers.0.x": torch.zeros(3)}, tmp_path / "x.pth")
    assert "add that folder" in identify(tmp_path / "x.pth").reason
