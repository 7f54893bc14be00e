"""What a manifest says of a model behind an OpenAI-compatible server, checked."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlsplit

from annotator.backends import keys
from annotator.core.errors import AnnotatorError

#: Names that servers have for making repetitions less likely: vLLM's and llama.cpp's.
PENALTIES = ("", "repetition_penalty", "repeat_penalty")


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of a role on a server.

    ``base_url``: its address, with the "/v1" that most have. ``model``: "" for the first one that
    the server lists. ``key``: where the key is kept, see ``keys``. ``concurrency``: requests under
    way at once. ``timeout``: seconds for one answer, as a whole. ``retries``: how often a request
    is sent again when the server is busy or fails, the first time after about ``wait`` seconds,
    then twice as long each time. ``max_side``: pixels of the longest side of an image that is
    sent. ``context``: tokens that question and answer may have together. ``price_prompt`` and
    ``price_completion``: of a million tokens, None where unknown. ``send_logprobs``, ``send_seed``:
    whether these are asked for at all. ``repetition_penalty``: the name under which the server
    takes the sampling's penalty, "" to leave it out, which is not in OpenAI's interface;
    ``frequency_penalty``: that of the interface, 0 to leave it out.
    """

    base_url: str
    model: str = ""
    key: str = ""
    concurrency: int = 8
    timeout: float = 120.0
    retries: int = 4
    wait: float = 0.5
    max_side: int = 1024
    context: int = 4096
    price_prompt: float | None = None
    price_completion: float | None = None
    send_logprobs: bool = True
    send_seed: bool = True
    repetition_penalty: str = ""
    frequency_penalty: float = 0.0


_RANGES: Mapping[str, tuple[float, float]] = {
    "concurrency": (1, 1024),
    "timeout": (0.001, 86_400),
    "retries": (0, 100),
    "wait": (0, 60),
    "max_side": (16, 16_384),
    "context": (16, 100_000_000),
    "price_prompt": (0, 1e9),
    "price_completion": (0, 1e9),
    "frequency_penalty": (-2, 2),
}


def settings(options: Mapping[str, Any], where: str) -> Settings:
    """The settings in a manifest's options. Raises AnnotatorError that names ``where`` and the
    option at fault."""
    found: dict[str, Any] = {}
    kinds = {one.name: str(one.type) for one in fields(Settings)}
    for name, value in options.items():
        if name not in kinds:
            raise AnnotatorError(
                f"The option {name} in {where} is not known: use {', '.join(kinds)}."
            )
        found[name] = _value(name, kinds[name], value, where)
    if "base_url" not in found:
        raise AnnotatorError(f"The option base_url in {where} is missing: name the server.")
    found["base_url"] = check_url(found["base_url"])
    if found.get("repetition_penalty", "") not in PENALTIES:
        raise AnnotatorError(
            f"The option repetition_penalty in {where} is the name of a parameter: "
            f"{' or '.join(PENALTIES[1:])}."
        )
    keys.check(found.get("key", ""), where)
    return Settings(**found)


def _value(name: str, kind: str, value: Any, where: str) -> Any:
    if kind == "str":
        fits = isinstance(value, str)
        wanted = "a text"
    elif kind == "bool":
        fits = isinstance(value, bool)
        wanted = "true or false"
    else:
        low, high = _RANGES[name]
        whole = kind == "int"
        fits = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
        fits = fits and low <= value <= high
        wanted = f"a {'whole ' if whole else ''}number from {low:g} to {high:g}"
    if not fits:
        raise AnnotatorError(f"The option {name} in {where} must be {wanted}.")
    return value


def check_url(url: str) -> str:
    """The address of a server without the slash at its end. Raises AnnotatorError for one that
    is not http or https, has no host, or carries a name and password, a query or a fragment:
    these would be shown and stored wherever the address is."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AnnotatorError(
            f"{_shown(url)} is no address of a server: write it like http://127.0.0.1:8000/v1."
        ) from None
    plain = url.isascii() and url.isprintable() and not any(one in url for one in ' "<>\\^`{|}')
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain or port == 0:
        raise AnnotatorError(
            f"{_shown(url)} is no address of a server: write it like http://127.0.0.1:8000/v1."
        )
    if "@" in parts.netloc:
        raise AnnotatorError(
            "The address of a server must not carry a name or password: leave them out and name "
            "where the key is kept."
        )
    if "?" in url or "#" in url:
        raise AnnotatorError(
            f"The address of a server must not have a query: use {_shown(url)} without it."
        )
    url = url.rstrip("/")
    for end in ("/chat/completions", "/completions", "/models"):
        if parts.path.rstrip("/").endswith(end):
            raise AnnotatorError(
                f"{_shown(url)} is the address of one question: use {_shown(url.removesuffix(end))}"
            )
    return url


def _shown(url: str) -> str:
    """An address as an error may repeat it: nothing that could be secret."""
    short = url.split("?", 1)[0].split("#", 1)[0]
    if "@" in short:
        return "That"
    return "".join(one for one in short if one.isprintable())[:100] or "An empty text"


def is_local(url: str) -> bool:
    """Whether the address is this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
