"""OpenAI's own client, talking to the views as Django's test client does."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
from django.test import Client
from openai import OpenAI

HOST = "http://testserver"


class Views(httpx2.BaseTransport):
    """Answers requests in this process and thread, so within the test's transaction."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        headers = {name: value for name, value in request.headers.items() if name not in ("host", "content-length")}
        kind = headers.pop("content-type", "application/octet-stream")
        path = request.url.raw_path.decode()
        response = Client().generic(request.method, path, request.read(), kind, headers=headers)
        content = asyncio.run(_all(response)) if response.streaming else response.content
        return httpx2.Response(response.status_code, headers=dict(response.items()), content=content)


async def _all(response: Any) -> bytes:
    """What a stream says until its end, at which the client closes it."""
    return b"".join([part async for part in response])


def openai_client(key: str) -> OpenAI:
    """One that carries the key and tries nothing twice."""
    return OpenAI(api_key=key, base_url=f"{HOST}/v1", max_retries=0, http_client=httpx2.Client(transport=Views()))
