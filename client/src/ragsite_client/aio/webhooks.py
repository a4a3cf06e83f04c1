"""Webhooks: addresses at which programs are told what happens. For keys that manage grants and see all of the tenant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ragsite_client.aio.line import AsyncLine
from ragsite_client.calls import Call, Reply, key_or_new
from ragsite_client.reading import made
from ragsite_client.types import Webhook, WebhookDelivery


class AsyncWebhooks:
    """Those of the key's tenant. Every method may raise `ProblemError` and `ConnectionFailedError`."""

    def __init__(self, line: AsyncLine) -> None:
        self._line = line

    async def all(self) -> list[Webhook]:
        """The newest first."""
        told = (await self._line.get("/webhooks/", limit=200)).body
        return [made(Webhook, one) for one in told["results"]]

    async def get(self, webhook_id: str) -> Webhook:
        """One with its `etag`."""
        return (await self._line.get(f"/webhooks/{webhook_id}/")).made(Webhook)

    async def create(
        self, url: str, types: Sequence[str], *, description: str = "", active: bool = True, idempotency_key: str = ""
    ) -> Webhook:
        """Have an https address told of events of these types, such as `document.created`, that happen from now on."""
        body = {"url": url, "types": list(types), "description": description, "active": active}
        return (await self._post("/webhooks/", body, idempotency_key)).made(Webhook)

    async def change(
        self, webhook_id: str, *, if_match: str = "", idempotency_key: str = "", **changes: Any
    ) -> Webhook:
        """Change `url`, `types` or `description`, or turn it off or on: `active`."""
        key = key_or_new(idempotency_key)
        call = Call(method="PATCH", path=f"/webhooks/{webhook_id}/", body=changes, key=key, if_match=if_match)
        return (await self._line.send(call)).made(Webhook)

    async def delete(self, webhook_id: str, *, if_match: str = "") -> None:
        """Remove it, with what waits for it."""
        await self._line.send(Call(method="DELETE", path=f"/webhooks/{webhook_id}/", if_match=if_match))

    async def secret(self, webhook_id: str) -> str:
        """What its messages are signed with. The audit log tells that you looked."""
        return str((await self._line.get(f"/webhooks/{webhook_id}/secret/")).body["secret"])

    async def test(self, webhook_id: str, *, idempotency_key: str = "") -> WebhookDelivery:
        """Send a message to try it, of the type `webhook.test`."""
        return (await self._post(f"/webhooks/{webhook_id}/test/", {}, idempotency_key)).made(WebhookDelivery)

    async def deliveries(self, webhook_id: str, *, state: str = "", limit: int = 50) -> list[WebhookDelivery]:
        """What it was told last, the newest first; of one `state` alone if you name it."""
        asked = {"limit": limit, **({"state": state} if state else {})}
        told = (await self._line.get(f"/webhooks/{webhook_id}/deliveries/", **asked)).body
        return [made(WebhookDelivery, one) for one in told["results"]]

    async def redeliver(self, webhook_id: str, delivery_id: str = "", *, idempotency_key: str = "") -> None:
        """Send one message again, or all that were given up."""
        one = f"deliveries/{delivery_id}/" if delivery_id else ""
        await self._post(f"/webhooks/{webhook_id}/{one}redeliver/", {}, idempotency_key)

    async def _post(self, path: str, body: dict[str, Any], key: str) -> Reply:
        return await self._line.send(Call(method="POST", path=path, body=body, key=key_or_new(key)))
