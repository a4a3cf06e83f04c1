"""Secrets of others, such as the key for a model server, encrypted before they are kept in the database.

The key is derived from Django's secret key, which is not in the database: a copy of the database alone tells nothing.
"""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ragsite.core.configuration import SecretSettings
from ragsite.core.errors import PermanentError

PURPOSE = b"ragsite: secrets kept in the database"


class UnreadableSecretError(PermanentError):
    """What was sealed cannot be opened: the secret key is another one, or the text is damaged."""

    code = "secret_unreadable"
    action = "Give it again; RAGSITE_SECRET_KEY is another than when it was stored."


def seal(secret: str) -> str:
    """The secret as a text that can be kept; each time another one."""
    return _fernet().encrypt(secret.encode()).decode("ascii")


def unseal(sealed: str) -> str:
    """The secret that was sealed, with the present secret key or one before it.

    Raises:
        UnreadableSecretError: it was sealed with another one.
    """
    try:
        return _fernet().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise UnreadableSecretError("A stored secret cannot be read.") from None


def _fernet() -> MultiFernet:
    keys = SecretSettings.current()
    return MultiFernet([Fernet(_derived(key)) for key in (keys.secret_key, *keys.earlier)])


def _derived(secret_key: str) -> bytes:
    """RFC 5869."""
    derive = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=PURPOSE)
    return base64.urlsafe_b64encode(derive.derive(secret_key.encode()))
