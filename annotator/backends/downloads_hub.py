"""The model hub: addresses of files, and its list of what a repository holds."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from annotator.backends.downloads_net import (
    NotThere,
    Settings,
    answer,
    endpoint,
    is_local,
)
from annotator.backends.downloads_source import Source, is_safe
from annotator.core.errors import AnnotatorError

if TYPE_CHECKING:
    import httpx2

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")


@dataclass(frozen=True, slots=True)
class Listed:
    """A file as the hub lists it: bytes (None: it does not say) and SHA-256 ("": it has none)."""

    size: int | None
    sha256: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a repository by name, at the commit that the revision was then."""

    commit: str
    files: Mapping[str, Listed]


def address(source: Source, name: str, settings: Settings, commit: str = "") -> str:
    """Where a file of a repository is. Nothing is sent."""
    from huggingface_hub import hf_hub_url

    revision = commit or source.revision
    return hf_hub_url(source.repository, name, revision=revision, endpoint=endpoint(settings))


def page(source: Source, settings: Settings) -> str:
    """Where a repository's list of files is, for a person."""
    where = f"{endpoint(settings)}/{source.repository}"
    return f"{where}/tree/{quote(source.revision, safe='')}"


def headers(url: str) -> dict[str, str]:
    """Who asks: the key of the hub that is set up here, if any; never over an open line."""
    from huggingface_hub import get_token

    if not url.startswith("https://") and not is_local(url):
        return {}
    token = get_token()
    return {"Authorization": f"Bearer {token}"} if token else {}


def check_online() -> None:
    """Raises AnnotatorError where the person has switched the hub off."""
    from huggingface_hub import constants

    if constants.is_offline_mode():
        raise AnnotatorError(
            "HF_HUB_OFFLINE is set, so nothing is asked of the model hub: take it away to download."
        )


def listing(client: httpx2.Client, source: Source, settings: Settings) -> Listing:
    """What a repository holds, asked of the hub. Raises NotThere where there is no such list,
    Passing for what may work in a moment, AnnotatorError for the rest."""
    check_online()
    revision = quote(source.revision, safe="")
    url = f"{endpoint(settings)}/api/models/{source.repository}/revision/{revision}?blobs=true"
    with answer(client, url, headers(url), settings) as (response, _):
        data = response.read()
    try:
        facts = json.loads(data)
        rows = facts["siblings"]
        files = {str(row["rfilename"]): _listed(row) for row in rows}
        commit = str(facts.get("sha", ""))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise NotThere(
            f"{endpoint(settings)} gives no list of {source.repository} that can be read: is it a "
            "mirror of the model hub?"
        ) from error
    kept = {name: one for name, one in files.items() if is_safe(name)}
    return Listing(commit if _COMMIT.match(commit) else "", kept)


def sha256_of(etag: str) -> str:
    """The SHA-256 that the hub uses as a large file's ETag; "" for another ETag."""
    return etag if _SHA256.match(etag) else ""


def _listed(row: Mapping[str, Any]) -> Listed:
    large = row.get("lfs") or {}
    size = large.get("size", row.get("size"))
    sha256 = str(large.get("sha256", large.get("oid", ""))).removeprefix("sha256:")
    whole = isinstance(size, int) and not isinstance(size, bool) and size >= 0
    return Listed(size if whole else None, sha256_of(sha256.lower()))
