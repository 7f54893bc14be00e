"""The commands around the vocabulary: its list, grouping, suggestions, replies."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from annotator.cli_output import Output, duration, opened, opened_to_read, table, typed, used
from annotator.cli_review import carry_out
from annotator.core.errors import AnnotatorError
from annotator.core.records import Suggestion, Synset

if TYPE_CHECKING:
    from annotator.project.project import Project

#: Characters of a reply that a table shows; --json has all of it.
_SHOWN = 70


def vocabulary(words: Namespace, out: Output) -> int:
    """The ranked words; with --by-pack what each pack makes of them."""
    from annotator.project import queries

    if words.by_pack:
        return _by_pack(words, out)
    with opened_to_read(words.project) as project, project.read() as db:
        found = queries.vocabulary(db)
    names = {synset.id: synset.name for synset in found}
    found = found[: words.top]
    rows = [
        (
            synset.name + (" (group)" if synset.inner else ""),
            synset.subtree_support if synset.inner else synset.support,
            synset.score,
            synset.verdict,
            names.get(synset.parent) if synset.parent is not None else None,
        )
        for synset in found
    ]
    text = table(("name", "images", "score", "verdict", "below"), rows)
    if not rows:
        text = f"No words yet. Next: annotator propose {typed(words.project)}"
    out.result([synset_row(synset, names) for synset in found], text)
    return 0


def synset_row(synset: Synset, names: dict[int, str]) -> dict[str, Any]:
    """A word of the vocabulary as a script sees it."""
    return {
        "id": synset.id,
        "name": synset.name,
        "lemmas": list(synset.lemmas),
        "wordnet_id": synset.wordnet_id,
        "support": synset.support,
        "subtree_support": synset.subtree_support,
        "score": synset.score,
        "verdict": synset.verdict,
        "parent": synset.parent,
        "parent_name": names.get(synset.parent) if synset.parent is not None else None,
        "source": synset.source,
        "inner": synset.inner,
    }


def _by_pack(words: Namespace, out: Output) -> int:
    from annotator.pipeline.compare import by_pack

    with opened_to_read(words.project) as project:
        rows = by_pack(project, words.top)
    packs = list(dict.fromkeys(pack for row in rows for pack in row["packs"]))
    columns = ["name"]
    for pack in packs:
        columns += [f"{pack}: rank", "images", "score"]
    lines = []
    for row in rows:
        line: list[Any] = [row["name"]]
        for pack in packs:
            found = row["packs"].get(pack, {})
            line += [found.get("rank"), found.get("support"), found.get("score")]
        lines.append(line)
    text = table(columns, lines)
    if not rows:
        text = f"No words yet. Next: annotator propose {typed(words.project)}"
    out.result(rows, text)
    return 0


def group(words: Namespace, out: Output) -> int:
    from annotator.backends.registry import load_pack
    from annotator.pipeline.group import GroupOptions
    from annotator.pipeline.group import group as suggest

    given = {
        name: value
        for name in ("method", "limit", "min_confidence")
        if (value := getattr(words, name)) is not None
    }
    options = GroupOptions(**given)
    pack = load_pack(words.pack)
    with opened(words.project) as project:
        result = out.drive(suggest(project, pack, options))
    text = (
        f"{result['done']} words in {duration(result['seconds'])}: {result['merges']} merges and "
        f"{result['parents']} parents suggested, {result['suggestions']} wait for a decision."
        f"{used(result.get('usage'))}\n"
        f"Next: annotator suggestions {typed(words.project)}"
    )
    if result.get("note"):
        out.remark(f"The meanings of ambiguous words stay as they were: {result['note']}")
    out.result(result, text)
    return 0


def suggestions(words: Namespace, out: Output) -> int:
    from annotator.project import queries

    with opened_to_read(words.project) as project, project.read() as db:
        found = queries.suggestions(db)[: words.top]
    rows = [
        (
            one.id,
            f"{one.source_name} is the same as {one.target_name}"
            if one.kind == "merge"
            else f"{one.source_name} belongs below {one.target_name}",
            one.confidence,
            one.images,
            one.reason,
        )
        for one in found
    ]
    text = table(("id", "suggestion", "sure", "images", "why"), rows)
    if not rows:
        text = f"Nothing is suggested. annotator group {typed(words.project)} looks for something."
    out.result([_suggestion_row(one) for one in found], text)
    return 0


def suggestion_verdict(words: Namespace, out: Output) -> int:
    from annotator.operations import suggestions as operations
    from annotator.project import queries

    verb = words.command.rpartition(" ")[2]
    verbs = {"take": operations.take, "reject": operations.reject, "clear": operations.clear}

    def act(project: Project) -> None:
        ids = list(words.ids)
        above = getattr(words, "above", None)
        if above is not None:
            with project.read() as db:
                ids += [one.id for one in queries.suggestions(db) if one.confidence >= above]
        if not ids:
            raise AnnotatorError(
                f"There is nothing to {verb}: name suggestions by their numbers, see annotator "
                f"suggestions {typed(words.project)}."
            )
        verbs[verb](project, list(dict.fromkeys(ids)))

    return carry_out(words, out, act)


def replies(words: Namespace, out: Output) -> int:
    from itertools import islice

    from annotator.project import queries

    with opened_to_read(words.project) as project, project.read() as db:
        image = None if words.image is None else queries.find_image(db, words.image).id
        stored = queries.replies(db, image_id=image, failed=words.unreadable)
        found = list(islice(stored, words.top))
    rows = [
        (one.image, one.crop, one.sample, one.failure or "read", _line(one.text)) for one in found
    ]
    text = table(("image", "part", "sample", "result", "reply"), rows)
    if not rows:
        text = "No such replies: only models that talk leave any."
    out.result(
        [
            {
                "image": one.image,
                "crop": one.crop,
                "sample": one.sample,
                "run": one.run_id,
                "failure": one.failure,
                "text": one.text,
            }
            for one in found
        ],
        text,
    )
    return 0


def _line(text: str) -> str:
    """The beginning of a reply, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"


def _suggestion_row(one: Suggestion) -> dict[str, Any]:
    return {
        "id": one.id,
        "kind": one.kind,
        "source": one.source,
        "source_name": one.source_name,
        "target": one.target,
        "target_name": one.target_name,
        "confidence": one.confidence,
        "reason": one.reason,
        "images": one.images,
    }


COMMANDS = {
    "vocabulary": vocabulary,
    "group": group,
    "suggestions": suggestions,
    "suggestion take": suggestion_verdict,
    "suggestion reject": suggestion_verdict,
    "suggestion clear": suggestion_verdict,
    "replies": replies,
}
