"""Each one clear sentence and exit 1; nothing lost, no half-written file."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from annotator.project.sqlite import sqlite3


def refused(ran: Any, *words: str) -> None:
    assert ran.status == 1, ran.err
    assert ran.out == ""
    last = ran.err.splitlines()[-1]
    assert last.startswith("annotator: error: ")
    assert "Traceback" not in ran.err
    assert "should not have" not in last
    for word in words:
        assert word in last


def test_create_with_a_bad_folder(run: Any, tmp_path: Path, photos: Path) -> None:
    target = tmp_path / "a.annot"
    empty = tmp_path / "empty"
    empty.mkdir()
    refused(run("create", target, tmp_path / "nowhere"), "nowhere")
    refused(run("create", target, photos / "cat.jpg"), "cat.jpg")
    refused(run("create", target, empty), "no images", str(empty))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty", "photos"]


def test_a_name_cannot_steer_the_terminal(run: Any, tmp_path: Path) -> None:
    ran = run("status", tmp_path / "a\x1b[31mb.annot")
    refused(ran, "a\N{REPLACEMENT CHARACTER}[31mb.annot does not exist")
    assert "\x1b" not in ran.err


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions mean nothing here")
def test_create_with_an_unreadable_folder(run: Any, tmp_path: Path, photos: Path) -> None:
    photos.chmod(0)
    try:
        refused(run("create", tmp_path / "a.annot", photos), str(photos))
    finally:
        photos.chmod(0o700)
    assert not (tmp_path / "a.annot").exists()


def test_create_over_something(run: Any, tmp_path: Path, photos: Path) -> None:
    (tmp_path / "a.annot").write_text("mine")
    refused(run("create", tmp_path / "a.annot", photos), "a.annot")
    assert (tmp_path / "a.annot").read_text() == "mine"


HUGE = "9" * 30

COMMANDS = [
    ("scan",),
    ("status",),
    ("propose",),
    ("vocabulary",),
    ("segment",),
    ("history",),
    ("undo",),
    ("backup",),
    ("tags", "cat.jpg"),
    ("tag", "accept", "cat.jpg", "cat"),
    ("synset", "merge", "cat", "dog"),
    ("region", "accept", "1"),
    ("export", "coco", "out.json"),
]


def with_project(words: tuple[str, ...], project: object) -> list[object]:
    at = 2 if words[0] in ("tag", "synset", "region", "export") else 1
    return [*words[:at], project, *words[at:]]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_project_that_is_none(
    run: Any, tmp_path: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    foreign = tmp_path / "foreign.annot"
    with sqlite3.connect(foreign) as db:
        db.execute("CREATE TABLE other (x)")
    db.close()
    before = foreign.read_bytes()
    (tmp_path / "text.annot").write_text("hello")
    (tmp_path / "folder.annot").mkdir()
    for name in ("missing.annot", "text.annot", "folder.annot", "foreign.annot"):
        refused(run(*with_project(words, tmp_path / name)), name)
    assert foreign.read_bytes() == before
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["folder.annot", "foreign.annot", "text.annot"]


def test_a_newer_project(run: Any, project: Path) -> None:
    with sqlite3.connect(project) as db:
        db.execute("PRAGMA user_version = 999")
    db.close()
    before = project.read_bytes()
    refused(run("status", project), "my.annot", "newer")
    assert project.read_bytes() == before


@pytest.mark.parametrize(
    "words",
    [
        ("tag", "accept", "cat.jpg", "unicorn"),
        ("tag", "accept", "unicorn.jpg", "cat"),
        ("tag", "add", "unicorn.jpg", "cat"),
        ("synset", "accept", "unicorn"),
        ("synset", "merge", "unicorn", "cat"),
        ("synset", "merge", "cat", "unicorn"),
        ("synset", "rename", "unicorn", "horse"),
        ("synset", "move", "cat", "unicorn"),
        ("tags", "unicorn.jpg"),
        ("regions", "unicorn.jpg"),
        ("segment", "--synset", "unicorn"),
        ("ground", "--synset", "unicorn"),
    ],
    ids=" ".join,
)
def test_an_unknown_synset_or_image(run: Any, project: Path, words: tuple[str, ...]) -> None:
    refused(run(*with_project(words, project)), "unicorn")
    assert run("history", project, "--json").json == []


def test_an_unknown_region(run: Any, project: Path) -> None:
    refused(run("region", "accept", project, 99), "99")
    refused(run("region", "reject", project, 1, 99), "99")
    assert run("history", project, "--json").json == []


def test_impossible_merges_and_names(run: Any, project: Path) -> None:
    run("synset", "move", project, "wolf", "dog")
    refused(run("synset", "merge", project, "cat", "cat"), "cat")
    refused(run("synset", "merge", project, "dog", "wolf"), "wolf")
    refused(run("synset", "move", project, "dog", "wolf"), "wolf")
    refused(run("synset", "rename", project, "cat", "dog"), "annotator synset merge")
    refused(run("synset", "rename", project, "cat", "domestic dog"), "annotator synset merge")
    refused(run("synset", "rename", project, "cat", "  "))
    refused(run("tag", "add", project, "cat.jpg", "  "))
    assert len(run("history", project, "--json").json) == 1


def test_nothing_to_undo(run: Any, project: Path) -> None:
    refused(run("undo", project), "nothing to undo")
    refused(run("redo", project), "nothing to redo")


def test_wrong_values(run: Any, project: Path, tmp_path: Path) -> None:
    refused(run("propose", project, "--threshold", "7"), "7")
    refused(run("propose", project, "--pack", "nonsense"), "nonsense")
    refused(run("models", "show", "nonsense"), "nonsense")
    refused(run("segment", project, "--threshold", "7"), "7")
    refused(run("propose", project, "--samples", "1001"), "1001")
    refused(run("evaluate", "tags", project, "--truth", project), "no UTF-8 text")
    refused(run("backup", project, tmp_path / ("x" * 300)), "too long")
    refused(run("evaluate", "tags", project, "--truth", tmp_path / "no.csv"), "no.csv")


def test_a_damaged_pack_hides_no_other(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("annotator.backends.registry.user_models", lambda: tmp_path)
    (tmp_path / "mine.toml").write_text("garbage = [")
    ran = run("models", "list", "--json")
    assert ran.status == 0
    assert "starter" in {pack["name"] for pack in ran.json}
    assert "The pack mine is left out." in ran.err
    assert str(tmp_path / "mine.toml") in ran.err
    refused(run("models", "show", "mine"), "not valid TOML")


def test_a_folder_that_went_away(run: Any, project: Path, photos: Path) -> None:
    photos.rename(photos.with_name("elsewhere"))
    refused(run("scan", project), str(photos))
    refused(run("propose", project), str(photos))
    assert run("status", project, "--json").json["images"] == 3
    assert run("check", project).status == 1


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions mean nothing here")
def test_a_folder_that_was_closed(run: Any, project: Path, photos: Path) -> None:
    photos.chmod(0)
    try:
        for command in ("scan", "propose", "segment"):
            refused(run(command, project), str(photos), "permissions")
    finally:
        photos.chmod(0o700)


def test_words_that_are_no_unicode(run: Any, project: Path) -> None:
    for words in (("tags", "\udcff.jpg"), ("synset", "accept", "\udcff"), ("backup", "\udcff")):
        ran = run(*with_project(words, project))
        assert ran.status == 2
        assert "is not Unicode" in ran.err
    assert run("tags", "\udcff.annot", "cat.jpg").status == 2


def test_a_defect_with_odd_words_is_logged(tmp_path: Path, monkeypatch: Any, run: Any) -> None:
    def broken(*_: object) -> int:
        raise RuntimeError("odd \udcff")

    monkeypatch.setattr("platformdirs.user_log_path", lambda *_, **__: tmp_path)
    monkeypatch.setattr("annotator.cli._commands", lambda: {"status": broken})
    ran = run("status", tmp_path / "my.annot")
    assert ran.status == 1
    assert "odd" in (tmp_path / "annotator.log").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "words",
    [
        ("history", "--limit", HUGE),
        ("propose", "--seed", HUGE),
        ("propose", "--samples", HUGE),
        ("region", "accept", HUGE),
        ("history", "--limit", "ten"),
    ],
    ids=" ".join,
)
def test_numbers_that_are_none_here(run: Any, project: Path, words: tuple[str, ...]) -> None:
    ran = run(*with_project(words, project))
    assert ran.status == 2
    assert "too large" in ran.err or "not a whole number" in ran.err


def test_an_empty_word_is_not_the_current_folder(run: Any, tmp_path: Path) -> None:
    assert run("create", tmp_path / "a.annot", "").status == 2
    assert not (tmp_path / "a.annot").exists()


def test_exports_to_bad_places(run: Any, project: Path, tmp_path: Path) -> None:
    for kind in ("coco", "ade20k"):
        export = ("export", kind, project)
        long = "x" * 300
        refused(run(*export, tmp_path / long, "--include", "proposed"), "too long")
        refused(run(*export, tmp_path / "nowhere" / "out", "--include", "proposed"), "nowhere")
        refused(run(*export, project, "--include", "proposed"), "my.annot")
        refused(run(*export, tmp_path / "out"), "--include proposed")
    refused(run("export", "coco", project, tmp_path, "--include", "proposed"), "folder")
    assert run("check", project).status == 0
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
@pytest.mark.parametrize("kind", ["coco", "ade20k"])
def test_a_full_disk_during_export(project: Path, tmp_path: Path, kind: str) -> None:
    # The kernel refuses to let any file grow beyond 100 bytes, as when the disk is full.
    script = textwrap.dedent(
        """
        import resource, sys
        from annotator import cli
        from annotator.project.project import Project

        opened = Project.open
        def limited(path):
            project = opened(path)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
            return project
        Project.open = limited
        status = cli.main(sys.argv[1:])
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        sys.exit(status)
        """
    )
    before = sorted(p.name for p in tmp_path.iterdir())
    out = str(tmp_path / "out")
    done = subprocess.run(
        [sys.executable, "-c", script, "export", kind, project, out, "--include", "proposed"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "annotator: error: " in done.stderr.splitlines()[-1]
    assert "the disk is full" in done.stderr
    after = sorted(p.name for p in tmp_path.iterdir())
    assert [name for name in after if not name.startswith("my.annot")] == [
        name for name in before if not name.startswith("my.annot")
    ]
