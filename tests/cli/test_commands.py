from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from annotator import cli, cli_parser
from annotator.__main__ import COMMANDS
from annotator.core.records import Progress
from annotator.project.project import Project


def every_command() -> list[str]:
    return sorted(cli._commands())


def test_each_command_has_a_parser_and_a_function() -> None:
    help_of = cli_parser.build().format_help()
    assert {name.partition(" ")[0] for name in every_command()} == COMMANDS
    for name in COMMANDS:
        assert name in help_of


@pytest.mark.parametrize("name", every_command())
def test_each_command_explains_itself(run: Any, name: str) -> None:
    ran = run(*name.split(), "--help")
    assert ran.status == 0
    assert f"annotator {name}" in ran.out.partition("example:")[2]
    assert "--json" in ran.out


def test_every_example_is_a_valid_command(run: Any) -> None:
    import shlex

    for name in every_command():
        example = run(*name.split(), "--help").out.partition("example:\n")[2].strip()
        words = cli_parser.build().parse_args(shlex.split(example)[1:])
        assert words.command == name


def test_version(run: Any) -> None:
    from annotator import __version__

    assert run("--version").out == f"annotator {__version__}\n"


@pytest.mark.parametrize(
    "words",
    [
        ["propose", "a.annot", "--grid", "4x4"],
        ["propose", "a.annot", "--limit", "0"],
        ["tag", "accept", "a.annot", "dog.jpg"],
        ["region", "accept", "a.annot", "first"],
        ["export", "yolo", "a.annot", "out"],
        ["ground", "a.annot", "--synset", "cat", "--text", "cat"],
        ["ground", "a.annot", "--select", "most"],
        ["finetune", "ttd", "a.annot", "--losses", "none"],
        ["frobnicate"],
        [],
    ],
)
def test_wrong_usage_ends_with_2(run: Any, words: list[str]) -> None:
    ran = run(*words)
    assert ran.status == 2
    assert ran.out == ""
    assert ran.err.splitlines()[-1].startswith("annotator: error: ")


@pytest.mark.skipif(os.name == "nt", reason="cmd.exe quotes in its own way")
def test_what_comes_next_can_be_typed_as_it_stands(run: Any, photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "my summer's photos.annot"
    told = run("create", path, photos).out.splitlines()[-1]
    assert shlex.split(told) == ["Next:", "annotator", "propose", str(path)]
    told = run("vocabulary", path).out
    assert shlex.split(told)[-2:] == ["propose", str(path)]


def test_create_says_what_comes_next(run: Any, photos: Path, tmp_path: Path) -> None:
    ran = run("create", tmp_path / "a.annot", photos)
    assert ran.status == 0
    assert "3 images" in ran.out
    assert f"annotator propose {tmp_path / 'a.annot'}" in ran.out


def test_an_unreadable_image_is_named_and_stops_nothing(
    run: Any, photos: Path, tmp_path: Path
) -> None:
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    ran = run("create", tmp_path / "a.annot", photos)
    assert ran.status == 0
    assert "broken.jpg: " in ran.err
    assert "1 unreadable" in run("status", tmp_path / "a.annot").out


def test_a_reviewer_can_do_it_all(run: Any, project: Path, tmp_path: Path) -> None:
    for words in (
        ("synset", "accept", project, "cat", "dog"),
        ("synset", "clear", project, "cat"),
        ("synset", "merge", project, "wolf", "domestic dog"),
        ("tag", "accept", project, "cat.jpg", "cat"),
        ("tag", "reject", project, "cat.jpg", "dog"),
        ("tag", "add", project, "pets/empty.png", "sofa"),
        ("synset", "move", project, "sofa", "cat"),
        ("synset", "move", project, "sofa", "--top"),
        ("region", "accept", project, "1"),
        ("region", "clear", project, "1"),
        ("region", "reject", project, "1", "2"),
        ("synset", "reject", project, "sofa"),
    ):
        ran = run(*words)
        assert (ran.status, "error" in ran.err) == (0, False), (words, ran.err)
        assert "annotator undo" in ran.out
    assert len(run("history", project, "--json").json) == 12
    assert run("tags", project, "pets/empty.png", "--json").json == []
    for _ in range(12):
        assert run("undo", project).status == 0
    found = run("status", project, "--json").json
    assert found["accepted"] == {"synsets": 0, "tags": 0, "regions": 0}
    names = [row["name"] for row in run("vocabulary", project, "--json").json]
    assert names == ["cat", "dog", "wolf"]


def test_deciding_the_same_twice_is_no_second_step(run: Any, project: Path) -> None:
    run("tag", "accept", project, "cat.jpg", "cat")
    assert "Nothing to change" in run("tag", "accept", project, "cat.jpg", "cat").out
    assert len(run("history", project, "--json").json) == 1


def test_tables_line_up(run: Any, project: Path) -> None:
    head, *rows = run("vocabulary", project).out.splitlines()
    assert head.split() == ["name", "images", "score", "verdict", "below"]
    assert len(rows) == 3
    assert all(row.index("unknown") == head.index("verdict") for row in rows)


def test_progress_goes_to_stderr(run: Any, project: Path, tmp_path: Path) -> None:
    ran = run("export", "coco", project, tmp_path / "c.json", "--include", "proposed", "--json")
    json.loads(ran.out)
    assert "export" in ran.err
    assert "3/3" in ran.err


def test_check_finds_what_is_wrong(run: Any, project: Path, photos: Path) -> None:
    (photos / "cat.jpg").unlink()
    cv2.imwrite(str(photos / "pets/dog.jpg"), np.zeros((5, 5, 3), dtype=np.uint8))
    ran = run("check", project)
    assert ran.status == 1
    assert "cat.jpg" in ran.out
    assert "pets/dog.jpg changed" in ran.out


def test_check_reports_a_file_that_cannot_be_opened(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.annot"
    path.write_bytes(b"not a project at all")
    ran = run("check", path, "--json")
    assert ran.status == 1
    assert ran.json["ok"] is False
    assert len(ran.json["problems"]) == 1
    assert path.read_bytes() == b"not a project at all"


def test_a_backup_never_overwrites(run: Any, project: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.annot"
    target.write_text("mine")
    assert run("backup", project, target).status == 1
    assert target.read_text() == "mine"
    made = Path(run("backup", project, "--json").json["out"])
    assert made.parent == project.parent
    assert run("check", made).status == 0


def test_a_defect_of_ours_is_one_sentence_and_a_log(
    run: Any, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from annotator.project import queries

    def broken(*_: object) -> None:
        raise KeyError("nobody\nexpected this")

    monkeypatch.setattr(queries, "status", broken)
    monkeypatch.setattr("platformdirs.user_log_path", lambda *_, **__: tmp_path)
    ran = run("status", project)
    assert ran.status == 1
    (line,) = ran.err.splitlines()
    assert line.startswith("annotator: error: ")
    assert str(tmp_path / "annotator.log") in line
    assert "nobody" in (tmp_path / "annotator.log").read_text()


def test_ctrl_c_keeps_what_is_done(run: Any, project: Path, monkeypatch: Any) -> None:
    import signal

    from annotator.pipeline import scan

    closed = []

    def steps(_: object) -> Any:
        try:
            for number in range(100):
                if number == 3:
                    signal.raise_signal(signal.SIGINT)
                yield Progress("read", number, 100)
        finally:
            closed.append(number)

    monkeypatch.setattr(scan, "scan", steps)
    ran = run("scan", project)
    assert ran.status == 130
    assert closed == [3]
    assert "after 3 of 100" in ran.err
    assert "run the same command again" in ran.err
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_stopping_an_export_says_that_nothing_was_written(
    run: Any, project: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    import signal

    from annotator.exchange import coco

    def steps(*_: object, **__: object) -> Any:
        yield Progress("export", 1, 2)
        signal.raise_signal(signal.SIGINT)
        yield Progress("export", 2, 2)
        raise AssertionError("it went on")

    monkeypatch.setattr(coco, "export", steps)
    ran = run("export", "coco", project, tmp_path / "out.json")
    assert ran.status == 130
    assert "Nothing was written." in ran.err


@pytest.mark.skipif(sys.platform == "win32", reason="names of bytes are POSIX")
def test_a_name_that_the_terminal_cannot_show(run: Any, photos: Path, tmp_path: Path) -> None:
    (photos / "bl\u00fcte \u82b1.jpg").write_bytes((photos / "cat.jpg").read_bytes())
    assert run("create", tmp_path / "a.annot", photos).status == 0
    assert run("tags", tmp_path / "a.annot", "bl\u00fcte \u82b1.jpg").status == 0


def test_a_full_disk_is_read_and_said(
    run: Any, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What only reads works, also an export to another disk; what writes says what is wrong."""
    resource = pytest.importorskip("resource", reason="Windows has no such limit")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def full(open_: Callable[[Path], Project]) -> Callable[[Path], Project]:
        def opened(path: Path) -> Project:
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
            try:
                return open_(path)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

        return opened

    assert run("tag", "accept", project, "cat.jpg", "cat").status == 0
    before = project.read_bytes()
    monkeypatch.setattr(Project, "open", full(Project.open))
    for words in (
        ("status", project),
        ("vocabulary", project),
        ("tags", project, "cat.jpg"),
        ("regions", project, "cat.jpg"),
        ("history", project),
        ("suggestions", project),
        ("check", project),
        ("export", "coco", project, tmp_path / "out.json"),
        ("backup", project, tmp_path / "copy.annot"),
    ):
        ran = run(*words)
        assert (ran.status, "error" in ran.err) == (0, False), (words, ran.err)
    assert (tmp_path / "out.json").is_file()
    ran = run("undo", project)
    assert (ran.status, ran.out) == (1, "")
    assert f"The disk with {project} is full: free some space" in ran.err
    assert project.read_bytes() == before
