"""Two tenants with a row of everything each, people of every role in the first one, and an API key for each permission there."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.utils import timezone

from apps.documents.intake.uploads import UploadRequest, document_upload
from apps.documents.models import BulkJob, Document, KnowledgeBase, KnowledgeBaseDeletion
from apps.documents.rights.grants import GrantRequest, Resource, grant_create
from apps.documents.services.knowledge_bases import knowledge_base_create, knowledge_base_delete
from apps.models.models import ModelCache, ModelOrder, ModelTask, ModelVersion
from apps.models.services.registry import bundled_model_path, model_register
from apps.monitoring.webhooks.services import webhook_create, webhook_try
from apps.retrieval.erasing.services import erasure_ask
from apps.retrieval.evaluation.runs import evaluation_run_start
from apps.retrieval.evaluation.sets import NewJudgement, evaluation_set_create, question_add
from apps.retrieval.models import Answer, AnswerFeedback, Citation, Conversation, IndexGeneration, Query, Reindex
from apps.retrieval.models.modes import Searching
from benchmarks.acting import ACTOR
from ragsite.core.audit.models import AuditEntry
from ragsite.core.models import OutboxEvent, ScheduledJob
from ragsite.gateway.keys import api_key_create
from ragsite.gateway.members import member_add
from ragsite.gateway.models import ApiKey, Membership, Permission, Role, Tenant
from workers.jobs import STAGES
from workers.running import job_run

TEXT = "# Harbour\n\nThe harbour has {} berths. A berth costs 31 euros a night.\n"
ANONYMOUS, STRANGER, SUPERUSER = "anonymous", "stranger", "superuser"
PEOPLE = (ANONYMOUS, STRANGER, Role.READER.value, Role.EDITOR.value, Role.OWNER.value, Role.OPERATOR.value, SUPERUSER)
"""In the order in which the table of pages has them."""

Ids = dict[str, str]


@dataclass(frozen=True, slots=True)
class World:
    """Who asks, and by the part of an address that names them what each tenant has: `own`, `other`, and what is nowhere."""

    people: dict[str, User]
    """Those who have signed in. What is looked up of their rights is kept with them, as it stays the same."""
    keys: dict[str, str]
    """Of the first tenant, each with one permission."""
    own: dict[str, Ids]
    """By who asks: questions are for who asked them."""
    other: Ids
    nowhere: Ids = field(default_factory=dict)


def world_made() -> World:
    """All of it, by the services that make it for everybody."""
    model_register(source=bundled_model_path(), name="sentence-transformers/all-MiniLM-L6-v2", actor=ACTOR)
    mine, theirs = (Tenant.objects.create(name=name, slug=name.lower()) for name in ("Harbour", "Airport"))
    people = _people(mine)
    keys = {
        one.value: api_key_create(tenant=mine, name=one.value, permissions=[one], actor=ACTOR) for one in Permission
    }
    all_have, others = _side(mine, 42), _side(theirs, 23)
    askers: dict[str, dict[str, Any]] = {name: {"user": user} for name, user in people.items()}
    askers |= {name: {"api_key": key} for name, (key, _) in keys.items()}
    own = {name: all_have | _asked(mine, all_have, asker) for name, asker in askers.items()}
    own[ANONYMOUS] = own[SUPERUSER]
    other = others | _asked(theirs, others, {"user": member_of(theirs)})
    return World(people, {name: text for name, (_, text) in keys.items()}, own, other, {"model": others["model"]})


def member_of(tenant: Tenant) -> User:
    """Somebody of the other tenant."""
    user = User.objects.create_user(f"of-{tenant.slug}")
    member_add(user=user, tenant=tenant, role=Role.OWNER, actor=ACTOR)
    return user


def _people(tenant: Tenant) -> dict[str, User]:
    people = {STRANGER: User.objects.create_user(STRANGER), SUPERUSER: User.objects.create_superuser(SUPERUSER)}
    for role in Role:
        people[role.value] = User.objects.create_user(role.value)
        member_add(user=people[role.value], tenant=tenant, role=role, actor=ACTOR)
    return people


def _side(tenant: Tenant, number: int) -> Ids:
    base = knowledge_base_create(tenant_id=tenant.pk, name="Handbooks", actor=ACTOR)
    version = document_upload(
        UploadRequest(knowledge_base=base, filename="harbour.md", parts=[TEXT.format(number).encode()]), actor=ACTOR
    ).version
    for stage in STAGES:
        while job_run(stage):
            pass
    version.refresh_from_db()
    rows = _evaluated(base, version.document) | _shared(tenant, base, version.document) | _installed()
    rows |= {
        "knowledge-bases": base, "documents": version.document, "versions": version,
        "documents.knowledgebase": base, "documents.document": version.document, "documents.documentversion": version,
        "documents.chunk": version.chunks.first(), "documents.stagerecord": version.stages.first(),
        "retrieval.indexgeneration": IndexGeneration.objects.get(knowledge_base=base),
        "retrieval.reindex": Reindex.objects.create(
            knowledge_base=base, generation=IndexGeneration.objects.get(knowledge_base=base), asked_by="benchmark"
        ),
        "gateway.tenant": tenant,
        "core.outboxevent": OutboxEvent.objects.filter(tenant_id=tenant.pk).first(),
        "audit-entries": AuditEntry.objects.filter(tenant_id=tenant.pk).first(),
        "erasures": erasure_ask(
            subject="document", subject_id=str(version.document_id), tenant_id=tenant.pk, actor=ACTOR
        ),
        **_told(tenant),
        "job": BulkJob.objects.create(tenant=tenant, knowledge_base=base, kind="retry", state="open", total=1),
    }  # fmt: skip
    deleted = knowledge_base_create(tenant_id=tenant.pk, name="Old", actor=ACTOR)
    deletion: KnowledgeBaseDeletion = knowledge_base_delete(knowledge_base=deleted, actor=ACTOR)
    rows |= {"knowledge-base-deletions": deletion, "documents.knowledgebasedeletion": deletion}
    return {name: str(row.pk) for name, row in rows.items() if row is not None} | {"number": "1", "page": "1"}


def _told(tenant: Tenant) -> dict[str, Any]:
    made = webhook_create(tenant=tenant, url="https://example.org/hooks", types=["document.deleted"], actor=ACTOR)
    return {
        "webhooks": made,
        "monitoring.webhook": made,
        "monitoring.webhookdelivery": webhook_try(webhook=made, actor=ACTOR),
    }


def _evaluated(base: KnowledgeBase, document: Document) -> dict[str, Any]:
    made = evaluation_set_create(knowledge_base=base, name="Set", actor=ACTOR)
    relevant = [NewJudgement(document_id=document.pk)]
    question = question_add(evaluation_set=made, text="Berths?", relevant=relevant, actor=ACTOR)
    run = evaluation_run_start(evaluation_set=made, how=Searching(), actor=ACTOR)
    return {
        "evaluation-sets": made, "evaluation-questions": question, "evaluation-runs": run, "retrieval.evaluationset": made,
        "retrieval.evaluationquestion": question, "retrieval.evaluationrun": run,
    }  # fmt: skip


def _shared(tenant: Tenant, base: KnowledgeBase, document: Document) -> dict[str, Any]:
    """Grants, a member and a key that are nobody's of those who ask."""
    key, _ = api_key_create(tenant=tenant, name="spare", permissions=[Permission.READ], actor=ACTOR)
    user = User.objects.create_user(f"spare-{tenant.slug}")
    member_add(user=user, tenant=tenant, role=Role.READER, actor=ACTOR)

    def granted(resource: Resource) -> Any:
        return grant_create(GrantRequest(resource, key), actor=ACTOR)

    grant = granted(base)
    return {
        "knowledge-bases.grants": grant, "documents.grants": granted(document), "documents.grant": grant,
        "gateway.apikey": ApiKey.objects.get(pk=key.pk), "auth.user": user,
        "gateway.membership": Membership.objects.get(user=user),
    }  # fmt: skip


def _installed() -> dict[str, Any]:
    """What all tenants share; the same for both."""
    version = ModelVersion.objects.get()
    task, _ = ModelTask.objects.get_or_create(kind="pull", name="acme/tiny", source="acme/tiny", revision="1")
    now = timezone.now()
    cached, _ = ModelCache.objects.get_or_create(
        worker="models",
        version=version,
        device="cpu",
        bytes=1,
        defaults={"loaded_at": now, "last_used_at": now, "told_at": now + timedelta(days=1)},
    )
    order, _ = ModelOrder.objects.get_or_create(kind="load", version=version)
    job, _ = ScheduledJob.objects.get_or_create(name="sweep")
    group, _ = Group.objects.get_or_create(name="Board")
    return {
        "model": version.model, "models": version.model, "model_registry.model": version.model, "model-versions": version,
        "model_registry.modelversion": version, "model-tasks": task, "model_registry.modeltask": task,
        "model-orders": order, "model_registry.modelcache": cached, "core.scheduledjob": job, "auth.group": group,
    }  # fmt: skip


def _asked(tenant: Tenant, ids: Ids, asker: dict[str, Any]) -> Ids:
    """A conversation with a question and an answer, by one who asks."""
    conversation = Conversation.objects.create(tenant=tenant, begun_by="benchmark", title="Berths", **asker)
    query = Query.objects.create(
        tenant=tenant, asked_by="benchmark", question="Berths?", knowledge_base_ids=[ids["knowledge-bases"]], **asker
    )
    answer = Answer.objects.create(query=query, text="42 berths.", found=True, generator="extractive", citation_count=1)
    citation = Citation.objects.create(
        answer=answer,
        claim=0,
        version_id=ids["versions"],
        start=11,
        end=36,
        quote="The harbour has 42 berths",
        score=1.0,
    )
    feedback = AnswerFeedback.objects.create(answer=answer, rating="up", rated_by="benchmark")
    rows = {
        "conversations": conversation, "retrieval.conversation": conversation, "retrieval.query": query,
        "answers": answer, "retrieval.answer": answer, "retrieval.citation": citation,
        "retrieval.answerfeedback": feedback,
    }  # fmt: skip
    return {name: str(row.pk) for name, row in rows.items()}
