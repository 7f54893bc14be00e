"""Manifests: TOML files that say which models fill the roles of a pack."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from annotator.backends import downloads_source
from annotator.backends.downloads_source import Source
from annotator.backends.weights import WeightFile, WeightFolder
from annotator.core.errors import AnnotatorError
from annotator.core.records import STRATEGIES, Strategy

#: kind -> "module:factory". A factory takes a RoleSpec and the Pack and returns an adapter.
ADAPTERS: dict[str, str] = {
    "imagenet-tagger": "annotator.backends.starter:tagger",
    "imagenet-grounder": "annotator.backends.starter:grounder",
    "minilm": "annotator.backends.minilm:embedder",
    "starter-refiner": "annotator.backends.starter_refiner:refiner",
    "grabcut": "annotator.backends.refiners:grabcut",
    "pamr": "annotator.backends.refiners:pamr",
    "pamr-grabcut": "annotator.backends.refiners:pamr_grabcut",
    "transformers-tagger": "annotator.backends.vision_language:tagger",
    "transformers-language-model": "annotator.backends.language:language_model",
    "clip-grounder": "annotator.backends.clip:grounder",
    "tcl-grounder": "annotator.backends.tcl:grounder",
    "hq-sam": "annotator.backends.sam_hq:refiner",
    "transformers-sam-hq": "annotator.backends.sam_hq_transformers:refiner",
    "openai-tagger": "annotator.backends.openai_server:tagger",
    "openai-language-model": "annotator.backends.openai_server:language_model",
}
#: Kinds of taggers that draw their answers: they are asked several times, and prompted.
TALKING = frozenset({"transformers-tagger", "openai-tagger"})
#: Kinds that send what they are asked to a server.
SERVED = frozenset({"openai-tagger", "openai-language-model"})
#: Kinds that put a checkpoint (file) on top of a model (folder).
CHECKPOINTED = frozenset({"tcl-grounder"})
ROLES = ("tagger", "language_model", "embedder", "grounder", "refiner")
_REQUIRED = {"kind": str, "model": str, "licence": str, "size_bytes": int, "memory_mb": int}
_OPTIONAL = {
    "package": str,
    "file": str,
    "sha256": str,
    "folder": str,
    "adapter": str,
    "hashes": dict,
    "source": str,
    "prompts": list,
    "options": dict,
    "downloads": list,
}


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a tagger that talks is asked: ``text``, and how labels are read out of its reply.
    ``correction``: the second prompt of self-correction, with "{labels}" in it; "" for none."""

    name: str
    text: str
    strategy: Strategy = "list"
    correction: str = ""


@dataclass(frozen=True)
class RoleSpec:
    """What a manifest says of one role. ``file`` is None for a role without a weight file;
    ``folder`` is a model as transformers saves it, None for another; ``adapter`` a LoRA as peft
    saves it, trained on top of that. ``options``: settings of what runs the model, ``prompts``:
    of a tagger that talks, the default one first; ``downloads``: where its weights are had."""

    role: str
    kind: str
    model: str
    licence: str
    size_bytes: int
    memory_mb: int
    source: str = ""
    file: WeightFile | None = None
    folder: WeightFolder | None = None
    adapter: WeightFolder | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    prompts: tuple[Prompt, ...] = ()
    downloads: tuple[Source, ...] = ()

    @property
    def weights(self) -> tuple[WeightFile | WeightFolder, ...]:
        """All that has to be on disk."""
        all_three = (self.file, self.folder, self.adapter)
        return tuple(one for one in all_three if one is not None)

    @cached_property
    def id(self) -> str:
        """Name and SHA-256 prefix, as in runs and cache keys; no model is loaded for it. A
        model behind a server is known by its name and where the server is. Raises AnnotatorError
        when a folder of weights is not there."""
        if self.weights:
            return f"{self.model}@{'+'.join(one.fingerprint()[:12] for one in self.weights)}"
        if self.kind in SERVED:
            return f"{self.options.get('model', self.model)}@{self.options.get('base_url', '')}"
        return self.model


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest, read and checked."""

    name: str
    title: str
    description: str
    path: Path
    roles: Mapping[str, RoleSpec]


def read(path: Path, known: Mapping[str, Path] | None = None) -> Manifest:
    """The manifest at ``path``. ``known``: name -> path of the manifests that it may extend, one
    or several: it takes their roles and replaces those it names itself. Where several have a
    role, the one that names it itself wins over those that take it from another, and of equals
    the last. Raises AnnotatorError that names the file and what to correct."""
    return _read(path, known or {}, ())[0]


def _read(
    path: Path, known: Mapping[str, Path], below: tuple[Path, ...]
) -> tuple[Manifest, dict[str, int]]:
    """The manifest, and role -> how many manifests away it is named."""
    data = _table(path)
    specs: dict[str, RoleSpec] = {}
    away: dict[str, int] = {}
    for base in _bases(path, data, known):
        if known[base] in (path, *below):
            raise AnnotatorError(f"The pack manifest {path} extends itself: correct it.")
        other, far = _read(known[base], known, (*below, path))
        for role, spec in other.roles.items():
            if role not in away or far[role] + 1 <= away[role]:
                specs[role], away[role] = spec, far[role] + 1
    roles = data.get("roles", {})
    if not isinstance(roles, dict) or not (roles or specs):
        raise AnnotatorError(f"The pack manifest {path} has no [roles.…] section: add one.")
    for role, facts in roles.items():
        specs[role], away[role] = _role(path, role, facts), 0
    name = str(data.get("name", path.stem))
    ordered = {role: specs[role] for role in ROLES if role in specs}
    title, description = str(data.get("title", name)), str(data.get("description", ""))
    return Manifest(name, title, description, path, ordered), away


def _table(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AnnotatorError(
            f"The pack manifest {path} cannot be read ({error.strerror}): check the path."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AnnotatorError(
            f"The pack manifest {path} is not valid TOML ({error}): correct it."
        ) from error


def _bases(path: Path, data: Mapping[str, Any], known: Mapping[str, Path]) -> list[str]:
    found = data.get("extends", [])
    names = [found] if isinstance(found, str) else found
    for name in names if isinstance(names, list) else [names]:
        if not isinstance(name, str) or name not in known:
            raise AnnotatorError(
                f"The pack manifest {path} extends {name}, which is no pack that is there: name "
                f"one of {', '.join(known) or 'none'}."
            )
    return list(names)


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
    file = folder = adapter = None
    source = facts.get("source", "")
    if "file" in facts and "folder" in facts and facts["kind"] not in CHECKPOINTED:
        raise fault("weights are either a file or a folder, not both")
    if "file" in facts and "sha256" not in facts and "package" in facts:
        raise fault("a file of a package needs its sha256")
    if "file" in facts:
        pinned = facts.get("sha256", "")
        file = WeightFile(facts["file"], pinned, facts.get("package"), path.parent, source)
    if "folder" in facts:
        folder = WeightFolder(facts["folder"], path.parent, source, facts.get("hashes", {}))
    if "adapter" in facts:
        adapter = WeightFolder(facts["adapter"], path.parent, source, needs="adapter_config.json")
    try:
        prompts = tuple(_prompt(one) for one in facts.get("prompts", ()))
        places = (facts.get("file", ""), facts.get("folder", ""))
        downloads = tuple(downloads_source.read(one, *places) for one in facts.get("downloads", ()))
    except ValueError as error:
        raise fault(str(error)) from None
    if downloads and ("package" in facts or not (file or folder)):
        raise fault("downloads are of a file or folder that no package has")
    if facts["kind"] in TALKING and not prompts:
        raise fault("a tagger that talks needs [[prompts]]")
    return RoleSpec(
        role=role,
        kind=facts["kind"],
        model=facts["model"],
        licence=facts["licence"],
        size_bytes=facts["size_bytes"],
        memory_mb=facts["memory_mb"],
        source=facts.get("source", ""),
        file=file,
        folder=folder,
        adapter=adapter,
        options=facts.get("options", {}),
        prompts=prompts,
        downloads=downloads,
    )


def _prompt(facts: Any) -> Prompt:
    if not isinstance(facts, dict) or not all(isinstance(one, str) for one in facts.values()):
        raise ValueError("a prompt is a table of texts")
    unknown = facts.keys() - {"name", "text", "strategy", "correction"}
    if unknown or not facts.get("name") or not facts.get("text"):
        raise ValueError("a prompt has a name and a text, maybe a strategy and a correction")
    strategy = facts.get("strategy", "list")
    if strategy not in STRATEGIES:
        raise ValueError(f"the strategy {strategy} is not one of {', '.join(STRATEGIES)}")
    correction = facts.get("correction", "")
    if correction and "{labels}" not in correction:
        raise ValueError("a correction needs {labels} in it, where the first answer goes")
    return Prompt(facts["name"], facts["text"], cast(Strategy, strategy), correction)
