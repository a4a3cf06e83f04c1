"""What is sent to a webhook is signed, so that the receiver knows that it is from here, whole, and not of long ago."""

from __future__ import annotations

import hashlib
import hmac

HEADER = "Ragsite-Signature"


def signature(body: bytes, *, secret: str, at: int) -> str:
    """`t=…,v1=…`: the moment (epoch seconds), and HMAC-SHA256 of that, a full stop and the body, in hexadecimal digits."""
    code = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={code}"
