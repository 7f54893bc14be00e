"""The row journal behind undo and redo.

Triggers on the decision tables, and on the rows a person makes in synsets, lemmas and regions,
write each changed row here while a step is open: its key, and its changed columns before and
after. Undo puts the changed columns back, newest row first, so it never reverts what a machine
wrote to the same row in between.

A person's synset that machine rows refer to by now is not deleted by undo but becomes a
machine's one, so that nothing dangles; redo makes it the person's again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from annotator.core.records import Step
from annotator.project.sqlite import sqlite3

TABLES = (
    """CREATE TABLE steps (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        label TEXT NOT NULL,
        at TEXT NOT NULL,
        undone INTEGER NOT NULL DEFAULT 0 CHECK (undone IN (0, 1)))""",
    """CREATE TABLE journal (
        id INTEGER PRIMARY KEY,
        step_id INTEGER NOT NULL REFERENCES steps (id) ON DELETE CASCADE,
        tbl TEXT NOT NULL,
        op TEXT NOT NULL CHECK (op IN ('insert', 'update', 'delete')),
        key TEXT NOT NULL,
        old TEXT,
        new TEXT)""",
    "CREATE INDEX journal_step ON journal (step_id)",
    "CREATE INDEX journal_key ON journal (tbl, key)",
    "CREATE TABLE open_step (id INTEGER PRIMARY KEY CHECK (id = 1), step_id INTEGER)",
    "INSERT INTO open_step VALUES (1, NULL)",
)

#: Journaled table -> key columns, and whether only a person's rows are journaled.
_JOURNALED: dict[str, tuple[tuple[str, ...], bool]] = {
    "synset_decisions": (("synset_id",), False),
    "tag_decisions": (("image_id", "synset_id"), False),
    "region_decisions": (("region_id",), False),
    "synsets": (("id",), True),
    "lemmas": (("synset_id", "lemma"), True),
    "regions": (("id",), True),
    "suggestion_decisions": (("kind", "source", "target"), False),
}

#: Journaled table -> kinds of rows that views have to read again when it changed.
_KINDS: dict[str, frozenset[str]] = {
    "synset_decisions": frozenset({"synsets", "tags", "regions", "suggestions"}),
    "synsets": frozenset({"synsets", "tags", "regions", "suggestions"}),
    "lemmas": frozenset({"synsets", "tags", "regions"}),
    "tag_decisions": frozenset({"tags", "synsets", "regions"}),
    "region_decisions": frozenset({"regions"}),
    "regions": frozenset({"regions"}),
    "suggestion_decisions": frozenset({"suggestions"}),
}


def now() -> str:
    """The time as ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def triggers(db: sqlite3.Connection) -> Iterator[str]:
    """CREATE TRIGGER statements for those of the journaled tables that ``db`` has by now and that
    have none yet."""
    there = {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
    for table, (key, persons) in _JOURNALED.items():
        if table not in there or f"journal_{table}_insert" in there:
            continue
        columns = _columns(db, table)
        for op, sides in (("insert", ("NEW",)), ("update", ("OLD", "NEW")), ("delete", ("OLD",))):
            when = "(SELECT step_id FROM open_step) IS NOT NULL"
            if persons:
                mine = " OR ".join(f"{side}.source = 'person'" for side in sides)
                when += f" AND ({mine})"
            at = "OLD" if op == "delete" else "NEW"
            keys = _object({name: columns[name] for name in key}, at)
            if op == "update":
                old, new = _changed(columns, "OLD"), _changed(columns, "NEW")
            else:
                old = _object(columns, "OLD") if op == "delete" else "NULL"
                new = _object(columns, "NEW") if op == "insert" else "NULL"
            yield (
                f"CREATE TRIGGER journal_{table}_{op} AFTER {op.upper()} ON {table} WHEN {when} "
                "BEGIN INSERT INTO journal (step_id, tbl, op, key, old, new) VALUES "
                f"((SELECT step_id FROM open_step), '{table}', '{op}', {keys}, {old}, {new}); END"
            )


def _columns(db: sqlite3.Connection, table: str) -> dict[str, str]:
    return {row[1]: row[2] for row in db.execute(f"PRAGMA table_info({table})")}


def _value(side: str, name: str, kind: str) -> str:
    # SQLite writes numbers into JSON with 15 digits; quote() keeps a REAL exact.
    return f"quote({side}.{name})" if kind == "REAL" else f"{side}.{name}"


def _object(columns: dict[str, str], side: str) -> str:
    pairs = (f"'{name}', {_value(side, name, kind)}" for name, kind in columns.items())
    return f"json_object({', '.join(pairs)})"


def _changed(columns: dict[str, str], side: str) -> str:
    parts = (
        f"SELECT '{name}' AS k, {_value(side, name, kind)} AS v WHERE OLD.{name} IS NOT NEW.{name}"
        for name, kind in columns.items()
    )
    return f"(SELECT json_group_object(k, v) FROM ({' UNION ALL '.join(parts)}))"


def begin(db: sqlite3.Connection, label: str) -> int:
    """Open a step inside the running transaction; the triggers write until ``end``."""
    step = db.execute("INSERT INTO steps (label, at) VALUES (?, ?)", (label, now())).lastrowid
    assert step is not None
    db.execute("UPDATE open_step SET step_id = ?", (step,))
    return step


def end(db: sqlite3.Connection, step: int) -> frozenset[str]:
    """Close the step. Returns the kinds that changed; empty, and no step, if nothing did.

    A step that changed something ends the redo tail.
    """
    db.execute("UPDATE open_step SET step_id = NULL")
    kinds = _kinds(db, step)
    if kinds:
        db.execute("DELETE FROM steps WHERE undone = 1")
    else:
        db.execute("DELETE FROM steps WHERE id = ?", (step,))
    return kinds


def undo(db: sqlite3.Connection) -> tuple[Step, frozenset[str]] | None:
    """Take back the newest step that is not undone; None if there is none."""
    return _move(db, "undone = 0 ORDER BY id DESC", back=True)


def redo(db: sqlite3.Connection) -> tuple[Step, frozenset[str]] | None:
    """Do the oldest undone step again; None if there is none."""
    return _move(db, "undone = 1 ORDER BY id", back=False)


def _move(db: sqlite3.Connection, which: str, *, back: bool) -> tuple[Step, frozenset[str]] | None:
    found = db.execute(f"SELECT id, label, at FROM steps WHERE {which} LIMIT 1").fetchone()
    if found is None:
        return None
    step = Step(found[0], found[1], found[2], back)
    db.execute("PRAGMA defer_foreign_keys = ON")
    rows = db.execute(
        "SELECT tbl, op, key, old, new FROM journal WHERE step_id = ? "
        f"ORDER BY id {'DESC' if back else 'ASC'}",
        (step.id,),
    ).fetchall()
    types = {table: _columns(db, table) for table in {row[0] for row in rows}}
    for table, op, key, old, new in rows:
        _apply(
            db,
            table,
            op,
            _load(types[table], key),
            _load(types[table], old if back else new),
            back=back,
        )
    db.execute("UPDATE steps SET undone = ? WHERE id = ?", (int(back), step.id))
    return step, _kinds(db, step.id)


def _apply(
    db: sqlite3.Connection,
    table: str,
    op: str,
    key: dict[str, Any],
    values: dict[str, Any],
    *,
    back: bool,
) -> None:
    where = " AND ".join(f"{name} = :k_{name}" for name in key)
    keys = {f"k_{name}": value for name, value in key.items()}
    if op == "update":
        if values:
            sets = ", ".join(f"{name} = :{name}" for name in values)
            db.execute(f"UPDATE {table} SET {sets} WHERE {where}", {**values, **keys})
    elif (op == "insert") == back:
        if table == "synsets" and _referred_to(db, key["id"]):
            db.execute("UPDATE synsets SET source = 'machine' WHERE id = ?", (key["id"],))
        else:
            db.execute(f"DELETE FROM {table} WHERE {where}", keys)
    else:
        names = ", ".join(values)
        sets = ", ".join(f"{name} = excluded.{name}" for name in values)
        db.execute(
            f"INSERT INTO {table} ({names}) VALUES ({', '.join(f':{n}' for n in values)}) "
            f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {sets}",
            values,
        )


def _referred_to(db: sqlite3.Connection, synset: int) -> bool:
    """Whether rows of a machine refer to the synset."""
    return bool(
        db.execute(
            "SELECT EXISTS (SELECT 1 FROM tags WHERE synset_id = :id) "
            "OR EXISTS (SELECT 1 FROM labels WHERE synset_id = :id) "
            "OR EXISTS (SELECT 1 FROM label_senses WHERE synset_id = :id) "
            "OR EXISTS (SELECT 1 FROM regions WHERE synset_id = :id) "
            "OR EXISTS (SELECT 1 FROM lemmas WHERE synset_id = :id) "
            "OR EXISTS (SELECT 1 FROM synsets WHERE parent = :id)",
            {"id": synset},
        ).fetchone()[0]
    )


def _load(columns: dict[str, str], text: str | None) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(text) if text else {}
    for name, value in values.items():
        if columns[name] == "REAL":
            values[name] = None if value == "NULL" else float(value)
    return values


def _kinds(db: sqlite3.Connection, step: int) -> frozenset[str]:
    tables = [
        row[0] for row in db.execute("SELECT DISTINCT tbl FROM journal WHERE step_id = ?", (step,))
    ]
    if not tables:
        return frozenset()
    return frozenset({"history"}).union(*(_KINDS[table] for table in tables))


def history(db: sqlite3.Connection, limit: int = 100) -> list[Step]:
    """The newest ``limit`` steps, newest first, with the undone ones that redo can bring back."""
    rows = db.execute("SELECT id, label, at, undone FROM steps ORDER BY id DESC LIMIT ?", (limit,))
    return [Step(row[0], row[1], row[2], bool(row[3])) for row in rows]


def undo_label(db: sqlite3.Connection) -> str | None:
    """What undo would take back, None if nothing."""
    return _label(db, "undone = 0 ORDER BY id DESC")


def redo_label(db: sqlite3.Connection) -> str | None:
    """What redo would do again, None if nothing."""
    return _label(db, "undone = 1 ORDER BY id")


def _label(db: sqlite3.Connection, which: str) -> str | None:
    row = db.execute(f"SELECT label FROM steps WHERE {which} LIMIT 1").fetchone()
    return None if row is None else str(row[0])
