"""What commands ask of a project before they begin."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from annotator.core.errors import AnnotatorError

if TYPE_CHECKING:
    from annotator.project.project import Project


def given(words: Namespace, names: tuple[str, ...]) -> dict[str, Any]:
    """Options that were typed; the others keep the defaults of the step itself."""
    return {name: getattr(words, name) for name in names if getattr(words, name) is not None}


def synset_id(project: Project, text: str | None) -> int | None:
    from annotator.project import queries

    if text is None:
        return None
    with project.read() as db:
        return queries.find_synset(db, text).id


def require_images(project: Project) -> None:
    from annotator.project import queries

    with project.read() as db:
        found = queries.status(db)
    if found["images"] == 0:
        raise AnnotatorError(
            f"{project.path} has no images yet: put some into {project.folder}, then run "
            f"annotator scan {project.path}."
        )
