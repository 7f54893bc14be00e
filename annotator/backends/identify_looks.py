"""What files are that are no models, by their first bytes: a person picked the wrong one, or a
download went wrong."""

from __future__ import annotations

import zipfile
from pathlib import Path

from annotator.backends.identify_found import Unfit, start_of

_AGAIN = "get the file again"
_CHOOSE, _UNPACK = "choose the file of the model", "unpack it and add what is in it"
_POINTER = "a pointer of Git LFS, not the file it stands for"
_PULL = "run git lfs pull where it came from, or download the file itself"
#: First bytes -> what the file is, and what to do.
_STARTS = (
    (b"version https://git-lfs", _POINTER, _PULL),
    (b"\xff\xd8\xff", "a JPEG image", _CHOOSE),
    (b"\x89PNG\r\n", "a PNG image", _CHOOSE),
    (b"GIF8", "a GIF image", _CHOOSE),
    (b"RIFF", "a picture, sound or film", _CHOOSE),
    (b"%PDF", "a PDF document", _CHOOSE),
    (b"SQLite format 3\0", "a database, maybe a project of Annotator", _CHOOSE),
    (b"\x89HDF\r\n", "weights of Keras or TensorFlow", "get the model as safetensors"),
    (b"\x1f\x8b", "a gzip archive", _UNPACK),
    (b"7z\xbc\xaf", "a 7z archive", _UNPACK),
    (b"\xfd7zXZ", "an xz archive", _UNPACK),
    (b"Rar!", "a RAR archive", _UNPACK),
    (b"BZh", "a bzip2 archive", _UNPACK),
    (b"\x93NUMPY", "an array of NumPy", _CHOOSE),
    (b"\x7fELF", "a program", _CHOOSE),
    (b"MZ", "a program for Windows", _CHOOSE),
    (b"lmgg", "a model of the old GGML format", "get it as GGUF"),
    (b"tjgg", "a model of the old GGML format", "get it as GGUF"),
)
_PAGES = (b"<!doctype", b"<html", b"<?xml", b"<head")
_HALF = (".crdownload", ".part", ".partial", ".download", ".tmp", ".incomplete", ".aria2")


def check(path: Path, start: bytes | None = None) -> bytes:
    """The first bytes of a file that may hold weights. Raises Unfit, a sentence on what the file
    is, for one that is known to hold none."""
    if start is None:
        start = start_of(path)
    if not start:
        raise Unfit(f"{path} is empty: {_AGAIN}.")
    if path.suffix.lower() in _HALF:
        raise Unfit(f"{path} is a download that is not finished, by its name: {_AGAIN}.")
    for begin, what, remedy in _STARTS:
        if start.startswith(begin):
            raise Unfit(f"{path} is {what}: {remedy}.")
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_PAGES):
        raise Unfit(
            f"{path} is a web page, as a browser saves it where a download needs a login or is "
            "gone: open it to see what it says, then get the file itself."
        )
    if start[257:262] == b"ustar":
        raise Unfit(f"{path} is a tar archive: unpack it and add what is in it.")
    if not start.strip(b"\0"):
        raise Unfit(f"{path} begins with nothing but zeros, as a broken download does: {_AGAIN}.")
    if start.startswith(b"PK"):
        _check_zip(path)
    return start


def is_text(start: bytes) -> bool:
    """Whether a person could read it."""
    try:
        text = start[:-4].decode("utf-8") if len(start) > 8 else start.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter in "\t\r\n" for letter in text)


def _check_zip(path: Path) -> None:
    """Raises Unfit for a zip that is no checkpoint of PyTorch, which are zips too."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise Unfit(f"{path} is cut short or damaged: {_AGAIN}.") from error
    inner = {name.partition("/")[2] for name in names}
    if "constants.pkl" in inner:
        raise Unfit(
            f"{path} is a TorchScript program, and code out of a model is not run here: get the "
            "model's weights as safetensors."
        )
    if "data.pkl" not in inner:
        raise Unfit(f"{path} is a zip archive: unpack it and add what is in it.")
