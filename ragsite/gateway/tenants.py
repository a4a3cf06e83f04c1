"""Tenants as things that happen."""

from __future__ import annotations

from django.db import transaction
from django.utils.text import slugify

from ragsite.core.actors import Actor, change_log
from ragsite.core.bounds import lengths_check
from ragsite.core.configuration import AuditSettings
from ragsite.core.errors import ConflictError
from ragsite.gateway.models import Tenant


def tenant_audit_keep(*, tenant: Tenant, days: int | None, actor: Actor) -> None:
    """From now on the tenant's audit log is kept for so many days; None for ever."""
    with transaction.atomic():
        before = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk).audit_days
        Tenant.objects.filter(pk=tenant.pk).update(audit_days=days)
        what = f"the audit log of tenant {tenant.slug} is kept for {days or 'ever'}"
        details = {"audit_days": days, "audit_days_before": before}
        change_log(what, actor=actor, action="tenant.updated", of=tenant, details=details)


def tenant_get_or_create(*, name: str, actor: Actor) -> Tenant:
    """The tenant of that name; made if there is none.

    Raises:
        ConflictError: the name has nothing to make a short name of.
        PermanentError: it is too long, or its short name is.
    """
    slug = slugify(name)
    lengths_check(Tenant, name=name, slug=slug)
    if not slug:
        raise ConflictError(f"{name!r} has no letter or digit to make a short name of.")
    days = AuditSettings.current().days
    with transaction.atomic():
        tenant, made = Tenant.objects.get_or_create(slug=slug, defaults={"name": name, "audit_days": days})
        if made:
            change_log(f"tenant {tenant.slug} was made", actor=actor, action="tenant.created", of=tenant)
    return tenant
