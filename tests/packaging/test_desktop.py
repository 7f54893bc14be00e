"""Menu entry, file type, version resource and association: strictly read, and installed."""

from __future__ import annotations

import ast
import configparser
import os
import plistlib
import shutil
import struct
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from annotator.project.migrations import APPLICATION_ID
from annotator.project.project import Project

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "packaging"))
import desktop

FILES = Path(desktop.__file__).parent / "desktop"
XML = "{http://www.freedesktop.org/standards/shared-mime-info}"
linux = pytest.mark.skipif(sys.platform != "linux", reason="only desktops of Linux have it")


def entry(path: Path) -> dict[str, str]:
    parser = configparser.ConfigParser(interpolation=None, strict=True, delimiters=("=",))
    parser.optionxform = str  # keys have capitals
    parser.read_string(path.read_text(encoding="utf-8"))
    assert parser.sections() == ["Desktop Entry"]
    return dict(parser["Desktop Entry"])


def test_the_menu_entry_opens_a_project() -> None:
    found = entry(FILES / "annotator.desktop")
    assert (found["Type"], found["Icon"], found["Terminal"]) == (
        "Application",
        "annotator",
        "false",
    )
    assert found["Exec"].split() == ["annotator", "%f"]
    assert found["MimeType"] == f"{desktop.MIME_TYPE};"
    for key in ("Categories", "Keywords"):
        assert found[key].endswith(";")
    # What app.make_application tells the display as the name of the program.
    assert found["StartupWMClass"] == "annotator"


def test_the_file_type_is_known_by_name_and_by_content(tmp_path: Path) -> None:
    (kind,) = ET.parse(FILES / "annotator.xml").getroot()
    assert (kind.tag, kind.get("type")) == (f"{XML}mime-type", desktop.MIME_TYPE)
    assert [one.get("pattern") for one in kind.iter(f"{XML}glob")] == ["*.annot"]
    (outer,) = kind.findall(f"{XML}magic/{XML}match")
    (inner,) = outer.findall(f"{XML}match")
    assert (inner.get("type"), int(str(inner.get("value")), 16)) == ("big32", APPLICATION_ID)
    Project.create(tmp_path / "any.name", tmp_path).close()
    data = (tmp_path / "any.name").read_bytes()
    value = str(outer.get("value")).encode().decode("unicode_escape").encode()
    assert data[int(str(outer.get("offset"))) :].startswith(value)
    assert struct.unpack_from(">I", data, int(str(inner.get("offset")))) == (APPLICATION_ID,)


@pytest.mark.skipif(not shutil.which("desktop-file-validate"), reason="desktop-file-utils")
def test_the_desktops_own_tool_accepts_the_entry() -> None:
    words = ["desktop-file-validate", FILES / "annotator.desktop"]
    ran = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "")


def made(folder: Path) -> Path:
    """A built folder with a program that writes down what it was started with."""
    drawn = folder.parent / "drawn"
    drawn.mkdir(parents=True, exist_ok=True)
    names = ("annotator.svg", "annotator-48.png", "annotator-document.svg")
    for name in (*names, "annotator-document-48.png", "annotator.ico", "annotator-document.ico"):
        (drawn / name).write_text(name)
    icons = {path.name: path for path in drawn.iterdir()}
    desktop.put_linux(folder, icons)
    desktop.put_windows(folder, icons)
    program = folder / "annotator"
    program.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$0\" \"$@\" >'{folder.parent}/started'\n")
    program.chmod(0o755)
    return folder


def install(folder: Path, data: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(data), "XDG_DATA_HOME": str(data)}
    return subprocess.run(
        [folder / "install-desktop.sh", *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def started_by(text: str) -> list[str]:
    """The words of an Exec value, as the Desktop Entry Specification has it."""
    plain = text.replace("\\\\", "\\")
    words, word, quoted, letters = [], "", False, iter(plain)
    for letter in letters:
        if letter == "\\" and quoted:
            word += next(letters)
        elif letter == '"':
            quoted = not quoted
        elif letter == " " and not quoted:
            words.append(word)
            word = ""
        else:
            word += letter
    return [one.replace("%%", "%") for one in [*words, word]]


@linux
@pytest.mark.parametrize("name", ["annotator", 'A\u00f1o \u03b2/an $HOME `x` "q" b\\n', "100% x"])
def test_installed_from_wherever_the_folder_is(tmp_path: Path, name: str) -> None:
    folder, data = made(tmp_path / "of builds" / name), tmp_path / "share of mine"
    ran = install(folder, data)
    assert ran.returncode == 0, ran.stderr
    assert str(folder / "annotator") in ran.stdout
    found = entry(data / "applications" / "annotator.desktop")
    assert found["TryExec"].replace("\\\\", "\\") == str(folder / "annotator")
    words = started_by(found["Exec"])
    assert words.pop() == "%f"
    subprocess.run([*words, "a project.annot"], check=True)
    started = (folder.parent / "started").read_text().splitlines()
    assert started == [str(folder / "annotator"), "a project.annot"]
    icons = data / "icons" / "hicolor"
    kind = "mimetypes/application-x-annotator-project"
    assert (icons / "48x48" / "apps" / "annotator.png").read_text() == "annotator-48.png"
    assert (icons / "48x48" / f"{kind}.png").read_text() == "annotator-document-48.png"
    assert (icons / "scalable" / f"{kind}.svg").read_text() == "annotator-document.svg"
    assert (data / "mime" / "packages" / "annotator.xml").is_file()
    removed = install(folder, data, "--remove")
    assert removed.returncode == 0, removed.stderr
    assert [path for path in data.rglob("*annotator*") if path.is_file()] == []


@linux
def test_another_copy_keeps_its_entry_while_it_is_there(tmp_path: Path) -> None:
    mine, other = made(tmp_path / "mine" / "annotator"), made(tmp_path / "other" / "annotator")
    data = tmp_path / "share"
    assert install(mine, data).returncode == 0
    ran = install(other, data, "--remove")
    assert (ran.returncode, str(mine / "annotator") in ran.stdout) == (1, True)
    assert (data / "applications" / "annotator.desktop").is_file()
    shutil.rmtree(mine)
    assert install(other, data, "--remove").returncode == 0
    assert not (data / "applications" / "annotator.desktop").exists()


@linux
def test_wrong_words_are_refused(tmp_path: Path) -> None:
    folder, data = made(tmp_path / "annotator"), tmp_path / "share"
    assert install(folder, data, "--delete").returncode == 2
    assert install(folder, data, "--remove", "now").returncode == 2
    assert not data.exists()


@linux
@pytest.mark.skipif(not shutil.which("update-mime-database"), reason="shared-mime-info")
@pytest.mark.skipif(not shutil.which("gio"), reason="GLib's tools")
def test_the_desktop_knows_a_project_by_its_content(tmp_path: Path) -> None:
    folder, data = made(tmp_path / "annotator"), tmp_path / "share"
    assert install(folder, data).returncode == 0
    Project.create(tmp_path / "renamed.dat", tmp_path).close()
    environment = {**os.environ, "XDG_DATA_HOME": str(data), "HOME": str(data)}
    words = ["gio", "info", "--attributes=standard::content-type", tmp_path / "renamed.dat"]
    ran = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    assert f"standard::content-type: {desktop.MIME_TYPE}" in ran.stdout


@pytest.mark.parametrize(
    ("version", "four"),
    [("0.1.0", (0, 1, 0, 0)), ("2.13", (2, 13, 0, 0)), ("1.2.3rc4", (1, 2, 3, 0)),
     ("1.2.3.4.5", (1, 2, 3, 4)), ("1.99999", (1, 65535, 0, 0))],
)  # fmt: skip
def test_windows_counts_versions_by_four(version: str, four: tuple[int, ...]) -> None:
    assert desktop.numbers(version) == four


def test_no_version_is_refused() -> None:
    with pytest.raises(ValueError, match="'unknown' is no version number"):
        desktop.windows_version("unknown")


def test_the_version_resource_reads_as_pyinstaller_reads_it() -> None:
    tree = ast.parse(desktop.windows_version("0.1.0"), mode="eval").body
    calls = [one for one in ast.walk(tree) if isinstance(one, ast.Call)]
    fixed = next(one for one in calls if one.func.id == "FixedFileInfo")
    numbers = {one.arg: ast.literal_eval(one.value) for one in fixed.keywords}
    assert numbers["filevers"] == numbers["prodvers"] == (0, 1, 0, 0)
    strings = dict(
        tuple(map(ast.literal_eval, one.args)) for one in calls if one.func.id == "StringStruct"
    )
    assert (strings["FileVersion"], strings["ProductName"]) == ("0.1.0", "Annotator")
    assert strings["OriginalFilename"] == "annotator.exe"


def test_macos_gets_a_property_list() -> None:
    found = plistlib.loads(plistlib.dumps(desktop.info_plist("0.1.0")))
    (exported,) = found["UTExportedTypeDeclarations"]
    tags = exported["UTTypeTagSpecification"]
    assert tags["public.filename-extension"] == ["annot"]
    assert found["CFBundleDocumentTypes"][0]["LSItemContentTypes"] == [exported["UTTypeIdentifier"]]
    assert (found["CFBundleShortVersionString"], found["NSHighResolutionCapable"]) == (
        "0.1.0",
        True,
    )


def test_the_association_of_windows_is_the_persons_own(tmp_path: Path) -> None:
    folder = made(tmp_path / "annotator")
    script = (folder / "associate.ps1").read_text(encoding="utf-8")
    assert script.isascii(), "Windows PowerShell reads a script without a mark as its own code page"
    assert "HKCU:\\Software\\Classes" in script
    assert "HKLM" not in script
    for pair in ("{}", "()", "[]"):
        assert script.count(pair[0]) == script.count(pair[1])
    assert (folder / "share" / "annotator-document.ico").is_file()
