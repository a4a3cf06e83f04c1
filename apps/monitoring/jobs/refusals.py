"""Why a bulk job left documents as they were: named as far as the reader is shown them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from apps.documents.models import BulkJob, Document
from apps.documents.rights.access import documents_shown_to
from ragsite.core.admin.base import row_url
from ragsite.core.sentences import said
from ragsite.gateway.roles import AnyUser


@dataclass(frozen=True, slots=True)
class Refusal:
    """A document that was left as it was, with the reason. Without a `url` it is not for the reader, or gone."""

    name: str
    title: str
    reason: str
    url: str = ""


def refusals_of(job: BulkJob, user: AnyUser, *, most: int = 100) -> list[Refusal]:
    """The first refusals of a job, by one query."""
    told: Sequence[dict[str, Any]] = job.refusals[:most]
    shown = documents_shown_to(user).in_bulk([one["document"] for one in told]) if told else {}
    by_id = {str(pk): document for pk, document in shown.items()}
    return [_refusal(one, by_id.get(one["document"])) for one in told]


def _refusal(told: dict[str, Any], document: Document | None) -> Refusal:
    if document is None:
        unknown = _("A document that is gone, or not shown to you")
        return Refusal(unknown, unknown, said(told["reason"]))
    return Refusal(document.name, document.title, said(told["reason"]), row_url(document))
