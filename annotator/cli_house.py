"""The commands around a project: check, backup."""

from __future__ import annotations

from argparse import Namespace

from annotator.cli_models import size
from annotator.cli_output import Output
from annotator.core.errors import AnnotatorError


def check(words: Namespace, out: Output) -> int:
    from annotator.project.check import check as look
    from annotator.project.project import Project

    try:
        with Project.open_to_read(words.project) as project:
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

    with Project.open_to_read(words.project) as project:
        path = copy(project, words.out)
    written = path.stat().st_size
    out.result({"out": str(path), "bytes": written}, f"{path} ({size(written)})")
    return 0


COMMANDS = {
    "check": check,
    "backup": backup,
}
