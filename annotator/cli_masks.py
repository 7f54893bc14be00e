"""The commands that look into the pixels: ground and segment."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from annotator.cli_output import Output, counted, duration, opened, table
from annotator.cli_project import given, require_images, synset_id
from annotator.core.errors import AnnotatorError

if TYPE_CHECKING:
    from annotator.backends.registry import Pack
    from annotator.project.project import Project


#: Letters of a text in a table.
_SHORT = 60


def ground(words: Namespace, out: Output) -> int:
    """One word on every image, the words of a text on one image, or every tag of every image."""
    from annotator.backends.registry import load_pack

    if words.image is not None and words.text is None:
        raise AnnotatorError("--image goes with --text: give the text to look for in the image.")
    if words.image is not None and words.limit is not None:
        raise AnnotatorError("--limit is for many images: leave it out beside --image.")
    pack = load_pack(words.pack)
    with opened(words.project) as project:
        require_images(project)
        if words.synset is None and words.text is None:
            return _support(words, out, project, pack)
        if _selection(words) or words.candidates is not None:
            raise AnnotatorError(
                "--select, --least, --best and --candidates are for all tags at once: leave "
                "--synset and --text out."
            )
        if words.image is not None:
            return _text(words, out, project, pack)
        return _word(words, out, project, pack)


def _word(words: Namespace, out: Output, project: Project, pack: Pack) -> int:
    from annotator.pipeline.ground import ground as compare

    synset = synset_id(project, words.synset)
    result = out.drive(compare(project, pack, synset, words.text, words.limit))
    out.failures(result)
    rows = [(row["image"], _short(row["synset"]), row["score"]) for row in result["rows"]]
    text = table(("image", "word", "similarity"), rows) if rows else "No tags to ground yet."
    out.result(result, text)
    return 0


def _text(words: Namespace, out: Output, project: Project, pack: Pack) -> int:
    from annotator.pipeline.text_maps import text_map
    from annotator.project import queries

    with project.read() as db:
        image = queries.find_image(db, words.image)
    found = text_map(project, image, words.text, pack.grounder())
    rows = [
        {"word": word.text, "score": word.score, "selected": word.selected} for word in found.words
    ]
    result = {
        "image": image.path,
        "text": found.text,
        "score": float(found.heat.max()),
        "words": rows,
    }
    lines = [(row["word"], row["score"], "yes" if row["selected"] else "no") for row in rows]
    head = f"{_short(found.text)}: {result['score']:.3f}"
    out.result(result, f"{head}\n{table(('word', 'similarity', 'seen'), lines)}")
    return 0


def _short(text: str) -> str:
    """A text that is repeated on every line."""
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1].rstrip()}…"


def _support(words: Namespace, out: Output, project: Project, pack: Pack) -> int:
    from annotator.pipeline.support import SupportOptions, support

    if words.image is not None:
        raise AnnotatorError("--image goes with --text: give the text to look for in the image.")
    chosen = _selection(words) | given(words, ("candidates", "limit"))
    result = out.drive(support(project, pack, SupportOptions(**chosen)))
    out.failures(result)
    before = f" ({result['skipped']} were done before)" if result["skipped"] else ""
    text = (
        f"{counted(result['tags'], 'tag')} on {counted(result['done'], 'image')} in "
        f"{duration(result['seconds'])}"
        f"{before}; no pixel supports {result['unsupported']} of them."
    )
    out.result(result, text)
    return 0


def _selection(words: Namespace) -> dict[str, Any]:
    """The options of core.tag_scores.select that were typed."""
    for option, value, how in (("--least", words.least, "fixed"), ("--best", words.best, "top")):
        if value is not None and words.how != how:
            raise AnnotatorError(f"{option} goes with --select {how}.")
    typed = {"how": words.how, "threshold": words.least, "top": words.best}
    return {name: value for name, value in typed.items() if value is not None}


_SEGMENT = (
    *("top", "min_score", "threshold", "refine", "limit"),
    *("instances", "points", "smooth", "overlap", "supported_only"),
)


def segment(words: Namespace, out: Output) -> int:
    from annotator.backends.registry import load_pack
    from annotator.pipeline.segment import SegmentOptions
    from annotator.pipeline.segment import segment as draw

    options = SegmentOptions(**given(words, _SEGMENT))
    pack = load_pack(words.pack)
    with opened(words.project) as project:
        require_images(project)
        synset = synset_id(project, words.synset)
        result = out.drive(draw(project, pack, synset, options))
    out.failures(result)
    for note in result["notes"]:
        out.remark(note)
    before = f" ({result['skipped']} were done before)" if result["skipped"] else ""
    text = (
        f"{counted(result['regions'], 'mask')} on {counted(result['done'], 'image')} in "
        f"{duration(result['seconds'])}"
        f"{before}."
    )
    if result["overlaps"]:
        pixels = sum(row["pixels"] for row in result["overlaps"])
        images = counted(len({row["image"] for row in result["overlaps"]}), "image")
        text += (
            f"\n{pixels} pixels on {images}, claimed by two tags, went to the one that fits better "
            "(--overlap keep leaves them)."
        )
    out.result(result, text)
    return 0


COMMANDS = {"ground": ground, "segment": segment}
