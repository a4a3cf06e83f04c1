"""The REST door to a caller's limits."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from ragsite.core.limits import Per, Work
from ragsite.gateway.authentication import KeyBearer
from ragsite.gateway.keys import Principal
from ragsite.gateway.limits.buckets import PartyKind
from ragsite.gateway.limits.parties import parties_of_key, parties_of_members
from ragsite.gateway.limits.usage import LimitUse, limits_used
from ragsite.gateway.models import Permission

MOST_OF_MEMBERS = 1_000
"""Limits of members that one answer tells."""

router = Router(auth=KeyBearer(permission=None), tags=["usage"])


class LimitOut(Schema):
    """A limit. What is used is told of those of a day or month alone, as it was some seconds ago."""

    of: PartyKind
    user_id: int | None = Field(None, description="Whose it is, of a person's in this tenant.")
    work: Work
    per: Per = Field(description="`once`: at the same moment.")
    limit: int
    used: int | None = None
    left: int | None = None
    begins: datetime | None = None
    ends: datetime | None = Field(None, description="When it begins anew.")


class LimitsUsedOut(Schema):
    limits: list[LimitOut]


@router.get("/usage/", response={200: LimitsUsedOut}, summary="Look at your limits")
def usage(request: HttpRequest) -> LimitsUsedOut:
    """The limits of the key, and with the permission `grants:manage` of its tenant, and those that its members have of their own.
    What is not named has no limit.
    """
    principal: Principal = request.auth  # type: ignore[attr-defined]
    if principal.api_key_id is None:
        return LimitsUsedOut(limits=[])
    parties = parties_of_key(principal.tenant_id, principal.api_key_id)
    if Permission.GRANTS.value in principal.permissions:
        parties = (*parties, *parties_of_members([principal.tenant_id], most=MOST_OF_MEMBERS))
    else:
        parties = tuple(one for one in parties if one.kind is PartyKind.KEY)
    return LimitsUsedOut(limits=[_out(one) for one in limits_used(parties)])


def _out(one: LimitUse) -> LimitOut:
    return LimitOut(
        of=one.of,
        user_id=int(one.id) if one.of is PartyKind.USER else None,
        work=one.kind.work,
        per=one.kind.per,
        limit=one.limit,
        used=one.used,
        left=one.left,
        begins=one.begins,
        ends=one.ends,
    )
