"""One way to every server that files come from: proxy, redirects, and sentences for what fails."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from annotator.core import program
from annotator.core.errors import AnnotatorError

if TYPE_CHECKING:
    import httpx2

_HERE = frozenset({"127.0.0.1", "::1", "localhost"})
_MOST_HOPS = 10
#: Seconds for a connection, and for the next bytes of an answer.
_CONNECT, _READ = 15.0, 30.0
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
#: No server is waited for longer than this, whatever it asks for: seconds.
_LONGEST = 60.0


@dataclass(frozen=True)
class Settings:
    """How files are fetched. ``mirror``: address of another server that speaks as the hub does
    ("": HF_ENDPOINT, else the hub); ``proxy``: address of a proxy ("": HTTPS_PROXY, HTTP_PROXY
    and NO_PROXY); ``into``: a folder to fill for another machine, None for the models folder
    here; ``tries``: failures in a row, without a new byte, after which it is given up; ``wait``:
    sleeps that many seconds."""

    mirror: str = ""
    proxy: str = ""
    into: Path | None = None
    tries: int = 5
    wait: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        """Raises AnnotatorError for an address that is none."""
        for what, address in (("mirror", self.mirror), ("proxy", self.proxy)):
            if address and not _is_address(address, ("http", "https", "socks5", "socks5h")):
                raise AnnotatorError(
                    f"{without_secrets(address)} is no address of a {what}: write it as "
                    "https://host or http://host:port."
                )
        if self.mirror and not _is_address(self.mirror, ("http", "https")):
            raise AnnotatorError(f"The mirror {without_secrets(self.mirror)} is not http or https.")


class Passing(AnnotatorError):
    """What may work in a moment. ``after``: seconds that the server asks to be left alone, None
    for it did not say; ``connecting``: it was not even reached."""

    def __init__(self, text: str, after: float | None = None, connecting: bool = False) -> None:
        super().__init__(text)
        self.after, self.connecting = after, connecting


class NotThere(AnnotatorError):
    """The server has no such thing (404)."""


def is_local(url: str) -> bool:
    """Whether an address is on this machine."""
    return urlsplit(url).hostname in _HERE


def without_secrets(url: str) -> str:
    """An address without the name and password in it, and without its query: both may be keys."""
    try:
        address = urlsplit(url)
        host = address.netloc.rpartition("@")[2]
    except ValueError:
        return "what was given"
    return f"{address.scheme}://{host}{address.path}" if host else address.path


def connected(settings: Settings) -> httpx2.Client:
    """A client for many requests; to be closed. Raises AnnotatorError for a proxy of no use."""
    import httpx2

    try:
        return httpx2.Client(
            proxy=settings.proxy or None,
            timeout=httpx2.Timeout(_READ, connect=_CONNECT),
            headers={"User-Agent": f"annotator/{program.own_version()}"},
            follow_redirects=False,
        )
    except (ValueError, ImportError, httpx2.InvalidURL) as error:
        named = without_secrets(settings.proxy) if settings.proxy else "that HTTPS_PROXY names"
        raise AnnotatorError(
            f"The proxy {named} cannot be used: write it as http://host:port."
        ) from error


@contextmanager
def answer(
    client: httpx2.Client, url: str, headers: Mapping[str, str], settings: Settings
) -> Iterator[tuple[httpx2.Response, str]]:
    """The answer to a GET, its body not read yet: 200, 206 or 416. With it the ETag of the file
    behind the redirects as the hub names it, "" where it did not.

    Redirects lead to https, or stay with the http that was begun with. Raises Passing, NotThere,
    or AnnotatorError for what stays wrong; also for what happens while the body is read.
    """
    import httpx2

    linked = ""
    response: httpx2.Response | None = None
    try:
        request = client.build_request("GET", url, headers=dict(headers))
        for _ in range(_MOST_HOPS):
            response = client.send(request, stream=True)
            linked = response.headers.get("X-Linked-ETag", "").strip('"') or linked
            if response.next_request is None:
                break
            response.close()
            request = _next(url, response.next_request)
        else:
            raise AnnotatorError(f"{_of(url)} sends from one address to the next without end.")
        if response.status_code not in (200, 206, 416):
            raise _refusal(url, response, settings)
        yield response, linked
    except httpx2.InvalidURL as error:
        raise AnnotatorError(f"{without_secrets(url)} is no address ({error}).") from error
    except httpx2.RequestError as error:
        raise _trouble(url, error, settings) from error
    finally:
        if response is not None:
            response.close()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Errors of the disk as a sentence about ``path``."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise AnnotatorError(
                f"The disk of {path.parent} is full: make room and download again, what is there "
                "is kept."
            ) from error
        if error.errno == errno.EFBIG:
            raise AnnotatorError(
                f"The disk of {path.parent} holds no file as large as {path.name}: FAT32 ends at "
                "4 GB, so format it as exFAT or choose another."
            ) from error
        raise AnnotatorError(
            f"{path} cannot be written ({error.strerror}): choose a folder that may be written to."
        ) from error


def pause(trouble: Passing, tried: int) -> float:
    """Seconds to wait after the ``tried``-th failure in a row: 1, 2, 4, 8 ... or what the server
    asks for."""
    return min(_LONGEST, trouble.after if trouble.after is not None else 2.0 ** (tried - 1))


def _is_address(text: str, schemes: tuple[str, ...]) -> bool:
    try:
        address = urlsplit(text)
        return address.scheme in schemes and bool(address.hostname) and address.port != 0
    except ValueError:
        return False


def _next(begun: str, request: httpx2.Request) -> httpx2.Request:
    scheme = request.url.scheme
    if scheme != "https" and scheme != urlsplit(begun).scheme:
        raise AnnotatorError(
            f"{_of(begun)} sends to {without_secrets(str(request.url))}, which is not encrypted: "
            "that is not followed."
        )
    return request


def _refusal(url: str, response: httpx2.Response, settings: Settings) -> AnnotatorError:
    """The sentence for a status that is no success."""
    status = response.status_code
    what = without_secrets(url)
    if status == 407:
        return _proxy_wants(url, settings)
    if status in (401, 403):
        return AnnotatorError(
            f"{_of(url)} does not give {what} to everybody ({status}): accept the model's terms "
            "on its page there, set HF_TOKEN to a key of your account, and download again; an "
            "address that is wrong gets the same answer."
        )
    if status in (404, 410):
        return NotThere(f"{what} is not there ({status}): the address, or the manifest, is old.")
    if status in _BUSY:
        after = response.headers.get("Retry-After", "")
        return Passing(
            f"{_of(url)} cannot give {what} now ({status}): download again later, what is there "
            "is kept.",
            float(after) if after.isdigit() else None,
        )
    return AnnotatorError(f"{_of(url)} answers {status} for {what}: nothing can be had there.")


def _trouble(url: str, error: httpx2.RequestError, settings: Settings) -> AnnotatorError:
    """The sentence for a connection that failed."""
    import httpx2

    causes = list(_causes(error))
    if isinstance(error, httpx2.ProxyError):
        if "407" in str(error):
            return _proxy_wants(url, settings)
        return Passing(
            f"The proxy {_proxy(url, settings)} does not lead to {_of(url)} ({error}).",
            connecting=True,
        )
    if any(isinstance(one, ssl.SSLError) for one in causes):
        return AnnotatorError(
            f"The connection to {_of(url)} is not safe ({error}): correct this computer's clock "
            "and certificates, or name those of your network in SSL_CERT_FILE."
        )
    through = _proxy(url, settings)
    by = f" through the proxy {through}" if through else ""
    if any(isinstance(one, socket.gaierror) for one in causes):
        return Passing(
            f"{_of(url)} cannot be found{by}: is this computer on the network? Behind a proxy, "
            "name it in HTTPS_PROXY.",
            connecting=True,
        )
    connecting = isinstance(error, (httpx2.ConnectError, httpx2.ConnectTimeout))
    if connecting:
        return Passing(f"{_of(url)} cannot be reached{by} ({error}).", connecting=True)
    if isinstance(error, httpx2.TransportError) and not isinstance(
        error, (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError)
    ):
        why = str(error) or "it says nothing any more"
        return Passing(
            f"{_of(url)} broke off{by} ({why}): download again to go on, what is there is kept."
        )
    return AnnotatorError(f"{_of(url)} gives no answer that can be read ({error}).")


def _proxy_wants(url: str, settings: Settings) -> AnnotatorError:
    return AnnotatorError(
        f"The proxy {_proxy(url, settings)} wants a name and password (407): write them into its "
        "address, http://name:password@host:port."
    )


def _proxy(url: str, settings: Settings) -> str:
    """The proxy that an address is reached through, without its password; "" for none."""
    from urllib.request import getproxies, proxy_bypass

    if settings.proxy:
        return without_secrets(settings.proxy)
    address = urlsplit(url)
    if proxy_bypass(address.hostname or ""):
        return ""
    found = getproxies()
    return without_secrets(found.get(address.scheme, found.get("all", "")))


def _of(url: str) -> str:
    return urlsplit(url).hostname or without_secrets(url)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def endpoint(settings: Settings) -> str:
    """Address of the model hub, or of the mirror that stands in for it. Raises AnnotatorError when
    HF_ENDPOINT is none."""
    from huggingface_hub import constants

    of_all = os.environ.get("HF_ENDPOINT", "")
    if of_all and not settings.mirror and not _is_address(of_all, ("http", "https")):
        raise AnnotatorError(
            f"HF_ENDPOINT names {without_secrets(of_all)}, which is no address of a mirror: write "
            "it as https://host or http://host:port, or unset it."
        )
    named = settings.mirror or of_all or constants.ENDPOINT
    return named.rstrip("/")
