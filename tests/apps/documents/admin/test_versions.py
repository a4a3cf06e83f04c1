from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.documents.models import Chunk, DocumentVersion
from tests import factories

LIST = "/admin/documents/documentversion/"
CONFIRMED = {"_form_submitted": "True"}
Told = Callable[[Any], list[str]]


def page(version: DocumentVersion, name: str = "change") -> str:
    return f"{LIST}{version.pk}/{name}/"


def test_a_failed_version_says_why_and_shows_its_timeline(
    admin_client: Client, failed_version: DocumentVersion
) -> None:
    text = html.unescape(admin_client.get(page(failed_version)).content.decode())
    assert text.count(failed_version.error) == 2
    assert page(failed_version, "retry") in text


def test_retry_resumes_it_after_a_confirmation(
    admin_client: Client, failed_version: DocumentVersion, told: Told
) -> None:
    asked = admin_client.get(page(failed_version, "retry"))
    assert "Retry this version?" in asked.content.decode()
    failed_version.refresh_from_db()
    assert failed_version.status == "failed"

    done = admin_client.post(page(failed_version, "retry"), CONFIRMED)
    assert done["HX-Redirect"] == page(failed_version)
    assert told(done) == ["broken.pdf v1 will be retried."]
    failed_version.refresh_from_db()
    assert (failed_version.status, failed_version.error) == ("uploaded", "")


def test_retrying_what_has_not_failed_is_a_message(admin_client: Client, told: Told) -> None:
    version = factories.ready_version()
    assert page(version, "retry") not in admin_client.get(page(version)).content.decode()
    (message,) = told(admin_client.post(page(version, "retry"), CONFIRMED))
    assert message == f"Version {version.pk} is ready; only one that stopped can be retried."
    version.refresh_from_db()
    assert version.status == "ready"


def test_several_are_retried_at_once_and_each_is_reported(
    admin_client: Client, failed_version: DocumentVersion, told: Told
) -> None:
    ready = factories.ready_version()
    form = {"action": "retry_selected", "_selected_action": [failed_version.pk, ready.pk]}
    messages = told(admin_client.post(LIST, form))
    assert sorted(message.split()[0] for message in messages) == ["Version", "broken.pdf"]
    failed_version.refresh_from_db()
    assert failed_version.status == "uploaded"


def test_staff_who_may_only_look_cannot_retry(
    staff_client: Callable[..., Client], failed_version: DocumentVersion
) -> None:
    client = staff_client("view_documentversion")
    assert client.post(page(failed_version, "retry"), CONFIRMED).status_code == 403
    failed_version.refresh_from_db()
    assert failed_version.status == "failed"


def test_the_parsed_text_is_shown_escaped_and_no_longer_than_its_beginning(admin_client: Client) -> None:
    version = factories.ready_version(content="Start <b>bold</b> " + "word " * 1000 + "End.", filename="long.txt")
    text = admin_client.get(page(version)).content.decode()
    assert "Start &lt;b&gt;bold&lt;/b&gt;" in text
    assert "End." not in text


def test_stages_are_listed_newest_first_and_by_name(admin_client: Client) -> None:
    factories.ready_version()
    shown = admin_client.get("/admin/documents/stagerecord/").context["cl"].result_list
    assert [record.stage for record in shown] == ["activate", "embed", "chunk", "parse"]
    shown = admin_client.get("/admin/documents/stagerecord/?stage=chunk").context["cl"].result_list
    assert [record.stage for record in shown] == ["chunk"]


def test_its_chunks_are_one_link_away(admin_client: Client) -> None:
    version = factories.ready_version()
    factories.ready_version(version.document.knowledge_base)
    link = f"/admin/documents/chunk/?version__id__exact={version.pk}"
    assert link in admin_client.get(page(version)).content.decode()
    shown = list(admin_client.get(link).context["cl"].result_list)
    assert shown == list(Chunk.objects.filter(version=version).order_by("ordinal"))


@pytest.mark.parametrize("wrong", ["nonsense", "01234567-89ab-7def-8123-456789abcdef"])
def test_retrying_an_unknown_version_is_not_found(admin_client: Client, wrong: str) -> None:
    assert admin_client.post(f"{LIST}{wrong}/retry/", CONFIRMED).status_code == 404
