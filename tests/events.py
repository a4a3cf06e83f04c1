"""Events in tests: classes that are forgotten again, and payloads held against the schemas that the manual publishes."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from jsonschema import Draft202012Validator, FormatChecker

from ragsite.core import events, outbox
from ragsite.core.database import rows_insert
from ragsite.core.environment import PROJECT_DIR
from ragsite.core.models import OutboxEvent

DOCS = PROJECT_DIR / "docs"


@contextmanager
def knowing(*classes: type[events.Event]) -> Iterator[None]:
    """Within the block these are registered; they and what the block registers are forgotten after it."""
    with patch.dict(events._registry, {(cls.type, cls.version): cls for cls in classes}):
        yield


@contextmanager
def every_payload_checked() -> Iterator[None]:
    """Within the block nothing is emitted that its published schema refuses. The events of tests have none."""

    def insert(rows: Iterable[OutboxEvent]) -> None:
        rows = list(rows)
        for row in rows:
            cls = events._registry.get(events.name_split(row.type))
            if cls is not None and not cls.__module__.startswith("tests."):
                assert_fits(row.type, row.payload)
        rows_insert(rows)

    with patch.object(outbox, "rows_insert", insert):
        yield


def assert_fits(name: str, payload: dict[str, Any]) -> None:
    """The payload is what the schema says that is published for events of this name, and holds nothing besides."""
    validator = _validator(name)
    wrong = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(payload)]
    unknown = payload.keys() - validator.schema["properties"].keys()
    assert (wrong, unknown) == ([], set()), f"{name}: {payload}"


@functools.cache
def _validator(name: str) -> Draft202012Validator:
    type_, version = events.name_split(name)
    schema = json.loads((DOCS / "events" / f"{type_}.v{version}.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=FormatChecker())
