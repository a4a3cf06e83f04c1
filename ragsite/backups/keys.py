"""Keys of an installation are never in its backup; a mark of each is, so that a wrong one is noticed before it does harm."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from ragsite.core.configuration import AuditSettings, SecretSettings

SECRET, AUDIT = "RAGSITE_SECRET_KEY", "RAGSITE_AUDIT_KEY"


@dataclass(frozen=True, slots=True)
class KeyMark:
    """What says of a key whether it is the one, and nothing else of it. Both in hex."""

    salt: str
    code: str

    @classmethod
    def of(cls, key: str) -> KeyMark:
        salt = secrets.token_hex(16)
        return cls(salt, _code(key, salt))

    def fits(self, key: str) -> bool:
        return hmac.compare_digest(self.code, _code(key, self.salt))


def keys_marked() -> dict[str, KeyMark]:
    """Marks of the keys with which something in the database was made."""
    audit = AuditSettings.current().key
    marks = {SECRET: KeyMark.of(SecretSettings.current().secret_key)}
    return marks | ({AUDIT: KeyMark.of(audit)} if audit else {})


def keys_missing(marks: Mapping[str, KeyMark]) -> list[str]:
    """Those that are neither given here, nor among the earlier keys that are."""
    secret, audit = SecretSettings.current(), AuditSettings.current()
    given = {SECRET: [secret.secret_key, *secret.earlier], AUDIT: [audit.key, *audit.earlier_keys]}
    return [name for name, mark in marks.items() if not any(mark.fits(key) for key in given.get(name, []) if key)]


def _code(key: str, salt: str) -> str:
    """RFC 7914, so that a short key that somebody made up is not found by trying either."""
    return hashlib.scrypt(key.encode(), salt=bytes.fromhex(salt), n=2**14, r=8, p=1, dklen=32).hex()
