"""What is inside a built folder: which distribution, or what else, each file came from."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from importlib.metadata import Distribution, distributions
from pathlib import Path, PurePosixPath

#: Of this very project: what begins so, and its programs.
OWN = ("install-desktop.sh", "associate.ps1", "share/", "packs/", "LICENCES/", "README")
OWN += ("_internal/annotator/", "_internal/annotator-")
PROGRAMS = ("annotator", "annotator.exe", "annotator-cli", "annotator-cli.exe")
#: Of Python itself, below the folder of contents.
_PYTHON = re.compile(
    r"^(lib-dynload/|base_library\.zip$|libpython3|python3\d*\.dll$|Python$|Python\.framework/"
    r"|python3\.\d+/lib-dynload/|[^/]+\.pyd$)"
)
_LIBRARY = re.compile(r"\.(so(\.[\w.]+)?|dylib|dll)$")
_EXTENSION = re.compile(r"\.(cpython-\w+(-[\w-]+)?|abi3)\.so$|\.pyd$")


@dataclass
class Contents:
    """Where everything in a bundle came from; paths are relative to the bundle."""

    distributions: dict[str, Distribution] = field(default_factory=dict)  # by normalised name
    files: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # of each
    modules: dict[str, int] = field(default_factory=lambda: defaultdict(int))  # inside the program
    carried: dict[str, list[str]] = field(
        default_factory=lambda: defaultdict(list)
    )  # its libraries
    system: list[str] = field(default_factory=list)  # libraries of the machine that built it
    python: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def read(bundle: Path, site_packages: Path) -> Contents:
    """Look at every file of ``bundle`` and at every module frozen into its program.

    ``site_packages``: of the environment that the bundle was built in.
    """
    index = _Index(site_packages)
    contents = Contents()
    for path in sorted(bundle.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue  # PyInstaller links a library to where its package has it
        name = path.relative_to(bundle).as_posix()
        if name in PROGRAMS or name.startswith(OWN):
            continue
        inner = name.removeprefix("_internal/")
        owner = index.owner(inner)
        if owner is not None:
            contents.files[owner].append(name)
            if _is_carried(inner):
                contents.carried[owner].append(name)
        elif _PYTHON.match(inner):
            contents.python.append(name)
        elif _LIBRARY.search(name):
            contents.system.append(name)
        else:
            contents.unknown.append(name)
    for module, package in frozen_modules(bundle):
        owner = index.module(module, package)
        if owner is not None:
            contents.modules[owner] += 1
        elif not _is_own_or_python(module):
            contents.unknown.append(f"module {module}")
    names = {*contents.files, *contents.modules} - {"annotator"}
    contents.distributions = {name: index.named[name] for name in sorted(names)}
    return contents


def frozen_modules(bundle: Path) -> list[tuple[str, bool]]:
    """The pure modules inside the program: dotted name, and whether it is a package."""
    program = bundle / ("annotator.exe" if (bundle / "annotator.exe").exists() else "annotator")
    if not program.is_file():
        raise ValueError(f"{bundle} holds no program called annotator")
    from PyInstaller.archive.readers import CArchiveReader
    from PyInstaller.loader.pyimod01_archive import PYZ_ITEM_NSPKG, PYZ_ITEM_PKG

    archive = CArchiveReader(str(program)).open_embedded_archive("PYZ.pyz")
    return [
        (name, entry[0] == PYZ_ITEM_PKG)
        for name, entry in sorted(archive.toc.items())
        if entry[0] != PYZ_ITEM_NSPKG  # a folder that several distributions share
    ]


def stem(library: str) -> str:
    """The name of a shared library without versions and hashes: ``libpng16``, ``libz``."""
    name = _LIBRARY.sub("", PurePosixPath(library).name)
    name = re.sub(r"[.-][0-9a-f]{8}(?=[.-]|$)", "", name)  # what auditwheel and delvewheel add
    name = re.sub(r"-[0-9a-f]{32}$", "", name)
    return re.sub(r"\.\d[\d.]*$", "", name)


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_own_or_python(module: str) -> bool:
    top = module.partition(".")[0]
    return top in {*sys.stdlib_module_names, "annotator", "__main__"} or top.startswith(
        ("_sysconfigdata", "pyi_rth", "pyimod", "_pyi_rth", "_pyinstaller")
    )


def _is_carried(inner: str) -> bool:
    """Whether a file of a distribution is somebody else's library that its wheel carries."""
    if not _LIBRARY.search(inner) or _EXTENSION.search(inner):
        return False
    folders = PurePosixPath(inner).parent.parts
    return any(one.endswith((".libs", ".dylibs")) for one in folders) or stem(inner) in _CARRIED


#: Libraries of others that lie among the distribution's own.
_CARRIED = ("libgomp", "libomp", "libiomp5", "libicudata", "libicui18n", "libicuuc", "libiomp5md")


class _Index:
    """The files of every distribution of an environment."""

    def __init__(self, site_packages: Path) -> None:
        self.named: dict[str, Distribution] = {}
        self._paths: dict[str, str] = {}
        self._libraries: dict[str, set[str]] = defaultdict(set)
        for one in distributions(path=[str(site_packages)]):
            name = normalised(one.metadata["Name"])
            self.named[name] = one
            for file in one.files or ():
                self._paths[file.as_posix()] = name
                if _LIBRARY.search(file.name):
                    self._libraries[file.name].add(name)

    def owner(self, inner: str) -> str | None:
        """The distribution that has the file, or a library of its name in another folder."""
        if inner in self._paths:
            return self._paths[inner]
        folder = inner.partition("/")[0]
        if folder.endswith((".dist-info", ".egg-info")):
            return normalised(folder.rpartition(".")[0].partition("-")[0])
        same = self._libraries.get(PurePosixPath(inner).name, set())
        if "/" not in inner and len(same) == 1:
            return next(iter(same))
        return None

    def module(self, name: str, package: bool) -> str | None:
        """The distribution of a module; None when no distribution has it."""
        path = name.replace(".", "/")
        for file in (f"{path}/__init__.py",) if package else (f"{path}.py", f"{path}/__init__.py"):
            if file in self._paths:
                return self._paths[file]
        return None
