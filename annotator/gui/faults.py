"""Unexpected errors: the details go to the log file, one sentence goes to the person."""

from __future__ import annotations

import logging
from pathlib import Path

_log = logging.getLogger("annotator")


def log_file() -> Path:
    """Where details are written; the folder is made at the first use."""
    from platformdirs import user_log_path

    return user_log_path("annotator", appauthor=False, ensure_exists=True) / "annotator.log"


def in_words(error: BaseException, what: str) -> str:
    """Log an unexpected error and return one sentence: what stopped, why, where the details are."""
    from logging.handlers import RotatingFileHandler

    try:
        path = log_file()
        if not any(isinstance(handler, RotatingFileHandler) for handler in _log.handlers):
            _log.addHandler(RotatingFileHandler(path, maxBytes=1_000_000, backupCount=1))
            _log.propagate = False
        _log.error(what, exc_info=error)
        where = f"details are in {path}"
    except OSError as unwritable:
        where = f"the log could not be written ({unwritable})"
    reason = str(error).strip().splitlines()
    return f"{what}: {reason[0] if reason else type(error).__name__} ({where})."
