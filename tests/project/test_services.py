"""Every service that changes something asks who acts."""

from __future__ import annotations

import pytest

from tests.project.services import OF_ITS_OWN, PARTS, functions, modules, services, without_actor, writing

ONE_OF_EACH = {
    "apps.documents.intake.bulk.documents_upload",
    "apps.documents.lifecycle.versions.version_cancel",
    "apps.documents.rights.grants.grant_create",
    "apps.documents.services.documents.document_update",
    "apps.models.services.registry.model_activate",
    "apps.retrieval.evaluation.runs.evaluation_run_start",
    "apps.retrieval.pipeline.settle",
    "apps.retrieval.reindexing.services.reindex_switch",
    "ragsite.gateway.keys.api_key_revoke",
    "ragsite.gateway.tenants.tenant_get_or_create",
}
HEAD = """
from apps.documents.models import Document
from ragsite.core.actors import Actor
from ragsite.core.leases import Claim
from ragsite.core.outbox import emit
"""


def missing(source: str) -> list[str]:
    """Of a module with this in it the services that lack an actor."""
    return without_actor(functions({"new": HEAD + source}))


def test_every_service_that_changes_something_takes_an_actor() -> None:
    found = functions(modules())
    assert {one.name for one in services(found)} >= ONE_OF_EACH
    assert without_actor(found) == [], "give it `actor: Actor` by keyword, or name it in tests/project/services.py"


def test_what_is_named_as_no_service_is_there_and_writes_and_takes_no_actor() -> None:
    found = functions(modules())
    parts = set(PARTS) & writing(found)
    assert parts == set(PARTS)
    assert OF_ITS_OWN.keys() <= found.keys()
    assert not [name for name in (*PARTS, *OF_ITS_OWN) if found[name].takes_actor]


def test_a_door_writes_through_services_alone() -> None:
    found = functions(modules(doors=True))
    assert len(found) > 100
    assert [name for name, one in found.items() if one.writes] == []


@pytest.mark.parametrize(
    "body",
    [
        "Document.objects.create(title='a')",
        "Document.objects.filter(pk=pk).update(title='a')",
        "Document.objects.get(pk=pk).delete()",
        "document = Document(pk=pk); document.save(update_fields=['title'])",
        "Document.objects.bulk_create([])",
        "emit(pk)",
        "_told(pk)",
        "list(map(_told, [pk]))",
        "cursor.execute(_STATEMENT, [pk])",
        "cursor.execute('DELETE FROM documents_document')",
    ],
)
def test_a_new_service_that_writes_is_found_however_it_writes(body: str) -> None:
    helpers = "_STATEMENT = 'UPDATE documents_document SET title = %s'\ndef _told(pk):\n    emit(pk)\n"
    assert missing(f"{helpers}def thing_do(*, pk: int) -> None:\n    {body}\n") == ["new.thing_do"]
    assert missing(f"{helpers}def thing_do(*, pk: int, actor: Actor) -> None:\n    {body}\n") == []


@pytest.mark.parametrize(
    "parameters", ["actor: Actor", "*, actor: Actor = ACTOR", "*, actor: Actor | None", "*, actor"]
)
def test_an_actor_is_required_by_keyword_and_is_one(parameters: str) -> None:
    assert missing(f"def thing_do({parameters}) -> None:\n    emit(1, actor=actor)\n") == ["new.thing_do"]


def test_a_service_is_found_through_another_modules_function() -> None:
    first = "def thing_do(*, pk: int, actor: Actor) -> None:\n    emit(pk, actor=actor)\n"
    second = "from first import thing_do\ndef things_do() -> None:\n    thing_do(pk=1, actor=somebody)\n"
    assert without_actor(functions({"first": HEAD + first, "second": second})) == ["second.things_do"]


@pytest.mark.parametrize(
    "source",
    [
        "def things_list() -> object:\n    return Document.objects.filter(title='a')\n",
        "def thing_hash(digest) -> None:\n    digest.update(b'bytes')\n",
        "def thing_work(claim: Claim) -> None:\n    emit(claim)\n",
        "def _thing_do() -> None:\n    emit(1)\n",
    ],
)
def test_reading_and_the_work_of_a_job_and_what_is_private_need_none(source: str) -> None:
    assert missing(source) == []
