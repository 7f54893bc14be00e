"""Tables as CSV, curves and losses as PNG: whole files or none."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from annotator.core.errors import AnnotatorError
from annotator.core.metrics import Curve
from annotator.exchange.tables import draw_curves, draw_losses, write_csv

ROWS = [
    {"Method": "BASE, first", "P": 54.0 + 1 / 3, "P std": 0.25, "#L": 7},
    {"Method": "SG ±", "P": 5.0, "P std": None, "#L": 9},
]
CURVES = [
    Curve("BASE", (0.25, 0.5, 0.5), (1.0, 1.0, 2 / 3), 0.5),
    Curve("SG", (0.0, 0.25), (0.0, 0.5), 0.0625),
    Curve("nothing", (), (), 0.0),
]


def test_a_table_is_read_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("Method,P\nold,1\n")
    write_csv(ROWS, path)
    with path.open(encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    assert first == {"Method": "BASE, first", "P": repr(54.0 + 1 / 3), "P std": "0.25", "#L": "7"}
    assert (second["Method"], second["P std"]) == ("SG ±", "")
    assert [one.name for one in tmp_path.iterdir()] == ["table.csv"]


def test_curves_are_drawn_apart(tmp_path: Path) -> None:
    path = tmp_path / "curves.png"
    draw_curves(CURVES, path, "Vocabulary")
    with Image.open(path) as image:
        assert (image.format, image.size) == ("PNG", (1400, 1000))
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    # Both lines are there in their colours.
    for colour in ((0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)):
        assert np.count_nonzero((pixels == colour).all(1)) > 200


def test_what_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(AnnotatorError, match="nothing to write"):
        write_csv([], tmp_path / "table.csv")
    with pytest.raises(AnnotatorError, match="no curves"):
        draw_curves([], tmp_path / "curves.png")
    with pytest.raises(AnnotatorError, match="not a folder"):
        write_csv(ROWS, tmp_path / "no" / "table.csv")
    with pytest.raises(AnnotatorError, match="not a folder"):
        draw_curves(CURVES, tmp_path / "no" / "curves.png")
    assert list(tmp_path.iterdir()) == []


def test_only_what_was_written_here_is_replaced(tmp_path: Path) -> None:
    write_csv(ROWS, tmp_path / "table.csv")
    draw_curves(CURVES, tmp_path / "curves.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "photo.png")
    (tmp_path / "my.annot").write_bytes(b"SQLite format 3\0")
    (tmp_path / "truth.csv").write_text("file,wnid,name\n")
    (tmp_path / "empty").touch()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for name in ("curves.png", "photo.png", "my.annot", "truth.csv"):
        with pytest.raises(AnnotatorError, match="exists and is no table"):
            write_csv(ROWS, tmp_path / name)
    for name in ("table.csv", "photo.png", "my.annot", "truth.csv"):
        with pytest.raises(AnnotatorError, match="exists and is no picture"):
            draw_curves(CURVES, tmp_path / name)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    write_csv(ROWS, tmp_path / "table.csv")
    write_csv(ROWS, tmp_path / "empty")
    draw_curves(CURVES[:1], tmp_path / "curves.png")
    assert (tmp_path / "empty").read_bytes() == before["table.csv"]
    assert (tmp_path / "curves.png").read_bytes() != before["curves.png"]


def test_losses_are_drawn(tmp_path: Path) -> None:
    path = tmp_path / "losses.png"
    rows = [{"step": 0, "loss": None, "distill": None, "tag": None, "validation": 2.0}]
    rows += [{"step": i, "loss": 2 / i, "distill": 1 / i, "tag": 1 / i} for i in range(1, 80)]
    draw_losses(rows, path, "Losses")
    with Image.open(path) as image:
        assert (image.format, image.size) == ("PNG", (1400, 1000))
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    # The sum is a line, the check a single mark; what lies below another line cannot be seen.
    assert np.count_nonzero((pixels == (0x00, 0x72, 0xB2)).all(1)) > 500
    assert np.count_nonzero((pixels == (0xD5, 0x5E, 0x00)).all(1)) > 20
    with pytest.raises(AnnotatorError, match="no losses"):
        draw_losses([{"step": 1, "loss": None}], path)
    Image.new("RGB", (8, 8)).save(tmp_path / "photo.png")
    with pytest.raises(AnnotatorError, match="exists and is no picture"):
        draw_losses(rows, tmp_path / "photo.png")


def test_nothing_is_said_of_axes_that_were_left_out(tmp_path: Path) -> None:
    path = tmp_path / "losses.png"
    code = (
        "import sys; sys.modules['mpl_toolkits'] = None\n"
        "from pathlib import Path\n"
        "from annotator.exchange.tables import draw_losses\n"
        "draw_losses([{'step': 1, 'loss': 0.5}], Path(sys.argv[1]))"
    )
    words = [sys.executable, "-c", code, str(path)]
    ran = subprocess.run(words, capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("", "")
    assert path.stat().st_size > 0
