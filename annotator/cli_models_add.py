"""The command that makes a pack of a model on disk."""

from __future__ import annotations

import argparse
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from annotator.cli_output import NOTHING_WRITTEN, Output, facts, plain
from annotator.cli_parser_base import Commands, a_path, a_text

if TYPE_CHECKING:
    from annotator.backends.identify import Found

#: As in backends.manifest, which is not imported to parse a line.
_ROLES = ("tagger", "language_model", "embedder", "grounder", "refiner")
#: What is done with a pack of a role.
_NEXT = {
    "tagger": "annotator propose PROJECT --pack {}",
    "language_model": "annotator group PROJECT --pack {}",
    "embedder": "annotator propose PROJECT --pack {}",
    "grounder": "annotator ground PROJECT --pack {}",
    "refiner": "annotator segment PROJECT --pack {}",
}


def models_add(words: Namespace, out: Output) -> int:
    from annotator.backends import added
    from annotator.backends.identify import identify

    if words.look:
        return _look(identify(words.path), words.role or "", out)
    steps = added.add(
        words.role or "",
        words.path,
        name=words.name,
        extends=words.extends,
        base=words.base,
        copy=words.copy,
        attempt=words.attempt,
    )
    made = out.drive(steps, NOTHING_WRITTEN)
    where = "is copied into the folder of models" if made["copied"] else "stays where it is"
    text = [
        plain(f"It is {made['title']}; it {where}."),
        f"The pack {made['pack']} is written to {plain(made['path'])}.",
        *([plain(f"Tried: {made['answered']}.")] if made["answered"] else []),
        *map(plain, made["remarks"]),
        f"Next: {_NEXT[made['role']].format(made['pack'])}",
    ]
    out.result(made, "\n".join(text))
    return 0


def _look(found: Found, role: str, out: Output) -> int:
    """Says what it is; 1 where that does not fit."""
    from annotator.backends import added

    fits = bool(found.fits) and (not role or role in found.fits)
    document: dict[str, Any] = {
        "path": str(found.path),
        "title": found.title,
        "roles": list(found.roles),
        "fits": fits,
        "reason": found.reason,
        "needs": found.needs,
        "weights": found.weights,
        "size_bytes": found.size_bytes,
        "memory_mb": found.memory_mb,
        "licence": found.licence,
        "source": found.source,
        "name": added.default_name(found) if found.fits else None,
        "remarks": list(found.remarks),
    }
    if not found.fits:
        out.result(document, plain(found.reason))
        return 1
    rows = [
        ("what it is", found.title),
        ("fits", ", ".join(found.roles)),
        ("weights", f"{found.weights / 1e6:,.1f} million"),
        ("on disk", f"{found.size_bytes / 1e6:,.1f} MB"),
        ("in memory", f"about {found.memory_mb / 1000:,.1f} GB"),
        ("licence", found.licence),
        ("from", found.source),
        ("needs", _NEEDS[found.needs]),
    ]
    text = [facts([row for row in rows if row[1]]), *map(plain, found.remarks)]
    if not fits:
        text.append(f"It does not fit the role {role}.")
    out.result(document, "\n".join(text))
    return 0 if fits else 1


_NEEDS = {
    "": "",
    "clip": "--with, the folder of the CLIP it was trained from",
    "grounder": "--with, the pack or the folder of the model it was trained on",
}


def _role(text: str) -> str:
    role = text.replace("-", "_")
    if role not in _ROLES:
        raise argparse.ArgumentTypeError(f"{text} is no role; there are {', '.join(_ROLES)}")
    return role


def add_models_add(group: Commands) -> None:
    """The words of `models add`; ``group`` is that of `models`."""
    add = group.add(
        "add",
        "make a pack of a model on disk, a file or a folder",
        "models add refiner ~/Downloads/sam_hq_vit_b.pth",
        "It tells what the model is and which role it fits: CLIP, SigLIP, TCL and LoRAs for them "
        "(grounder), HQ-SAM (refiner), vision-language models (tagger), language models as "
        "safetensors or GGUF (language_model), BERTs of sentence-transformers (embedder). Nothing "
        "in it is run to find out.",
    )
    add.add_argument(
        "role",
        metavar="ROLE",
        nargs="?",
        type=_role,
        help=f"{', '.join(_ROLES)}; may be left out where only one fits",
    )
    add.add_argument("path", metavar="PATH", type=a_path, help="the file or folder")
    add.add_argument("--look", action="store_true", help="only tell what it is and what it fits")
    add.add_argument(
        "--name", metavar="NAME", type=a_text, default="", help="of the pack (from that of PATH)"
    )
    add.add_argument(
        "--with",
        dest="base",
        metavar="WHAT",
        type=a_text,
        default="",
        help="for TCL the folder of its CLIP, for a LoRA the pack or folder of its model",
    )
    add.add_argument(
        "--extends",
        metavar="PACK",
        type=a_text,
        default="starter",
        help="the pack that fills the other roles (default: starter)",
    )
    add.add_argument(
        "--copy",
        action="store_true",
        help="copy it into your folder of models; else it stays where it is",
    )
    add.add_argument(
        "--try",
        dest="attempt",
        action="store_true",
        help="load it and ask it once before the pack is written",
    )


COMMANDS = {"models add": models_add}
