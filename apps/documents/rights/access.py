"""Who may read what, and the access scope: what a caller may see. Every search takes one, and it becomes part of the SQL.

The one rule, by which a caller of the document's tenant reads a document that is not deleted:

- a restricted document: by a grant on the document;
- any other: by a grant on the document, or by reading its knowledge base;
- a knowledge base is read by everybody of the tenant, or where it is restricted by a grant on it;
- an API key that is for named knowledge bases reads nothing outside of these, whatever was granted to it.

It is written three times: here for Django's queries, in `apps.retrieval.search.filters` for searches, and in the policies
of migration 0006, the second wall. A property test compares all three with a fourth, in plain Python.

SQL that reads on somebody's behalf does so by `reading_as`: as the role that row-level security binds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q, QuerySet

from apps.documents.models import (
    LIVING,
    Document,
    DocumentVersion,
    Grant,
    KnowledgeBase,
    KnowledgeBaseDeletion,
    Visibility,
)
from ragsite.core.database import one_trip, prepared, rows_prepared
from ragsite.core.dynamic.places import Place
from ragsite.core.errors import NotFoundError
from ragsite.core.row_security import READER
from ragsite.gateway.keys import Principal
from ragsite.gateway.members import rows_of_tenants, tenant_ids_of
from ragsite.gateway.models import Permission, Role
from ragsite.gateway.roles import AnyUser, groups_of, roles_granted_to


@dataclass(frozen=True, slots=True)
class Subjects:
    """To whom a grant must have been given to count: a user, one of the user's groups, or an API key; and of which knowledge
    bases alone anything is shown, None for all.
    """

    user_id: int | None = None
    group_ids: frozenset[int] = frozenset()
    api_key_id: UUID | None = None
    only: frozenset[UUID] | None = None


@dataclass(frozen=True, slots=True)
class AccessScope:
    """What is searched: knowledge bases of one tenant, and for whom.

    Of `knowledge_base_ids` the documents that are not restricted may be read, and of both those granted to the `subjects`.
    Two empty sets find nothing. `for_all_readers` is for measuring a search and never for a request: it reads on nobody's
    behalf what everybody may read who reads those knowledge bases.
    """

    tenant_id: UUID
    knowledge_base_ids: frozenset[UUID]
    partly_readable_ids: frozenset[UUID] = frozenset()
    subjects: Subjects = Subjects()
    for_all_readers: bool = False

    @property
    def searched_ids(self) -> frozenset[UUID]:
        """All knowledge bases in which something may be found."""
        return self.knowledge_base_ids | self.partly_readable_ids

    @property
    def place(self) -> Place:
        """Whose settings hold: those of the one knowledge base that is searched, or of the tenant where it is several."""
        searched = self.searched_ids
        return Place(self.tenant_id, next(iter(searched)) if len(searched) == 1 else None)


def access_scope(principal: Principal, *, knowledge_base_ids: Collection[UUID] | None) -> AccessScope:
    """The scope of a request, resolved once: the named knowledge bases, or with None all in which the caller may see
    something. One with nothing but granted documents can be named too.

    Raises:
        NotFoundError: a named knowledge base does not exist or is not for the caller; the two look alike.
    """
    subjects = subjects_of(principal)
    found = _knowledge_bases_searched(principal, subjects, knowledge_base_ids)
    missing = sorted(str(wanted) for wanted in set(knowledge_base_ids or ()) - found.keys())
    if missing:
        raise NotFoundError(f"There is no knowledge base {', '.join(missing)}.")
    return AccessScope(
        tenant_id=principal.tenant_id,
        knowledge_base_ids=frozenset(pk for pk, whole in found.items() if whole),
        partly_readable_ids=frozenset(pk for pk, whole in found.items() if not whole),
        subjects=subjects,
    )


def _knowledge_bases_searched(
    principal: Principal, subjects: Subjects, named: Collection[UUID] | None
) -> dict[UUID, bool]:
    """Those in which the caller may see something, by id: whether it is all that is not restricted, or only what was granted."""
    readable = _readable_by(subjects)
    granted = _grants_to(subjects).filter(document__knowledge_base=OuterRef("pk"), document__deleted_at=None)
    seen = KnowledgeBase.objects.filter(readable | Exists(granted), _there_for(principal), deleted_at=None)
    wanted = seen if named is None else seen.filter(pk__in=named)
    whole = ExpressionWrapper(readable, BooleanField())
    return dict(wanted.order_by().annotate(whole=whole).values_list("pk", "whole"))


def subjects_of(principal: Principal) -> Subjects:
    """As whom the caller is granted something."""
    return Subjects(
        user_id=principal.user_id,
        group_ids=principal.group_ids,
        api_key_id=principal.api_key_id,
        only=principal.knowledge_base_ids,
    )


def knowledge_bases_visible(principal: Principal) -> QuerySet[KnowledgeBase]:
    """The knowledge bases a caller may read. One of which only documents were granted stays unseen."""
    return knowledge_bases_readable(subjects_of(principal), tenant_ids=[principal.tenant_id])


def knowledge_bases_readable(subjects: Subjects, *, tenant_ids: Collection[UUID]) -> QuerySet[KnowledgeBase]:
    """The knowledge bases that the subjects may read, if they belong to the tenants."""
    return KnowledgeBase.objects.filter(_readable_by(subjects), tenant_id__in=tenant_ids, deleted_at=None)


def deletions_visible(principal: Principal) -> QuerySet[KnowledgeBaseDeletion]:
    """The deletions of knowledge bases that a caller could read before."""
    readable = KnowledgeBase.objects.filter(_readable_by(subjects_of(principal)), _there_for(principal))
    return KnowledgeBaseDeletion.objects.filter(knowledge_base__in=readable).select_related("knowledge_base")


def knowledge_bases_readable_by(user: AnyUser) -> QuerySet[KnowledgeBase]:
    """Those of the tenants of a user of the admin that the user may read; a superuser needs grants like everybody else."""
    return knowledge_bases_readable(_subjects_of_user(user), tenant_ids=tenant_ids_of(user))


def knowledge_base_visible(principal: Principal, knowledge_base_id: UUID) -> KnowledgeBase:
    """The knowledge base of that id.

    Raises:
        NotFoundError: it does not exist or is not for the caller; the two look alike.
    """
    found = knowledge_bases_visible(principal).filter(pk=knowledge_base_id).first()
    if found is None:
        raise NotFoundError(f"There is no knowledge base {knowledge_base_id}.")
    return found


def documents_visible(principal: Principal) -> QuerySet[Document]:
    """The documents a caller may read."""
    return _documents(principal).select_related("knowledge_base", "current_version")


def versions_visible(principal: Principal) -> QuerySet[DocumentVersion]:
    """The versions of the documents a caller may read."""
    versions = DocumentVersion.objects.filter(document__in=_documents(principal).values("pk"))
    return versions.select_related("document").prefetch_related("stages")


def versions_readable_by(user: AnyUser) -> QuerySet[DocumentVersion]:
    """Those of the tenants of a user of the admin that the user may read, with the same grants: answers that quote others are not
    shown.
    """
    documents = documents_readable_by(user)
    return DocumentVersion.objects.filter(document__in=documents.values("pk")).select_related("document")


def documents_readable_by(user: AnyUser) -> QuerySet[Document]:
    """Those of the tenants of a user of the admin that the user may read; as `knowledge_bases_readable_by`."""
    return Document.objects.filter(readable_by(user))


def readable_by(user: AnyUser, *, at: str = "") -> Q:
    """The same as a condition on rows, from which `at` leads to the document (`"version__document__"`): the documents of the
    rows that are shown are looked up, where `__in` would have all readable ones listed first.
    """
    return _documents_readable(_subjects_of_user(user), tenant_ids=tenant_ids_of(user), at=at)


def documents_shown_to(user: AnyUser) -> QuerySet[Document]:
    """The documents that a user of the admin sees where they are listed: by a role those that the user may read, by permissions
    that were given in Django all of the user's tenants.
    """
    return rows_of_tenants(Document.objects.filter(LIVING), user, path="tenant")


def documents_hidden(principal: Principal, knowledge_base: KnowledgeBase) -> QuerySet[Document]:
    """Of a knowledge base that the caller reads the documents that it may not: restricted ones that were not granted."""
    granted = _grants_to(subjects_of(principal)).filter(document__isnull=False).values("document_id")
    restricted = Document.objects.filter(knowledge_base=knowledge_base, deleted_at=None, restricted=True)
    return restricted.exclude(pk__in=granted)


def told_of_all(principal: Principal | None, knowledge_base: KnowledgeBase) -> bool:
    """Whether what is said of all documents of the knowledge base together is for the caller: one from whom none is hidden, or
    who may let itself see them. No principal is somebody with access to the machine.
    """
    if principal is None or Permission.GRANTS.value in principal.permissions:
        return True
    roles = roles_granted_to(principal.user_id).get(knowledge_base.pk, ()) if principal.user_id is not None else ()
    return Role.OWNER in roles or not documents_hidden(principal, knowledge_base).exists()


def knowledge_bases_manageable(principal: Principal) -> QuerySet[KnowledgeBase]:
    """Those whose grants a caller with the permission to manage grants may manage: all of the tenant, read or not."""
    return KnowledgeBase.objects.filter(_there_for(principal), deleted_at=None)


def documents_manageable(principal: Principal) -> QuerySet[Document]:
    """As `knowledge_bases_manageable`."""
    return Document.objects.filter(LIVING, _there_for(principal, at="knowledge_base__"))


def _subjects_of_user(user: AnyUser) -> Subjects:
    return Subjects(user_id=user.pk, group_ids=groups_of(user))


def _documents(principal: Principal) -> QuerySet[Document]:
    return Document.objects.filter(_documents_readable(subjects_of(principal), tenant_ids=[principal.tenant_id]))


def _there_for(principal: Principal, *, at: str = "") -> Q:
    """The knowledge bases of the caller's tenant, or those of them that alone are there for it."""
    return Q(**{f"{at}tenant_id": principal.tenant_id}) & _among(subjects_of(principal), f"{at}pk")


def _documents_readable(subjects: Subjects, *, tenant_ids: Collection[UUID], at: str = "") -> Q:
    readable = knowledge_bases_readable(subjects, tenant_ids=tenant_ids).values("pk")
    granted = _grants_to(subjects).filter(document__isnull=False).values("document_id")

    def of(**wanted: Any) -> Q:
        return Q(**{f"{at}{name}": value for name, value in wanted.items()})

    living = of(deleted_at=None, knowledge_base__deleted_at=None) & _among(subjects, f"{at}knowledge_base")
    return (of(restricted=False, knowledge_base__in=readable) | of(pk__in=granted)) & living & of(tenant__in=tenant_ids)


def _readable_by(subjects: Subjects) -> Q:
    granted = _grants_to(subjects).filter(knowledge_base__isnull=False).values("knowledge_base_id")
    return (Q(visibility=Visibility.TENANT) | Q(pk__in=granted)) & _among(subjects)


def _among(subjects: Subjects, field: str = "pk") -> Q:
    """Only what is of the knowledge bases that the subjects are for, where `field` leads to the knowledge base."""
    return Q() if subjects.only is None else Q(**{f"{field}__in": subjects.only})


def _grants_to(subjects: Subjects) -> QuerySet[Grant]:
    """A caller without a user, or without an API key, has no grants as such: `= None` would mean those of everybody else."""
    to = Q(group_id__in=subjects.group_ids)
    if subjects.user_id is not None:
        to |= Q(user_id=subjects.user_id)
    if subjects.api_key_id is not None:
        to |= Q(api_key_id=subjects.api_key_id)
    return Grant.objects.filter(to)


_reading: ContextVar[AccessScope | None] = ContextVar("reading", default=None)


@contextmanager
def reading_as(scope: AccessScope) -> Iterator[None]:
    """Read within the block only what the scope's subjects may, whatever the SQL asks for. Nothing can be written in it.

    Role and settings are local to a transaction of the block's own, or, inside another one, to a savepoint that is rolled
    back. So neither they nor other `SET LOCAL` of the block outlive it, and a pooled connection takes nothing to the next
    request. A block within one of the same scope is a part of it, and costs no statement.
    """
    if _reading.get() == scope:
        yield
        return
    inside_another = connection.in_atomic_block
    with transaction.atomic():
        rows_prepared(_become_reader(scope), _identity(scope))
        outer = _reading.set(scope)
        try:
            yield
        finally:
            _reading.reset(outer)
        # The reader has nothing to commit, and after a rollback psycopg would prepare every statement again.
        transaction.set_rollback(inside_another)


@dataclass(frozen=True, slots=True)
class Reading:
    """A statement with its parameters, and the server's settings for it."""

    statement: str
    parameters: Mapping[str, Any]
    settings: Mapping[str, str]


def read_in_one_trip(scope: AccessScope, readings: Sequence[Reading]) -> list[list[tuple[Any, ...]]]:
    """The rows of each statement, of at least one, read as in a block of `reading_as` of its own or in the one around it.

    Becoming the reader, the settings of the server, which are for their statement and what follows in the block, and the
    statements are sent at once. These are kept prepared, with what that asks of them: see `rows_prepared`.
    """
    if not connection.get_autocommit():
        with reading_as(scope), one_trip():
            settings_local(readings[0].settings)
            return _of_each(readings)
    with one_trip():
        first = readings[0].settings
        prepared(f"{_become_reader(scope)}, {_set(first)}", {**_identity(scope), **first})
        return _of_each(readings)


def _of_each(readings: Sequence[Reading]) -> list[list[tuple[Any, ...]]]:
    """What each gives, of which the first has its settings already. Nothing is fetched before all are sent."""
    sent, now = [], readings[0].settings
    for reading in readings:
        if reading.settings != now:
            now = reading.settings
            prepared(f"SELECT {_set(now)}", now)
        by_whom = f"SELECT current_user, found.* FROM ({reading.statement}) found"  # noqa: S608 - the callers' own words
        sent.append(prepared(by_whom, reading.parameters))
    return [_of_reader(one.fetchall()) for one in sent]


def _of_reader(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The rows without who read them, which must have been the reader: nothing but the trip holds the two statements together."""
    others = {who for who, *_ in rows} - {READER}
    if others:
        raise RuntimeError(f"Rows were read as {', '.join(others)} and not as {READER}, so they are not given out.")
    return [row[1:] for row in rows]


def settings_local(settings: Mapping[str, str]) -> None:
    """The server's settings, by name, until the block of reading ends."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_set(settings)}", settings)


def _become_reader(scope: AccessScope) -> str:
    return _BECOME_READER.format(readable=_OF_ALL_READERS if scope.for_all_readers else _OF_SUBJECTS)


def _set(settings: Mapping[str, str]) -> str:
    return ", ".join(f"set_config('{name}', %({name})s, true)" for name in settings)


def _identity(scope: AccessScope) -> dict[str, Any]:
    subjects = scope.subjects
    return {
        "role": READER,
        "tenant": scope.tenant_id,
        "knowledge_bases": sorted(scope.knowledge_base_ids),
        "user": subjects.user_id,
        "groups": sorted(subjects.group_ids),
        "api_key": subjects.api_key_id,
    }


# What may be read is asked of the database and not of the scope, so that one wall's mistake is not the other's.
_OF_SUBJECTS = "ragsite_knowledge_bases(%(tenant)s::uuid, %(user)s::integer, %(groups)s::integer[], %(api_key)s::uuid)"
_OF_ALL_READERS = """(
    SELECT array_agg(id) FROM documents_knowledgebase
    WHERE id = ANY(%(knowledge_bases)s::uuid[]) AND tenant_id = %(tenant)s::uuid AND deleted_at IS NULL
)"""
_BECOME_READER = """
    SELECT set_config('ragsite.tenant', %(tenant)s::text, true),
           set_config('ragsite.user', coalesce(%(user)s::text, ''), true),
           set_config('ragsite.groups', (%(groups)s::integer[])::text, true),
           set_config('ragsite.api_key', coalesce(%(api_key)s::text, ''), true),
           set_config('ragsite.knowledge_bases', coalesce({readable}, '{{}}')::text, true),
           set_config('role', %(role)s, true)"""
