"""Whether Qt can open a window here, asked before it tries: where it cannot, Qt ends the program
with words for programmers. Imports nothing of Qt."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
import sys
from pathlib import Path

#: What Qt's window needs of a Linux system, and the package of Debian and Ubuntu that has it.
_LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libxcb.so.1": "libxcb1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
}
_NAMED = re.compile(r"^(\S+\.so[.\d]*): cannot open shared object file")
#: Programs that show a sentence, for who started this one without a terminal.
_BOARDS = (("zenity", "--error", "--no-markup", "--text"), ("kdialog", "--error"), ("xmessage",))


def trouble() -> str:
    """Why there will be no window, in a sentence that says what to do; "" when nothing is known
    to be in its way. Takes a few milliseconds, for libraries that are needed anyway."""
    if not sys.platform.startswith("linux"):
        return ""
    qt = _qt()
    ways = _ways()
    if qt is None or not ways:
        return ""
    failed = [_load(qt / "plugins" / "platforms" / f"libq{way}.so") for way in ways]
    if all(failed):
        return _sentence(failed)
    if ways == ("xcb",) and not _answers():
        return (
            f"The display {os.environ.get('DISPLAY', '')} cannot be reached: log in to a desktop, "
            "or correct DISPLAY; the commands work without one, see annotator --help."
        )
    return ""


def tell(sentence: str) -> None:
    """On the terminal, and on the screen where there is no terminal but something to show it."""
    print(f"annotator: error: {sentence}", file=sys.stderr)  # noqa: T201
    if sys.stderr is not None and sys.stderr.isatty():
        return
    import shutil
    import subprocess

    for program, *words in _BOARDS:
        found = shutil.which(program)
        if found is not None:
            subprocess.Popen([found, *words, sentence], stderr=subprocess.DEVNULL)
            return


def _qt() -> Path | None:
    """Qt's own folder; None for a PySide6 that is laid out in another way."""
    spec = importlib.util.find_spec("PySide6")
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        if (Path(place) / "Qt" / "plugins" / "platforms").is_dir():
            return Path(place) / "Qt"
    return None


def _ways() -> tuple[str, ...]:
    """What Qt will try to show a window with, of those that need libraries of the system."""
    wanted = os.environ.get("QT_QPA_PLATFORM", "").partition(":")[0]
    if wanted:
        return (wanted,) if wanted in ("xcb", "wayland") else ()
    environ = os.environ
    if "WAYLAND_DISPLAY" in environ or environ.get("XDG_SESSION_TYPE") == "wayland":
        return ("wayland", "xcb")
    return ("xcb",)


def _load(path: Path) -> str:
    """Why a library cannot be loaded, "" when it can."""
    try:
        ctypes.CDLL(str(path))
    except OSError as error:
        return str(error)
    return ""


def _sentence(why: list[str]) -> str:
    named = [found[1] for found in map(_NAMED.match, why) if found]
    missing = list(dict.fromkeys([*filter(_load_name, _LIBRARIES), *named]))
    if not missing:
        return f"The window cannot be opened: {why[-1]}."
    packages = [_LIBRARIES[name] for name in missing if name in _LIBRARIES]
    install = f" (Debian, Ubuntu: sudo apt install {' '.join(packages)})" if packages else ""
    has = "library is" if len(missing) == 1 else "libraries are"
    return (
        f"The window cannot be opened, because {'a' if len(missing) == 1 else 'some'} system "
        f"{has} not installed: {', '.join(missing)}. Install what brings "
        f"{'it' if len(missing) == 1 else 'them'}{install}; the commands work without."
    )


def _load_name(name: str) -> str:
    return _load(Path(name))


def _answers() -> bool:
    """Whether the display lets this program in."""
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return True  # Qt will say more
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connection_has_error.argtypes = xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(None, None)
    try:
        return not xcb.xcb_connection_has_error(connection)
    finally:
        xcb.xcb_disconnect(connection)
