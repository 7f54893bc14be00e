"""Captions of images with what is true of them: which words, or which pixels."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from annotator.backends.protocols import Floats, Grounder
from annotator.core.errors import AnnotatorError
from annotator.core.records import Image, Progress
from annotator.core.text_words import words
from annotator.pipeline.files import require_folder
from annotator.pipeline.ground import cached_pixels, has_room
from annotator.pipeline.pages import Pace
from annotator.project import queries
from annotator.project.project import Project

#: Told of every step of a table that takes long; what it raises stops the table.
Tell = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Caption:
    """A row of the truth. ``words``: all of the text, the candidates; ``tags``: those of them that
    are true of the image; ``mask``: the file of the pixels that the text speaks of."""

    image: Image
    text: str
    words: tuple[str, ...]
    tags: frozenset[str] = frozenset()
    mask: Path | None = None


def read_captions(project: Project, path: Path, what: str) -> list[Caption]:
    """The rows of a CSV with the columns "file", "caption" and ``what``: "tags", which are words
    of the caption between semicolons, or "mask", a picture beside the CSV that is black where the
    caption says nothing of. Raises AnnotatorError for a file that cannot be read, a row that is
    not whole, or a file that is not in the project."""
    rows = list(_rows(path, ("file", "caption", what)))
    if not rows:
        raise AnnotatorError(f"{path} has no captions: there is no truth to compare with.")
    with project.read() as db:
        return [
            _caption(queries.find_image(db, row["file"]), row, f"{path}, line {line}", path.parent)
            for line, row in rows
        ]


def cells_of(
    project: Project,
    captions: Sequence[Caption],
    grounder: Grounder,
    tell: Tell | None,
    step: str,
) -> Iterator[tuple[Caption, Floats]]:
    """Each caption with the vectors of its image, float32[h, w, c]. Raises AnnotatorError for an
    image that cannot be decoded: a table without it would be another one."""
    require_folder(project)
    pace = Pace(step, len(captions))
    for caption in captions:
        if tell is not None and pace.due():
            tell(pace.progress(caption.image.path))
        yield caption, cached_pixels(project, caption.image, grounder, keep=has_room(project))
        pace.step()
    if tell is not None:
        tell(pace.progress())


def _rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""))
        missing = [name for name in columns if name not in (reader.fieldnames or ())]
        if missing:
            raise AnnotatorError(
                f"{path} needs a first line with the columns {', '.join(columns)} between commas: "
                f"{missing[0]} is missing."
            )
        for row in reader:
            yield reader.line_num, {name: (row.get(name) or "").strip() for name in columns}
    except OSError as error:
        raise AnnotatorError(f"{path} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise AnnotatorError(f"{path} is no list of captions: it is no UTF-8 text.") from error
    except csv.Error as error:
        raise AnnotatorError(f"{path} is no list of captions: {error}.") from error


def _caption(image: Image, row: Mapping[str, str], where: str, beside: Path) -> Caption:
    text = " ".join(row["caption"].split())
    candidates = words(text)
    if not candidates:
        raise AnnotatorError(f"{where}: the caption of {row['file']} has no words.")
    tags = _tags(row.get("tags", ""), candidates, where)
    mask = None
    if "mask" in row:
        if not row["mask"]:
            raise AnnotatorError(f"{where}: {row['file']} has no mask.")
        mask = beside / row["mask"]
        if not mask.is_file():
            raise AnnotatorError(f"{where}: the mask {mask} is not there.")
    return Caption(image, text, candidates, tags, mask)


def _tags(written: str, candidates: Sequence[str], where: str) -> frozenset[str]:
    """The words of the tags; a tag of two words makes both of them true."""
    found = set()
    for tag in filter(None, (part.strip() for part in written.split(";"))):
        for word in words(tag):
            if word not in candidates:
                raise AnnotatorError(f"{where}: the tag {tag} is not in the caption.")
            found.add(word)
    return frozenset(found)
