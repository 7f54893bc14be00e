"""Pictures of the real window on real photos, in light and dark.

    python packaging/screenshots.py OUT_DIR

Writes start-, images- and vocabulary- -light.png and -dark.png, 1440x900 each. The photos are
those of the demo, which may be published with the pictures; where $ANNOTATOR_DATA names a folder
with photos/, these are shown too, for looking at the window with a larger vocabulary.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any, Literal

WIDTH, HEIGHT = 1440, 900
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
#: Seconds that anything may take before it counts as stuck. Two cores load the models in a few.
PATIENCE = 120.0
#: The demo photo of the main picture.
PHOTO = "palace.jpg"
#: WordNet's missile, and its projectile, which is called missile too.
SAME = ("n03773504", "n04008634")


def main(arguments: list[str]) -> int:
    """Make all pictures; 1 and a sentence on stderr when one of them cannot be made."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: python packaging/screenshots.py OUT_DIR", file=sys.stderr)
        return 2
    out = Path(arguments[0])
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="annotator-screenshots-") as scratch:
        # The person's own settings (theme, recent projects) are neither shown nor changed.
        os.environ["XDG_CONFIG_HOME"] = str(Path(scratch, "config"))
        project = make_project(Path(scratch))
        for path in Studio(out).take_all(project):
            print(path)
    return 0


def make_project(scratch: Path) -> Path:
    """A project of the demo photos, proposed by the starter pack, with some decisions made."""
    from annotator.backends.registry import load_pack
    from annotator.pipeline.demo import PROPOSE, SEGMENT, open_project, project_path, save_photos
    from annotator.pipeline.group import group
    from annotator.pipeline.options import ProposeOptions
    from annotator.pipeline.propose import propose
    from annotator.pipeline.scan import scan
    from annotator.pipeline.segment import segment

    photos = scratch / "photos"
    for _ in save_photos(photos):
        pass
    options = PROPOSE
    data = os.environ.get("ANNOTATOR_DATA")
    if data and Path(data, "photos").is_dir():
        for source in sorted(Path(data, "photos").iterdir()):
            shutil.copy(source, photos / source.name)
        options = ProposeOptions()
    pack = load_pack("starter")
    with open_project(scratch) as project:
        for steps in (
            scan(project),
            propose(project, pack, options),
            segment(project, pack, None, SEGMENT),
            group(project, pack),
        ):
            for progress in steps:
                if progress.failed:
                    raise SystemExit(f"{progress.failed[0].image}: {progress.failed[0].reason}")
        decide(project)
    return project_path(scratch)


#: What a person would say of the first tags of the sample photos.
RIGHT = {"Egyptian cat", "espresso", "palace", "tripod", "lakeside", "space shuttle"}
WRONG = {"honeycomb", "football helmet", "crane"}


def decide(project: Any) -> None:
    """Verdicts as after the first minutes of a review."""
    from annotator.operations import synsets, tags
    from annotator.project import queries

    with project.read() as db:
        words = {s.name: s.id for s in queries.vocabulary(db) if not s.inner}
        first = {i: queries.tags(db, i)[:1] for i in queries.image_ids(db)}
    for name in sorted(RIGHT & words.keys()):
        synsets.accept(project, words[name])
    for image_id, best in first.items():
        for tag in best:
            if tag.synset in RIGHT:
                tags.accept(project, image_id, tag.synset_id)
            elif tag.synset in WRONG:
                tags.reject(project, image_id, tag.synset_id)


def pair_to_merge(project: Any) -> tuple[int, int]:
    """(source, target): two senses of one word; else the siblings that share the most images."""
    from annotator.project import queries

    with project.read() as db:
        words = [s for s in queries.vocabulary(db) if not s.inner and s.verdict != "rejected"]
        by_wordnet = {s.wordnet_id: s.id for s in words}
        if all(sense in by_wordnet for sense in SAME):
            return by_wordnet[SAME[0]], by_wordnet[SAME[1]]
        images = {s.id: set(queries.tagged_images(db, s.id)) for s in words}
    pairs = [
        (len(images[a.id] & images[b.id]), a.score + b.score, a.id, b.id)
        for a, b in permutations(words, 2)
        if a.parent == b.parent and a.score <= b.score
    ]
    if not pairs:
        raise SystemExit("The vocabulary has no two siblings to merge.")
    return max(pairs)[2:]


class Studio:
    """Opens the window and takes its pictures; every wait is for a condition, with an end."""

    def __init__(self, out: Path) -> None:
        from annotator.gui.app import make_application
        from annotator.gui.main_window import MainWindow

        self.out = out
        self.application = make_application()
        self.window = MainWindow()
        self.window.setFixedSize(WIDTH, HEIGHT)
        self.window.show()
        self.window.activateWindow()
        self.wait("the window", self.window.isVisible)

    def take_all(self, project: Path) -> list[Path]:
        """The three views in both themes."""
        taken = self.take("start", lambda: True)
        self.open(project)
        taken += self.take("images", self.show_heatmap())
        taken += self.take("vocabulary", self.show_merge())
        self.window.close_project()
        self.wait("closing the project", lambda: self.window.session is None)
        return taken

    def wait(self, what: str, ready: Callable[[], bool]) -> None:
        """Run the event loop until ``ready``; SystemExit naming ``what`` when it never is."""
        from PySide6.QtCore import QEventLoop

        end = time.monotonic() + PATIENCE
        while not ready():
            if time.monotonic() > end:
                raise SystemExit(f"Waited {PATIENCE:.0f} s for {what}.")
            self.application.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 50)

    def take(self, name: str, ready: Callable[[], bool]) -> list[Path]:
        """Pictures of what is shown now, one in each theme."""
        paths = []
        for mode in THEMES:
            self.window.set_theme(mode)
            self.wait(f"{name} in {mode}", ready)
            for _ in range(3):  # what was asked for while painting is painted next time
                self.application.processEvents()
            picture = self.window.grab()
            path = self.out / f"{name}-{mode}.png"
            if (picture.width(), picture.height()) != (WIDTH, HEIGHT):
                raise SystemExit(f"{path.name} would be {picture.width()}x{picture.height()}.")
            if not picture.save(str(path)):
                raise SystemExit(f"{path} cannot be written.")
            paths.append(path)
        return paths

    def open(self, project: Path) -> None:
        self.window.open_path(project)
        self.wait("opening the project", lambda: self.window.session is not None)
        self.wait("the first reading", lambda: self.session.idle)

    @property
    def session(self) -> Any:
        session = self.window.session
        if session is None:
            raise SystemExit("The project is not open.")
        return session

    def show_heatmap(self) -> Callable[[], bool]:
        """A photo with its first tag selected, the heatmap on, and the mask that would be cut."""
        from annotator.project import queries

        with self.session.project.read() as db:
            best = queries.tags(db, queries.find_image(db, PHOTO).id)[0]
        workspace = self.window.workspace
        assert workspace is not None
        view = workspace.images
        self.session.select_view("images")
        self.session.select_image(best.image_id)
        self.wait("the image", lambda: self.session.idle and view.facts is not None)
        self.session.select_synset(best.synset_id)
        view.desk.set_heat_on(True)
        self.wait("the mask preview", lambda: view.desk.grounding.preview is not None)
        return lambda: bool(self.session.idle and view.desk.grounding.preview is not None)

    def show_merge(self) -> Callable[[], bool]:
        """The first suggestion and what it would do; where there is none, two words that mean
        nearly the same, one about to be merged into the other."""
        from annotator.gui.vocabulary_view import VocabularyView

        source, target = pair_to_merge(self.session.project)
        self.session.select_view("vocabulary")
        workspace = self.window.workspace
        assert workspace is not None
        view = workspace.vocabulary
        assert isinstance(view, VocabularyView)
        self.wait("the vocabulary", lambda: bool(self.session.idle and view.idle))
        if view.suggestions.model.rows:
            view.focus_suggestions()
            self.wait("the suggestion", lambda: view.merge.plan is not None)
            return lambda: bool(self.session.idle and view.idle)
        self.session.select_synset(target)
        self.wait("the evidence", lambda: bool(self.session.idle and view.idle))
        view.tree.merge_asked.emit(source, target)
        self.wait("the merge", lambda: view.merge.plan is not None)
        return lambda: bool(self.session.idle and view.idle)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
