"""The checks of the smoke test but for the kills: each returns what it found, or raises Wrong."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import smoke_place
from smoke_place import Place

#: Scores of two builds of torch agree so far.
SAME = 1e-4
_BENCH = Path(__file__).resolve().parent.parent / "tests" / "benchmarks" / "bench_start.py"


class Wrong(Exception):
    """What is not as it must be, in a sentence."""


def contained(place: Place) -> str:
    """The program is where it is said to be: no network, nothing to write but its home."""
    if smoke_place.has_network(place):
        raise Wrong("a packet could leave: the network is not taken away")
    if place.bundle is None:
        return "no network; run from its source"
    if smoke_place.can_write(place):
        raise Wrong("the program's user may write into its folder")
    return f"no network, read-only, at {place.bundle}"


def offscreen(place: Place, out: Path) -> str:
    return _self_test(place, out / "self-test.json", "offscreen")


def window(place: Place, out: Path) -> str:
    picture = place.home / "window.png"
    words = ("--window", "--screenshot", str(picture))
    with smoke_place.display(place) as there:
        if not there:
            raise Wrong("Xvfb is not installed: sudo apt-get install xvfb")
        told = _self_test(place, out / "self-test-window.json", "xcb", *words)
    if not picture.is_file():
        raise Wrong("the self-test left no screenshot")
    shutil.copyfile(picture, out / "window.png")
    return f"{told}; screenshot window.png, {picture.stat().st_size // 1024} KB"


def _self_test(place: Place, file: Path, platform: str, *words: str) -> str:
    ran = place.run("self-test", "--json", *words, platform=platform)
    file.write_text(ran.stdout, encoding="utf-8")
    if ran.returncode:
        raise Wrong(f"self-test ended with {ran.returncode}: {ran.stderr[-1500:]}")
    report = json.loads(ran.stdout)
    if not report["ok"]:
        raise Wrong("self-test says that not all is in order")
    return f"{len(report['steps'])} steps, exit 0"


def photos(place: Place) -> Path:
    """The demo's sample photos, written by the program under test."""
    folder = place.home / "demo"
    if not folder.is_dir():
        place.done("demo", str(folder), "--no-gui", "--json")
    return folder / "photos"


def same_proposals(place: Place, source: Path, work: Path) -> str:
    """The program says of the sample photos what its source says: labels and scores."""
    folder = photos(place)
    ours = tags(place, folder, place.home / "same.annot")
    other = Place([str(source), "-m", "annotator"], work / "source", [])
    (other.home / "tmp").mkdir(parents=True)
    copied = other.home / "photos"
    shutil.copytree(folder, copied)
    theirs = tags(other, copied, other.home / "same.annot")
    if sorted(ours) != sorted(theirs):
        raise Wrong("the two looked at different photos")
    most = 0.0
    for image, mine in ours.items():
        yours = theirs[image]
        if [name for name, _ in mine] != [name for name, _ in yours] and not _close(mine, yours):
            raise Wrong(f"{image}: the program says {mine[:3]}, its source {yours[:3]}")
        scores = dict(yours)
        most = max([most, *(abs(score - scores[name]) for name, score in mine)])
    if most > SAME:
        raise Wrong(f"scores differ by up to {most:.2g}")
    count = sum(map(len, ours.values()))
    return f"{count} tags of {len(ours)} photos, scores within {most:.1g}"


def _close(mine: list[tuple[str, float]], yours: list[tuple[str, float]]) -> bool:
    """The same labels, in another order only where their scores are as good as equal."""
    scores = dict(yours)
    if sorted(scores) != sorted(name for name, _ in mine) or mine[0][0] != yours[0][0]:
        return False
    return all(abs(score - scores[name]) <= SAME for name, score in mine)


def tags(place: Place, folder: Path, project: Path) -> dict[str, list[tuple[str, float]]]:
    """The tags of every photo after create, scan and propose: label and score, best first."""
    place.done("create", str(project), str(folder))
    place.done("scan", str(project))
    place.done("propose", str(project), "--grid", "sgc", "--json")
    found = {}
    for path in sorted(folder.iterdir()):
        rows: list[dict[str, Any]] = json.loads(
            place.done("tags", str(project), path.name, "--json")
        )
        found[path.name] = [(row["synset"], float(row["score"])) for row in rows]
    return found


#: Makes a project of an older format that knows one photo, with the program's own first migrations.
_OLDER = """
import sys
from pathlib import Path
from annotator.project import migrations
newest = migrations.MIGRATIONS
migrations.MIGRATIONS = newest[:-1]
from annotator.project import store
from annotator.project.project import Project
with Project.create(Path(sys.argv[1]), Path(sys.argv[2])) as project:
    with project.write("images") as db:
        store.upsert_images(db, [store.FileSeen("cat.jpg", 1, 1)])
"""


def formats(place: Place, source: Path) -> str:
    """A project of an older format is brought up to date after a backup; a newer one is refused
    and its bytes stay."""
    folder = photos(place)
    older, newer = place.home / "older.annot", place.home / "newer.annot"
    made = subprocess.run(
        [str(source), "-c", _OLDER, str(older), str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise Wrong(f"the source cannot make an older project: {made.stderr[-500:]}")
    _hand_over(place, older)
    before = _format(older)
    place.done("scan", str(older))
    backup, again = older.with_name(f"older.annot.backup-{before}"), place.home / "again.annot"
    if _format(older) != before + 1:
        raise Wrong(f"a project of format {before} is not brought up to date")
    if not backup.is_file() or _format(backup) != before:
        raise Wrong("there is no copy of the older project as it was")
    shutil.copyfile(backup, again)
    _hand_over(place, again)
    counts = [
        json.loads(place.done("status", str(one), "--json"))["images"] for one in (older, again)
    ]
    if counts != [len(list(folder.iterdir())), 1]:
        raise Wrong(f"the older project and its copy have {counts} images")
    place.done("create", str(newer), str(folder))
    _raise_format(newer)
    content = _digest(newer)
    for words in (("scan", str(newer)), ("check", str(newer)), ("status", str(newer))):
        ran = place.run(*words)
        told = ran.stdout + ran.stderr
        if ran.returncode != 1 or "newer" not in told or "Traceback" in told:
            raise Wrong(f"{words[0]} of a newer project ends with {ran.returncode}: {told}")
    if _digest(newer) != content:
        raise Wrong("a newer project was changed")
    return f"format {before} brought to {before + 1} with a backup; a newer one refused, unchanged"


def _hand_over(place: Place, path: Path) -> None:
    """The file belongs to whoever the program runs as."""
    owner = place.home.stat()
    os.chown(path, owner.st_uid, owner.st_gid)


def _format(path: Path) -> int:
    with path.open("rb") as file:
        file.seek(60)  # user_version, https://sqlite.org/fileformat2.html
        return int.from_bytes(file.read(4), "big")


def _raise_format(path: Path) -> None:
    newer = _format(path) + 1
    with path.open("r+b") as file:
        file.seek(60)
        file.write(newer.to_bytes(4, "big"))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def start_times(place: Place, out: Path, runs: int) -> str:
    """The window is there in time, cold and warm, under a virtual display, without torch."""
    project = place.home / "same.annot"
    words = [sys.executable, str(_BENCH), "--runs", str(runs), "--json", str(out / "start.json")]
    # No other user and no namespace: their start is not the program's.
    words += ["--program", shlex.join(place.program)]
    words += ["--project", str(project)] if project.exists() else []
    home = out / "home of the bench"
    home.mkdir(exist_ok=True)
    with smoke_place.display(place) as there:
        if not there:
            raise Wrong("Xvfb is not installed: sudo apt-get install xvfb")
        environment = place.environment("xcb") | {"HOME": str(home), "TMPDIR": str(home)}
        ran = subprocess.run(
            words, env=environment, capture_output=True, text=True, check=False, timeout=1800
        )
    shutil.rmtree(home)
    if ran.returncode:
        raise Wrong((ran.stdout + ran.stderr).strip())
    return " | ".join(ran.stdout.strip().splitlines())


def in_the_menu(place: Place) -> str:
    """install-desktop.sh knows where the folder is now, and takes back all that it put."""
    if place.bundle is None or sys.platform != "linux":
        return "only a bundle of Linux has it"
    data = place.home / "share of a person"
    data.mkdir()
    environment = {"PATH": os.environ["PATH"], "HOME": str(place.home), "XDG_DATA_HOME": str(data)}
    script = [str(place.bundle / "install-desktop.sh")]
    ran = subprocess.run(script, env=environment, capture_output=True, text=True, check=False)
    entry = data / "applications" / "annotator.desktop"
    if ran.returncode or f'Exec="{place.program[0]}" %f' not in entry.read_text(encoding="utf-8"):
        raise Wrong(f"the menu entry does not start this copy: {ran.stdout}{ran.stderr}")
    ran = subprocess.run(
        [*script, "--remove"], env=environment, capture_output=True, text=True, check=False
    )
    left = [one for one in data.rglob("*annotator*") if one.is_file()]
    if ran.returncode or left:
        raise Wrong(f"--remove leaves {', '.join(map(str, left))}: {ran.stderr}")
    return "installed for the moved folder, and removed without a rest"


def listing(bundle: Path) -> str:
    """A digest of the names, sizes and times of all files: what a run must not change."""
    rows = []
    for path in sorted(bundle.rglob("*")):
        facts = path.lstat()
        rows.append(f"{path.relative_to(bundle)} {facts.st_size} {facts.st_mtime_ns}")
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()
