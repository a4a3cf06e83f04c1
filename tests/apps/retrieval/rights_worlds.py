"""Random worlds of rights, the oracle that says in plain Python who may read what, and the real rows they are put on.

Two tenants with two knowledge bases each, of three documents each; three users, of whom the last belongs to both tenants,
two groups, and three API keys, some for named knowledge bases. The rows are made once a test; a world sets their flags and
grants, and is rolled back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import transaction
from hypothesis import strategies as st

from apps.documents.models import Document, Grant, KnowledgeBase, ParsedText, Visibility
from apps.retrieval.index.lexical.writing import lexical_build
from ragsite.gateway.keys import Principal, api_key_create, principal_of
from ragsite.gateway.members import principal_of_user
from ragsite.gateway.models import ApiKey, Membership, Permission
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.retrieval.making import indexed, unit_vectors
from tests.apps.retrieval.texts import index_of

BASES, DOCUMENTS, USERS, GROUPS, KEYS = 4, 12, 3, 2, 3
PER_BASE = DOCUMENTS // BASES
TENANT_OF_KEY = (0, 0, 1)
TENANTS_OF_USER = ((0,), (1,), (0, 1))
GONE = datetime(2024, 1, 1, tzinfo=UTC)

Subject = tuple[str, int]
Resource = tuple[str, int]


def tenant_of_base(base: int) -> int:
    return base // 2


def base_of(document: int) -> int:
    return document // PER_BASE


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the key or user of that number, in that tenant."""

    kind: str
    number: int
    tenant: int


CALLERS = [Caller("api_key", number, tenant) for number, tenant in enumerate(TENANT_OF_KEY)] + [
    Caller("user", number, tenant) for number, tenants in enumerate(TENANTS_OF_USER) for tenant in tenants
]


@dataclass(frozen=True, slots=True)
class World:
    restricted_bases: frozenset[int]
    deleted_bases: frozenset[int]
    restricted: frozenset[int]
    deleted: frozenset[int]
    members: frozenset[tuple[int, int]]
    grants: frozenset[tuple[Subject, Resource]]
    narrowed: tuple[frozenset[int] | None, ...] = (None,) * KEYS

    def is_for(self, caller: Caller, base: int) -> bool:
        """Whether the caller is no key for other knowledge bases."""
        named = self.narrowed[caller.number] if caller.kind == "api_key" else None
        return named is None or base in named

    def subjects(self, caller: Caller) -> set[Subject]:
        mine: set[Subject] = {(caller.kind, caller.number)}
        if caller.kind == "user":
            mine |= {("group", group) for user, group in self.members if user == caller.number}
        return mine

    def granted(self, caller: Caller, resource: Resource) -> bool:
        return any((subject, resource) in self.grants for subject in self.subjects(caller))

    def reads_base(self, caller: Caller, base: int) -> bool:
        if tenant_of_base(base) != caller.tenant or base in self.deleted_bases or not self.is_for(caller, base):
            return False
        return base not in self.restricted_bases or self.granted(caller, ("knowledge_base", base))

    def reads(self, caller: Caller, document: int) -> bool:
        base = base_of(document)
        if tenant_of_base(base) != caller.tenant or base in self.deleted_bases or document in self.deleted:
            return False
        if not self.is_for(caller, base):
            return False
        if self.granted(caller, ("document", document)):
            return True
        return document not in self.restricted and self.reads_base(caller, base)

    def readable(self, caller: Caller) -> set[int]:
        return {document for document in range(DOCUMENTS) if self.reads(caller, document)}

    def nameable(self, caller: Caller, base: int) -> bool:
        """Whether a search may name it: it is read, or holds a document that was granted and is there."""
        return self.reads_base(caller, base) or any(base_of(document) == base for document in self.readable(caller))


def some(number: int, *, rarely: bool = False) -> st.SearchStrategy[frozenset[int]]:
    return st.frozensets(st.integers(0, number - 1), max_size=2 if rarely else number)


_SUBJECTS = st.one_of(
    st.tuples(st.just("user"), st.integers(0, USERS - 1)),
    st.tuples(st.just("group"), st.integers(0, GROUPS - 1)),
    st.tuples(st.just("api_key"), st.integers(0, KEYS - 1)),
)
_RESOURCES = st.one_of(
    st.tuples(st.just("knowledge_base"), st.integers(0, BASES - 1)),
    st.tuples(st.just("document"), st.integers(0, DOCUMENTS - 1)),
)
WORLDS = st.builds(
    World,
    restricted_bases=some(BASES),
    deleted_bases=some(BASES, rarely=True),
    restricted=some(DOCUMENTS),
    deleted=some(DOCUMENTS, rarely=True),
    members=st.frozensets(st.tuples(st.integers(0, USERS - 1), st.integers(0, GROUPS - 1)), max_size=4),
    grants=st.frozensets(st.tuples(_SUBJECTS, _RESOURCES), max_size=14),
    narrowed=st.tuples(*[st.none() | some(BASES)] * KEYS),
)


@dataclass(frozen=True, slots=True)
class Stage:
    """The rows that worlds are put on."""

    bases: list[KnowledgeBase]
    documents: list[Document]
    users: list[User]
    groups: list[Group]
    keys: list[ApiKey]
    secrets: list[str]

    def principal(self, caller: Caller) -> Principal:
        tenant_id = self.bases[caller.tenant * 2].tenant_id
        if caller.kind == "user":
            return principal_of_user(self.users[caller.number], tenant_id=tenant_id)
        return principal_of(ApiKey.objects.get(pk=self.keys[caller.number].pk))

    def numbers(self, ids: Any) -> set[int]:
        """Which documents those are."""
        known = {document.pk: number for number, document in enumerate(self.documents)}
        return {known[pk] for pk in ids}

    @contextmanager
    def set_up(self, world: World) -> Iterator[None]:
        """The rows as the world has them, for the length of the block."""
        with transaction.atomic():
            self._flags(world)
            for user, group in world.members:
                self.users[user].groups.add(self.groups[group])
            Grant.objects.bulk_create(self._grant(*pair) for pair in sorted(world.grants))
            yield
            transaction.set_rollback(True)

    def _flags(self, world: World) -> None:
        def marked(rows: list[Any], numbers: frozenset[int]) -> list[Any]:
            return [rows[number].pk for number in numbers]

        bases, documents = KnowledgeBase.objects, Document.objects
        bases.filter(pk__in=marked(self.bases, world.restricted_bases)).update(visibility=Visibility.RESTRICTED)
        bases.filter(pk__in=marked(self.bases, world.deleted_bases)).update(deleted_at=GONE)
        documents.filter(pk__in=marked(self.documents, world.restricted)).update(restricted=True)
        documents.filter(pk__in=marked(self.documents, world.deleted)).update(deleted_at=GONE)
        for key, named in zip(self.keys, world.narrowed, strict=True):
            ids = None if named is None else marked(self.bases, named)
            ApiKey.objects.filter(pk=key.pk).update(knowledge_base_ids=ids)

    def _grant(self, subject: Subject, resource: Resource) -> Grant:
        """Also one that the service would refuse: to somebody of another tenant."""
        whom = {"user": self.users, "group": self.groups, "api_key": self.keys}[subject[0]][subject[1]]
        what = {"knowledge_base": self.bases, "document": self.documents}[resource[0]][resource[1]]
        return Grant(tenant_id=what.tenant_id, granted_by="test", **{subject[0]: whom, resource[0]: what})


def stage() -> Stage:
    """Made as the services and stages leave them, a text for every document."""
    tenants = [make.tenant(), make.tenant()]
    bases = [make.knowledge_base(of=tenants[tenant_of_base(number)]) for number in range(BASES)]
    documents = [document for base in bases for document in indexed(base, unit_vectors(PER_BASE))[1]]
    ParsedText.objects.bulk_create(
        ParsedText(version_id=document.current_version_id, text=document.title, parser="test") for document in documents
    )
    for base in bases:
        lexical_build(index_of(base))
    users = [User.objects.create_user(f"user{number}") for number in range(USERS)]
    for user, ours in zip(users, TENANTS_OF_USER, strict=True):
        Membership.objects.bulk_create(Membership(user=user, tenant=tenants[tenant]) for tenant in ours)
    keys = [
        api_key_create(tenant=tenants[tenant], name="key", permissions=list(Permission), actor=ACTOR)
        for tenant in TENANT_OF_KEY
    ]
    return Stage(
        bases, documents, users,
        [Group.objects.create(name=f"group{number}") for number in range(GROUPS)],
        [key for key, _ in keys], [text for _, text in keys],
    )  # fmt: skip
