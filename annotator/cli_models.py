"""The commands about packs of models and model servers."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import Any

from annotator import cli_models_download
from annotator.cli_output import Output, table
from annotator.core.errors import AnnotatorError


def models_list(_words: Namespace, out: Output) -> int:
    from annotator.backends import registry

    found = []
    for name in registry.list_packs():
        try:
            found.append(registry.describe(name))
        except AnnotatorError as error:
            # A manifest that somebody is still writing must not hide the other packs.
            out.remark(f"The pack {name} is left out. {error}")
    rows = [(one["name"], ", ".join(one["roles"]), one["ready"], _title(one)) for one in found]
    out.result(found, table(("pack", "roles", "ready", "what it is"), rows))
    return 0


def models_show(words: Namespace, out: Output) -> int:
    from annotator.backends import registry

    found = registry.describe(words.pack)
    rows = [
        (
            role,
            one["model"],
            size(one["size_bytes"]),
            "no" if not one["present"] else "server" if one["server"] else "yes",
            one["licence"],
            one["server"] or one["source"],
        )
        for role, one in found["roles"].items()
    ]
    head = f"{found['name']}: {found['title']}\n{found['description']}\n".strip()
    text = table(("role", "model", "size", "ready", "licence", "source"), rows)
    prompts = [name for one in found["roles"].values() for name in one["prompts"]]
    asked = f"\n\nprompts: {', '.join(prompts)}" if prompts else ""
    missing = any(one["downloads"] and not one["present"] for one in found["roles"].values())
    hint = f"\n\n{_missing(found['name'])}" if missing else ""
    out.result(found, f"{head}\n\n{text}{asked}{hint}")
    return 0


def models_verify(words: Namespace, out: Output) -> int:
    from annotator.backends import registry

    found = registry.verify(words.pack)
    ok = all(row[2] for row in found)
    rows = [(role, "ok" if fine else "WRONG", message) for role, _, fine, message in found]
    files = [
        {"role": role, "file": file, "ok": fine, "message": message}
        for role, file, fine, message in found
    ]
    text = table(("role", "file", "result"), rows)
    roles = {role for role, _, fine, _ in found if not fine}
    specs = registry.load_pack(words.pack).specs
    if any(specs[role].downloads for role in roles):
        text += f"\n\n{_missing(words.pack)}"
    out.result({"ok": ok, "files": files}, text)
    return 0 if ok else 1


def models_server(words: Namespace, out: Output) -> int:
    from annotator.backends import servers

    offered = servers.probe(words.url, words.key) if words.look else []
    path = servers.write_pack(
        words.name, words.url, words.model, words.key, language_model=words.language_model
    )
    text = f"The pack {words.name} is written to {path}."
    if offered:
        text += f"\nIts models: {', '.join(offered)}."
    text += f"\nNext: annotator propose PROJECT --pack {words.name} sends the images to {words.url}"
    out.result({"pack": words.name, "path": str(path), "models": offered}, text)
    return 0


def models_remove(words: Namespace, out: Output) -> int:
    from annotator.backends import keys, servers, tuned

    kept = servers.keyring_keys(words.pack)
    gone = tuned.remove(words.pack)
    # A model that was added from elsewhere stays there: nothing but its manifest goes.
    rest = ", with its weights" if len(gone) > 1 else "; nothing else was deleted"
    text = f"The pack {words.pack} is deleted{rest}."
    for key in kept:
        text += (
            f"\nThe key {key} stays in the keyring of this computer (service {keys.SERVICE}), "
            "where other packs may use it."
        )
    names = [f"keyring:{key}" for key in kept]
    out.result(
        {"pack": words.pack, "removed": [str(path) for path in gone], "keys_kept": names}, text
    )
    return 0


def models_key(words: Namespace, out: Output) -> int:
    from annotator.backends import keys

    keys.require_keyring()
    secret = _secret(words.name)
    keys.store(words.name, secret)
    text = f"Kept. Use it with --key keyring:{words.name}."
    out.result({"key": f"keyring:{words.name}"}, text)
    return 0


def _secret(name: str) -> str:
    if sys.stdin is not None and sys.stdin.isatty():
        from getpass import getpass

        found = getpass(f"Key of {name} (not shown): ")
    else:
        found = sys.stdin.readline() if sys.stdin is not None else ""
    if not found.strip():
        raise AnnotatorError(f"No key was given for {name}: type it, or send it to stdin.")
    return found.strip()


def _missing(pack: str) -> str:
    return f"What is missing: annotator models download {pack}"


def _title(pack: dict[str, Any]) -> str:
    asked = f" ({', '.join(pack['servers'])}, not asked)" if pack["servers"] else ""
    return f"{pack['title']}{asked}"


def size(count: int) -> str:
    """Bytes in words; a dash for what has none."""
    if not count:
        return "-"
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


COMMANDS = {
    "models list": models_list,
    "models show": models_show,
    "models verify": models_verify,
    "models server": models_server,
    "models remove": models_remove,
    "models key": models_key,
    **cli_models_download.COMMANDS,
}
