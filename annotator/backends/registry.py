"""Packs: manifests that say which models fill the roles, and the adapters that run them.

Nothing here imports a model library; an adapter is imported when its role is first used.
"""

from __future__ import annotations

import importlib
import threading
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from annotator.backends.protocols import Grounder, Refiner, Tagger, TextEmbedder
from annotator.backends.weights import WeightFile
from annotator.core.errors import AnnotatorError
from annotator.core.paths import shipped

#: kind -> "module:factory". A factory takes a RoleSpec and returns an adapter.
ADAPTERS: dict[str, str] = {
    "imagenet-tagger": "annotator.backends.starter:tagger",
    "imagenet-grounder": "annotator.backends.starter:grounder",
    "minilm": "annotator.backends.minilm:embedder",
    "grabcut": "annotator.backends.refiners:grabcut",
    "pamr": "annotator.backends.refiners:pamr",
    "pamr-grabcut": "annotator.backends.refiners:pamr_grabcut",
}
ROLES = ("tagger", "embedder", "grounder", "refiner")
_REQUIRED = {"kind": str, "model": str, "licence": str, "size_bytes": int, "memory_mb": int}
_OPTIONAL = {"package": str, "file": str, "sha256": str, "source": str, "options": dict}


@dataclass(frozen=True, slots=True)
class RoleSpec:
    """What a manifest says of one role. ``file`` is None for a role without weights."""

    role: str
    kind: str
    model: str
    licence: str
    size_bytes: int
    memory_mb: int
    source: str = ""
    file: WeightFile | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Name and SHA-256 prefix, as in runs and cache keys; no model is loaded for it."""
        return self.model if self.file is None else f"{self.model}@{self.file.sha256[:12]}"


class Pack:
    """Models that fill the roles together. Each is built at its first use and kept; any thread
    may ask. A role that the manifest lacks raises AnnotatorError."""

    def __init__(
        self, name: str, title: str, description: str, path: Path, specs: Mapping[str, RoleSpec]
    ) -> None:
        self.name, self.title, self.description, self.path = name, title, description, path
        self.specs = dict(specs)
        self._built: dict[str, object] = {}
        self._lock = threading.RLock()

    @property
    def roles(self) -> tuple[str, ...]:
        return tuple(self.specs)

    def has(self, role: str) -> bool:
        return role in self.specs

    def models(self) -> dict[str, str]:
        """Role -> model id, without loading anything."""
        return {role: spec.id for role, spec in self.specs.items()}

    def tagger(self) -> Tagger:
        return cast(Tagger, self._build("tagger"))

    def embedder(self) -> TextEmbedder:
        return cast(TextEmbedder, self._build("embedder"))

    def grounder(self) -> Grounder:
        return cast(Grounder, self._build("grounder"))

    def refiner(self) -> Refiner:
        return cast(Refiner, self._build("refiner"))

    def _build(self, role: str) -> object:
        spec = self.specs.get(role)
        if spec is None:
            raise AnnotatorError(
                f"The pack {self.name} has no {role}: choose another pack, or add a "
                f"[roles.{role}] section to {self.path}."
            )
        with self._lock:
            if role not in self._built:
                self._built[role] = self._adapter(spec)
            return self._built[role]

    def _adapter(self, spec: RoleSpec) -> object:
        module, _, name = ADAPTERS[spec.kind].partition(":")
        try:
            factory: Callable[[RoleSpec, Pack], object] = getattr(
                importlib.import_module(module), name
            )
        except ImportError as error:
            raise AnnotatorError(
                f"The {spec.role} of pack {self.name} needs a library that is not installed "
                f"({error}): install Annotator again with its dependencies."
            ) from error
        return factory(spec, self)


def user_models() -> Path:
    """The folder where a person's own manifests and weights are; it need not exist."""
    from platformdirs import user_data_path

    return user_data_path("annotator", appauthor=False) / "models"


def list_packs() -> list[str]:
    """Names of the packs that can be loaded, shipped ones first."""
    return list(_manifests())


def load_pack(name: str | Path) -> Pack:
    """The pack of that name, or of a manifest's path. Reads the manifest only: models load when
    a role is first used. Raises AnnotatorError for an unknown name or a faulty manifest."""
    path = Path(name)
    if path.suffix != ".toml":
        found = _manifests()
        if str(name) not in found:
            known = ", ".join(found) or "none"
            raise AnnotatorError(f"There is no pack named {name}: choose one of {known}.")
        path = found[str(name)]
    return _read(path.expanduser())


def describe(name: str | Path) -> dict[str, Any]:
    """A pack as a JSON-able dict: what each role is, where it comes from, whether it is there."""
    pack = load_pack(name)
    return {
        "name": pack.name,
        "title": pack.title,
        "description": pack.description,
        "path": str(pack.path),
        "roles": {role: _describe_role(spec) for role, spec in pack.specs.items()},
    }


def verify(name: str | Path) -> list[tuple[str, str, bool, str]]:
    """(role, file, ok, message) of each role of a pack, hashes compared."""
    rows = []
    for role, spec in load_pack(name).specs.items():
        if spec.file is None:
            rows.append((role, "", True, "needs no weights"))
            continue
        try:
            rows.append((role, str(spec.file.check()), True, "SHA-256 matches"))
        except AnnotatorError as error:
            rows.append((role, spec.file.file, False, str(error)))
    return rows


def _describe_role(spec: RoleSpec) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "id": spec.id,
        "kind": spec.kind,
        "model": spec.model,
        "source": spec.source,
        "licence": spec.licence,
        "size_bytes": spec.size_bytes,
        "memory_mb": spec.memory_mb,
        "package": None,
        "file": None,
        "sha256": None,
        "present": True,
    }
    if spec.file is not None:
        facts |= {"package": spec.file.package, "file": spec.file.file, "sha256": spec.file.sha256}
        try:
            spec.file.locate()
        except AnnotatorError:
            facts["present"] = False
    return facts


def _manifests() -> dict[str, Path]:
    folders = [shipped("models"), user_models()]
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.toml")) if folder.is_dir() else ():
            # A person's manifest never shadows a shipped one: a run's pack name stays true.
            found.setdefault(path.stem, path)
    return found


def _read(path: Path) -> Pack:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AnnotatorError(
            f"The pack manifest {path} cannot be read ({error.strerror}): check the path."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AnnotatorError(
            f"The pack manifest {path} is not valid TOML ({error}): correct it."
        ) from error
    roles = data.get("roles")
    if not isinstance(roles, dict) or not roles:
        raise AnnotatorError(f"The pack manifest {path} has no [roles.…] section: add one.")
    specs = {role: _role(path, role, facts) for role, facts in roles.items()}
    name = str(data.get("name", path.stem))
    return Pack(name, str(data.get("title", name)), str(data.get("description", "")), path, specs)


def _role(path: Path, role: str, facts: Any) -> RoleSpec:
    def fault(what: str) -> AnnotatorError:
        return AnnotatorError(f"The pack manifest {path}, section [roles.{role}]: {what}.")

    if role not in ROLES:
        raise fault(f"there is no such role; the roles are {', '.join(ROLES)}")
    if not isinstance(facts, dict):
        raise fault("it must be a table")
    for key, kind in _REQUIRED.items():
        if key not in facts:
            raise fault(f"the key {key} is missing")
        if not isinstance(facts[key], kind) or isinstance(facts[key], bool):
            raise fault(f"the key {key} must be {'a text' if kind is str else 'a whole number'}")
    for key, value in facts.items():
        if key in _REQUIRED:
            continue
        if key not in _OPTIONAL or not isinstance(value, _OPTIONAL[key]):
            raise fault(f"the key {key} is not known here, or has a value of the wrong type")
    if facts["kind"] not in ADAPTERS:
        raise fault(f"kind {facts['kind']} is not one of {', '.join(ADAPTERS)}")
    file = None
    if "file" in facts:
        if "sha256" not in facts:
            raise fault("a file needs its sha256")
        file = WeightFile(facts["file"], facts["sha256"], facts.get("package"), path.parent)
    return RoleSpec(
        role=role,
        kind=facts["kind"],
        model=facts["model"],
        licence=facts["licence"],
        size_bytes=facts["size_bytes"],
        memory_mb=facts["memory_mb"],
        source=facts.get("source", ""),
        file=file,
        options=facts.get("options", {}),
    )
