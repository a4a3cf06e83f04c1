"""What tests are made of. Everything goes through the real services."""

from __future__ import annotations

import functools
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar
from unittest.mock import patch

from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.models import Q
from django.test import Client

from apps.documents.intake.uploads import Upload, UploadRequest, document_upload
from apps.documents.lifecycle.rows import VersionsOfStage
from apps.documents.lifecycle.steps import Step
from apps.documents.models import DocumentVersion, Grant, KnowledgeBase
from apps.documents.rights.access import AccessScope
from apps.documents.rights.grants import GrantRequest, Resource, Subject, grant_create
from apps.documents.services.deleting import ADVICE, DELETIONS
from apps.documents.services.knowledge_bases import knowledge_base_create
from apps.models.gateway import Deadline
from apps.models.models import ModelVersion
from apps.models.services import digests, registry
from apps.retrieval.index.deleting import knowledge_base_deletion_work
from apps.retrieval.pipeline import retrieve
from apps.retrieval.search.request import SearchRequest
from ragsite.core.models import OutboxEvent
from ragsite.core.work import Turn, rows_work
from ragsite.gateway.keys import Principal, api_key_create
from ragsite.gateway.members import principal_of_user
from ragsite.gateway.models import ApiKey, Membership, Permission, Role, Tenant
from ragsite.gateway.tenants import tenant_get_or_create
from tests import turns
from tests.acting import ACTOR
from tests.passing import stages_pass
from workers.jobs import STAGES, Job, job_named
from workers.running import job_run

_numbers = itertools.count(1)
Result = TypeVar("Result")
# The bundled weights do not change while tests run, and reading them again takes longer than most tests.
_file_sha256 = functools.cache(digests.file_sha256)
_checkpoint_usable = functools.cache(registry.checkpoint_usable)

HANDBOOK = """# Harbour handbook

The harbour office opens at 07:30 and closes at 18:00 on working days.

## Berths

The harbour has 42 berths for guests. A berth costs 31 euros a night, electricity included.

## Safety

Life jackets must be worn on the outer pier. The nearest hospital is 12 kilometres away.
"""

BROKEN_PDF = b"%PDF-1.4\nnothing of a PDF follows"


def tenant(name: str = "") -> Tenant:
    return tenant_get_or_create(name=name or f"Tenant {next(_numbers)}", actor=ACTOR)


def embedding_model() -> ModelVersion:
    """The bundled weights, registered. With the fake transport only their width and tokenizer are used.

    What was told of that is forgotten: in a test the model was always there.
    """
    path = registry.bundled_model_path()
    assert path is not None
    with (
        patch.object(digests, "file_sha256", _file_sha256),
        patch.object(registry, "checkpoint_usable", _checkpoint_usable),
    ):
        version = registry.model_register(source=path, name="sentence-transformers/all-MiniLM-L6-v2", actor=ACTOR)
    OutboxEvent.objects.filter(type__startswith="model.").delete()
    return version


def knowledge_base(*, of: Tenant | None = None, name: str = "", **fields: Any) -> KnowledgeBase:
    embedding_model()
    return knowledge_base_create(
        tenant_id=(of or tenant()).pk, name=name or f"Knowledge base {next(_numbers)}", **fields, actor=ACTOR
    )


def upload(
    into: KnowledgeBase, content: str | bytes | None = None, *, filename: str = "handbook.md", **fields: Any
) -> Upload:
    body = HANDBOOK + f"\n{next(_numbers)}\n" if content is None else content
    parts = [body.encode() if isinstance(body, str) else body]
    return document_upload(UploadRequest(knowledge_base=into, filename=filename, parts=parts, **fields), actor=ACTOR)


def file(content: str | bytes, name: str = "note.txt") -> SimpleUploadedFile:
    """A file as a client sends it."""
    return SimpleUploadedFile(name, content.encode() if isinstance(content, str) else content)


def ready_version(
    into: KnowledgeBase | None = None, content: str | bytes | None = None, **fields: Any
) -> DocumentVersion:
    """An uploaded version that has passed all stages, in this process and without the queue."""
    version = upload(into or knowledge_base(), content, **fields).version
    stages_pass()
    version.refresh_from_db()
    return version


def work_once(job: str, row: Any = None, *, seconds: float = 60.0) -> bool:
    """A claim of a job, of this row alone if one is given, worked on in this process; whether there was any."""
    among = Q() if row is None else Q(pk=row.pk)
    return job_run(job_named(job), turn=Turn.of(seconds), among=among)


def step_claimed(stage: Job) -> Step:
    """A claim of versions that wait at a stage, as its step."""
    rows = stage.rows
    assert isinstance(rows, VersionsOfStage)
    return rows.step(rows.claim(limit=stage.claims))


def run_stages(names: Iterable[str] = ()) -> None:
    """Do all that waits, stage by stage."""
    for stage in STAGES:
        if not names or stage.name in names:
            # A look at what waits costs a fifth of a claim that finds nothing.
            while job_run(stage) and stage.rows and stage.rows.waiting().exists():
                pass


def run_deletions(turn: Turn | None = None) -> None:
    """Work on the deletions of knowledge bases that wait, each for a turn."""
    while rows_work(DELETIONS, knowledge_base_deletion_work, turn=turn or turns.long(), advice=ADVICE):
        pass


def principal(of: Tenant, *permissions: Permission) -> Principal:
    granted = permissions or tuple(Permission)
    return Principal(tenant_id=of.pk, name="test", permissions=frozenset(p.value for p in granted))


def api_key(of: Tenant, *permissions: Permission) -> str:
    _, text = api_key_create(tenant=of, name="test", permissions=permissions or tuple(Permission), actor=ACTOR)
    return text


def headers(of: Tenant, *permissions: Permission) -> dict[str, str]:
    """Django test client arguments that carry a key."""
    return {"Authorization": f"Bearer {api_key(of, *permissions)}"}


def scope(*knowledge_bases: KnowledgeBase) -> AccessScope:
    return AccessScope(
        tenant_id=knowledge_bases[0].tenant_id, knowledge_base_ids=frozenset(kb.pk for kb in knowledge_bases)
    )


def keyed(of: Tenant, *permissions: Permission) -> tuple[ApiKey, Client]:
    """A key, and a client that carries it."""
    key, text = api_key_create(tenant=of, name="keyed", permissions=permissions or tuple(Permission), actor=ACTOR)
    return key, Client(headers={"Authorization": f"Bearer {text}"})


def member(of: Tenant, role: Role = Role.READER, *, name: str = "", **fields: Any) -> User:
    """A user who belongs to the tenant."""
    user = User.objects.create_user(name or f"user{next(_numbers)}", **fields)
    Membership.objects.create(user=user, tenant=of, role=role)
    return user


def grant(resource: Resource, subject: Subject) -> Grant:
    return grant_create(GrantRequest(resource=resource, subject=subject), actor=ACTOR)


def asking(of: Tenant, how: str) -> tuple[Principal, Subject]:
    """A new caller, and to whom a grant is given that shall count for it: a `user`, its `group`, or an `api_key`."""
    if how == "api_key":
        key, _ = keyed(of)
        return replace(principal(of), api_key_id=key.pk), key
    user = member(of)
    group = Group.objects.create(name=f"Group {next(_numbers)}")
    user.groups.add(group)
    return principal_of_user(user, tenant_id=of.pk), group if how == "group" else user


def client(of: Tenant, *permissions: Permission, **options: Any) -> Client:
    """Django's test client, carrying a key of the tenant."""
    return Client(headers=headers(of, *permissions), **options)


def closing(call: Callable[[], Result]) -> Callable[[], Result]:
    """The call, for a thread of its own: it gives that thread's connection back."""

    def run() -> Result:
        try:
            return call()
        finally:
            connection.close()

    return run


def in_parallel(times: int, call: Callable[[], Result]) -> list[Result]:
    """What the call gives in that many threads, which start it at the same moment, each on its own connection."""
    barrier = threading.Barrier(times)

    def run() -> Result:
        barrier.wait(10)
        return call()

    with ThreadPoolExecutor(times) as pool:
        running = [pool.submit(closing(run)) for _ in range(times)]
        return [one.result() for one in running]


@contextmanager
def in_background(call: Callable[[], Any]) -> Iterator[None]:
    """Run the call in a thread of its own beside the block; its error is the block's."""
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(closing(call))
        yield
        running.result(30)


def soon() -> Deadline:
    """A deadline that no test reaches."""
    return Deadline.after(60)


def found(where: AccessScope, text: str, *, top_k: int = 10) -> list[str]:
    """The texts of the passages that a search finds, best first."""
    return [
        passage.text for passage in retrieve(SearchRequest(text, top_k=top_k), scope=where, deadline=soon()).passages
    ]
