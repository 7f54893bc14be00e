"""Reads: the vocabulary, its evidence, and what a merge would do. Re-exported by ``queries``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence

from annotator.core.errors import AnnotatorError
from annotator.core.records import Evidence, MergePreview, RawWord, Synset, Tag
from annotator.project.counts import Count, count, shown
from annotator.project.queries_tags import tags_of
from annotator.project.sqlite import sqlite3
from annotator.project.words import Words, word_key


def _synset(words: Words, root: int, counts: dict[int, Count]) -> Synset:
    entry = words.entries[root]
    found = counts[root]
    members = words.members[root]
    return Synset(
        root,
        entry.name,
        words.lemmas(root),
        words.wordnet_id(root),
        found.support,
        found.subtree,
        max(words.entries[id].score for id in members),
        entry.verdict,
        words.parents[root],
        entry.source,
        # What has images of its own is a word, whoever made it as a mere group.
        found.support == 0 and all(words.entries[id].inner for id in members),
    )


def synset(db: sqlite3.Connection, id: int) -> Synset:
    """The synset; of a merged one, what it was merged into. AnnotatorError when unknown."""
    words = Words(db)
    root = words.root(id)
    return _synset(words, root, count(db, words, root))


def known_synsets(db: sqlite3.Connection, ids: Iterable[int]) -> set[int]:
    """Those of the ids that are still there: undo may have taken a person's word back."""
    return {
        id
        for (id,) in db.execute(
            "SELECT s.id FROM json_each(?) j JOIN synsets s ON s.id = j.value",
            (json.dumps(sorted(set(ids))),),
        )
    }


def find_synset(db: sqlite3.Connection, text: str) -> Synset:
    """The synset with that name, WordNet id, lemma or id.

    Raises AnnotatorError when there is none, or when several have the name or lemma.
    """
    words = Words(db)
    root = find_root(words, text)
    return _synset(words, root, count(db, words, root))


def find_root(words: Words, text: str) -> int:
    """``find_synset`` without the counts."""
    found = words.named(text)
    if not found:
        wanted = text.strip().lower()
        found = list(
            dict.fromkeys(e.root for e in words.entries.values() if e.wordnet_id == wanted)
        )
    if not found and text.isascii() and text.isdigit() and int(text) in words.entries:
        found = [words.root(int(text))]
    if not found:
        raise AnnotatorError(
            f"There is no synset {text} in this project; see them with: annotator vocabulary "
            "PROJECT"
        )
    if len(found) > 1:
        ids = ", ".join(f"{id} ({words.wordnet_id(id) or 'no WordNet id'})" for id in found)
        raise AnnotatorError(f"Several synsets are called {text}; name one by its id: {ids}.")
    return found[0]


def vocabulary(db: sqlite3.Connection) -> list[Synset]:
    """All synsets: by score, the best first, those that only group others last.

    A machine's synset is left out while nothing at or below it passed the filters or was
    decided, and no person decided on it.
    """
    words = Words(db)
    return ranked(words, count(db, words))


def ranked(words: Words, counts: dict[int, Count]) -> list[Synset]:
    """``vocabulary`` of what was read already."""
    found = [
        _synset(words, root, counts) for root in words.members if _visible(words, root, counts)
    ]
    found.sort(key=lambda s: (s.inner, -s.score, -s.support, s.name, s.id))
    return found


def _visible(words: Words, root: int, counts: dict[int, Count]) -> bool:
    members = (words.entries[id] for id in words.members[root])
    return counts[root].known or any(e.decided or e.source == "person" for e in members)


def suggest_words(db: sqlite3.Connection, prefix: str, n: int = 8) -> list[str]:
    """Names and lemmas of the vocabulary for type-ahead: those that begin with ``prefix``, then
    those of which a later word does; names first. Rejected words are left out."""
    start = word_key(prefix)
    if not start:
        return []
    words = Words(db)
    found: list[tuple[bool, bool, float, str]] = []
    for root in words.matching(prefix):
        entry = words.entries[root]
        if entry.verdict == "rejected":
            continue
        for at, lemma in enumerate(words.lemmas(root)):
            key = word_key(lemma)
            if f" {start}" in f" {key}":
                found.append((not key.startswith(start), at > 0, -entry.score, lemma))
    found.sort()
    return list(dict.fromkeys(lemma for *_, lemma in found))[:n]


def check_merge(words: Words, source_ids: Sequence[int], target_id: int) -> tuple[list[int], int]:
    """(roots of the sources, root of the target) of a merge that makes sense.

    Raises AnnotatorError when a synset is unknown, is the target itself, or is above or below
    the target in the tree.
    """
    target = words.root(target_id)
    sources = list(dict.fromkeys(words.root(id) for id in source_ids))
    if not sources:
        raise AnnotatorError(f"Choose the synsets to merge into {words.name(target)}.")
    for source in sources:
        if source == target:
            raise AnnotatorError(
                f"{words.name(target)} cannot be merged with itself; choose another synset."
            )
        for low, high in ((target, source), (source, target)):
            if words.is_below(low, high):
                raise AnnotatorError(
                    f"{words.name(low)} is below {words.name(high)} in the tree; move it out "
                    "first or choose another synset."
                )
    return sources, target


def merge_preview(
    db: sqlite3.Connection, source_ids: Sequence[int], target_id: int
) -> MergePreview:
    """What a merge would touch. ``tags``: tags of the sources; ``images``: images they are on;
    ``both``: those of them that have the target too. Refuses what ``merge`` refuses."""
    words = Words(db)
    sources, target = check_merge(words, source_ids, target_id)
    per_source = [shown(db, words, [source]) for source in sources]
    images = 0
    for found in per_source:
        images |= found
    regions = db.execute(
        "SELECT count(*) FROM regions WHERE synset_id IN (SELECT value FROM json_each(?))",
        (json.dumps(words.ids(sources)),),
    ).fetchone()[0]
    lemmas: dict[str, str] = {}
    for root in (target, *sources):
        for lemma in words.lemmas(root):
            lemmas.setdefault(word_key(lemma), lemma)
    return MergePreview(
        words.name(target),
        tuple(words.name(source) for source in sources),
        sum(found.bit_count() for found in per_source),
        images.bit_count(),
        (images & shown(db, words, [target])).bit_count(),
        int(regions),
        tuple(lemmas.values()),
    )


def evidence(db: sqlite3.Connection, synset_id: int, n: int = 5) -> Evidence:
    """Why a synset is in the vocabulary: its raw words, and up to ``n`` tags each that are
    strongest, most doubtful (undecided, nearest to 0.5) and weakest; no image twice.

    Raises AnnotatorError on an unknown synset.
    """
    words = Words(db)
    root = words.root(synset_id)
    scored = _scores(db, words, root)
    top = min(n, -(-len(scored) // 3))
    strongest, rest = scored[:top], scored[top:]
    low = min(n, -(-len(rest) // 2))
    weakest, middle = rest[len(rest) - low :], rest[: len(rest) - low]
    open_ones = [one for one in middle if not one[2]]
    doubtful = sorted(open_ones, key=lambda one: (abs(one[1] - 0.5), one[0]))[:n]
    chosen = [one[0] for one in (*strongest, *doubtful, *weakest)]
    found = {
        id: tag for id, tags in tags_of(db, chosen).items() for tag in tags if tag.synset_id == root
    }

    def records(ones: list[tuple[int, float, bool]]) -> tuple[Tag, ...]:
        return tuple(found[one[0]] for one in ones)

    return Evidence(
        _synset(words, root, count(db, words, root)),
        _raw_words(db, words, root),
        records(strongest),
        records(sorted(doubtful, key=lambda one: (-one[1], one[0]))),
        records(weakest),
    )


def _scores(db: sqlite3.Connection, words: Words, root: int) -> list[tuple[int, float, bool]]:
    """(image id, score, decided) of the machine's tags that passed and are not rejected, the
    strongest first."""
    if words.entries[root].verdict == "rejected":
        return []
    members = json.dumps(words.members[root])
    verdicts: dict[int, bool] = {}
    for image_id, accepted in db.execute(
        "SELECT image_id, verdict = 'accepted' FROM tag_decisions "
        "WHERE synset_id IN (SELECT value FROM json_each(?))",
        (members,),
    ):
        verdicts[image_id] = bool(accepted) or verdicts.get(image_id, False)
    gone = {row[0] for row in db.execute("SELECT id FROM images WHERE missing = 1")}
    # Ascending, so that the best score of the merged ones is the last and stays.
    best = dict(
        db.execute(
            "SELECT image_id, score FROM tags WHERE kept = 1 "
            "AND synset_id IN (SELECT value FROM json_each(?)) ORDER BY score",
            (members,),
        ).fetchall()
    )
    found = [
        (id, score, id in verdicts)
        for id, score in best.items()
        if verdicts.get(id, True) and id not in gone
    ]
    found.sort(key=lambda one: (-one[1], one[0]))
    return found


# Labels that belong to the members (?), mostly or on some images, with the synset on each image.
_SAID = (
    "WITH members AS MATERIALIZED (SELECT value AS id FROM json_each(?)), "
    "mine AS MATERIALIZED (SELECT id FROM labels WHERE synset_id IN (SELECT id FROM members) "
    "UNION SELECT label_id FROM label_senses WHERE synset_id IN (SELECT id FROM members)), "
    "said AS (SELECT l.id, l.text, l.reason, l.synset_id AS mostly, p.image_id, "
    "coalesce(s.synset_id, l.synset_id) AS here FROM mine m CROSS JOIN labels l ON l.id = m.id "
    "LEFT JOIN proposals p ON p.label_id = l.id "
    "LEFT JOIN label_senses s ON s.label_id = l.id AND s.image_id = p.image_id) "
)


def _raw_words(db: sqlite3.Connection, words: Words, root: int) -> tuple[RawWord, ...]:
    dropped: Counter[str] = Counter()
    why: dict[str, Counter[str]] = {}
    members = json.dumps(words.members[root])
    for text, reason, number in db.execute(
        _SAID + "SELECT s.text, coalesce(t.reason, 'dropped'), count(*) FROM said s "
        "JOIN tags t ON t.image_id = s.image_id AND t.synset_id = s.here AND t.kept = 0 "
        "WHERE s.here IN (SELECT id FROM members) GROUP BY s.text, t.reason",
        (members,),
    ):
        dropped[text] += number
        why.setdefault(text, Counter())[reason] += number
    counts: Counter[str] = Counter()
    reasons: dict[str, dict[str, None]] = {}
    for text, reason, mostly, here, number, images in db.execute(
        _SAID + "SELECT s.text, s.reason, s.mostly, s.here, count(s.image_id), "
        "count(DISTINCT s.image_id) FROM said s WHERE s.here IN (SELECT id FROM members) "
        "GROUP BY s.id, s.here ORDER BY s.id",
        (members,),
    ):
        counts[text] += number
        parts = reasons.setdefault(text, {})
        if here != mostly:
            reason = _rather(words, text, here, mostly, images)
        if reason:
            parts[reason] = None
        if here != root:
            parts[f"merged from {words.name(here)}"] = None
    for text, number_of in why.items():
        reasons[text][f"dropped: {number_of.most_common(1)[0][0]}"] = None
    return tuple(
        RawWord(text, number, dropped[text], "; ".join(reasons[text]))
        for text, number in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )


def _rather(words: Words, text: str, here: int, mostly: int | None, images: int) -> str:
    """Why a label belongs here on some images, though not on most."""
    from annotator.core import senses  # loads WordNet: only for an ambiguous word

    def meant(synset_id: int) -> str:
        wordnet_id = words.entries[synset_id].wordnet_id
        return words.name(synset_id) if wordnet_id is None else senses.kind(wordnet_id)

    other = "what it mostly is" if mostly is None else meant(mostly)
    on = "1 image" if images == 1 else f"{images} images"
    return f"{text}: {meant(here)} rather than {other} on {on}, by what else is on them"
