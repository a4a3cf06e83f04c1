"""The settings in force, for people: without anything secret."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydantic.fields import FieldInfo

from ragsite.core.environment import Environment, environment_read

SECRETS = frozenset({
    "ragsite_secret_key", "ragsite_earlier_secret_keys", "ragsite_generator_api_key", "ragsite_audit_key",
    "ragsite_audit_earlier_keys", "ragsite_token_keys", "ragsite_alert_webhook_secret", "ragsite_mail_server",
})  # fmt: skip
"""Settings whose values are shown to nobody."""

_LOGIN = re.compile(r"//\S*@")
_KEY_IN_QUERY = re.compile(r"(?i)\b([\w-]*(?:pass|secret|key|token|credential)[\w-]*)=[^&#\s]*")


@dataclass(frozen=True, slots=True)
class SettingInForce:
    """A variable as this process read it at its start. Of a secret one there is neither value nor default."""

    variable: str
    description: str
    value: str
    default: str
    is_given: bool
    is_secret: bool


def settings_in_force() -> tuple[SettingInForce, ...]:
    """Every setting, in the order of their table, without anything secret."""
    read = environment_read()
    return tuple(
        _in_force(name, field, getattr(read, name), is_given=name in read.model_fields_set)
        for name, field in Environment.model_fields.items()
    )


def _in_force(name: str, field: FieldInfo, value: object, *, is_given: bool) -> SettingInForce:
    is_secret = name in SECRETS
    default = "" if field.is_required() or is_secret else without_login(str(field.default))
    shown = "" if is_secret else without_login(str(value))
    return SettingInForce(name.upper(), field.description or "", shown, default, is_given, is_secret)


def without_login(text: str) -> str:
    """The text without the name and password of an address in it, and without keys in its query."""
    return _KEY_IN_QUERY.sub(r"\1=…", _LOGIN.sub("//…@", text))
