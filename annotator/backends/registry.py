"""Packs: manifests that say which models fill the roles, and the adapters that run them.

Nothing here imports a model library; an adapter is imported when its role is first used.
"""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from annotator.backends import manifest, torchvision_ops
from annotator.backends.manifest import ADAPTERS, ROLES, SERVED, TALKING, Prompt, RoleSpec
from annotator.backends.protocols import (
    Grounder,
    LanguageModel,
    Refiner,
    Tagger,
    TextEmbedder,
)
from annotator.core import program
from annotator.core.errors import AnnotatorError
from annotator.core.paths import shipped

__all__ = [
    "ADAPTERS",
    "ROLES",
    "Pack",
    "Prompt",
    "RoleSpec",
    "describe",
    "download_folder",
    "list_packs",
    "load_pack",
    "model_folders",
    "user_models",
    "verify",
]


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

    @property
    def talks(self) -> bool:
        """Whether its tagger draws its answers: it is prompted, and asked several times."""
        return "tagger" in self.specs and self.specs["tagger"].kind in TALKING

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """What its tagger can be asked, the default first; none for a classifier."""
        return self.specs["tagger"].prompts if "tagger" in self.specs else ()

    @property
    def servers(self) -> tuple[str, ...]:
        """Addresses that images or words are sent to when the pack is used; none for models that
        run here."""
        urls = (
            str(spec.options.get("base_url", ""))
            for spec in self.specs.values()
            if spec.kind in SERVED
        )
        return tuple(dict.fromkeys(urls))

    def models(self) -> dict[str, str]:
        """Role -> model id, without loading anything. Raises AnnotatorError when a folder of
        weights is not there."""
        return {role: spec.id for role, spec in self.specs.items()}

    def model_id(self, role: str) -> str:
        """The model id of one role, as ``models`` has it; where a server is to say which model it
        has, it is asked. Raises AnnotatorError too when the pack lacks the role."""
        spec = self._spec(role)
        if spec.kind in SERVED and not spec.options.get("model"):
            return str(cast(Tagger, self._build(role)).id)
        self._require(spec)
        return spec.id

    def tagger(self) -> Tagger:
        return cast(Tagger, self._build("tagger"))

    def language_model(self) -> LanguageModel:
        return cast(LanguageModel, self._build("language_model"))

    def embedder(self) -> TextEmbedder:
        return cast(TextEmbedder, self._build("embedder"))

    def grounder(self) -> Grounder:
        return cast(Grounder, self._build("grounder"))

    def refiner(self) -> Refiner:
        return cast(Refiner, self._build("refiner"))

    def _spec(self, role: str) -> RoleSpec:
        spec = self.specs.get(role)
        if spec is None:
            raise AnnotatorError(
                f"The pack {self.name} has no {role}: choose another pack, or add a "
                f"[roles.{role}] section to {self.path}."
            )
        return spec

    def _build(self, role: str) -> object:
        spec = self._spec(role)
        with self._lock:
            if role not in self._built:
                self._require(spec)
                self._built[role] = self._adapter(spec)
            return self._built[role]

    def _require(self, spec: RoleSpec) -> None:
        """Of weights that are not there and can be had: the command that gets them too."""
        try:
            for weights in spec.weights if spec.downloads else ():
                weights.locate()
        except AnnotatorError as error:
            raise AnnotatorError(
                f"{str(error).removesuffix('.')}, or run: annotator models download {self.name}"
            ) from error

    def _adapter(self, spec: RoleSpec) -> object:
        module, _, name = ADAPTERS[spec.kind].partition(":")
        try:
            # What has weights runs in torch; a server or an algorithm needs no such library.
            if spec.weights:
                torchvision_ops.declare()
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


def model_folders() -> tuple[Path, ...]:
    """Where manifests and weights are looked for beside the shipped ones, the first wins: the
    person's folder, the folder that ANNOTATOR_MODELS names, and ``packs`` beside the packaged
    executable. They need not exist."""
    named = os.environ.get("ANNOTATOR_MODELS", "")
    beside = program.home()
    return (
        user_models(),
        *((Path(named).expanduser(),) if named else ()),
        *((beside / "packs",) if beside is not None else ()),
    )


def download_folder() -> Path:
    """Where models are downloaded to: the folder that ANNOTATOR_MODELS names, else the person's.
    It need not exist."""
    named = os.environ.get("ANNOTATOR_MODELS", "")
    return Path(named).expanduser() if named else user_models()


def list_packs() -> list[str]:
    """Names of the packs that can be loaded: the starter, the other shipped ones, a person's."""
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
    read = manifest.read(path.expanduser(), _manifests())
    return Pack(read.name, read.title, read.description, read.path, read.roles)


def describe(name: str | Path) -> dict[str, Any]:
    """A pack as a JSON-able dict: what each role is, where it comes from, whether it is there.

    "ready" is "yes" or "no" for what is on this computer, and "server" where nothing is missing
    here but whether the "servers" answer is not known: none of them is asked.
    """
    pack = load_pack(name)
    roles = {role: _describe_role(spec) for role, spec in pack.specs.items()}
    here = "server" if pack.servers else "yes"
    return {
        "name": pack.name,
        "title": pack.title,
        "description": pack.description,
        "path": str(pack.path),
        "ready": here if all(role["present"] for role in roles.values()) else "no",
        "servers": list(pack.servers),
        "roles": roles,
    }


def verify(name: str | Path) -> list[tuple[str, str, bool, str]]:
    """(role, file, ok, message) of each role of a pack, hashes compared."""
    rows = []
    for role, spec in load_pack(name).specs.items():
        if not spec.weights:
            served = spec.kind in SERVED
            rows.append((role, "", True, "is on a server" if served else "needs no weights"))
        for weights in spec.weights:
            try:
                rows.append((role, str(weights.check()), True, weights.proof))
            except AnnotatorError as error:
                rows.append((role, weights.name, False, str(error)))
    return rows


def _describe_role(spec: RoleSpec) -> dict[str, Any]:
    names = [weights.name for weights in spec.weights]
    facts: dict[str, Any] = {
        "id": None,
        "kind": spec.kind,
        "model": spec.model,
        "source": spec.source,
        "licence": spec.licence,
        "size_bytes": spec.size_bytes,
        "memory_mb": spec.memory_mb,
        "package": None,
        "file": names[0] if names else None,
        "adapter": spec.adapter.name if spec.adapter is not None else None,
        "sha256": None,
        "server": spec.options.get("base_url") if spec.kind in SERVED else None,
        "prompts": [one.name for one in spec.prompts],
        "downloads": bool(spec.downloads),
        "present": True,
    }
    if spec.file is not None:
        facts |= {"package": spec.file.package, "sha256": spec.file.sha256 or None}
    try:
        for weights in spec.weights:
            weights.locate()
        # An id that no hash in the manifest gives takes reading all of it: verify does that.
        known = not spec.weights or (len(spec.weights) == 1 and facts["sha256"])
        facts["id"] = spec.id if known else None
    except AnnotatorError:
        facts["present"] = False
    return facts


def _place(path: Path) -> tuple[bool, str]:
    """The pack that works everywhere comes first."""
    return path.stem != "starter", path.stem


def _manifests() -> dict[str, Path]:
    folders = [shipped("models"), *model_folders()]
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.toml"), key=_place) if folder.is_dir() else ():
            # A person's manifest never shadows a shipped one: a run's pack name stays true.
            found.setdefault(path.stem, path)
    return found
