"""What can go wrong with a request, sorted by who has to act: this request is at fault, the
server may answer later, or nobody needs to ask again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from annotator.backends.openai_settings import Settings
from annotator.core.errors import AnnotatorError

if TYPE_CHECKING:
    from openai import APIConnectionError, APIStatusError

Clean = Callable[[str], str]
#: Codes with which servers say that the image or the words are at fault, not the request.
_CONTENT = ("content_filter", "content_policy", "moderation", "safety", "invalid_image")


@dataclass(eq=False)
class Refused(Exception):
    """The server does not answer this one request; another may be answered. ``status``: that of
    HTTP, 200 for an answer that is none. ``reason``: why, in words. ``content``: it says that
    what it was shown is at fault."""

    status: int
    reason: str
    content: bool = False
    model_missing: bool = False

    def names(self, words: Sequence[str]) -> bool:
        return any(word in self.reason.lower() for word in words)


@dataclass(eq=False)
class Again(Exception):
    """The server may answer later. ``after``: seconds it asks to wait, None where it does not say.
    ``unreachable``: nothing is there, or not under this name; ``slow``: the time was up."""

    status: int
    reason: str
    after: float | None = None
    unreachable: bool = False
    slow: bool = False

    def names(self, words: Sequence[str]) -> bool:
        return self.status >= 500 and any(word in self.reason.lower() for word in words)

    def final(self, base_url: str, times: int) -> Exception:
        """What it comes to after all retries. An internal error, an answer that cannot be read and
        one that takes too long may come from what was asked; everything else is the server's."""
        if self.status in (200, 500) or self.slow:
            return Refused(self.status, f"{self.reason}, asked {_times(times)}")
        if self.unreachable:
            return AnnotatorError(
                f"The server at {base_url} cannot be reached ({self.reason}): start it, or correct "
                "its address."
            )
        if self.after is not None and times == 1:
            return AnnotatorError(
                f"The server at {base_url} asks to wait {self.after:.0f} seconds ({self.reason}): "
                "go on then, what is done is kept."
            )
        return AnnotatorError(
            f"The server at {base_url} does not answer ({self.reason}, asked {_times(times)}): see "
            "what it is busy with and go on then, what is done is kept."
        )


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def too_late(seconds: float) -> Again:
    return Again(0, f"no answer within {seconds:g} seconds", slow=True)


def of_connection(error: APIConnectionError, clean: Clean) -> Again:
    """A connection that was refused, or broke."""
    cause = error.__cause__
    reason = clean(str(cause) if cause is not None and str(cause) else str(error))
    # The HTTP library's own classes: which library that is depends on the client's version.
    return Again(0, reason, unreachable=type(cause).__name__ in ("ConnectError", "ConnectTimeout"))


def of_reading(error: Exception, timeout: float, clean: Clean) -> Again | None:
    """A connection that broke within an answer; None for an error of another library. Which HTTP
    library there is depends on the client's version, so its classes are known by name."""
    if not type(error).__module__.startswith(("httpx", "httpcore")):
        return None
    if "Timeout" in type(error).__name__:
        return too_late(timeout)
    return Again(0, clean(str(error)) or "the connection broke")


def of_status(error: APIStatusError, clean: Clean) -> Refused | Again:
    """An answer with an HTTP status of 300 or more."""
    status = error.status_code
    reason = clean(_message(error.body)) or "it gives no reason"
    code = str(error.code or error.type or "").lower()
    if status in (408, 409, 429) or (status >= 500 and status != 501):
        if "insufficient_quota" in code:
            return Refused(402, reason)
        after = _seconds(error.response.headers.get("retry-after"))
        return Again(status, f"error {status}: {reason}", after)
    content = any(one in code for one in _CONTENT)
    missing = status == 404 or "model_not_found" in code
    return Refused(status, f"error {status}: {reason}", content, missing)


def hard_stop(
    fault: Refused | Again, settings: Settings, where: str, kind: str
) -> AnnotatorError | None:
    """The sentence for a fault that every other request would meet too; None for another."""
    url, status = settings.base_url, fault.status
    if status in (401, 403) and settings.key:
        return AnnotatorError(
            f"The server at {url} refuses the key of {where} ({fault.reason}): put the right one "
            f"into {settings.key}."
        )
    if status in (401, 403):
        return AnnotatorError(
            f"The server at {url} asks for a key ({fault.reason}): name where it is kept, as "
            f"env:VARIABLE or keyring:NAME, in {where}."
        )
    if 300 <= status < 400:
        return AnnotatorError(
            f"The server at {url} sends requests on to another address ({status}): give that "
            f"address in {where} if it is the right one."
        )
    if status == 402:
        return AnnotatorError(
            f"The server at {url} wants to be paid first ({fault.reason}): see to the account and "
            "go on then, what is done is kept."
        )
    if isinstance(fault, Refused) and status in (404, 405, 410) and kind != "text":
        return AnnotatorError(
            f"The server at {url} does not answer like an OpenAI-compatible one ({fault.reason}): "
            f"correct the address, its end is mostly /v1."
        )
    return None


def _message(body: Any) -> str:
    """What a server says in the body of an error: OpenAI's form, FastAPI's, or plain text."""
    if isinstance(body, dict):
        for name in ("message", "detail", "error"):
            if body.get(name):
                return _message(body[name])
        return str(body)
    if isinstance(body, list):
        return "; ".join(_item(one) for one in body[:5])
    text = str(body or "").strip()
    return "a web page" if text.startswith("<") else text


def _item(one: Any) -> str:
    if not isinstance(one, dict):
        return str(one)
    place = one.get("loc")
    path = ".".join(map(str, place)) + ": " if isinstance(place, list) else ""
    return f"{path}{one.get('msg', '')}"


def _seconds(value: str | None) -> float | None:
    """Retry-After (RFC 9110, section 10.2.3): seconds, or a date."""
    if not value:
        return None
    try:
        found = float(value)
    except ValueError:
        try:
            at = parsedate_to_datetime(value)
        except ValueError:
            return None
        at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        found = (at - datetime.now(UTC)).total_seconds()
    return max(found, 0.0) if found == found else None
