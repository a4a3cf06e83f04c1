"""What is sent to a webhook is signed as Standard Webhooks says (https://www.standardwebhooks.com).

So its receiver knows that it is from here, whole, and not of long ago.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

PREFIX = "whsec_"
SECRET_BYTES = 32


def secret_new() -> str:
    """A new secret, as receivers are given it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signed(body: bytes, *, message_id: str, at: int, secret: str) -> dict[str, str]:
    """The headers that go with a body: its id, the moment (epoch seconds), and HMAC-SHA256 of these and the body in base64.

    What follows `whsec_` in a secret is the key in base64; another secret is the key itself.
    """
    code = hmac.new(_key(secret), f"{message_id}.{at}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(code).decode()}",
    }


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX)) if secret.startswith(PREFIX) else secret.encode()
