"""A folder of its own for the self-test, which leaves what is a person's as it is."""

from __future__ import annotations

import os
import shutil
import site
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from annotator.core import program
from annotator.core.errors import AnnotatorError

#: Where systems and libraries keep settings, data and caches of a person; folders below ours.
_HOMES = {
    "HOME": "",
    "USERPROFILE": "",
    "APPDATA": "settings",
    "WIN_PD_OVERRIDE_APPDATA": "settings",
    "LOCALAPPDATA": "data",
    "WIN_PD_OVERRIDE_LOCAL_APPDATA": "data",
    "XDG_CONFIG_HOME": "settings",
    "XDG_DATA_HOME": "data",
    "XDG_STATE_HOME": "data",
    "XDG_CACHE_HOME": "cache",
    "MPLCONFIGDIR": "cache",
    "TORCH_HOME": "cache",
    "HF_HOME": "cache",
}
#: Where systems keep what is of no use later; some libraries leave folders there.
_TEMPORARY = ("TMPDIR", "TEMP", "TMP")
#: Bytes that the files of the self-test take, with some to spare.
_NEEDED = 150_000_000
#: Nothing is fetched, and a person's own packs do not take part.
_SET = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
_UNSET = ("ANNOTATOR_MODELS",)


@contextmanager
def apart(keep: Path | None = None) -> Iterator[Path]:
    """A new folder, deleted at the end, or ``keep``, which stays. Inside, this process and those
    that it starts find their settings, data and caches below it.

    Raises AnnotatorError when there is no place for it, and when ``keep`` holds anything."""
    folder = _temporary() if keep is None else _kept(keep)
    try:
        free = shutil.disk_usage(folder).free
        if free < _NEEDED:
            raise AnnotatorError(
                f"The disk with {folder} has {free // 1_000_000} MB left and the self-test needs "
                f"{_NEEDED // 1_000_000}: free some space, or name another folder with --keep."
            )
        with _environment(folder / "home", folder / "temporary"):
            yield folder
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def _temporary() -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix="annotator-self-test-")).resolve()
    except OSError as error:
        raise AnnotatorError(
            f"There is no place for the self-test ({error.strerror}): set TMPDIR (on Windows TEMP) "
            "to a folder that can be written, or name one with --keep."
        ) from error


def _kept(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        empty = not any(folder.iterdir())
    except OSError as error:
        raise AnnotatorError(
            f"{folder} cannot be used for the self-test ({error.strerror}); name another folder."
        ) from error
    if not empty:
        raise AnnotatorError(f"{folder} is not empty; name a new folder for the self-test.")
    return folder.resolve()


@contextmanager
def _environment(home: Path, temporary: Path) -> Iterator[None]:
    before, temporary_before = dict(os.environ), tempfile.tempdir
    changed = {name: str(home / below) for name, below in _HOMES.items()} | _SET
    changed |= dict.fromkeys(_TEMPORARY, str(temporary))
    # What is found by way of the home folder, and is no setting: the right to draw on the
    # display, and packages that pip installed for this person only.
    permit = Path.home() / ".Xauthority"
    if permit.is_file():
        changed["XAUTHORITY"] = before.get("XAUTHORITY", str(permit))
    if not program.frozen():
        changed["PYTHONUSERBASE"] = site.getuserbase()
    for below in sorted(set(_HOMES.values())):
        (home / below).mkdir(parents=True, exist_ok=True)
    temporary.mkdir()
    os.environ.update(changed)
    tempfile.tempdir = str(temporary)
    for name in _UNSET:
        os.environ.pop(name, None)
    try:
        yield
    finally:
        tempfile.tempdir = temporary_before
        for name in (*changed, *_UNSET):
            if name in before:
                os.environ[name] = before[name]
            else:
                os.environ.pop(name, None)
