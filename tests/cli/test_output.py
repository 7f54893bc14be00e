from __future__ import annotations

import io
from typing import Any

import pytest

from annotator import cli_output
from annotator.cli_output import Output, duration, table
from annotator.core.records import Failure, Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_numbers_line_up_at_the_right_and_wide_letters_count_twice() -> None:
    text = table(("name", "n"), [("\u732b", 5), ("dog", 12), ("cow", None)])
    assert text.splitlines() == ["name   n", "\u732b     5", "dog   12", "cow    -"]


def test_a_table_without_rows_is_its_head() -> None:
    assert table(("name", "n"), []) == "name  n"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (65.4, "1:05"), (3725, "1:02:05"), (-1, "0:00")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_terminal_has_one_updating_line(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr(cli_output, "_TICK", 0.0)
    steps = [Progress("read", n, 3, message=f"{n}.jpg") for n in range(3)]
    result = Output(False).drive(iter([*steps, Progress("read", 3, 3, result={"done": 3})]))
    assert result == {"done": 3}
    said = terminal.getvalue()
    assert said.count("\n") == 1
    assert said.count("\r") == 5
    assert "read       3/3 100 %" in said.rsplit("\r", 1)[1]


def test_a_log_has_one_line_for_each_step(capsys: Any) -> None:
    steps = [Progress(name, n, 50) for name in ("read", "propose") for n in range(51)]
    Output(False).drive(iter(steps))
    assert capsys.readouterr().err.splitlines() == [
        "read       50/50 100 %",
        "propose    50/50 100 %",
    ]


def test_failures_are_counted_and_the_first_ones_named(capsys: Any) -> None:
    failed = [Failure(f"{n}.jpg", "damaged") for n in range(12)]
    rows = [{"image": one.image, "reason": one.reason} for one in failed]
    Output(False).drive(iter([Progress("read", 12, 12, failed=tuple(failed))]))
    assert "12 failed" in capsys.readouterr().err
    Output(False).failures({"failed": rows}, most=2)
    assert capsys.readouterr().err.splitlines() == [
        "12 images could not be done:",
        "  0.jpg: damaged",
        "  1.jpg: damaged",
        "  ... and 10 more; --json lists all of them",
    ]
