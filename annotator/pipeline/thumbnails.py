"""Small pictures of the images, made once and kept in the project's cache."""

from __future__ import annotations

from annotator.core import images
from annotator.core.records import Image
from annotator.pipeline.files import content_key, image_path
from annotator.project.project import Project


def thumbnail(project: Project, image: Image, edge: int = 256) -> bytes:
    """A JPEG whose longer side is at most ``edge`` pixels. Callable from any thread.

    Raises ImageUnreadable (an AnnotatorError) with the reason when the file cannot be decoded.
    """
    key = f"{content_key(project, image)}|{edge}"
    kept = project.cache.get("thumb", key)
    if kept is not None:
        return kept
    made = images.thumbnail(image_path(project, image), edge)
    project.cache.put("thumb", key, made)
    return made
