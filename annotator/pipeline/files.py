"""Where an image of a project is, and how caches know its content."""

from __future__ import annotations

import os
from pathlib import Path

from annotator.core.errors import AnnotatorError
from annotator.core.images import ImageUnreadable
from annotator.core.paths import is_folder
from annotator.core.records import Failure, Image
from annotator.project.project import Project


def image_path(project: Project, image: Image) -> Path:
    """The file of an image; it need not exist any more."""
    return project.folder / image.path


def content_key(project: Project, image: Image) -> str:
    """A cache key that changes when the file does: its hash, or before a scan has read it, its
    path, size and time. Raises ImageUnreadable when the file is gone."""
    if image.hash is not None:
        return image.hash
    path = image_path(project, image)
    try:
        facts = path.stat()
    except OSError as error:
        reason = f"the file cannot be read: {error.strerror}"
        raise ImageUnreadable(path, reason) from error
    return f"{image.path}|{facts.st_size}|{facts.st_mtime_ns}"


def failure(image: Image, error: Exception) -> Failure:
    """What a list of failures says of an image: the reason without the path said twice."""
    if isinstance(error, ImageUnreadable):
        return Failure(image.path, error.reason)
    return Failure(image.path, str(error))


def require_folder(project: Project) -> None:
    """Raises AnnotatorError when the folder of the project is not there: without this every
    image would be reported as unreadable, one by one."""
    if is_folder(project.folder) and not os.access(project.folder, os.R_OK | os.X_OK):
        raise AnnotatorError(
            f"The folder {project.folder} cannot be read: check its permissions; nothing was "
            "changed."
        )
    if not is_folder(project.folder):
        raise AnnotatorError(
            f"The folder {project.folder} is not there any more: connect its disk or move it "
            "back; nothing was changed."
        )
