"""Which Debian package a system library belongs to, for its copyright file."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Package:
    name: str
    version: str
    copyright: Path


@cache
def owner(library: str) -> Package | None:
    """The package of a library that the linker finds, e.g. ``libssl.so.3``; None where there is
    no dpkg, the library is from elsewhere, or the package came without its copyright file."""
    path = _places().get(library)
    if path is None or shutil.which("dpkg-query") is None:
        return None
    # Since /lib became a link to /usr/lib, dpkg may know a file under either name.
    real = path.resolve()
    for one in (path, real, Path("/", *path.parts[2:]), Path("/", *real.parts[2:])):
        found = _ask("--search", str(one))
        if found:
            name = found.partition(": ")[0].partition(",")[0]
            copyright = Path("/usr/share/doc", name.partition(":")[0], "copyright")
            version = _ask("--show", "--showformat=${Version}", name)
            return Package(name, version, copyright) if copyright.is_file() else None
    return None


@cache
def _places() -> dict[str, Path]:
    """Where the linker finds each library."""
    tool = shutil.which("ldconfig", path="/sbin:/usr/sbin:/bin:/usr/bin")
    if tool is None:
        return {}
    listed = subprocess.run([tool, "-p"], capture_output=True, text=True, check=False).stdout
    found = re.findall(r"^\s*(\S+) \(.*\) => (\S+)$", listed, re.MULTILINE)
    return {name: Path(path) for name, path in reversed(found)}


def _ask(*words: str) -> str:
    done = subprocess.run(["dpkg-query", *words], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
