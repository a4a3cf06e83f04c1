"""The manual covers what exists: each setting, queue, process and address, and links that lead somewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from apps.documents.parsing.sniffing import EXTENSIONS
from apps.documents.parsing.types import DocumentType
from ragsite.api import openapi
from ragsite.core.actors import Actor
from ragsite.core.environment import Environment
from ragsite.core.events import topics
from workers.celery import Config
from workers.jobs import STAGES
from workers.queues import Queue
from workers.relay import cloud_event
from workers.relay_session import UnsentEvent

PROJECT = Path(__file__).resolve().parents[2]
DOCS = PROJECT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *DOCS.glob("how-to/*.md"), PROJECT / "CONTRIBUTING.md"])
PATH = re.compile(r"`((?:[\w.-]+/)+[\w.-]*)`")
TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def untold(words: Iterable[str], page: str) -> list[str]:
    """The words that do not stand in the page as code."""
    text = (DOCS / page).read_text()
    return [word for word in words if not re.search(rf"`[^`\n]*(?<!\w){re.escape(word)}(?!\w)[^`\n]*`", text)]


def test_every_setting_is_explained() -> None:
    assert untold((name.upper() for name in Environment.model_fields), "operations.md") == []


def test_every_queue_is_explained() -> None:
    assert untold((queue.value for queue in Queue), "operations.md") == []


def test_every_celery_setting_has_its_reason() -> None:
    assert untold((name for name in vars(Config) if not name.startswith("_")), "operations.md") == []


def test_every_process_is_explained() -> None:
    text = (DOCS / "operations.md").read_text()
    names = [line.partition(":")[0] for line in (PROJECT / "Procfile").read_text().splitlines() if line.strip()]
    assert [name for name in names if f"\n| {name} |" not in text] == []


def test_the_architecture_shows_the_stage_table_as_it_is() -> None:
    text = (DOCS / "architecture.md").read_text()
    rows = [
        f"| {s.name} | {s.queue.value} | `{s.work}` | {s.rows.before.value} | {s.rows.after.value} |" for s in STAGES
    ]
    assert [row for row in rows if row not in text] == []


def test_every_topic_and_all_that_an_envelope_says_is_explained() -> None:
    event = UnsentEvent(
        id=1, event_id=UUID(int=1), tenant_id=UUID(int=2), type="a.b", key="c", payload={}, created_at=datetime.now(UTC),
        actor=replace(Actor.of_command("manage.py ingest"), request_id="r-1").as_dict(),
    )  # fmt: skip
    envelope = json.loads(cloud_event(event).value)
    assert {"id", "type", "sequence", "data"} <= envelope.keys()
    assert untold([*topics(), *envelope], "events.md") == []


def test_every_type_of_file_that_is_read_has_its_place_in_the_manual_of_the_api() -> None:
    assert untold((end for end, kind in EXTENSIONS.items() if kind is not DocumentType.CODE), "api.md") == []


def test_every_address_of_the_api_is_explained() -> None:
    assert untold(openapi()["paths"], "api.md") == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_leads_somewhere(page: Path) -> None:
    broken = [target for target in LINK.findall(page.read_text()) if not (page.parent / target).exists()]
    assert broken == []


def test_every_test_that_the_page_of_security_names_is_there() -> None:
    named = TEST.findall((DOCS / "security.md").read_text())
    assert len(named) > 50
    assert [f"{file}::{name}" for file, name in named if not (PROJECT / file).exists()] == []
    gone = [one for one in named if one[1] and f"def {one[1]}(" not in (PROJECT / one[0]).read_text()]
    assert gone == []


@pytest.mark.parametrize("page", ["docs/extending.md", "docs/jobs.md", "CONTRIBUTING.md"])
def test_every_path_that_a_contributor_is_sent_to_is_there(page: str) -> None:
    named = PATH.findall((PROJECT / page).read_text())
    assert named
    assert [path for path in named if not (PROJECT / path).exists()] == []
