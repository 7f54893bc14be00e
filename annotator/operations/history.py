"""Undo and redo, as a person calls them."""

from __future__ import annotations

from annotator.core.records import Step
from annotator.project.project import Project


def undo(project: Project) -> Step | None:
    """Take back the newest decision; what it was, or None when there is none."""
    return project.undo()


def redo(project: Project) -> Step | None:
    """Do the decision again that was undone last; what it was, or None when there is none."""
    return project.redo()
