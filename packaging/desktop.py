"""What desktops are told of Annotator: version resource, Info.plist, menu entry and file type."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent
_FILES = _HERE / "desktop"
IDENTIFIER = "io.github.annotator.Annotator"
MIME_TYPE = "application/x-annotator-project"
ABOUT = "Discover a dataset's vocabulary, tag its images, draw the masks"
COPYRIGHT = "Apache License 2.0"


def numbers(version: str) -> tuple[int, int, int, int]:
    """The version as Windows counts: ``"0.1.0"`` -> ``(0, 1, 0, 0)``; suffixes are left out.

    Raises ValueError for what does not begin with a number.
    """
    begin = re.match(r"\d+(?:\.\d+){0,3}", version)
    if begin is None:
        raise ValueError(f"{version!r} is no version number")
    parts = [min(int(part), 0xFFFF) for part in begin[0].split(".")]
    first, second, third, fourth = (*parts, 0, 0, 0, 0)[:4]
    return first, second, third, fourth


def windows_version(version: str) -> str:
    """The text of a version resource, as PyInstaller's ``EXE(version=FILE)`` reads it."""
    four = numbers(version)
    strings = {
        "CompanyName": "Annotator",
        "FileDescription": "Annotator",
        "FileVersion": version,
        "InternalName": "annotator",
        "LegalCopyright": COPYRIGHT,
        "OriginalFilename": "annotator.exe",
        "ProductName": "Annotator",
        "ProductVersion": version,
        "Comments": ABOUT,
    }
    lines = "\n".join(f"      StringStruct({key!r}, {text!r})," for key, text in strings.items())
    return f"""\
VSVersionInfo(
  ffi=FixedFileInfo(filevers={four}, prodvers={four}, mask=0x3F, flags=0x0, OS=0x40004,
                    fileType=0x1, subtype=0x0, date=(0, 0)),
  kids=[
    StringFileInfo([StringTable('040904B0', [
{lines}
    ])]),
    VarFileInfo([VarStruct('Translation', [0x0409, 1200])]),
  ],
)
"""


def info_plist(version: str) -> dict[str, Any]:
    """What macOS reads of the program: ``BUNDLE(info_plist=...)`` of PyInstaller.

    The icons are ``annotator.icns`` and ``annotator-document.icns`` in the bundle's Resources.
    """
    return {
        "CFBundleName": "Annotator",
        "CFBundleDisplayName": "Annotator",
        "CFBundleIdentifier": IDENTIFIER,
        "CFBundleShortVersionString": ".".join(map(str, numbers(version)[:3])),
        "CFBundleVersion": ".".join(map(str, numbers(version)[:3])),
        "CFBundleIconFile": "annotator.icns",
        "NSHumanReadableCopyright": COPYRIGHT,
        "NSHighResolutionCapable": True,
        "NSSupportsAutomaticGraphicsSwitching": True,
        "LSApplicationCategoryType": "public.app-category.graphics-design",
        "LSMinimumSystemVersion": "13.0",
        "CFBundleDocumentTypes": [
            {
                "CFBundleTypeName": "Annotator project",
                "CFBundleTypeRole": "Editor",
                "CFBundleTypeIconFile": "annotator-document.icns",
                "LSItemContentTypes": [f"{IDENTIFIER}.project"],
                "LSHandlerRank": "Owner",
            },
            {
                # A folder of photos dropped on the icon in the Dock.
                "CFBundleTypeName": "Folder of photos",
                "CFBundleTypeRole": "Viewer",
                "LSItemContentTypes": ["public.folder"],
                "LSHandlerRank": "Alternate",
            },
        ],
        "UTExportedTypeDeclarations": [
            {
                "UTTypeIdentifier": f"{IDENTIFIER}.project",
                "UTTypeDescription": "Annotator project",
                "UTTypeIconFile": "annotator-document.icns",
                "UTTypeConformsTo": ["public.data", "public.content"],
                "UTTypeTagSpecification": {
                    "public.filename-extension": ["annot"],
                    "public.mime-type": [MIME_TYPE],
                },
            }
        ],
    }


def put_linux(bundle: Path, icons: Mapping[str, Path]) -> None:
    """Write ``share/`` and ``install-desktop.sh`` into the built folder.

    ``icons`` is what ``icons.make`` returned.
    """
    share = bundle / "share"
    _copy(_FILES / "annotator.desktop", share / "applications" / "annotator.desktop")
    _copy(_FILES / "annotator.xml", share / "mime" / "packages" / "annotator.xml")
    names = {"annotator": "apps/annotator", "annotator-document": "mimetypes/" + _icon_name()}
    for key, source in icons.items():
        stem, _, suffix = key.rpartition(".")
        name, _, size = stem.rpartition("-") if suffix == "png" else (stem, "", "scalable")
        if suffix in ("png", "svg"):
            folder = f"{size}x{size}" if suffix == "png" else size
            _copy(source, share / "icons" / "hicolor" / folder / f"{names[name]}.{suffix}")
    _copy(_FILES / "install-desktop.sh", bundle / "install-desktop.sh")
    (bundle / "install-desktop.sh").chmod(0o755)


def put_windows(bundle: Path, icons: Mapping[str, Path]) -> None:
    """Write ``associate.ps1`` and the icon of projects into the built folder."""
    _copy(_FILES / "associate.ps1", bundle / "associate.ps1")
    _copy(icons["annotator-document.ico"], bundle / "share" / "annotator-document.ico")


def _icon_name() -> str:
    """The name under which a desktop looks for a file type's icon."""
    return MIME_TYPE.replace("/", "-")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
