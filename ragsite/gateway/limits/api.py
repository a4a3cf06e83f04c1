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
from ragsite.gateway.limits.parties import parties_of_key
from ragsite.gateway.limits.usage import LimitUse, limits_used
from ragsite.gateway.models import Permission

router = Router(auth=KeyBearer(permission=None), tags=["usage"])


class LimitOut(Schema):
    """A limit. What is used is told of those of a day or month alone, as it was some seconds ago."""

    of: PartyKind
    work: Work
    per: Per = Field(description="`once`: at the same moment.")
    limit: int
    used: int | None = None
    left: int | None = None
    begins: datetime | None = None
    ends: datetime | None = Field(None, description="When it begins anew.")


class UsageOut(Schema):
    limits: list[LimitOut]


@router.get("/usage/", response={200: UsageOut}, summary="Look at your limits")
def usage(request: HttpRequest) -> UsageOut:
    """The limits of the key, and of its tenant if it has the permission `grants:manage`. What is not named has no limit."""
    principal: Principal = request.auth  # type: ignore[attr-defined]
    if principal.api_key_id is None:
        return UsageOut(limits=[])
    parties = parties_of_key(principal.tenant_id, principal.api_key_id)
    told = {PartyKind.KEY} | ({PartyKind.TENANT} if Permission.GRANTS.value in principal.permissions else set())
    return UsageOut(limits=[_out(one) for one in limits_used([one for one in parties if one.kind in told])])


def _out(one: LimitUse) -> LimitOut:
    return LimitOut(
        of=one.of,
        work=one.kind.work,
        per=one.kind.per,
        limit=one.limit,
        used=one.used,
        left=one.left,
        begins=one.begins,
        ends=one.ends,
    )
