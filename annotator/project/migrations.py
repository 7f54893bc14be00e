"""The tables of a project file, and the steps that bring an older file up to date."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from annotator.core.errors import AnnotatorError
from annotator.project import journal
from annotator.project.sqlite import sqlite3

APPLICATION_ID = 0x416E6E6F  # "Anno", at offset 68 of the file

_TABLES = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    # AUTOINCREMENT where history can name a row: an id that undo removed must not come back
    # as another thing.
    """CREATE TABLE images (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        path TEXT NOT NULL UNIQUE,
        bytes INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        hash TEXT,
        width INTEGER,
        height INTEGER,
        format TEXT,
        error TEXT,
        missing INTEGER NOT NULL DEFAULT 0 CHECK (missing IN (0, 1)))""",
    "CREATE INDEX images_hash ON images (hash) WHERE hash IS NOT NULL",
    # Holds the list of the images in order, so that it is read without the table.
    "CREATE INDEX images_listed ON images (path) WHERE missing = 0",
    "CREATE INDEX images_missing ON images (missing) WHERE missing = 1",
    "CREATE INDEX images_error ON images (id) WHERE error IS NOT NULL",
    """CREATE TABLE runs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        pack TEXT NOT NULL,
        models TEXT NOT NULL,
        params TEXT NOT NULL,
        seed INTEGER NOT NULL,
        started TEXT NOT NULL,
        ended TEXT,
        status TEXT NOT NULL
            CHECK (status IN ('running', 'done', 'cancelled', 'failed', 'interrupted')),
        total INTEGER NOT NULL)""",
    """CREATE TABLE run_images (
        run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        image_id INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
        error TEXT,
        hash TEXT,
        PRIMARY KEY (run_id, image_id)) WITHOUT ROWID""",
    "CREATE INDEX run_images_image ON run_images (image_id)",
    """CREATE TABLE synsets (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL,
        key TEXT NOT NULL,
        wordnet_id TEXT,
        parent INTEGER REFERENCES synsets (id) ON DELETE SET NULL,
        source TEXT NOT NULL CHECK (source IN ('machine', 'person')),
        inner INTEGER NOT NULL DEFAULT 0 CHECK (inner IN (0, 1)),
        score REAL NOT NULL DEFAULT 0)""",
    "CREATE INDEX synsets_wordnet ON synsets (wordnet_id) WHERE wordnet_id IS NOT NULL",
    "CREATE INDEX synsets_key ON synsets (key)",
    "CREATE INDEX synsets_parent ON synsets (parent) WHERE parent IS NOT NULL",
    """CREATE TABLE lemmas (
        synset_id INTEGER NOT NULL REFERENCES synsets (id),
        lemma TEXT NOT NULL,
        position INTEGER NOT NULL,
        source TEXT NOT NULL CHECK (source IN ('machine', 'person')),
        PRIMARY KEY (synset_id, lemma)) WITHOUT ROWID""",
    # NULLs are distinct in a UNIQUE constraint, so "no WordNet id" is the empty string here.
    """CREATE TABLE labels (
        id INTEGER PRIMARY KEY,
        text TEXT NOT NULL,
        wordnet_id TEXT NOT NULL DEFAULT '',
        synset_id INTEGER REFERENCES synsets (id) ON DELETE SET NULL,
        reason TEXT NOT NULL DEFAULT '',
        UNIQUE (text, wordnet_id))""",
    "CREATE INDEX labels_synset ON labels (synset_id)",
    """CREATE TABLE proposals (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        run_id INTEGER NOT NULL REFERENCES runs (id),
        image_id INTEGER NOT NULL REFERENCES images (id),
        label_id INTEGER NOT NULL REFERENCES labels (id),
        crop TEXT NOT NULL,
        sample INTEGER NOT NULL,
        probability REAL,
        tokens TEXT NOT NULL DEFAULT '[]')""",
    "CREATE INDEX proposals_image ON proposals (image_id)",
    "CREATE INDEX proposals_label ON proposals (label_id, image_id)",
    """CREATE TRIGGER proposals_never_edited BEFORE UPDATE ON proposals
        BEGIN SELECT RAISE(ABORT, 'proposals are append-only'); END""",
    """CREATE TRIGGER proposals_never_deleted BEFORE DELETE ON proposals
        BEGIN SELECT RAISE(ABORT, 'proposals are append-only'); END""",
    """CREATE TABLE tags (
        image_id INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
        synset_id INTEGER NOT NULL REFERENCES synsets (id) ON DELETE CASCADE,
        score REAL NOT NULL,
        probability REAL,
        occurrence INTEGER NOT NULL,
        crops INTEGER NOT NULL,
        seen TEXT NOT NULL,
        kept INTEGER NOT NULL CHECK (kept IN (0, 1)),
        reason TEXT,
        run_id INTEGER REFERENCES runs (id) ON DELETE SET NULL,
        PRIMARY KEY (image_id, synset_id)) WITHOUT ROWID""",
    "CREATE INDEX tags_synset ON tags (synset_id, kept, image_id, score)",
    """CREATE TABLE regions (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        image_id INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
        synset_id INTEGER NOT NULL REFERENCES synsets (id),
        counts TEXT NOT NULL,
        height INTEGER NOT NULL,
        width INTEGER NOT NULL,
        x INTEGER NOT NULL,
        y INTEGER NOT NULL,
        w INTEGER NOT NULL,
        h INTEGER NOT NULL,
        area INTEGER NOT NULL,
        score REAL,
        threshold REAL,
        source TEXT NOT NULL CHECK (source IN ('machine', 'person')),
        run_id INTEGER REFERENCES runs (id) ON DELETE SET NULL,
        prompt TEXT NOT NULL DEFAULT '{}')""",
    "CREATE INDEX regions_image ON regions (image_id, synset_id)",
    "CREATE INDEX regions_synset ON regions (synset_id)",
    # A merge is a pointer: merged_into is what the person said, root where the chain ends.
    """CREATE TABLE synset_decisions (
        synset_id INTEGER PRIMARY KEY REFERENCES synsets (id),
        name TEXT,
        parent INTEGER REFERENCES synsets (id),
        parent_set INTEGER NOT NULL DEFAULT 0 CHECK (parent_set IN (0, 1)),
        verdict TEXT CHECK (verdict IN ('accepted', 'rejected')),
        merged_into INTEGER REFERENCES synsets (id),
        root INTEGER REFERENCES synsets (id))""",
    "CREATE INDEX synset_decisions_root ON synset_decisions (root) WHERE root IS NOT NULL",
    """CREATE TABLE tag_decisions (
        image_id INTEGER NOT NULL REFERENCES images (id),
        synset_id INTEGER NOT NULL REFERENCES synsets (id),
        verdict TEXT NOT NULL CHECK (verdict IN ('accepted', 'rejected')),
        at TEXT NOT NULL,
        PRIMARY KEY (image_id, synset_id)) WITHOUT ROWID""",
    "CREATE INDEX tag_decisions_synset ON tag_decisions (synset_id, verdict, image_id)",
    """CREATE TABLE region_decisions (
        region_id INTEGER PRIMARY KEY REFERENCES regions (id),
        verdict TEXT NOT NULL CHECK (verdict IN ('accepted', 'rejected')),
        at TEXT NOT NULL)""",
)


def m001_first(db: sqlite3.Connection) -> None:
    """All tables of the first format, and the journal over the decision tables."""
    for statement in (*_TABLES, *journal.TABLES):
        db.execute(statement)
    for statement in journal.triggers(db):
        db.execute(statement)


_TALKING = (
    # What the requests of a run took, see records.Usage.
    "ALTER TABLE runs ADD COLUMN usage TEXT NOT NULL DEFAULT '{}'",
    # Replies of models that talk, as they came; append-only, as proposals are.
    """CREATE TABLE replies (
        id INTEGER PRIMARY KEY,
        run_id INTEGER NOT NULL REFERENCES runs (id),
        image_id INTEGER NOT NULL REFERENCES images (id),
        crop TEXT NOT NULL,
        sample INTEGER NOT NULL,
        text TEXT NOT NULL,
        failure TEXT)""",
    "CREATE INDEX replies_image ON replies (image_id)",
    "CREATE INDEX replies_run ON replies (run_id)",
    """CREATE TRIGGER replies_never_edited BEFORE UPDATE ON replies
        BEGIN SELECT RAISE(ABORT, 'replies are append-only'); END""",
    """CREATE TRIGGER replies_never_deleted BEFORE DELETE ON replies
        BEGIN SELECT RAISE(ABORT, 'replies are append-only'); END""",
    # "wooden" of the label "wooden bench", which belongs to the synset bench.
    "ALTER TABLE labels ADD COLUMN attributes TEXT NOT NULL DEFAULT ''",
    # What an ambiguous label can mean: crane the bird, crane the machine; weights sum to 1.
    """CREATE TABLE senses (
        label_id INTEGER NOT NULL REFERENCES labels (id) ON DELETE CASCADE,
        wordnet_id TEXT NOT NULL,
        weight REAL NOT NULL,
        PRIMARY KEY (label_id, wordnet_id)) WITHOUT ROWID""",
    # Images on which a label means another synset than it mostly does (labels.synset_id).
    """CREATE TABLE label_senses (
        label_id INTEGER NOT NULL REFERENCES labels (id) ON DELETE CASCADE,
        image_id INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
        synset_id INTEGER NOT NULL REFERENCES synsets (id) ON DELETE CASCADE,
        PRIMARY KEY (label_id, image_id)) WITHOUT ROWID""",
    "CREATE INDEX label_senses_image ON label_senses (image_id)",
    "CREATE INDEX label_senses_synset ON label_senses (synset_id)",
    """CREATE TABLE suggestions (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL CHECK (kind IN ('merge', 'parent')),
        source INTEGER NOT NULL REFERENCES synsets (id) ON DELETE CASCADE,
        target INTEGER NOT NULL REFERENCES synsets (id) ON DELETE CASCADE,
        confidence REAL NOT NULL CHECK (confidence BETWEEN 0 AND 1),
        reason TEXT NOT NULL,
        run_id INTEGER REFERENCES runs (id) ON DELETE SET NULL,
        UNIQUE (kind, source, target),
        CHECK (source != target))""",
    "CREATE INDEX suggestions_target ON suggestions (target)",
    # Kept by what was suggested and not by the suggestion's id, so that the next run cannot
    # bring back what a person turned down.
    """CREATE TABLE suggestion_decisions (
        kind TEXT NOT NULL CHECK (kind IN ('merge', 'parent')),
        source INTEGER NOT NULL REFERENCES synsets (id),
        target INTEGER NOT NULL REFERENCES synsets (id),
        verdict TEXT NOT NULL CHECK (verdict IN ('accepted', 'rejected')),
        at TEXT NOT NULL,
        PRIMARY KEY (kind, source, target)) WITHOUT ROWID""",
)


def m002_talking(db: sqlite3.Connection) -> None:
    """Replies, senses of ambiguous labels, attributes, suggestions."""
    for statement in _TALKING:
        db.execute(statement)
    for statement in journal.triggers(db):
        db.execute(statement)


_PIXELS = (
    # What the pixels say of a tag (TTD, eq. 2). Beside the tags and not in them: those are written
    # anew whenever the vocabulary is, this is what was seen. x and y are fractions of the image.
    """CREATE TABLE tag_pixels (
        image_id INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
        synset_id INTEGER NOT NULL REFERENCES synsets (id) ON DELETE CASCADE,
        score REAL NOT NULL CHECK (score BETWEEN -1 AND 1),
        x REAL NOT NULL CHECK (x BETWEEN 0 AND 1),
        y REAL NOT NULL CHECK (y BETWEEN 0 AND 1),
        supported INTEGER NOT NULL CHECK (supported IN (0, 1)),
        run_id INTEGER REFERENCES runs (id) ON DELETE SET NULL,
        PRIMARY KEY (image_id, synset_id)) WITHOUT ROWID""",
    "CREATE INDEX tag_pixels_synset ON tag_pixels (synset_id, supported, image_id)",
)


def m003_pixels(db: sqlite3.Connection) -> None:
    """What the pixels say of each tag."""
    for statement in _PIXELS:
        db.execute(statement)


#: Migration n brings a file of format n - 1 to format n. Append only.
MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    m001_first,
    m002_talking,
    m003_pixels,
)


def latest() -> int:
    """The newest format that this program knows."""
    return len(MIGRATIONS)


def migrate(db: sqlite3.Connection, path: Path) -> Path | None:
    """Bring ``db``, the open file ``path``, to the latest format in one transaction.

    A file that has content is first copied to ``<path>.backup-<format>``; the copy's path is
    returned. Returns None when nothing had to be saved. Raises AnnotatorError when the copy
    cannot be written, or another program has the file open (an older one would go on writing
    by the older format); the file is then untouched.
    """
    version = _version(db)
    if version >= latest():
        return None
    if version and not alone(db):
        raise AnnotatorError(
            f"{path} is of an older format and open in another program, perhaps an older "
            "Annotator; close it there, then open it again."
        )
    backup = _backup(db, path, version) if version else None
    with _atomic(db, new=not version):
        # Read again: another program may have done it meanwhile.
        for migration in MIGRATIONS[_version(db) :]:
            migration(db)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {latest()}")
    return backup


def alone(db: sqlite3.Connection) -> bool:
    """Whether no other connection has the file open, which then is left in journal mode DELETE:
    SQLite lets only the sole connection leave WAL mode."""
    waits = db.execute("PRAGMA busy_timeout").fetchone()[0]
    db.execute("PRAGMA busy_timeout = 0")
    try:
        return bool(db.execute("PRAGMA journal_mode = DELETE").fetchone()[0] == "delete")
    except sqlite3.OperationalError:
        return False
    finally:
        db.execute(f"PRAGMA busy_timeout = {waits}")


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _atomic(db: sqlite3.Connection, *, new: bool) -> AbstractContextManager[object]:
    """One transaction. A new file is made without sqlite-utils: it takes 0.1 s to import, which a
    person who opens a folder would wait for."""
    if new:
        return _plain(db)
    import sqlite_utils

    atomic: AbstractContextManager[object] = sqlite_utils.Database(
        db, execute_plugins=False
    ).atomic()
    return atomic


@contextmanager
def _plain(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _backup(db: sqlite3.Connection, path: Path, version: int) -> Path:
    copy = path.with_name(f"{path.name}.backup-{version}")
    number = 1
    while copy.exists():
        number += 1
        copy = path.with_name(f"{path.name}.backup-{version}-{number}")
    # Under another name until it is whole: a kill leaves no half copy under this one.
    part = path.with_name(f".{copy.name}.{os.getpid()}.part")
    try:
        target = sqlite3.connect(part)
        try:
            db.backup(target)
        finally:
            target.close()
        part.replace(copy)
    except (sqlite3.Error, OSError) as error:
        part.unlink(missing_ok=True)
        raise AnnotatorError(
            f"{path} is of an older format and a copy of it cannot be saved as {copy} ({error}); "
            "free some space or make its folder writable."
        ) from error
    return copy
