"""Where the weights of a role are had: what a manifest's [[roles.….downloads]] tables say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import unquote, urlsplit

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*\Z")
_REVISION = re.compile(r"[A-Za-z0-9][\w./-]*\Z")
_KEYS: Mapping[str, type] = {
    "repository": str,
    "revision": str,
    "files": list,
    "include": list,
    "url": str,
    "into": str,
    "sizes": dict,
}
_HERE = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class Source:
    """One place to get files from: a ``repository`` of the model hub at a ``revision``, with the
    names of its ``files`` or the patterns (``include``) that they match, or a ``url``.

    ``into``: the folder below the models folder that they go to, "" for that folder itself, with
    forward slashes; ``name``: what the file of a ``url`` is called there; ``sizes``: bytes of
    those files whose size is known.
    """

    repository: str = ""
    revision: str = "main"
    files: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    url: str = ""
    into: str = ""
    name: str = ""
    sizes: Mapping[str, int] = field(default_factory=dict)

    def matches(self, name: str) -> bool:
        """Whether a file of the repository is wanted; a pattern never reaches into a folder that
        it does not name."""
        return any(
            name.count("/") == pattern.count("/") and fnmatchcase(name, pattern)
            for pattern in self.include
        )


def is_safe(name: str) -> bool:
    """Whether a relative path, with forward slashes, stays in the folder that it is put into, on
    every system: nothing absolute, no "..", no drive, no backslash, nothing that cannot be seen."""
    parts = name.split("/")
    return (
        name.isprintable()
        and not name.startswith("~")
        and not set(name) & set('\\:*?"<>|')
        and not PurePosixPath(name).is_absolute()
        and not PureWindowsPath(name).is_absolute()
        and all(part.strip(" .") and part == part.rstrip(" .") for part in parts)
    )


def read(facts: Any, file: str, folder: str) -> Source:
    """A table of ``downloads``, checked. ``file`` and ``folder``: the weights of the role as the
    manifest names them, "" for none. Raises ValueError that says what to correct."""
    if not isinstance(facts, dict):
        raise ValueError("a download is a table")
    for key, value in facts.items():
        if key not in _KEYS or not isinstance(value, _KEYS[key]):
            raise ValueError(f"{key} of a download is not known, or has a value of the wrong type")
    if bool(facts.get("url")) == bool(facts.get("repository")):
        raise ValueError("a download has a repository or a url")
    for weights in (file, folder):
        if weights and not is_safe(weights):
            raise ValueError(f"what is downloaded goes below the models folder, not to {weights}")
    into = facts.get("into", folder if facts.get("repository") and folder else _parent(file))
    if into and not is_safe(into):
        raise ValueError(f"into is {into!r}, not a folder below the models folder")
    sizes = facts.get("sizes", {})
    if not all(isinstance(size, int) and size > 0 for size in sizes.values()):
        raise ValueError("sizes of a download are bytes, by the names of its files")
    if facts.get("url"):
        return Source(url=facts["url"], into=into, name=_name(facts, file), sizes=sizes)
    return Source(into=into, sizes=sizes, **_repository(facts))


def _repository(facts: Mapping[str, Any]) -> dict[str, Any]:
    files, include = tuple(facts.get("files", ())), tuple(facts.get("include", ()))
    revision = facts.get("revision", "main")
    if not _REPOSITORY.match(facts["repository"]) or ".." in facts["repository"]:
        raise ValueError(f"{facts['repository']!r} is no repository: owner/name is one")
    if not _REVISION.match(revision) or ".." in revision:
        raise ValueError(f"{revision!r} is no revision: a branch, a tag or a commit is one")
    if bool(files) == bool(include):
        raise ValueError("a repository's download has either files or include")
    if not all(isinstance(name, str) and name for name in (*files, *include)):
        raise ValueError("files and include of a download are lists of texts")
    for name in files:
        if not is_safe(name):
            raise ValueError(f"{name!r} cannot be the name of a file to download")
    return {
        "repository": facts["repository"],
        "revision": revision,
        "files": files,
        "include": include,
    }


def _name(facts: Mapping[str, Any], file: str) -> str:
    """What the file of a url is called: as the role's file, or as the url has it."""
    address = urlsplit(facts["url"])
    here = address.hostname in _HERE
    if not address.hostname or address.scheme not in (("https", "http") if here else ("https",)):
        raise ValueError(f"the url {facts['url']!r} of a download must begin with https://")
    if "files" in facts or "include" in facts or "revision" in facts:
        raise ValueError("files, include and revision belong to a repository, not to a url")
    called = PurePosixPath(file).name if file and "into" not in facts else ""
    name = called or PurePosixPath(unquote(address.path)).name
    if not is_safe(name):
        raise ValueError(f"the url {facts['url']!r} of a download names no file")
    return name


def _parent(file: str) -> str:
    parent = str(PurePosixPath(file).parent)
    return "" if parent == "." else parent
