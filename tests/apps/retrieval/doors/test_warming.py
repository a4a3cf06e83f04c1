"""The most asked questions are asked again, with the rights of now of who asked them."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from apps.documents.models import KnowledgeBase
from apps.retrieval.answers.cache import store
from apps.retrieval.models import Query
from ragsite.gateway.keys import api_key_revoke
from ragsite.gateway.models import ApiKey
from tests import factories as make
from tests.acting import ACTOR

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _cache(settings: Any) -> Iterator[None]:
    settings.RAGSITE_ANSWER_CACHE_SECONDS = 600
    yield
    store.PROCESS.clear()


@pytest.fixture
def base() -> KnowledgeBase:
    return make.ready_version().document.knowledge_base


def ask(client: Client, question: str) -> Any:
    return client.post("/api/v1/ask", {"question": question, "cache": False}, content_type="application/json").json()


def warmed(**options: Any) -> str:
    out = StringIO()
    call_command("answers", "warm", stdout=out, **options)
    return out.getvalue().strip()


def test_the_most_asked_question_is_answered_ahead_as_who_asked_it(base: KnowledgeBase) -> None:
    key, client = make.keyed(base.tenant)
    for question in ("How many berths?", "How many berths?", "What does a berth cost?"):
        ask(client, question)
    assert warmed(top=1, knowledge_base=str(base.pk)) == "1 made, 0 kept already, 0 not answered."
    again = client.post("/api/v1/ask", {"question": "How many berths?"}, content_type="application/json").json()
    assert again["cached"] is not None
    assert Query.objects.filter(asked_by="manage.py answers", api_key=key).count() == 1
    assert warmed() == "1 made, 1 kept already, 0 not answered."


def test_nothing_is_asked_for_who_may_not_any_more(base: KnowledgeBase) -> None:
    _, client = make.keyed(base.tenant)
    ask(client, "How many berths?")
    api_key_revoke(key=ApiKey.objects.get(), actor=ACTOR)
    assert warmed() == "0 made, 0 kept already, 1 not answered."


def test_nothing_is_asked_where_nothing_is_kept(settings: Any) -> None:
    settings.RAGSITE_ANSWER_CACHE_SECONDS = 0
    with pytest.raises(CommandError, match="RAGSITE_ANSWER_CACHE_SECONDS"):
        warmed()
