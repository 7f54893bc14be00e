"""Annotator: from a folder of photographs to a reviewed, exported dataset."""

__version__ = "0.1.0"
