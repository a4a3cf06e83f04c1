"""What there is for the tests of the contract: a tenant with a row of everything, and who asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from apps.documents.models import KnowledgeBaseDeletion
from apps.documents.rights.grants import Resource
from apps.documents.services.knowledge_bases import knowledge_base_delete
from apps.models.models import ModelOrder, ModelTask, ModelVersion
from apps.monitoring.webhooks.services import webhook_create, webhook_try
from apps.retrieval.answers.feedback import answer_rate
from apps.retrieval.answers.turns import AskedTurn
from apps.retrieval.erasing.services import erasure_ask
from apps.retrieval.evaluation.runs import evaluation_run_start
from apps.retrieval.evaluation.sets import NewJudgement, evaluation_set_create, question_add
from apps.retrieval.models import Answer, Conversation, EvaluationSet, IndexGeneration, Rating
from apps.retrieval.models.modes import Searching
from apps.retrieval.pipeline import ask
from apps.retrieval.search.request import SearchRequest
from ragsite.core.audit.models import AuditEntry
from ragsite.gateway.models import ApiKey, Tenant
from tests import factories as make
from tests.acting import ACTOR

ROOT = "/api/v1/"


@dataclass(frozen=True, slots=True)
class World:
    """Who asks, and what there is by the part of an address that its id follows."""

    tenant: Tenant
    key: str
    rows: dict[str, Any]

    def id(self, part: str) -> str:
        return str(self.rows[part].pk)

    def ids_in(self, path: str) -> dict[str, str]:
        """The ids of an address of the OpenAPI document, by the names of their parameters."""
        return {name: self.id(part) for name, part in _parts(path) if part in self.rows}


def _parts(path: str) -> Iterator[tuple[str, str]]:
    """The parameters of an address, each with the part that says of what it is the id."""
    parts = path.removeprefix(ROOT).strip("/").split("/")
    for before, part in pairwise(parts):
        if part.startswith("{"):
            yield part.strip("{}"), f"{parts[0]}.grants" if before == "grants" else before


def world_made() -> World:
    """All of it, by the services that make it for everybody; what no service makes at once is there as a row."""
    version = make.ready_version()
    document = version.document
    tenant, base = document.tenant, document.knowledge_base
    key = make.api_key(tenant)
    of_key = ApiKey.objects.get()
    rows = _evaluated(document) | _asked(base, of_key) | _of_all()
    member = make.member(tenant, name="ada")
    rows |= {
        "documents": document, "knowledge-bases": base, "versions": version, "keys": of_key,
        "documents.grants": _granted(document, tenant), "knowledge-bases.grants": _granted(base, tenant),
        "generations": IndexGeneration.objects.get(knowledge_base=base),
        "knowledge-base-deletions": _deleted(tenant),
        "erasures": erasure_ask(subject="user", subject_id=str(member.pk), tenant_id=tenant.pk, actor=ACTOR),
    }  # fmt: skip
    hook = webhook_create(tenant=tenant, url="https://example.org/hooks", types=["document.deleted"], actor=ACTOR)
    rows |= {"webhooks": hook, "deliveries": webhook_try(webhook=hook, actor=ACTOR)}
    rows["audit-entries"] = AuditEntry.objects.filter(tenant_id=tenant.pk).latest("id")
    return World(tenant, key, rows)


def _evaluated(document: Any) -> dict[str, Any]:
    made: EvaluationSet = evaluation_set_create(knowledge_base=document.knowledge_base, name="Set", actor=ACTOR)
    relevant = [NewJudgement(document_id=document.pk)]
    question = question_add(evaluation_set=made, text="Berths?", relevant=relevant, actor=ACTOR)
    run = evaluation_run_start(evaluation_set=made, how=Searching(), actor=ACTOR)
    while make.work_once("evaluate", run):
        pass
    return {"evaluation-sets": made, "evaluation-questions": question, "evaluation-runs": run}


def _asked(base: Any, key: ApiKey) -> dict[str, Any]:
    """A conversation with a turn of the key, and its answer, which was rated."""
    conversation = Conversation.objects.create(tenant=base.tenant, begun_by="test", api_key=key)
    request = SearchRequest("Berths?")
    turn = AskedTurn("Berths?", request, conversation_id=conversation.pk)
    ask(request, scope=make.scope(base), actor=ACTOR, deadline=make.soon(), turn=turn)
    answer = Answer.objects.get()
    answer.query.api_key = key
    answer.query.save(update_fields=["api_key"])
    answer_rate(answer=answer, rating=Rating.UP, comment="", actor=ACTOR)
    return {"conversations": conversation, "answers": answer}


def _granted(resource: Resource, tenant: Tenant) -> Any:
    return make.grant(resource, make.keyed(tenant)[0])


def _deleted(tenant: Tenant) -> KnowledgeBaseDeletion:
    deletion: KnowledgeBaseDeletion = knowledge_base_delete(knowledge_base=make.knowledge_base(of=tenant), actor=ACTOR)
    return deletion


def _of_all() -> dict[str, Any]:
    """What all tenants share."""
    version = ModelVersion.objects.select_related("model").get()
    task = ModelTask.objects.create(kind="pull", name="acme/tiny", source="acme/tiny", revision="1")
    order = ModelOrder.objects.create(kind="load", version=version)
    return {"models": version.model, "model-versions": version, "model-tasks": task, "model-orders": order}
