"""The program itself, as a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from annotator.project.project import Project

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


LIGHT = """
import sys
from pathlib import Path
from annotator.gui import app
from annotator.gui.main_window import MainWindow

HEAVY = "torch torchvision transformers numpy cv2 sklearn matplotlib openai httpx peft"

class Looking(MainWindow):
    def __init__(self):
        super().__init__()
        self.first_image_painted.connect(self.look)

    def look(self):
        print("painted with", sorted(set(HEAVY.split()) & set(sys.modules)), flush=True)
        self.close()

app.MainWindow = Looking
from annotator.__main__ import main
sys.exit(main([sys.argv[1]]))
"""

CLOSING = """
import sys, weakref
from pathlib import Path
from PySide6.QtCore import QTimer
from annotator.gui import app
from annotator.gui.main_window import MainWindow

class Closing(MainWindow):
    def __init__(self):
        super().__init__()
        self.first_image_painted.connect(self.leave)

    def leave(self):
        self.views = weakref.ref(self.workspace)
        self.timer = QTimer(self, interval=10)
        self.timer.timeout.connect(self.look)
        self.project_closed.connect(self.timer.start)
        self.close_project()

    def look(self):
        if self.views() is None:
            print("gone", flush=True)
            self.close()

app.MainWindow = Closing
sys.exit(app.run(Path(sys.argv[1])))
"""

BUSY = """
import sys, threading
from pathlib import Path
from PySide6.QtCore import QTimer
from annotator.core.records import Progress
from annotator.gui import app, main_window, steps
from annotator.operations import synsets

begun = threading.Semaphore(0)

def model():
    sys.stdout.write("computing\\n")  # in one go: there are two of them
    begun.release()
    threading.Event().wait()  # as a model that takes minutes: it hears of nothing
    yield Progress("segment", 1, 1)

class Leaving(main_window.MainWindow):
    def __init__(self):
        super().__init__()
        self.project_opened.connect(self.leave)

    def leave(self, session):
        steps._start(session, "segment", "Drawing masks", model, "", droppable=True)
        session.work(lambda: threading.Event().wait(), print)
        self.own_jobs.start("download big", model, droppable=True)
        for i in range(20):
            session.act(synsets.add, f"word {i}")
        begun.acquire()
        begun.acquire()
        if "first" in sys.argv:
            self.close_project()  # which waits for the model
            QTimer.singleShot(0, self.close)
        else:
            self.close()

main_window._PATIENCE_S = 0.1
app.MainWindow = Leaving
sys.exit(app.run(Path(sys.argv[1])))
"""


def ended(program: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """The program, run to its end without a screen."""
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True,
        text=True,
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
        timeout=60,
    )


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


@pytest.mark.parametrize("name", ["photos", "my photos – Übung №1 写真"])
def test_the_first_image_is_on_screen_before_any_model_library(photos: Path, name: str) -> None:
    """By the project's file, with spaces and letters of others in its path."""
    folder = photos.rename(photos.parent / name)
    place = folder.parent / f"{name}.annot"
    Project.create(place, folder).close()
    done = ended(LIGHT, place)
    assert done.stdout == "painted with []\n"
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_a_closed_project_leaves_nothing_in_memory(photos: Path) -> None:
    done = ended(CLOSING, photos)
    assert (done.stdout, done.returncode) == ("gone\n", 0)


@pytest.mark.parametrize("how", ["at once", "first the project"])
def test_a_model_that_computes_keeps_no_program_alive_and_no_decision_is_lost(
    photos: Path, how: str
) -> None:
    done = ended(BUSY, photos, *how.split())
    assert (done.stdout, done.returncode) == ("computing\ncomputing\n", 0)
    assert "Traceback" not in done.stderr
    place = photos.parent / "photos.annot"
    left = {path.name for path in photos.parent.glob("photos.annot*")}
    assert left <= {"photos.annot", "photos.annot-cache"}
    # Bytes 18 and 19 of an SQLite file are 2 while a write-ahead log belongs to it.
    assert place.read_bytes()[18:20] == b"\x01\x01"
    with Project.open(place) as project, project.read() as db:
        names = [name for (name,) in db.execute("SELECT name FROM synsets ORDER BY id")]
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert names == [f"word {i}" for i in range(20)]


def test_nothing_heavy_is_imported_on_the_way_to_the_window() -> None:
    done = subprocess.run([sys.executable, "-c", HEAVY], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
