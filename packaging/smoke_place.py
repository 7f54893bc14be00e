"""Where the smoke test runs a program: a moved folder that cannot be written, without a network,
without PATH, in a fresh home."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

#: A space, letters that are not ASCII, and one that needs two bytes.
MOVED = "A\u00f1otator \u03b2 1"
#: Whom the program runs as when root runs this: nobody.
_NOBODY = 65534


@dataclass
class Place:
    """``program``: the words that start the program here. ``home``: its fresh home, where it may
    write. ``prefix``: the words before every command. ``remarks``: what could not be taken away."""

    program: list[str]
    home: Path
    prefix: list[str]
    remarks: list[str] = field(default_factory=list)
    bundle: Path | None = None
    display: str = ""

    def environment(self, platform: str = "offscreen") -> dict[str, str]:
        """All that the program is told: neither PATH nor PYTHONPATH nor a person's settings."""
        told = {
            "HOME": str(self.home),
            "PATH": "",
            "PYTHONPATH": "",
            "LANG": "C.UTF-8",
            "TMPDIR": str(self.home / "tmp"),
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", ""),
        }
        if platform == "offscreen":
            told["QT_QPA_PLATFORM"] = "offscreen"
        else:
            told |= {"QT_QPA_PLATFORM": platform, "DISPLAY": self.display}
        return {name: value for name, value in told.items() if value or name.endswith("PATH")}

    def words(self, *arguments: str) -> list[str]:
        return [*self.prefix, *self.program, *arguments]

    def run(
        self, *arguments: str, platform: str = "offscreen", timeout: float = 900
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of the program to its end."""
        return subprocess.run(
            self.words(*arguments),
            env=self.environment(platform),
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def done(self, *arguments: str) -> str:
        """What a command printed. Raises RuntimeError when it fails."""
        ran = self.run(*arguments)
        if ran.returncode:
            raise RuntimeError(f"{' '.join(arguments)} ended with {ran.returncode}: {ran.stderr}")
        return ran.stdout


@contextmanager
def moved(bundle: Path, work: Path) -> Iterator[Place]:
    """A copy of ``bundle`` below ``work``, read only; taken away afterwards."""
    target = work / MOVED / "annotator"
    target.parent.mkdir(parents=True)
    shutil.copytree(bundle, target, symlinks=True)
    place = _place([str(target / "annotator")], work)
    place.bundle = target
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222)
    try:
        yield place
    finally:
        for path in (target, *target.rglob("*")):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)
        shutil.rmtree(target)


@contextmanager
def here(program: list[str], work: Path) -> Iterator[Place]:
    """A program that is not moved: from its source. It stays the person's own process."""
    place = _place(program, work, as_nobody=False)
    place.remarks.append("not a bundle: it is neither moved nor made read-only")
    yield place


def _place(program: list[str], work: Path, as_nobody: bool = True) -> Place:
    home = work / "home"
    (home / "tmp").mkdir(parents=True)
    prefix, remarks = _apart(as_nobody and os.geteuid() == 0)
    if "setpriv" in " ".join(prefix):
        for path in (home, home / "tmp"):
            os.chown(path, _NOBODY, _NOBODY)
    return Place(program, home, prefix, remarks)


def _apart(as_nobody: bool) -> tuple[list[str], list[str]]:
    """The words that take the network away and, for root, root's rights; what is not possible."""
    words, remarks = [], []
    unshare, setpriv = shutil.which("unshare"), shutil.which("setpriv")
    if unshare is not None:
        for options in (["--net"], ["--map-current-user", "--net"], ["-r", "--net"]):
            if subprocess.run([unshare, *options, "true"], capture_output=True).returncode == 0:
                words += [unshare, *options, "--"]
                break
    if not words:
        remarks.append("the network could not be taken away: unshare is missing or not permitted")
    if as_nobody and setpriv is not None:
        words += [setpriv, f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]
        words += ["--inh-caps=-all", "--"]
    elif as_nobody:
        remarks.append("root may write everywhere and setpriv is missing: read-only means little")
    return words, remarks


def can_write(place: Place) -> bool:
    """Whether the program's user could write into the bundle."""
    assert place.bundle is not None
    probe = place.bundle / "_internal" / "probe"
    code = 'echo probe >"$0"'
    ran = subprocess.run(
        [*place.prefix, "/bin/sh", "-c", code, str(probe)], capture_output=True, check=False
    )
    if ran.returncode == 0:
        probe.unlink()
    return ran.returncode == 0


def has_network(place: Place) -> bool:
    """Whether a packet could leave from where the program runs: no route, no network."""
    code = (
        "import socket\n"
        "with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:\n"
        "    s.connect(('192.0.2.1', 9))\n"
    )
    apart = bool(place.prefix) and Path(place.prefix[0]).name == "unshare"
    net = place.prefix[: place.prefix.index("--") + 1] if apart else []
    ran = subprocess.run([*net, sys.executable, "-c", code], capture_output=True, check=False)
    return ran.returncode == 0


@contextmanager
def display(place: Place) -> Iterator[bool]:
    """A virtual display of 1440x900 for ``place``; False where there is no Xvfb."""
    server = shutil.which("Xvfb")
    if server is None:
        yield False
        return
    read, write = os.pipe()
    words = [server, "-displayfd", str(write), "-screen", "0", "1440x900x24"]
    # The program runs as another user, and in a network of its own.
    words += ["-nolisten", "tcp", "-ac"]
    process = subprocess.Popen(words, pass_fds=(write,), stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        with os.fdopen(read, "rb") as told:
            number = told.readline().strip().decode()
        place.display = f":{number}"
        yield bool(number)
    finally:
        process.terminate()
        process.wait(30)
        place.display = ""
