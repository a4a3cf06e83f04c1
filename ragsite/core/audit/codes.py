"""The codes over entries, seals and checkpoints: HMAC-SHA256 with a key that is not in the database.

The key is derived from `RAGSITE_AUDIT_KEY`, or without one from Django's secret key. Its id is kept with what it made, so that
what earlier keys made can still be verified.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import UUID

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ragsite.core.audit.models import AuditCheckpoint, AuditEntry, AuditSeal
from ragsite.core.configuration import AuditSettings, SecretSettings

BEFORE_ALL = b"\0" * 32
"""The hash before the first seal."""

Bytes: TypeAlias = bytes | memoryview
"""As a field of binary data has them."""

COLUMNS_OF_WORDS, DETAIL = ("actor_name", "object_name"), "details."
"""Where an entry has words that can be erased: in these columns, and in its details, each by this and its name."""

_LOG, _QUESTIONS = b"ragsite: audit log", b"ragsite: questions in the audit log"


@dataclass(frozen=True, slots=True)
class AuditKey:
    """A key and its id, which tells nothing of it."""

    id: str
    secret: bytes

    def code(self, said: Mapping[str, Any]) -> bytes:
        """Over the canonical JSON of what is said: names in order, no spaces, UTF-8."""
        return hmac.digest(self.secret, canonical(said), hashlib.sha256)


def key_in_use() -> AuditKey:
    """The key that new codes are made with."""
    return _key(AuditSettings.current().key or SecretSettings.current().secret_key)


def keys_known() -> dict[str, AuditKey]:
    """All keys that codes may have been made with, by their ids."""
    audit, secrets = AuditSettings.current(), SecretSettings.current()
    given = [audit.key, *audit.earlier_keys, secrets.secret_key, *secrets.earlier]
    return {key.id: key for key in map(_key, filter(None, given))}


def entry_code(entry: AuditEntry, key: AuditKey) -> bytes:
    """Over all that an entry says; of words that can be erased over their commitments."""
    said, covered = _said(entry, besides=("mac", "salts")), entry.commitments or {}
    said |= {name: None for name in COLUMNS_OF_WORDS if name in covered}
    if isinstance(entry.details, Mapping):
        said["details"] = {name: value for name, value in entry.details.items() if f"{DETAIL}{name}" not in covered}
    return key.code(said)


def seal_code(seal: AuditSeal, *, before: bytes, macs: Sequence[Bytes], key: AuditKey) -> bytes:
    """Over the hash before, what the seal says, and the codes of its entries in their order."""
    said = _said(seal, besides=("hash",))
    return key.code(said | {"before": before.hex(), "macs": [bytes(mac).hex() for mac in macs]})


def checkpoint_code(checkpoint: AuditCheckpoint, key: AuditKey) -> bytes:
    """Over all that a checkpoint says."""
    return key.code(_said(checkpoint, besides=("mac",)))


def same(one: Bytes, other: Bytes) -> bool:
    """Whether two codes are the same, in constant time."""
    return hmac.compare_digest(bytes(one), bytes(other))


def text_digest(text: str, *, tenant_id: UUID | None) -> str:
    """A text as a code by which it can be recognised with the key, and by nobody without; another one in each tenant."""
    settings = AuditSettings.current().key or SecretSettings.current().secret_key
    secret = _derived(settings, _QUESTIONS)
    return hmac.digest(secret, f"{tenant_id}:{text}".encode(errors="replace"), hashlib.sha256).hex()


def canonical(said: Mapping[str, Any]) -> bytes:
    """The one form of it as JSON."""
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def plain(value: Any) -> Any:
    """The value as JSON keeps it without loss, also in the database: a fraction becomes a text, and so does what JSON lacks."""
    match value:
        case None | bool() | int():
            return value
        case str():
            return value.replace("\0", "�").encode(errors="replace").decode()
        case Mapping():
            return {plain(str(name)): plain(one) for name, one in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(one) for one in value]
        case _:
            return plain(str(value))


def _said(row: AuditEntry | AuditSeal | AuditCheckpoint, *, besides: Sequence[str]) -> dict[str, Any]:
    """All columns of a row but these."""
    names = [field.attname for field in row._meta.concrete_fields if field.attname not in besides]
    return {name: _value(getattr(row, name)) for name in names}


def _value(value: Any) -> Any:
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds")
        case UUID():
            return str(value)
        case bytes() | memoryview():
            return bytes(value).hex()
        case list():
            return [_value(one) for one in value]
        case _:
            return value


@functools.cache
def _key(secret: str) -> AuditKey:
    derived = _derived(secret, _LOG)
    return AuditKey(hashlib.sha256(b"id:" + derived).hexdigest()[:16], derived)


@functools.cache
def _derived(secret: str, purpose: bytes) -> bytes:
    """RFC 5869."""
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose).derive(secret.encode())
