"""Texts of settings, read. Each raises ValueError, which says what is wrong with a text, and nothing of a secret."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, SecretStr

SECRET_LETTERS = 43
"""Of base64: 256 bits."""

_MEMBERSHIP = re.compile(r"(.+)=([a-z0-9_-]+):(reader|editor|owner)")
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?")
_TOKEN_KEY_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")


def secret_in(file: str) -> str:
    """Raises ValueError: it can't be read."""
    try:
        return Path(file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"can't be read: {error}") from None


def memberships_read(value: str) -> tuple[tuple[str, str, str], ...]:
    """Raises ValueError: one of them says something else."""
    found = [_MEMBERSHIP.fullmatch(item) for item in listed(value)]
    if not all(found):
        raise ValueError("each must be value=tenant:role, with the tenant's short name and reader, editor or owner")
    return tuple((one[1], one[2], one[3]) for one in found if one)


def token_keys_read(value: SecretStr) -> tuple[tuple[str, bytes], ...]:
    """Raises ValueError, which says nothing of a secret."""
    pairs = [item.partition(":")[::2] for item in listed(value.get_secret_value())]
    for name, secret in pairs:
        if not _TOKEN_KEY_NAME.fullmatch(name) or len(secret) < SECRET_LETTERS:
            raise ValueError(f"each must be name:secret, the secret of at least {SECRET_LETTERS} random characters")
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("two have one name")
    return tuple((name, secret.encode()) for name, secret in pairs)


def listed(value: str) -> list[str]:
    return [item.strip() for item in value.split(",") if item.strip()]


def with_scheme(value: str, schemes: tuple[str, ...]) -> str:
    if not value.startswith(schemes):
        raise ValueError(f"must begin with {' or '.join(schemes)}")
    return value


def origins_read(text: str) -> frozenset[str]:
    """Origins of pages, which are listed with commas.

    Raises:
        ValueError: one is none.
    """
    origins = frozenset(listed(text))
    if wrong := next((origin for origin in sorted(origins) if not _ORIGIN.fullmatch(origin)), ""):
        raise ValueError(f"{wrong[:80]!r} is no origin, such as https://app.example.org")
    return origins


def complaint(location: tuple[int | str, ...], kind: str, message: str) -> str:
    """What is wrong with a variable, in a line; what is said of several together names them itself."""
    variable = f"{str(location[0]).upper()}: " if location else ""
    if kind == "missing":
        return f"{variable}is not set; give it, or run through `manage.py`, which starts the embedded servers"
    return variable + message.removeprefix("Value error, ")


def clickhouse_check(value: SecretStr) -> SecretStr:
    """Raises ValueError, which says nothing of a password."""
    url = value.get_secret_value()
    if url and url != "embedded" and not re.match(r"https?://[^/\s]+(/[A-Za-z0-9_]*)?$", url):
        raise ValueError("is neither `embedded` nor an address such as https://user:password@host:8443/database")
    return value


ClickHouseUrl = Annotated[SecretStr, AfterValidator(clickhouse_check)]
