"""The icons that desktops want, drawn from the two SVG files: PNG, Windows' ICO, macOS' ICNS.

    python packaging/icons.py [FOLDER]        (default: build/icons)

``make`` is what the build calls.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

_HERE = Path(__file__).resolve().parent
#: Name of an icon -> its drawing. The window draws the first one itself from the same file.
SOURCES = {
    "annotator": _HERE.parent / "resources" / "icons" / "annotator.svg",
    "annotator-document": _HERE / "desktop" / "document.svg",
}
#: Edges in pixels: those of the hicolor theme of Linux.
PNG_SIZES = (16, 22, 24, 32, 48, 64, 128, 256, 512)
ICO_SIZES = (16, 24, 32, 48, 64, 128, 256)
ICNS_SIZES = (16, 32, 64, 128, 256, 512, 1024)


def make(folder: Path) -> dict[str, Path]:
    """Draw every icon into ``folder``, which is made if need be, and say where each is.

    Keys: ``annotator.svg``, ``annotator.ico``, ``annotator.icns``, ``annotator-16.png`` and so on
    for ``PNG_SIZES``, and the same for ``annotator-document`` (the icon of a project file).
    """
    folder.mkdir(parents=True, exist_ok=True)
    made: dict[str, Path] = {}
    for name, source in SOURCES.items():
        drawing = QSvgRenderer(str(source))
        if not drawing.isValid():
            raise ValueError(f"{source} is no drawing that Qt can read")
        made[f"{name}.svg"] = folder / f"{name}.svg"
        made[f"{name}.svg"].write_bytes(source.read_bytes())
        drawn = {size: _draw(drawing, size) for size in {*PNG_SIZES, *ICO_SIZES, *ICNS_SIZES}}
        for size in PNG_SIZES:
            path = made[f"{name}-{size}.png"] = folder / f"{name}-{size}.png"
            drawn[size].save(path, optimize=True)
        for suffix, sizes in (("ico", ICO_SIZES), ("icns", ICNS_SIZES)):
            path = made[f"{name}.{suffix}"] = folder / f"{name}.{suffix}"
            largest, *others = (drawn[size] for size in reversed(sizes))
            # Each size is drawn for itself; Pillow would shrink the largest.
            largest.save(path, sizes=[(size, size) for size in sizes], append_images=others)
    return made


def _draw(drawing: QSvgRenderer, size: int) -> Image.Image:
    """The drawing, ``size`` x ``size`` pixels RGBA, transparent around it."""
    image = QImage(size, size, QImage.Format.Format_RGBA8888_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    drawing.render(painter)
    painter.end()
    plain = image.convertToFormat(QImage.Format.Format_RGBA8888)
    return Image.frombytes("RGBA", (size, size), bytes(plain.constBits()))


if __name__ == "__main__":
    for icon in make(Path(sys.argv[1] if len(sys.argv) > 1 else "build/icons")).values():
        print(icon)
