"""Rows of the user's tenants, and counts of them that stay cheap however many there are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext

from apps.documents.models import LIVING, LIVING_VERSIONS, Document, DocumentVersion
from ragsite.core.numbers import number_shown
from ragsite.gateway.members import is_superuser, rows_of_tenants, tenant_ids_of
from ragsite.gateway.roles import AnyUser

MOST_COUNTED = 1_000
MOST_LOOKED_THROUGH = 2_000


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows there are, up to `most`: nobody needs to know how many more."""

    number: int
    most: int = MOST_COUNTED

    def __str__(self) -> str:
        return (
            number_shown(self.number)
            if self.number <= self.most
            else gettext("more than %(most)s") % {"most": number_shown(self.most)}
        )

    def __bool__(self) -> bool:
        return self.number > 0

    def told(self, sentence: Any) -> str:
        """A sentence of `ngettext_lazy` with the `%(count)s` in it, its form chosen by the `number`."""
        return str(sentence % {"number": self.number, "count": self})


def counted(rows: QuerySet[Any], *, most: int = MOST_COUNTED) -> Count:
    """The number of rows, of which no more are read than are told."""
    return Count(rows.order_by().values("pk")[: most + 1].count(), most)


def mine(request: HttpRequest, rows: QuerySet[Any], *, path: str = "tenant") -> QuerySet[Any]:
    """Those of the user's tenants."""
    return rows_of_tenants(rows, request.user, path=path)


def versions_came(user: AnyUser, versions: QuerySet[DocumentVersion]) -> list[datetime] | None:
    """When those of the versions came whose documents the user is shown, or None where more than `MOST_LOOKED_THROUGH` fit.

    Few versions fail or wait, and many documents may be read: the other way round the rights to all are looked up.
    """
    of_tenants = versions if is_superuser(user) else versions.filter(tenant_id__in=tenant_ids_of(user))
    found = list(of_tenants.order_by().values_list("document", "created_at")[: MOST_LOOKED_THROUGH + 1])
    if len(found) > MOST_LOOKED_THROUGH:
        return None
    among = Document.objects.filter(LIVING, pk__in={document for document, _ in found})
    shown = set(rows_of_tenants(among, user, path="tenant").values_list("pk", flat=True))
    return [moment for document, moment in found if document in shown]


def versions_counted(user: AnyUser, versions: QuerySet[DocumentVersion]) -> Count:
    """How many of the versions are of documents that the user is shown; cheap where few fit, as `versions_came`."""
    came = versions_came(user, versions)
    if came is not None:
        return Count(len(came))
    return counted(rows_of_tenants(versions.filter(LIVING_VERSIONS), user, path="document__tenant"))


def list_url(model: Any, query: str = "") -> str:
    """The admin's list of a model."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist") + query
