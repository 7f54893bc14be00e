"""In the bundle ``sqlite3`` is pysqlite3: sqlite-utils imports both names, and two SQLite libraries
in one process must never open the same file."""

from pysqlite3 import *  # noqa: F403
