"""What an added model works on top of: TCL's checkpoint on its CLIP, a LoRA on a grounder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from annotator.backends import checkpoints, clip_lora, manifest, pretrained, registry
from annotator.backends.clip_dense import KINDS
from annotator.backends.identify import identify
from annotator.backends.identify_found import Found
from annotator.backends.manifest import RoleSpec
from annotator.backends.weights import WeightFile, WeightFolder
from annotator.core.errors import AnnotatorError
from annotator.core.paths import shipped

_CORRECT = "; correct the manifest."


def spec(found: Found, role: str, model: str, base: str) -> RoleSpec:
    """What a manifest is to say of the model, every path absolute; what it works on top of is
    found, and fits. Raises AnnotatorError when that is not so."""
    if base and not found.needs:
        raise AnnotatorError(f"{found.path} is {found.title} and whole: leave --with out.")
    made = RoleSpec(
        role=role,
        kind=found.fits[role],
        model=model,
        licence=found.licence,
        size_bytes=found.size_bytes,
        memory_mb=found.memory_mb,
        source=found.source,
        options=found.options,
        prompts=found.prompts if role == "tagger" else (),
    )
    where = str(found.path)
    if found.needs == "clip":
        clip = _clip(found, base)
        _check_tcl(clip, found.path)
        return _with(made, file=WeightFile(where), folder=WeightFolder(str(clip)))
    if found.needs == "grounder":
        return _tuned(found, made, base)
    if found.key == "file":
        return _with(made, file=WeightFile(where))
    return _with(made, folder=WeightFolder(where))


def _with(made: RoleSpec, **changed: Any) -> RoleSpec:
    from dataclasses import replace

    return replace(made, **changed)


def _clip(found: Found, base: str) -> Path:
    """The folder of the CLIP that a checkpoint of TCL was trained from."""
    known = {"starter": shipped("models", "starter.toml")}
    own = manifest.read(shipped("models", "tcl.toml"), known).roles["grounder"].folder
    assert own is not None
    if base in registry.list_packs():
        return _folder_of(base)
    if base:
        other = identify(Path(base))
        if other.label != "CLIP":
            raise AnnotatorError(other.reason or f"{base} is {other.title}, and TCL needs a CLIP.")
        return other.path
    try:
        return own.locate()
    except AnnotatorError:
        raise AnnotatorError(
            f"{found.path} is {found.title}, which works on top of the CLIP that it was trained "
            f"from: get Hugging Face openai/{own.folder} and name its folder with --with."
        ) from None


def _folder_of(pack: str) -> Path:
    """That of the CLIP of a pack."""
    below = registry.load_pack(pack).specs.get("grounder")
    if below is None or below.folder is None:
        raise AnnotatorError(f"The grounder of the pack {pack} is no CLIP.")
    return below.folder.locate()


def _tuned(found: Found, made: RoleSpec, base: str) -> RoleSpec:
    """A LoRA on a grounder: everything but the adapter is as in that."""
    hint = f" {found.remarks[0]}" if found.remarks else ""
    if not base:
        raise AnnotatorError(
            f"{found.path} is {found.title}: name the pack or the folder of the model that it was "
            f"trained on with --with.{hint}"
        )
    below = _grounder(base)
    _check_lora(below, found.path)
    return _with(
        below,
        model=made.model,
        size_bytes=below.size_bytes + made.size_bytes,
        source=f"{below.source or below.model}, and the LoRA {made.source}",
        adapter=WeightFolder(str(found.path), needs=clip_lora.CONFIG),
    )


def _grounder(base: str) -> RoleSpec:
    """That of a pack, or of the CLIP-like model in a folder."""
    if base not in registry.list_packs():
        other = identify(Path(base))
        if other.fits.get("grounder") != "clip-grounder" or other.needs:
            says = f"{base} is {other.title}, and no CLIP or SigLIP that a LoRA goes on."
            raise AnnotatorError(other.reason or says)
        return spec(other, "grounder", "", "")
    below = registry.load_pack(base).specs.get("grounder")
    if below is None or below.kind not in ("clip-grounder", "tcl-grounder"):
        raise AnnotatorError(f"The grounder of the pack {base} is no CLIP, SigLIP or TCL.")
    if below.adapter is not None:
        raise AnnotatorError(f"The grounder of the pack {base} has a LoRA already.")
    folder = None if below.folder is None else str(below.folder.locate())
    file = below.file
    if file is not None:
        file = WeightFile(str(file.locate()), file.sha256, source=file.source)
    hashes = below.folder.hashes if below.folder is not None else {}
    return _with(
        below,
        folder=None if folder is None else WeightFolder(folder, hashes=hashes),
        file=file,
        downloads=(),
    )


def _check_tcl(folder: Path, path: Path) -> None:
    """Whether the checkpoint is of this CLIP, by names and shapes; no weights are read."""
    _empty_tcl(folder, path)


def _check_lora(below: RoleSpec, adapter: Path) -> None:
    """Whether the LoRA is of this model, by names and shapes."""
    import torch

    assert below.folder is not None
    folder = below.folder.locate()
    file = below.file
    model = _empty(folder) if file is None else _empty_tcl(folder, file.locate())
    try:
        with torch.device("meta"):
            clip_lora.apply(model, adapter, keep=True)
    except AnnotatorError as error:
        raise AnnotatorError(str(error).replace(_CORRECT, ".")) from error


def _empty(folder: Path) -> Any:
    """The model of a CLIP-like folder without its weights."""
    import torch

    config = pretrained.config_of(folder, pickled=True)
    loader = getattr(pretrained.library(), KINDS[config.model_type])
    with torch.device("meta"):
        return pretrained.part(folder, lambda: loader(config))


def _empty_tcl(folder: Path, path: Path) -> Any:
    """TCL's network around such a CLIP. Raises AnnotatorError when the two do not fit."""
    import torch

    from annotator.backends import tcl_network

    model = _empty(folder)
    if model.config.model_type != "clip" or model.config.vision_config.hidden_act != "quick_gelu":
        raise AnnotatorError(f"TCL stands on a CLIP of OpenAI's, and {folder} is another model.")
    read = checkpoints.state_dict(path, lazy=True)
    state = {name: value.to("meta") for name, value in read.items()}
    try:
        with torch.device("meta"):
            return tcl_network.build(model, state, path)
    except AnnotatorError as error:
        raise AnnotatorError(str(error).replace(_CORRECT, f" (the CLIP is {folder}).")) from error
