"""Webhooks as things that happen: made, changed, turned on and off, tried, deleted, and told again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from apps.monitoring.models import Webhook, WebhookDelivery, WebhookDeliveryState, WebhookState
from apps.monitoring.webhooks.posting import address_check
from apps.monitoring.webhooks.rows import DELIVER
from apps.monitoring.webhooks.signing import secret_new
from apps.monitoring.webhooks.told import SUBSCRIBABLE, TEST, test_body
from ragsite.core.actors import Actor, change_log
from ragsite.core.bounds import lengths_check
from ragsite.core.errors import ConflictError, PermanentError
from ragsite.core.ids import new_id
from ragsite.core.jobs import ring
from ragsite.core.leases import RELEASED
from ragsite.core.locking import rows_hold, rows_hold_to_remove, rows_update
from ragsite.core.sealing import seal, unseal
from ragsite.gateway.conditions import UNCONDITIONAL, Condition, etag_of
from ragsite.gateway.models import Tenant

MOST = 20
"""Webhooks of a tenant."""

S = WebhookDeliveryState


def webhook_create(
    *, tenant: Tenant, url: str, types: Sequence[str], description: str = "", active: bool = True, actor: Actor
) -> Webhook:
    """A webhook with a new secret. Nothing is sent to it but what happens from now on.

    Raises:
        WebhookUrlError: messages are not sent to that address.
        PermanentError: an event is none that webhooks are told of, or none is named.
        ConflictError: the tenant has as many as it may.
    """
    lengths_check(Webhook, url=url, description=description)
    address_check(url)
    wanted = _known(types)
    with transaction.atomic():
        rows_hold(Tenant.objects.filter(pk=tenant.pk))
        if Webhook.objects.filter(tenant=tenant).count() >= MOST:
            raise ConflictError(f"There are {MOST} webhooks already.", action="Delete one that is not needed any more.")
        made = Webhook.objects.create(
            tenant=tenant, url=url, types=wanted, description=description, secret=seal(secret_new()),
            state=WebhookState.ON if active else WebhookState.OFF, actor=actor.as_dict(),
        )  # fmt: skip
        what, details = f"the webhook {made.pk} was made", {"host": _host(url), "types": wanted}
        change_log(what, actor=actor, action="webhook.created", of=made, details=details)
    return made


def webhook_etag(webhook: Webhook) -> str:
    """By what people say about it."""
    return etag_of(webhook, "id", "url", "types", "description", "state")


def webhook_update(*, webhook: Webhook, actor: Actor, condition: Condition = UNCONDITIONAL, **changes: Any) -> Webhook:
    """Change `url`, `types`, `description`, or whether it is `active`. What waits while it is off, or paused, is held back and
    goes on once it is turned on.

    Raises:
        WebhookUrlError: messages are not sent to that address.
        PermanentError: an event is none that webhooks are told of, or none is named.
        PreconditionFailedError: it is not as the condition says.
    """
    columns = _columns(changes)
    with transaction.atomic():
        rows = Webhook.objects.filter(pk=webhook.pk)
        rows_hold(rows)
        condition.check_row(rows, webhook_etag)
        rows.update(**columns)
        if "active" in changes:
            _hold_back(webhook.pk) if not changes["active"] else _let_go(webhook.pk)
        what, details = f"the webhook {webhook.pk} was changed", {"changed": sorted(changes)}
        change_log(what, actor=actor, action="webhook.updated", of=webhook, details=details)
    webhook.refresh_from_db()
    return webhook


def webhook_delete(*, webhook: Webhook, actor: Actor, condition: Condition = UNCONDITIONAL) -> None:
    """Remove a webhook, and what waits for it.

    Raises:
        PreconditionFailedError: it is not as the condition says; it stays.
    """
    with transaction.atomic():
        rows = Webhook.objects.filter(pk=webhook.pk)
        rows_hold_to_remove(rows, WebhookDelivery.objects.filter(webhook=webhook.pk))
        condition.check_row(rows, webhook_etag)
        change_log(f"the webhook {webhook.pk} was deleted", actor=actor, action="webhook.deleted", of=webhook)
        webhook.delete()


def webhook_secret(*, webhook: Webhook, actor: Actor) -> str:
    """The secret, for who sets up its receiver; the audit log tells that it was looked at.

    Raises:
        UnreadableSecretError: it can't be read any more; a new one mends that.
    """
    secret = unseal(webhook.secret)
    with transaction.atomic():
        change_log(
            f"the secret of the webhook {webhook.pk} was shown",
            actor=actor, action="webhook.secret_shown", of=webhook,
        )  # fmt: skip
    return secret


def webhook_secret_renew(*, webhook: Webhook, actor: Actor) -> None:
    """Give it a new secret, by which everything is signed from now on. What its receiver refuses until it knows that one is sent
    again.
    """
    with transaction.atomic():
        rows_update(Webhook.objects.filter(pk=webhook.pk), secret=seal(secret_new()))
        what = f"the webhook {webhook.pk} was given a new secret"
        change_log(what, actor=actor, action="webhook.secret_renewed", of=webhook)


def webhook_try(*, webhook: Webhook, actor: Actor) -> WebhookDelivery:
    """Have something sent that says that it is a try.

    Raises:
        ConflictError: it is off.
    """
    _check_on(webhook)
    with transaction.atomic():
        body = test_body(webhook.pk, webhook.tenant_id, at=timezone.now())
        made = WebhookDelivery.objects.create(webhook=webhook, event_id=new_id(), type=TEST, body=body)
        change_log(f"the webhook {webhook.pk} is tried", actor=actor, action="webhook.tried", of=webhook)
        ring(DELIVER)
    made.refresh_from_db()
    return made


def deliveries_send_again(*, webhook: Webhook, actor: Actor, among: QuerySet[WebhookDelivery] | None = None) -> int:
    """Send again what was given up, or what is `among` these, whatever became of it; the number of them.

    The id of a message stays, by which a receiver that has had it can tell.

    Raises:
        ConflictError: the webhook is off or paused.
    """
    _check_on(webhook)
    mine = WebhookDelivery.objects.filter(webhook=webhook)
    chosen = mine.filter(state=S.DEAD) if among is None else mine.filter(pk__in=among.values("pk"))
    with transaction.atomic():
        fresh = {"state": S.WAITING, "since": Now(), "not_before": Now(), "attempts": 0, "error": ""}
        number = rows_update(chosen, **fresh, **RELEASED)
        what, details = f"{number} messages to the webhook {webhook.pk} are sent again", {"number": number}
        change_log(what, actor=actor, action="webhook.sent_again", of=webhook, details=details)
        ring(DELIVER)
    return number


def webhooks_of(tenants: Collection[UUID]) -> QuerySet[Webhook]:
    """Those of these tenants, the newest first."""
    return Webhook.objects.filter(tenant__in=tenants).select_related("tenant")


def deliveries_of(webhook: Webhook, *, state: str | None) -> QuerySet[WebhookDelivery]:
    """What it was told, the newest first; in this state alone, if one is named.

    Raises:
        PermanentError: there is no such state.
    """
    rows = WebhookDelivery.objects.filter(webhook=webhook)
    if state is None:
        return rows
    if state not in S.values:
        raise PermanentError(f"There is no state {state[:40]!r}.", action=f"Choose one of {', '.join(S.values)}.")
    return rows.filter(state=state)


def _columns(changes: dict[str, Any]) -> dict[str, Any]:
    columns = {name: value for name, value in changes.items() if name != "active"}
    lengths_check(Webhook, **{name: value for name, value in columns.items() if isinstance(value, str)})
    if "url" in columns:
        address_check(columns["url"])
    if "types" in columns:
        columns["types"] = _known(columns["types"])
    if "active" in changes:
        columns |= {"state": WebhookState.ON if changes["active"] else WebhookState.OFF, "paused_at": None}
        columns |= {"failures": 0, "failing_since": None}
    return columns


def _known(types: Sequence[str]) -> list[str]:
    unknown = sorted(set(types) - SUBSCRIBABLE.keys())
    if unknown or not types:
        raise PermanentError(
            f"Webhooks are not told of {unknown[0][:60]!r}." if unknown else "No event is named.",
            action=f"Name some of these: {', '.join(SUBSCRIBABLE)}.",
        )
    return [one for one in SUBSCRIBABLE if one in types]


def _hold_back(webhook_id: UUID) -> None:
    rows_update(WebhookDelivery.objects.filter(webhook=webhook_id, state=S.WAITING), state=S.HELD, **RELEASED)


def _let_go(webhook_id: UUID) -> None:
    held = WebhookDelivery.objects.filter(webhook=webhook_id, state=S.HELD)
    rows_update(held, state=S.WAITING, since=Now(), not_before=Now(), attempts=0)
    rows_update(WebhookDelivery.objects.filter(webhook=webhook_id, state=S.WAITING, lease_owner=""), not_before=Now())
    ring(DELIVER)


def _check_on(webhook: Webhook) -> None:
    if webhook.state != WebhookState.ON:
        raise ConflictError("The webhook is off.", action="Turn it on first.")


def _host(url: str) -> str:
    return address_check(url).host
