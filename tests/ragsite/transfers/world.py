"""A tenant with one of everything that travels, beside what must not, and exports of it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command

from apps.documents.lifecycle.editing import document_edit
from apps.documents.lifecycle.edits import Edit
from apps.documents.models import DocumentVersion, KnowledgeBase, ParsedText
from apps.documents.rights.grants import GrantRequest, grant_create
from apps.retrieval.evaluation.sets import NewJudgement, evaluation_set_create, question_add
from apps.retrieval.models import Answer, AnswerFeedback, Citation, Conversation, Judgement, Query
from ragsite.backups.copying import file_write
from ragsite.backups.places import FolderPlace
from ragsite.core.commands.exits import error_told
from ragsite.core.dynamic.changing import setting_set
from ragsite.core.dynamic.places import Place
from ragsite.core.errors import RagError
from ragsite.gateway.models import Role, Tenant
from ragsite.transfers.manifest import Manifest, TableFile, manifest_read, manifest_write
from ragsite.transfers.tables import TABLES
from tests import acting
from tests import factories as make
from tests.acting import ACTOR

MASKED = {"mode": "at_answer", "kinds": ["email"]}
HANDBOOK = "The pier opens at six. Write to harbour@example.org for a berth.\n"
SECOND = "The pier opens at seven. Write to harbour@example.org for a berth.\n"


@dataclass(frozen=True)
class World:
    """`base` is masked, restricted, and holds a document of four versions, of which the last one, edited, answers."""

    tenant: Tenant
    base: KnowledgeBase
    other: KnowledgeBase
    edited: DocumentVersion
    answer: Answer


def world_made() -> World:
    tenant = make.tenant("Harbour")
    base = make.knowledge_base(of=tenant, name="Handbooks", masking=MASKED, visibility="restricted")
    other = make.knowledge_base(of=tenant, name="Logs")
    edited = _document(base)
    make.ready_version(base, "It is for few.", filename="few.txt", restricted=True)
    make.ready_version(other, "The log of the harbour.", filename="log.txt")
    _grants(base, edited)
    _evaluated(base, edited)
    setting_set(name="answers.kept_seconds", place=Place.of_base(base), value=7, actor=ACTOR)
    anna = User.objects.get(username="anna")
    answer = _answered(tenant, [base], edited, anna)
    _answered(tenant, [base, other], edited, anna)
    return World(tenant, base, other, edited, answer)


def people_made(tenant: Tenant, *, email: str = "anna@example.org") -> None:
    """Members of the tenant: anna, and ben of the group of pilots."""
    make.member(tenant, Role.EDITOR, name="anna", email=email)
    ben = make.member(tenant, name="ben")
    ben.groups.add(Group.objects.get_or_create(name="Pilots")[0])


def _document(base: KnowledgeBase) -> DocumentVersion:
    first = make.ready_version(
        base, HANDBOOK, filename="handbook.txt", external_id="hb-1", tags=["harbour"], metadata={"year": 2026}
    )
    second = make.upload(base, SECOND, filename="handbook.txt", external_id="hb-1").version
    make.run_stages()
    document = second.document
    document.refresh_from_db()
    assert document.pk == first.document_id
    anna = acting.user("anna")
    made = document_edit(document=document, version=second, edits=[Edit(4, 8, "quay")], actor=anna)
    make.run_stages()
    made.refresh_from_db()
    assert made.status == "ready"
    return made


def _grants(base: KnowledgeBase, version: DocumentVersion) -> None:
    people_made(base.tenant)
    anna, pilots = User.objects.get(username="anna"), Group.objects.get(name="Pilots")
    grant_create(GrantRequest(base, anna, Role.EDITOR), actor=ACTOR)
    grant_create(GrantRequest(version.document, pilots), actor=ACTOR)
    grant_create(GrantRequest(base, make.keyed(base.tenant)[0]), actor=ACTOR)


def _evaluated(base: KnowledgeBase, version: DocumentVersion) -> None:
    made = evaluation_set_create(knowledge_base=base, name="Set", actor=ACTOR)
    relevant = [NewJudgement(document_id=version.document_id)]
    question = question_add(evaluation_set=made, text="When?", relevant=relevant, actor=ACTOR)
    Judgement.objects.create(question=question, document=version.document, version=version, start=0, end=9, grade=2)


def _answered(tenant: Tenant, bases: list[KnowledgeBase], version: DocumentVersion, user: User) -> Answer:
    """A conversation with one turn, whose answer cites the text of the version."""
    named = sorted(str(one.pk) for one in bases)
    text = ParsedText.objects.get(version=version).text
    span = {"start": 0, "end": 9, "heading_path": [], "place": None, "score": 0.5}
    talk = Conversation.objects.create(
        tenant=tenant, begun_by="anna", user=user, title="When?", knowledge_base_ids=named, turn_count=1
    )
    query = Query.objects.create(
        tenant=tenant, asked_by="anna", user=user, question="When?", conversation=talk, turn=1, knowledge_base_ids=named
    )
    answer = Answer.objects.create(
        query=query, text="At seven.", found=True, generator="extractive", citation_count=1,
        passages=[{"version": str(version.pk), **span}],
    )  # fmt: skip
    Citation.objects.create(answer=answer, claim=0, version=version, quote=text[:9], **span)
    AnswerFeedback.objects.create(answer=answer, rating="up", rated_by="anna", comment="Right.")
    return answer


def told(*words: str, code: int = 0) -> Any:
    """The document that a command prints, or that tells of the error; it ends with this exit code."""
    out, failure = io.StringIO(), None
    try:
        call_command("transfer", *words, "--json", stdout=out)
    except CommandError as error:
        failure = error
    assert (failure.returncode if failure else 0) == code, failure or out.getvalue()
    if failure is None:
        return json.loads(out.getvalue())
    cause = failure.__cause__
    assert isinstance(cause, RagError)
    return error_told(cause.error_code, cause.message, cause.error_action)


def rows_exported(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of an export, by table."""
    return {
        table.name: [json.loads(line) for line in (folder / "tables" / f"{table.name}.jsonl").read_bytes().splitlines()]
        for table in TABLES
    }


def changed(
    folder: Path, table: str, change: Callable[[list[dict[str, Any]]], Iterator[dict[str, Any]]], *, without: str = ""
) -> None:
    """Rewrite a table of an export as somebody would who can write there, with all digests; without a column."""
    place = FolderPlace(folder)
    manifest: Manifest = manifest_read(place)
    rows = list(change(rows_exported(folder)[table]))
    lines = [f"{json.dumps(row)}\n".encode() for row in rows]
    told = manifest.tables[table]
    columns = [one for one in told.columns if one != without]
    manifest.tables[table] = TableFile(file_write(place, told.file.name, lines), len(rows), columns)
    manifest_write(place, manifest)


def without(folder: Path, table: str, column: str) -> None:
    """Rewrite a table as an earlier version would have that did not know a column."""

    def lacking(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        return ({name: value for name, value in row.items() if name != column} for row in rows)

    changed(folder, table, lacking, without=column)
