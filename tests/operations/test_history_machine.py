"""Whatever a person does, in whatever order and with machines writing in between: undoing all of
it gives back every row, and redoing all of it gives back the end."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from annotator.core.errors import AnnotatorError
from annotator.core.records import Rle
from annotator.operations import history, regions, suggestions, synsets, tags
from annotator.project import queries, store
from annotator.project.project import Project

WORDS = ("ant", "bee", "cow", "dog", "elk", "fox")
NAMES = st.sampled_from([*WORDS, "gnu", "Hen", "ibis", 'a "b"', " "])
IMAGES = st.integers(1, 3)
SYNSETS = st.integers(1, 7)  # 7 is there only once a word was added
SUGGESTIONS = st.lists(st.integers(1, 12), min_size=1, max_size=4)
SEVERAL = st.lists(SYNSETS, min_size=1, max_size=3)
VERBS = st.sampled_from(["accept", "reject", "clear"])


#: Places in WORDS of what is suggested, as a merge and as a parent each.
PAIRS = ((0, 3), (1, 3), (3, 5), (4, 5), (5, 0), (2, 4))


def suggested(ids, source, target) -> list[store.SuggestionRow]:
    confidence = (source + 1) / 10
    return [
        store.SuggestionRow("merge", ids[source], ids[target], confidence, "alike"),
        store.SuggestionRow("parent", ids[source], ids[target], confidence, "a kind of"),
    ]


class Reviewing(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "p.annot"
        self.project = Project.create(self.path, Path(self.folder.name))
        with self.project.write("tags") as db:
            files = [store.FileSeen(f"{i}.jpg", 1, 1) for i in range(3)]
            images = store.upsert_images(db, files)
            ids = [store.ensure_synset(db, name, lemmas=[f"{name}s"]) for name in WORDS]
            store.set_parents(db, {ids[1]: ids[0], ids[2]: ids[1], ids[4]: ids[3]})
            rows = [
                store.TagRow(image, id, id / 10, 0.5, 1, 1, ("whole",), id % 3 > 0)
                for image in images
                for id in ids
            ]
            store.set_tags(db, rows)
            rle, box = Rle(6, 8, "0`1"), (0, 0, 8, 6)
            store.add_regions(db, [store.RegionRow(1, id, rle, box, 48, 0.3, 0.1) for id in ids])
            store.set_suggestions(db, [row for pair in PAIRS for row in suggested(ids, *pair)])
        #: digests after each step that was done; the first is the start
        self.states = [self.digest()]
        self.undone = 0

    def teardown(self) -> None:
        for _ in range(self.undone):
            assert history.redo(self.project) is not None
        assert history.redo(self.project) is None
        assert self.digest() == self.states[-1]
        for state in reversed(self.states[:-1]):
            assert history.undo(self.project) is not None
            assert self.digest() == state
        assert history.undo(self.project) is None
        for state in self.states[1:]:
            assert history.redo(self.project) is not None
            assert self.digest() == state
        self.project.close()
        self.folder.cleanup()

    def digest(self) -> str:
        value = hashlib.blake2b()
        left_out = {"steps", "journal", "open_step", "sqlite_sequence"}
        with self.project.read() as db:
            found = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
            for table in [name for (name,) in found if name not in left_out]:
                # The time of a decision may differ; undo and redo keep it, so it stays in.
                rows = sorted(map(repr, db.execute(f"SELECT * FROM {table}")))
                value.update(repr((table, rows)).encode())
        return value.hexdigest()

    def do(self, call, *args) -> None:
        steps = self.steps()
        before = self.digest()
        try:
            call(self.project, *args)
        except AnnotatorError:
            assert self.digest() == before
            assert self.steps() == steps
            return
        after = self.digest()
        if self.steps() == steps:
            assert after == before
        else:
            del self.states[len(self.states) - self.undone :]
            self.undone = 0
            self.states.append(after)

    def steps(self) -> list:
        with self.project.read() as db:
            return queries.history(db)

    @rule(verb=VERBS, ids=SEVERAL)
    def decide_synsets(self, verb, ids) -> None:
        self.do(getattr(synsets, verb), ids)

    @rule(id=SYNSETS, name=NAMES)
    def rename(self, id, name) -> None:
        self.do(synsets.rename, id, name)

    @rule(sources=SEVERAL, into=SYNSETS)
    def merge(self, sources, into) -> None:
        self.do(synsets.merge, sources, into)

    @rule(id=SYNSETS, parent=st.none() | SYNSETS)
    def move(self, id, parent) -> None:
        self.do(synsets.move, id, parent)

    @rule(name=NAMES)
    def add(self, name) -> None:
        self.do(synsets.add, name, None, [f"{name} lemma"])

    @rule(verb=VERBS, image=IMAGES, id=SYNSETS)
    def decide_tag(self, verb, image, id) -> None:
        self.do(getattr(tags, verb), image, id)

    @rule(image=IMAGES, name=NAMES)
    def add_word(self, image, name) -> None:
        self.do(tags.add_word, image, name)

    @rule(verb=VERBS, ids=st.lists(st.integers(1, 8), min_size=1, max_size=2))
    def decide_regions(self, verb, ids) -> None:
        self.do(getattr(regions, verb), ids)

    @rule(image=IMAGES, id=SYNSETS, threshold=st.floats(-1, 1))
    def keep(self, image, id, threshold) -> None:
        self.do(regions.keep, image, id, Rle(6, 8, "0`1"), threshold, {"at": threshold})

    @rule(verb=st.sampled_from(["take", "reject", "clear"]), ids=SUGGESTIONS)
    def decide_suggestions(self, verb, ids) -> None:
        self.do(getattr(suggestions, verb), ids)

    @rule()
    def take_the_first_open_one(self) -> None:
        with self.project.read() as db:
            found = queries.suggestions(db)
        if found:
            before = len(self.states) - self.undone
            self.do(suggestions.take, found[0].id)
            # What is shown as open can be done.
            assert len(self.states) - self.undone == before + 1

    @precondition(lambda self: len(self.states) - self.undone > 1)
    @rule()
    def undo(self) -> None:
        assert history.undo(self.project) is not None
        self.undone += 1
        assert self.digest() == self.states[-1 - self.undone]

    @precondition(lambda self: self.undone)
    @rule()
    def redo(self) -> None:
        assert history.redo(self.project) is not None
        self.undone -= 1
        assert self.digest() == self.states[-1 - self.undone]

    @rule()
    def restart(self) -> None:
        self.project.close()
        self.project = Project.open(self.path)

    @invariant()
    def sound(self) -> None:
        with self.project.read() as db:
            assert db.execute("PRAGMA foreign_key_check").fetchall() == []
            found = queries.vocabulary(db)
            roots = {one.id for one in found}
            assert all(one.parent != one.id for one in found)
            # A pointer always ends at a word that is no pointer itself.
            chains = db.execute(
                "SELECT count(*) FROM synset_decisions a JOIN synset_decisions b "
                "ON b.synset_id = a.root WHERE b.root IS NOT NULL OR a.merged_into IS NULL"
            ).fetchone()[0]
            assert chains == 0
            for tag in queries.all_tags(db):
                assert tag.synset_id in roots
            rejected = {
                frozenset((one.source, one.target))
                for one in queries.suggestions(db, "rejected")
                if one.kind == "merge"
            }
            for one in queries.suggestions(db):
                assert one.source != one.target
                assert one.kind == "parent" or {one.source, one.target} not in rejected


Reviewing.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestReviewing = Reviewing.TestCase
