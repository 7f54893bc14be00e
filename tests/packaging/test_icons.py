"""The icons of the desktops, drawn from the SVG that the window shows too."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from annotator.gui.icons import logo

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "packaging"))
import icons


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return icons.make(tmp_path_factory.mktemp("icons") / "of the build")


def test_every_size_is_drawn_for_itself(made: dict[str, Path]) -> None:
    for name in icons.SOURCES:
        for size in icons.PNG_SIZES:
            with Image.open(made[f"{name}-{size}.png"]) as picture:
                assert (picture.size, picture.mode) == ((size, size), "RGBA")
                assert picture.getpixel((0, 0))[3] == 0, "transparent around it"
                assert picture.getextrema()[3][1] == 255
    with Image.open(made["annotator.ico"]) as picture:
        assert picture.info["sizes"] == {(size, size) for size in icons.ICO_SIZES}
        small = picture.ico.getimage((16, 16)).convert("RGBA")
    with Image.open(made["annotator-16.png"]) as drawn:
        assert small.tobytes() == drawn.tobytes(), "not a larger one made smaller"
    with Image.open(made["annotator.icns"]) as picture:
        assert {size * scale for size, _, scale in picture.info["sizes"]} >= {32, 256, 512, 1024}


def test_the_window_shows_the_same_icon(made: dict[str, Path], qapp: QApplication) -> None:
    shown = logo(64).toImage().convertToFormat(QImage.Format.Format_RGBA8888)
    drawn = QImage(str(made["annotator-64.png"])).convertToFormat(QImage.Format.Format_RGBA8888)
    for x, y in ((32, 6), (18, 32), (34, 26), (34, 32), (60, 60), (0, 0)):
        ours, theirs = shown.pixelColor(x, y), drawn.pixelColor(x, y)
        assert all(abs(a - b) < 8 for a, b in zip(ours.getRgb(), theirs.getRgb(), strict=True))


def test_a_drawing_that_cannot_be_read_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.svg"
    broken.write_text("<svg")
    monkeypatch.setattr(icons, "SOURCES", {"annotator": broken})
    with pytest.raises(ValueError, match=r"broken\.svg is no drawing"):
        icons.make(tmp_path / "out")
