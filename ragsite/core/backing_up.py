"""Whether a backup is being made: what its snapshot names in the store must stay there until it is copied.

A backup holds an advisory lock from before its snapshot until its last copy. Who removes what rows named asks after the commit
that removed the rows. If the lock is free by then, every later snapshot is without them; so nobody needs to hold anything
while files are removed.
"""

from __future__ import annotations

from django.db import connection

LOCK = 7_305_201
"""The advisory lock of who makes a backup, or removes one."""

_HELD = """
    SELECT EXISTS (
        SELECT FROM pg_locks
        WHERE locktype = 'advisory' AND classid = 0 AND objid = %s AND objsubid = 1 AND granted
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
"""


def backup_under_way() -> bool:
    """Whether somebody makes a backup of this database now."""
    with connection.cursor() as cursor:
        cursor.execute(_HELD, [LOCK])
        (held,) = cursor.fetchone()
    return bool(held)
