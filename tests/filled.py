"""A database of a test's own, for what is done as the owner: migrations forward and backward, and what stands in their way."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
from django.db import connections


@contextmanager
def database_of_own(name: str, django_db_blocker: Any) -> Iterator[str]:
    """The owner's address of an empty database, which Django knows by this name. For fixtures, after `django_db_setup`."""
    url = urlsplit(os.environ["DATABASE_OWNER_URL"])
    login = {"NAME": name, "USER": url.username, "PASSWORD": unquote(url.password or "")}
    with psycopg.connect(url.geturl(), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        connections.settings[name] = connections["default"].settings_dict | login
        try:
            with django_db_blocker.unblock():
                yield url._replace(path=f"/{name}").geturl()
        finally:
            connections[name].close()
            del connections[name], connections.settings[name]
            server.execute(f"DROP DATABASE {name}")
