"""Steps of the self-test and what came of them."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from annotator.core.errors import AnnotatorError, Cancelled


@dataclass(frozen=True, slots=True)
class Found:
    """What a step that is in order found: a line for a person, and facts for the JSON."""

    said: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """A step that was carried out. ``said``: what it found, or the sentence on what is wrong.
    ``details``: the traceback of what a library or nobody expected, else ""."""

    name: str
    ok: bool
    seconds: float
    said: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    details: str = ""

    def document(self) -> dict[str, Any]:
        """JSON-able, empty details left out."""
        return {key: value for key, value in asdict(self).items() if value != ""}


def perform(name: str, work: Callable[[], Found]) -> Step:
    """Carry a step out. Whatever it raises makes it WRONG; only a person who stops it gets on."""
    started = time.monotonic()
    details, facts = "", {}
    try:
        found = work()
        ok, said, facts = True, found.said, dict(found.facts)
    except Cancelled:
        raise
    except AnnotatorError as error:
        ok, said = False, str(error)
        # Its reason, where a library gave one; else the sentence says all there is.
        details = traceback.format_exc() if error.__cause__ is not None else ""
    except OSError as error:
        ok, details = False, traceback.format_exc()
        said = (
            f"The folder of the self-test cannot be used ({error.strerror or error}): free some "
            "space, or name another folder with --keep."
        )
    except Exception as error:  # the boundary of a step: told, with its traceback in the JSON
        ok, details = False, traceback.format_exc()
        what = " ".join(f"{type(error).__name__}: {error}".split())
        said = f"Something went wrong that should not have ({what}); --json has the details."
    return Step(name, ok, round(time.monotonic() - started, 3), said, facts, details)
