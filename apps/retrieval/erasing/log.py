"""Words in the audit log that name what is erased. The entries stay, with ids and without them (ragsite.core.audit.words)."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast

from apps.documents.models import DocumentVersion
from ragsite.core.actors import Actor, ActorKind
from ragsite.core.audit.erasing import entries_with_words, words_erase
from ragsite.core.audit.models import ERASED, AuditEntry
from ragsite.core.audit.words import words_kept
from ragsite.gateway.models import Membership

AT_ONCE = 500
"""Entries that one transaction erases words of."""

_WHO, _WHAT, _WHERE = "actor_name", "object_name", "details.address"


@dataclass(frozen=True, slots=True)
class LoggedWords:
    """Entries that may have words to erase, and the places of those that have."""

    entries: QuerySet[AuditEntry]
    chosen: Callable[[AuditEntry], Collection[str]]

    def each(self) -> Iterator[tuple[AuditEntry, Collection[str]]]:
        for entry in self.entries.order_by("id").iterator(chunk_size=AT_ONCE):
            if places := self.chosen(entry):
                yield entry, places


def logged_count(sought: Collection[LoggedWords]) -> int:
    """In how many entries there is something to erase."""
    return len({entry.pk for each in sought for entry, _ in each.each()})


def logged_erase(sought: Collection[LoggedWords], *, erasure_id: UUID, actor: Actor) -> int:
    """Erase words of some entries; of how many.

    Raises:
        TransientError: (code `busy`) the log is being sealed or pruned.
    """
    for each in sought:
        logs: dict[UUID | None, dict[UUID, Collection[str]]] = defaultdict(dict)
        for entry, places in islice(each.each(), AT_ONCE):
            logs[entry.tenant_id][entry.pk] = places
        for tenant_id, words in logs.items():
            words_erase(words, tenant_id=tenant_id, erasure_id=erasure_id, actor=actor)
        if logs:
            return sum(map(len, logs.values()))
    return 0


def logged_of_user(user_id: str, tenant_id: UUID) -> list[LoggedWords]:
    """What names a user: who acted and from where, what was done to the account, and the name in any other words.

    In the log of the tenant; in all, if the account goes with it.
    """
    account = User.objects.filter(pk=user_id).first()
    logs = Q(tenant_id=tenant_id) if account and not _goes(account, tenant_id) else Q()
    texts = [one for one in (account.username, account.email, account.get_full_name()) if one] if account else []
    by_id = _of_accounts({user_id}, logs, texts)
    return [*by_id, *(_that_say(text, logs) for text in texts)]


def logged_acts_of(user_id: str, tenant_id: UUID) -> QuerySet[AuditEntry]:
    """What a user did in a tenant, whatever the name was."""
    return AuditEntry.objects.filter(tenant_id=tenant_id, actor_kind=ActorKind.USER.value, actor_id=user_id)


def logged_of_document(document_id: UUID, tenant_id: UUID) -> list[LoggedWords]:
    """All words about a document and its versions, but who acted."""
    versions = [str(pk) for pk in DocumentVersion.objects.filter(document=document_id).values_list("pk", flat=True)]
    about = Q(object_id__in=[str(document_id), *versions]) | Q(details__contains={"document_id": str(document_id)})
    entries = entries_with_words(AuditEntry.objects.filter(about, tenant_id=tenant_id), besides=[_WHO])
    return [LoggedWords(entries, lambda entry: words_kept(entry).keys() - {_WHO})]


def logged_of_tenant(tenant_id: UUID) -> list[LoggedWords]:
    """All words in the log of a tenant, and in others what names those whose accounts go with it."""
    mine = entries_with_words(AuditEntry.objects.filter(tenant_id=tenant_id).exclude(action=ERASED))
    members = User.objects.filter(memberships__tenant=tenant_id)
    leaving = {str(one.pk) for one in members if _goes(one, tenant_id)}
    elsewhere = _of_accounts(leaving, ~Q(tenant_id=tenant_id) | Q(tenant_id=None), ())
    return [LoggedWords(mine, lambda entry: words_kept(entry).keys()), *elsewhere]


def _goes(account: User, tenant_id: UUID) -> bool:
    """Whether the account is erased with its membership."""
    elsewhere = Membership.objects.filter(user=account).exclude(tenant=tenant_id)
    return not (account.is_staff or account.is_superuser or elsewhere.exists())


def _of_accounts(ids: Collection[str], logs: Q, texts: Collection[str]) -> list[LoggedWords]:
    """By the ids of accounts; each question has an index."""
    acted = Q(actor_kind=ActorKind.USER.value, actor_id__in=ids) & ~Q(actor_name="")
    account = Q(object_type="user", object_id__in=ids) & ~Q(object_name="")

    def chosen(entry: AuditEntry) -> Collection[str]:
        words = words_kept(entry)
        places = {place for place, value in words.items() if any(_says(value, text) for text in texts)}
        if entry.actor_kind == ActorKind.USER.value and entry.actor_id in ids:
            places |= {_WHO, _WHERE}
        if entry.object_type == "user" and entry.object_id in ids:
            # Who failed to sign in has no id.
            places |= {_WHAT, _WHERE} | (set() if entry.actor_id else {_WHO})
        return places & words.keys()

    return [LoggedWords(entries_with_words(AuditEntry.objects.filter(logs, one)), chosen) for one in (acted, account)]


def _that_say(text: str, logs: Q) -> LoggedWords:
    """By a name that stands by itself anywhere in them."""
    told = AuditEntry.objects.filter(logs).alias(said=Cast("details", TextField()))
    user = Q(actor_kind=ActorKind.USER.value, actor_name=text)
    entries = told.filter(user | Q(object_name__contains=text) | Q(said__contains=text))

    def chosen(entry: AuditEntry) -> Collection[str]:
        not_a_user = set() if entry.actor_kind == ActorKind.USER.value else {_WHO}
        return {place for place, value in words_kept(entry).items() if _says(value, text)} - not_a_user

    return LoggedWords(entries_with_words(entries), chosen)


def _says(value: Any, text: str) -> bool:
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return re.search(rf"(?<!\w){re.escape(text)}(?!\w)", said) is not None
