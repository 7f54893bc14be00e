"""The commands around a project: models, check, backup."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from annotator.cli_output import Output, table
from annotator.core.errors import AnnotatorError


def models_list(_words: Namespace, out: Output) -> int:
    from annotator.backends import registry

    found = [registry.describe(name) for name in registry.list_packs()]
    rows = [(one["name"], ", ".join(one["roles"]), _here(one), one["title"]) for one in found]
    out.result(found, table(("pack", "roles", "ready", "what it is"), rows))
    return 0


def models_show(words: Namespace, out: Output) -> int:
    from annotator.backends import registry

    found = registry.describe(words.pack)
    rows = [
        (role, one["model"], _size(one["size_bytes"]), one["licence"], one["source"])
        for role, one in found["roles"].items()
    ]
    head = f"{found['name']}: {found['title']}\n{found['description']}\n".strip()
    text = table(("role", "model", "size", "licence", "source"), rows)
    out.result(found, f"{head}\n\n{text}")
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
    out.result({"ok": ok, "files": files}, table(("role", "file", "result"), rows))
    return 0 if ok else 1


def check(words: Namespace, out: Output) -> int:
    from annotator.project.check import check as look
    from annotator.project.project import Project

    try:
        with Project.open(words.project) as project:
            problems = look(project)
    except AnnotatorError as error:
        # What cannot be opened is a finding too; what is not a file at all is a wrong argument.
        if not words.project.is_file():
            raise
        problems = [str(error)]
    ok = not problems
    text = f"{words.project} is in order." if ok else "\n".join(problems)
    out.result({"ok": ok, "problems": problems}, text)
    return 0 if ok else 1


def backup(words: Namespace, out: Output) -> int:
    from annotator.project.backup import backup as copy
    from annotator.project.project import Project

    with Project.open(words.project) as project:
        path = copy(project, words.out)
    size = path.stat().st_size
    out.result({"out": str(path), "bytes": size}, f"{path} ({_size(size)})")
    return 0


def _here(pack: dict[str, Any]) -> str:
    return "yes" if all(role["present"] for role in pack["roles"].values()) else "no"


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB"


COMMANDS = {
    "models list": models_list,
    "models show": models_show,
    "models verify": models_verify,
    "check": check,
    "backup": backup,
}
