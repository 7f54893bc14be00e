"""From a path that a person gave to an open project. No Qt: it runs on a thread of its own."""

from __future__ import annotations

import os
from pathlib import Path

from annotator.core.errors import AnnotatorError
from annotator.project.project import Project

SUFFIX = ".annot"


def open_or_create(path: Path) -> tuple[Project, bool]:
    """The project at ``path``; for a folder of photos its project beside it, made if need be.
    With it whether it was made just now.

    Raises AnnotatorError when there is neither a project nor a folder.
    """
    if not path.is_dir():
        return Project.open(path), False
    folder = path.resolve()
    place = project_of(folder)
    if place.exists():
        return Project.open(place), False
    place.parent.mkdir(parents=True, exist_ok=True)
    return Project.create(place, folder), True


def project_of(folder: Path) -> Path:
    """Where the project of a folder is: ``photos.annot`` beside ``photos``, or in the person's
    data folder when nothing can be written beside it."""
    beside = folder.parent / f"{folder.name}{SUFFIX}"
    if folder.name and (beside.exists() or os.access(folder.parent, os.W_OK)):
        return beside
    import hashlib

    from platformdirs import user_data_path

    # Two folders of one name get two projects.
    short = hashlib.blake2b(os.fsencode(folder), digest_size=4).hexdigest()
    return (
        user_data_path("annotator", appauthor=False)
        / "projects"
        / f"{folder.name or 'root'}-{short}{SUFFIX}"
    )


def require_somewhere(path: Path) -> None:
    """Raises AnnotatorError when ``path`` is nothing that could be opened."""
    if not path.exists():
        raise AnnotatorError(
            f"{path} does not exist; choose a folder of photos or a project (*{SUFFIX})."
        )
