"""The one SQLite of the program: every part of it takes ``sqlite3`` from here.

Python brings whatever SQLite its system has, and before 3.51.3 two connections that write and
checkpoint at the same moment could damage a file in WAL mode. The package pysqlite3 carries a
newer one; sqlite-utils takes that one too where it is installed. Two SQLite libraries in one
process must never open the same file: closing one drops the locks of the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
else:
    try:
        from pysqlite3 import dbapi2 as sqlite3
    except ImportError:
        # Where there is no build of it: a write and a checkpoint at once need two programs then.
        import sqlite3

__all__ = ["SAFE", "VERSION", "Connection", "sqlite3"]

Connection = sqlite3.Connection

#: The first SQLite without that fault.
SAFE = (3, 51, 3)
#: Of the library in use, as "3.53.4".
VERSION: str = sqlite3.sqlite_version
