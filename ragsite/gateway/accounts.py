"""What the audit log says of people's accounts: signed in and out, failed to, changed their password."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.http import HttpRequest

from ragsite.core.actors import LONGEST_NAME, Actor, ActorKind, Door, change_log
from ragsite.core.audit.codes import text_digest
from ragsite.core.audit.models import Outcome
from ragsite.core.audit.recording import Act, AuditObject, act_record, acts_record
from ragsite.core.request_ids import request_id
from ragsite.gateway.members import tenants_of_user


def account_tell(
    action: str, user: AbstractBaseUser | AnonymousUser, *, address: str = "", outcome: Outcome = Outcome.SUCCESS
) -> None:
    """An entry about an account, by whoever uses it, in the audit log of each tenant that it belongs to.

    Who fails has not shown to be its owner, and is named without an id.
    """
    if user.pk is None:
        return
    actor, name = Actor.of_user(user, door=Door.ADMIN), user.get_username()
    if outcome is Outcome.FAILURE:
        actor = replace(actor, id="")
    acts_record(
        (Act(action, AuditObject("user", str(user.pk), name, tenant_id), _from(address), outcome), actor)
        for tenant_id in tenants_of_user(user.pk)
    )


def account_log(what: str, action: str, user: User, *, actor: Actor) -> None:
    """An entry about a change to an account, by who made it, in the audit log of each of its tenants, and a line in the log."""
    on = (AuditObject("user", str(user.pk), user.get_username(), tenant_id) for tenant_id in tenants_of_user(user.pk))
    acts_record((Act(action, one), actor) for one in on)
    change_log(what, actor=actor, action=None)


def sign_in_tell(name: str, *, address: str, outcome: Outcome) -> None:
    """An entry about a try to sign in. Of a name that nobody has no more is kept than a code: it may be a password."""
    user = User.objects.filter(username=name).first()
    if user is not None:
        account_tell("account.signed_in", user, address=address, outcome=outcome)
        return
    actor = Actor(ActorKind.USER, "", "", Door.ADMIN, request_id())
    typed = {"typed": text_digest(name[:LONGEST_NAME], tenant_id=None)}
    act_record(Act("account.signed_in", AuditObject("user"), typed | _from(address), outcome), actor=actor)


def address_of(request: HttpRequest) -> str:
    """Where the request comes from."""
    return request.META.get("REMOTE_ADDR") or ""


def _from(address: str) -> dict[str, Any]:
    return {"address": address} if address else {}
