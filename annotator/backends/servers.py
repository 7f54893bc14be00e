"""Packs of model servers that a person adds, and a look at what a server offers."""

from __future__ import annotations

import tomllib
from pathlib import Path
from urllib.parse import urlsplit

from annotator.backends import keys, manifest, own_manifests, registry
from annotator.backends.manifest import Prompt
from annotator.backends.openai_settings import Settings, check_url, is_local
from annotator.backends.own_manifests import marked, toml
from annotator.core.errors import AnnotatorError
from annotator.core.paths import shipped, there

#: First line of the manifests that this module wrote and may write again or delete.
MARK = "# A model server, written by Annotator: `annotator models server` writes it again."


def probe(base_url: str, key: str = "") -> list[str]:
    """Names of the models that the server offers, in its order. One request, nothing else is
    sent. ``key``: where the key is kept, see ``keys``. Raises AnnotatorError when the server is
    not there, refuses the key, or is none of an OpenAI-compatible kind."""
    from annotator.backends.openai_client import Server
    from annotator.backends.openai_errors import Refused
    from annotator.backends.openai_loop import wait_for

    where = "what was given"
    keys.check(key, where)
    server = Server(Settings(check_url(base_url), key=key, timeout=15.0, retries=0), where)
    try:
        return wait_for(server.models())
    except Refused as refused:
        raise AnnotatorError(
            f"The server at {server.settings.base_url} does not list its models "
            f"({refused.reason}): correct the address, its end is mostly /v1."
        ) from None


def write_pack(
    name: str,
    base_url: str,
    model: str,
    key: str = "",
    language_model: str | None = None,
    folder: Path | None = None,
) -> Path:
    """The manifest of a pack whose tagger and language model are at ``base_url``; the other roles
    are the starter's. Nothing is sent.

    ``model``: as the server names it, "" for its first one; ``language_model``: another one for
    words, None for the same. ``key``: where the key is kept, see ``keys``. ``folder``: where
    manifests of a person are, by default ``registry.user_models()``. A pack of that name that was
    written here before is replaced. Raises AnnotatorError for a name that is taken or is none, an
    address that ``check_url`` refuses, a key instead of its place, and when the file cannot be
    written.
    """
    own_manifests.check_name(name)
    url = check_url(base_url)
    keys.check(key, "a pack")
    for one in (model, language_model or ""):
        if not one.isprintable() or len(one) > 500:
            raise AnnotatorError("The name of a model has characters that no name has: correct it.")
    folder = registry.user_models() if folder is None else folder
    path = folder / f"{name}.toml"
    if there(path) and not marked(path, MARK):
        raise AnnotatorError(
            f"There is a pack {name} at {path} that was not written here: choose another name."
        )
    other = model if language_model is None else language_model
    text = _text(name, url, model, key, other, manifest.read(*_server()).roles["tagger"].prompts)
    own_manifests.write(path, text, _server()[1], "nothing was left behind")
    return path


def delete(path: Path) -> list[Path]:
    """Deletes such a manifest; what was deleted. The server is not told, and a key in the keyring
    stays: other packs may use it. ``tuned.remove`` has checked that nothing extends it. Raises
    AnnotatorError when it cannot be deleted."""
    try:
        path.unlink()
    except OSError as error:
        raise AnnotatorError(
            f"{path} could not be deleted ({error.strerror}): see to its permissions and try again."
        ) from error
    return [path]


def keyring_keys(name: str) -> list[str]:
    """Names of the keys in the keyring that a pack of the person's uses; none of a pack that is
    not there or cannot be read."""
    try:
        text = (registry.user_models() / f"{name}.toml").read_text(encoding="utf-8")
        roles = tomllib.loads(text).get("roles", {}).values()
        found = [str(role.get("options", {}).get("key", "")) for role in roles]
    except (OSError, ValueError, AttributeError):
        return []
    return list(dict.fromkeys(key[8:] for key in found if key.startswith("keyring:")))


def _server() -> tuple[Path, dict[str, Path]]:
    """The manifest whose prompts are taken, and those that it may extend."""
    return shipped("models", "server.toml"), {"starter": shipped("models", "starter.toml")}


def _text(
    name: str, url: str, model: str, key: str, language_model: str, prompts: tuple[Prompt, ...]
) -> str:
    host = urlsplit(url).netloc
    where = "this machine" if is_local(url) else host
    says = f"Images and words go to an OpenAI-compatible server at {host}."
    if url.startswith("http:") and not is_local(url):
        says = f"Images, words and the key go unencrypted to {host}: who is between can read them."
        says = says if key else says.replace("Images, words and the key", "Images and words")
    lines = [
        MARK,
        "",
        f"name = {toml(name)}",
        f"title = {toml(f'Model server on {where}')}",
        f"description = {toml(says)}",
        'extends = "starter"',
        "",
        *_role("tagger", "openai-tagger", url, model, key),
    ]
    for prompt in prompts:
        lines += ["", "[[roles.tagger.prompts]]"]
        lines += [f"name = {toml(prompt.name)}", f"text = {toml(prompt.text)}"]
        lines += [f"strategy = {toml(prompt.strategy)}"]
        lines += [f"correction = {toml(prompt.correction)}"] if prompt.correction else []
    lines += ["", *_role("language_model", "openai-language-model", url, language_model, key)]
    return "\n".join(lines) + "\n"


def _role(role: str, kind: str, url: str, model: str, key: str) -> list[str]:
    return [
        f"[roles.{role}]",
        f"kind = {toml(kind)}",
        f"model = {toml(model or 'server')}",
        'licence = "that of the served model"',
        "size_bytes = 0",
        "memory_mb = 0",
        "",
        f"[roles.{role}.options]",
        f"base_url = {toml(url)}",
        f"model = {toml(model)}",
        f"key = {toml(key)}",
        *(["concurrency = 8", "max_side = 1024"] if role == "tagger" else ["context = 8192"]),
    ]
