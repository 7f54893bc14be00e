"""Parameters that not every OpenAI-compatible server knows, and what one turns out to take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from annotator.backends.openai_errors import Again, Refused


@dataclass(frozen=True, slots=True)
class Extra:
    """Parameters of a request in the ``forms`` that servers take them in, tried in this order;
    {} leaves them out. A refusal with one of ``words`` in it is about them. ``needed``: they are
    changed only when a refusal names them, never on suspicion."""

    name: str
    forms: tuple[Mapping[str, Any], ...]
    words: tuple[str, ...]
    needed: bool = False


def optional(name: str, params: Mapping[str, Any], *words: str) -> Extra:
    """Parameters that may be left out."""
    return Extra(name, (params, {}), (name, *words))


def limit(tokens: int) -> Extra:
    """At most so many new tokens, under the name that all servers know but OpenAI's newest."""
    forms = ({"max_tokens": tokens}, {"max_completion_tokens": tokens})
    return Extra("max_tokens", forms, ("max_completion_tokens",), needed=True)


def held_to(schema: Mapping[str, Any]) -> Extra:
    """A reply of this JSON schema: OpenAI's form, llama-cpp-python's, or just asked for."""
    named = {"name": "reply", "schema": dict(schema), "strict": True}
    forms: tuple[Mapping[str, Any], ...] = (
        {"response_format": {"type": "json_schema", "json_schema": named}},
        {"response_format": {"type": "json_object", "schema": dict(schema)}},
        {},
    )
    return Extra("schema", forms, ("response_format", "json_schema", "json_object", "schema"))


class Known:
    """What a server takes, learnt from what it refused. Used on one thread."""

    def __init__(self) -> None:
        self._forms: dict[str, int] = {}
        self._proven: set[str] = set()

    def attempt(self, extras: Sequence[Extra]) -> Attempt:
        return Attempt(self, extras)


class Attempt:
    """One request with its extras, in other forms from one refusal to the next."""

    def __init__(self, known: Known, extras: Sequence[Extra]) -> None:
        self._known, self._extras = known, extras
        self._forms = {one.name: known._forms.get(one.name, 0) for one in extras}
        self._changed = ""

    @property
    def params(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for one in self._extras:
            found.update(one.forms[self._forms[one.name]])
        return found

    @property
    def again(self) -> bool:
        """Whether it was refused before."""
        return bool(self._changed)

    def doubts(self, fault: Refused | Again) -> bool:
        """Whether the fault names an extra that has another form."""
        return any(fault.names(one.words) for one in self._doubtful())

    def refused(self, fault: Refused) -> bool:
        """Changes the form of the extra that the refusal names, else of the first one that the
        server never took yet. False when there is nothing to change: something else is at fault."""
        found = [one for one in self._doubtful() if fault.names(one.words)]
        if not found and fault.status in (400, 422):
            found = [one for one in self._doubtful() if not one.needed]
        if not found:
            return False
        self._changed = found[0].name
        self._forms[self._changed] += 1
        return True

    def taken(self) -> None:
        """Remembers what worked: the forms that were taken, and the change that helped. Changes
        before it did not, so they say nothing."""
        if self._changed:
            self._known._forms[self._changed] = self._forms[self._changed]
        for one in self._extras:
            if self._forms[one.name] == self._known._forms.get(one.name, 0):
                self._known._proven.add(one.name)

    def _doubtful(self) -> list[Extra]:
        return [
            one
            for one in self._extras
            if one.name not in self._known._proven and self._forms[one.name] + 1 < len(one.forms)
        ]
