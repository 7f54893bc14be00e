"""The command self-test: the whole program at work on photos that it brings along."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from annotator.cli_output import Output, facts, table
from annotator.core.errors import AnnotatorError


def self_test(words: Namespace, out: Output) -> int:
    if words.propose is not None:
        return _propose(words.propose)
    if words.decide is not None:
        return _decide(*words.decide)
    if words.show is not None:
        return _show(words)
    if words.screenshot is not None and not words.window_too:
        raise AnnotatorError("A screenshot is taken of the window: add --window.")
    return _test(words, out)


def _test(words: Namespace, out: Output) -> int:
    from annotator.self_test import place

    with place.apart(words.keep) as folder:
        # Only now, as some of what these load looks for the person's settings at once.
        from annotator.self_test import run

        picture = words.screenshot.absolute() if words.screenshot is not None else None
        report = run.Report()
        for report in run.steps(folder, picture, window_wanted=words.window_too):
            step = report.steps[-1]
            verdict = "ok" if step.ok else f"WRONG: {step.said}"
            out.remark(f"{step.name:<16} {step.seconds:6.1f} s  {verdict}")
    rows = [
        (step.name, "ok" if step.ok else "WRONG", f"{step.seconds:5.1f}", step.said)
        for step in report.steps
    ]
    parts = [
        table(("step", "", "seconds", "found"), rows),
        facts(list(report.versions.items())),
        facts(list(report.hashes.items())) if report.hashes else "",
        "All is in order." if report.ok else "Not all is in order, see the lines marked WRONG.",
    ]
    out.result(report.document(), "\n\n".join(part for part in parts if part))
    return 0 if report.ok else 1


def _propose(project: Path) -> int:
    from annotator.self_test import proposing

    proposing.work(project)
    return 0


def _decide(project: Path, plan: Path) -> int:
    from annotator.self_test import decisions

    decisions.work(project, plan)
    return 0


def _show(words: Namespace) -> int:
    if words.window is None:
        raise AnnotatorError(
            "There is no display for the window: set DISPLAY, or QT_QPA_PLATFORM=offscreen."
        )
    status: int = words.window(words.show, words.screenshot)
    return status


COMMANDS = {"self-test": self_test}
