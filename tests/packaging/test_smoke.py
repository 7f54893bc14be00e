"""What the smoke test takes away from a program, and what it notices, on a small made-up bundle."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "packaging"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
import bench_start
import smoke_checks
import smoke_kills
import smoke_place
import smoke_test
from smoke_checks import Wrong

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")

#: Says what it was given; "spoil" writes into its own folder; "work" tells of one image after the
#: other, "wait" never ends.
PROGRAM = """#!/bin/sh
case "$1" in
  self-test) echo '{"ok": '"${ANSWER:-true}"', "steps": [1, 2]}' ;;
  spoil) echo x > "${0%/*}/_internal/spoilt" ;;
  work) i=0; while [ $i -lt 100000 ]; do i=$((i+1)); printf '\\rpropose   %s/100000' $i >&2; done ;;
  wait) while :; do :; done ;;
  fail) echo "annotator: error: no" >&2; exit 1 ;;
  check) echo '{"ok": '"$([ "$2" = fine ] && echo true || echo false)"'}' ;;
  *) printf '%s\\n' "$0" "$PATH" "$PYTHONPATH" "$HOME" "$QT_QPA_PLATFORM" ;;
esac
"""


@pytest.fixture
def work() -> Iterator[Path]:
    """A folder that everybody may enter, as nobody must."""
    path = Path(tempfile.mkdtemp(prefix="annotator-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "annotator"
    (folder / "_internal").mkdir(parents=True)
    (folder / "_internal" / "library.so").write_text("library")
    (folder / "_internal" / "link.so").symlink_to("library.so")
    (folder / "annotator").write_text(PROGRAM)
    (folder / "annotator").chmod(0o755)
    return folder


@pytest.fixture
def place(bundle: Path, work: Path) -> Iterator[smoke_place.Place]:
    with smoke_place.moved(bundle, work) as made:
        yield made


def test_the_program_runs_moved_and_without_anything(place: smoke_place.Place) -> None:
    program, path, python_path, home, platform = place.done("where").split("\n")[:5]
    assert program.endswith(f"/{smoke_place.MOVED}/annotator/annotator")
    assert (path, python_path, home, platform) == ("", "", str(place.home), "offscreen")
    assert place.bundle is not None
    assert (place.bundle / "_internal" / "link.so").is_symlink()


def test_its_folder_cannot_be_written(place: smoke_place.Place) -> None:
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("root may write everywhere")
    assert place.bundle is not None
    before = smoke_checks.listing(place.bundle)
    assert not smoke_place.can_write(place)
    assert place.run("spoil").returncode != 0
    assert smoke_checks.listing(place.bundle) == before


def test_a_changed_folder_is_noticed(bundle: Path) -> None:
    before = smoke_checks.listing(bundle)
    assert smoke_checks.listing(bundle) == before
    (bundle / "_internal" / "cache").write_text("")
    assert smoke_checks.listing(bundle) != before


def test_the_network_is_taken_away(place: smoke_place.Place) -> None:
    if any("network" in one for one in place.remarks):
        pytest.skip("no namespaces here")
    assert not smoke_place.has_network(place)
    place.prefix = []
    place.bundle = None
    if smoke_place.has_network(place):
        with pytest.raises(Wrong, match="the network is not taken away"):
            smoke_checks.contained(place)


def test_the_folder_is_gone_afterwards(bundle: Path, work: Path) -> None:
    with smoke_place.moved(bundle, work) as place:
        moved = place.bundle
    assert moved is not None
    assert not moved.exists()
    assert (bundle / "_internal" / "library.so").read_text() == "library"


def test_the_answer_of_the_self_test_counts(place: smoke_place.Place, tmp_path: Path) -> None:
    assert smoke_checks.offscreen(place, tmp_path) == "2 steps, exit 0"
    assert json.loads((tmp_path / "self-test.json").read_text())["ok"]
    place.program = ["/bin/sh", "-c", 'echo \'{"ok": false, "steps": []}\'']
    with pytest.raises(Wrong, match="not all is in order"):
        smoke_checks.offscreen(place, tmp_path)
    place.program = ["/bin/sh", "-c", "echo broken >&2; exit 1"]
    with pytest.raises(Wrong, match="ended with 1: broken"):
        smoke_checks.offscreen(place, tmp_path)


def test_a_command_that_fails_is_told(place: smoke_place.Place) -> None:
    with pytest.raises(RuntimeError, match="fail ended with 1: annotator: error: no"):
        place.done("fail")
    smoke_kills.in_order(place, Path("fine"))
    with pytest.raises(Wrong, match=r"check of other\.annot"):
        smoke_kills.in_order(place, Path("other.annot"))


def test_work_is_killed_in_the_middle_and_what_it_told_is_known(
    place: smoke_place.Place,
) -> None:
    class Now:
        def uniform(self, least: float, most: float) -> float:
            return least

    place.program = [place.program[0], "work"]
    told = smoke_kills._killed_at(place, "propose", Path("p"), (), 500, Now())
    assert 500 <= told < 100000
    place.program = ["/bin/true"]
    with pytest.raises(Wrong, match="propose ended by itself with 0"):
        smoke_kills._killed_at(place, "propose", Path("p"), (), 1, Now())


def test_a_command_that_ended_was_acknowledged(place: smoke_place.Place) -> None:
    assert smoke_kills._killed_after(place, ("where",), 60)
    assert not smoke_kills._killed_after(place, ("wait",), 0.1)
    assert not smoke_kills._killed_after(place, ("fail",), 60)


def test_rows_are_alike_up_to_their_scores() -> None:
    rows = [("tag", "a", "cat", "unknown", 0.5), ("tag", "a", "dog", "unknown", 0.25)]
    near = [(*row[:-1], row[-1] + 1e-6) for row in reversed(rows)]
    assert smoke_kills._alike(rows, near)
    assert not smoke_kills._alike(rows, [(*row[:-1], row[-1] + 1e-3) for row in rows])
    assert not smoke_kills._alike(rows, rows[:1])
    assert not smoke_kills._alike(rows, [rows[0], ("tag", "a", "fox", "unknown", 0.25)])


@pytest.mark.parametrize(
    ("yours", "same"),
    [
        ([("cat", 0.5), ("dog", 0.25), ("fox", 0.25)], True),
        ([("cat", 0.5), ("fox", 0.25), ("dog", 0.25)], True),
        ([("dog", 0.25), ("cat", 0.5), ("fox", 0.25)], False),
        ([("cat", 0.5), ("fox", 0.3), ("dog", 0.25)], False),
        ([("cat", 0.5), ("dog", 0.25)], False),
    ],
)
def test_labels_may_change_places_only_where_scores_are_equal(
    yours: list[tuple[str, float]], same: bool
) -> None:
    mine = [("cat", 0.5), ("dog", 0.25), ("fox", 0.25)]
    assert smoke_checks._close(mine, yours) is same


def test_the_report_says_which_check_failed(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def fail(place: smoke_place.Place) -> str:
        raise Wrong("it is | not\nas it must be")

    found = {"place": ("where", lambda place: "all right"), "bad": ("bad things", fail)}
    monkeypatch.setattr(smoke_test, "checks", lambda options, work: found)
    monkeypatch.setattr(sys, "argv", ["smoke_test", str(bundle), "--out", str(tmp_path / "out")])
    assert smoke_test.main() == 1
    report = json.loads((tmp_path / "out" / "smoke-test.json").read_text())
    assert [(row["name"], row["ok"]) for row in report["checks"]] == [
        ("place", True), ("bad", False), ("untouched", True),
    ]  # fmt: skip
    table = (tmp_path / "out" / "smoke-test.md").read_text()
    assert "| bad things | **wrong** |" in table
    assert "it is \\| not as it must be |" in table
    assert "WRONG bad" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--only", "place"])
    assert smoke_test.main() == 0


def test_the_wrapper_is_a_program() -> None:
    ran = subprocess.run(
        [ROOT / "packaging" / "smoke_test", "--help"],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--kills" in ran.stdout


def test_the_start_is_reported_by_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    seconds, modules = bench_start.start([sys.executable, "-m", "annotator"], None, tmp_path)
    assert seconds > 0
    assert "PySide6" in modules
    assert [name for name in bench_start.HEAVY if name in modules] == []


def test_a_slow_or_heavy_start_is_wrong() -> None:
    good = {"cold": [], "warm": [1.0, 2.0, 9.0], "modules": ["PySide6"]}
    assert bench_start.verdict(good) == []
    assert "cannot be dropped" in bench_start.describe(good)
    slow = bench_start.verdict({**good, "cold": [10.5], "warm": [3.5], "modules": ["torch"]})
    assert len(slow) == 3
    assert "torch" in slow[-1]
