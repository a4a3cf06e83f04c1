"""Times in words, and the lists that say them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from ragsite.core.times import time_in_words, time_shown
from tests import factories as make

NOW = datetime(2026, 5, 4, 6, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=3), "3\xa0minutes ago"),
        (timedelta(hours=1, minutes=59), "1\xa0hour ago"),
        (timedelta(days=400), "1\xa0year ago"),
        (-timedelta(hours=2), "in 2\xa0hours"),
        (-timedelta(seconds=5), "just now"),
    ],
)
def test_a_time_is_said_in_its_largest_unit(before: timedelta, words: str) -> None:
    assert time_in_words(NOW - before, NOW) == words


def test_the_exact_time_is_there_for_who_points_at_it() -> None:
    shown = time_shown(NOW)
    assert 'datetime="2026-05-04T06:00:00+00:00"' in shown
    assert 'title="4 May 2026, 06:00 UTC"' in shown
    assert time_shown(None) == ""


@pytest.mark.django_db
def test_lists_and_the_rows_under_a_row_say_how_long_ago(admin_client: Client) -> None:
    version = make.upload(make.knowledge_base(), "High water is at noon.").version
    for url in (
        reverse("admin:documents_document_changelist"),
        reverse("admin:documents_document_change", args=[version.document_id]),
        reverse("admin:documents_document_changelist") + "?o=-6",
    ):
        assert ">just now</time>" in admin_client.get(url).content.decode(), url
