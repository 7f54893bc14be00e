"""What a form says of the packs. Read on a worker: it looks at manifests and folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotator.core.errors import AnnotatorError

if TYPE_CHECKING:
    from annotator.backends.manifest import Prompt, RoleSpec


@dataclass(frozen=True, slots=True)
class PackFacts:
    """``missing``: why it cannot propose, as a sentence, "" when it can. ``image_server`` and
    ``word_server``: where images go when it proposes, and words when it groups; "" for models
    that run here. ``open_way``: what goes to the server can be read on its way there.
    ``prompts``: what its tagger can be asked, none for a classifier. ``download``: about how many
    bytes can be fetched of what is missing, 0 for nothing."""

    name: str
    title: str = ""
    description: str = ""
    talks: bool = False
    prompts: tuple[Prompt, ...] = ()
    image_server: str = ""
    word_server: str = ""
    missing: str = ""
    open_way: bool = False
    download: int = 0


@dataclass(frozen=True, slots=True)
class MaskPack:
    """``missing``: why it cannot make heatmaps or masks, as a sentence, "" when it can.
    ``download``: as of PackFacts."""

    name: str
    title: str = ""
    description: str = ""
    missing: str = ""
    download: int = 0


def read_mask_packs() -> list[MaskPack]:
    """The packs that differ in their Grounder or Refiner, those that can be used first."""
    from annotator.backends.registry import list_packs, load_pack

    found, seen = [], []
    for name in list_packs():
        try:
            pack = load_pack(name)
        except AnnotatorError as error:
            found.append(MaskPack(name, name, missing=str(error)))
            continue
        specs = [pack.specs.get(role) for role in ("grounder", "refiner")]
        if None not in specs and specs not in seen:
            seen.append(specs)
            lacks = next(filter(None, map(_missing, specs)), "")
            found.append(MaskPack(name, pack.title, pack.description, lacks, _download(specs)))
    return sorted(found, key=lambda one: bool(one.missing))


def read_packs() -> list[PackFacts]:
    """All packs, shipped ones first, also those that cannot be used."""
    from annotator.backends.registry import list_packs

    return [pack_facts(name) for name in list_packs()]


def pack_facts(name: str) -> PackFacts:
    """One pack; what is wrong with its manifest is why it is missing."""
    from annotator.backends.registry import load_pack

    try:
        pack = load_pack(name)
    except AnnotatorError as error:
        return PackFacts(name, name, missing=str(error))
    return PackFacts(
        name,
        pack.title,
        pack.description,
        pack.talks,
        pack.prompts,
        _server(pack.specs.get("tagger")),
        _server(pack.specs.get("language_model")),
        _missing(pack.specs.get("tagger")),
        any(_is_open(url) for url in pack.servers),
        _download([pack.specs.get("tagger")]),
    )


def _server(spec: RoleSpec | None) -> str:
    from annotator.backends.manifest import SERVED

    return str(spec.options.get("base_url", "")) if spec and spec.kind in SERVED else ""


def _is_open(url: str) -> bool:
    from annotator.backends.openai_settings import is_local

    return url.startswith("http:") and not is_local(url)


def _missing(spec: RoleSpec | None) -> str:
    if spec is None:
        return "This pack has no tagger: choose another one."
    try:
        for weights in spec.weights:
            weights.locate()
    except AnnotatorError as error:
        return str(error)
    return ""


def _download(specs: Sequence[RoleSpec | None]) -> int:
    return sum(
        spec.size_bytes for spec in specs if spec is not None and spec.downloads and _missing(spec)
    )
