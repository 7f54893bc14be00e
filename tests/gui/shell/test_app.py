"""The program itself, as a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
from pathlib import Path
from annotator.gui import app
from annotator.gui.main_window import MainWindow

class Talking(MainWindow):
    def __init__(self):
        super().__init__()
        self.first_image_painted.connect(lambda: print("painted", flush=True))

app.MainWindow = Talking
sys.exit(app.run(Path(sys.argv[1])))
"""

HEAVY = """
import sys
import annotator.gui.app
found = sorted({"numpy", "cv2", "PIL", "torch", "sqlite_utils", "transformers"} & set(sys.modules))
print(found)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to send")
def test_told_to_end_it_closes_in_order(photos: Path) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, photos],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
    )
    with program:
        assert program.stdout is not None
        assert program.stdout.readline() == "painted\n"
        program.send_signal(signal.SIGTERM)
        _, said = program.communicate(timeout=60)
    assert program.returncode == 0
    assert "Traceback" not in said
    assert (photos.parent / "photos.annot").exists()
    assert not list(photos.parent.glob("photos.annot-*al"))


def test_nothing_heavy_is_imported_on_the_way_to_the_window() -> None:
    done = subprocess.run([sys.executable, "-c", HEAVY], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
