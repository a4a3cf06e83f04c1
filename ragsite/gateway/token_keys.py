"""The keys that sign tokens. Which one a token was signed with is looked up by its name in our own list, and nowhere else.

Each is derived, for one algorithm, from a secret: from those of `RAGSITE_TOKEN_KEYS`, the first of which signs while all verify,
or without these from Django's secret key and those before it. So no secret is used for two purposes, nor by two algorithms.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ragsite.core.configuration import SecretSettings, TokenSettings

PURPOSE = "ragsite: tokens signed by"
_NAME_LETTERS = 12


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A key by its name, which a token has in its header as `kid`."""

    name: str
    signing: Any = field(repr=False)
    verifying: Any = field(repr=False)


def token_key_signing() -> TokenKey:
    """The one that signs now."""
    return next(_keys())


def token_key_named(name: object) -> TokenKey | None:
    """The one of that name; None for what is none of ours."""
    return next((key for key in _keys() if key.name == name), None)


def _keys() -> Iterator[TokenKey]:
    settings, secrets = TokenSettings.current(), SecretSettings.current()
    if settings.keys:
        for name, secret in settings.keys:
            yield _key(name, secret, settings.algorithm)
        return
    for secret_key in (secrets.secret_key, *secrets.earlier):
        derived = _derived(secret_key.encode(), "a name")
        yield _key(hashlib.sha256(derived).hexdigest()[:_NAME_LETTERS], secret_key.encode(), settings.algorithm)


def _key(name: str, secret: bytes, algorithm: str) -> TokenKey:
    derived = _derived(secret, algorithm)
    if algorithm == "EdDSA":
        private = Ed25519PrivateKey.from_private_bytes(derived)
        return TokenKey(name, private, private.public_key())
    return TokenKey(name, derived, derived)


def _derived(secret: bytes, what_for: str) -> bytes:
    """RFC 5869: 256 bits."""
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=f"{PURPOSE} {what_for}".encode()).derive(secret)
