"""Entries as OCSF events (Open Cybersecurity Schema Framework 1.5, https://schema.ocsf.io), which SIEMs read.

A class of OCSF says what kind of act it is. What has no class of its own is API activity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ragsite.core.audit.models import AuditEntry, Outcome

SCHEMA = "1.5.0"
_SUCCESS, _FAILURE = (1, "Success"), (2, "Failure")
_INFORMATIONAL, _MEDIUM = (1, "Informational"), (3, "Medium")
_OTHER = 99


@dataclass(frozen=True, slots=True)
class OcsfClass:
    """A class of events, its category, and its activities by the last word of an action."""

    uid: int
    name: str
    category_uid: int
    category: str
    activities: Mapping[str, int]
    otherwise: int = _OTHER


_IAM, _APPLICATION = (3, "Identity & Access Management"), (6, "Application Activity")
AUTHENTICATION = OcsfClass(3002, "Authentication", *_IAM, {"signed_in": 1, "signed_out": 2})
ACCOUNT = OcsfClass(
    3001, "Account Change", *_IAM,
    {
        "created": 1, "invited": 1, "added": 1, "password_changed": 3, "password_set": 4, "revoked": 5, "deleted": 6,
        "changed": 99,
    },
)  # fmt: skip
ACCESS = OcsfClass(3005, "User Access Management", *_IAM, {"created": 1, "deleted": 2})
DATASTORE = OcsfClass(6005, "Datastore Activity", *_APPLICATION, {"shown": 1, "processed": 5})
FILES = OcsfClass(
    6006, "File Hosting Activity", *_APPLICATION,
    {"created": 1, "updated": 4, "deleted": 6, "downloaded": 3},
)  # fmt: skip
API = OcsfClass(
    6003, "API Activity", *_APPLICATION,
    {
        "created": 1, "added": 1, "imported": 1, "started": 1, "asked": 1, "given": 1, "registered": 1, "updated": 3,
        "changed": 3, "renamed": 3, "rated": 3, "judged": 3, "resumed": 3, "made": 3, "deleted": 4, "removed": 4,
        "cancelled": 4, "pruned": 4, "erased": 4, "exported": 2, "verified": 2, "tried": 2,
    },
)  # fmt: skip

CLASSES: Mapping[str, OcsfClass] = {
    "account.signed_in": AUTHENTICATION, "account.signed_out": AUTHENTICATION, "account": ACCOUNT, "user": ACCOUNT,
    "member": ACCOUNT, "api_key": ACCOUNT, "sign_in_pass": ACCOUNT, "grant": ACCESS, "passages": DATASTORE,
    "query": DATASTORE, "document": FILES,
}  # fmt: skip
"""By the action, or by its first word. A form of the admin on users or members changes an account, too."""

_ACCOUNTS = ("user", "membership", "group")
_ACTOR_TYPES = {"user": (1, "User"), "key": (99, "API key"), "service": (3, "System"), "system": (3, "System")}


def ocsf_event(entry: AuditEntry) -> dict[str, Any]:
    """An entry as an OCSF event; what OCSF has no place for is `unmapped`."""
    kind = _class_of(entry)
    activity = kind.activities.get(entry.action.rpartition(".")[2], kind.otherwise)
    status_id, status = _SUCCESS if entry.outcome == Outcome.SUCCESS else _FAILURE
    severity_id, severity = _INFORMATIONAL if entry.outcome == Outcome.SUCCESS else _MEDIUM
    event = {
        "class_uid": kind.uid, "class_name": kind.name, "category_uid": kind.category_uid, "category_name": kind.category,
        "activity_id": activity, "type_uid": kind.uid * 100 + activity, "time": int(entry.at.timestamp() * 1000),
        "severity_id": severity_id, "severity": severity, "status_id": status_id, "status": status,
        "message": _message(entry), "metadata": _metadata(entry), "actor": _actor(entry), **_particular(entry, kind),
        "unmapped": _unmapped(entry),
    }  # fmt: skip
    return event | ({"activity_name": entry.action} if activity == _OTHER else {})


def _class_of(entry: AuditEntry) -> OcsfClass:
    word = entry.action.partition(".")[0]
    if word == "form" and entry.object_type in _ACCOUNTS:
        return ACCOUNT
    return CLASSES.get(entry.action) or CLASSES.get(word, API)


def _metadata(entry: AuditEntry) -> dict[str, Any]:
    product = {"name": "ragsite", "vendor_name": "ragsite"}
    said = {"version": SCHEMA, "uid": str(entry.pk), "event_code": entry.action, "product": product}
    said |= {"correlation_uid": entry.request_id} if entry.request_id else {}
    return said | ({"tenant_uid": str(entry.tenant_id)} if entry.tenant_id else {})


def _actor(entry: AuditEntry) -> dict[str, Any]:
    type_id, type_ = _ACTOR_TYPES.get(entry.actor_kind, (0, "Unknown"))
    user = {"uid": entry.actor_id, "name": entry.actor_name, "type_id": type_id, "type": type_}
    return {"user": {name: value for name, value in user.items() if value != ""}, "app_name": entry.door}


def _particular(entry: AuditEntry, kind: OcsfClass) -> dict[str, Any]:
    """What a class asks for."""
    address = {"src_endpoint": {"ip": entry.details["address"]}} if entry.details.get("address") else {}
    named = {"uid": entry.object_id, "name": entry.object_name}
    thing = {name: value for name, value in named.items() if value}
    if kind in (AUTHENTICATION, ACCOUNT):
        return address | {"user": thing or {"name": "unknown"}}
    if kind is ACCESS:
        return {"user": _granted(entry), "privileges": ["read"], "resource": thing | {"type": entry.object_type}}
    if kind is FILES:
        return {"file": {"name": entry.object_name or entry.object_id, "uid": entry.object_id, "type_id": 1}}
    if kind is DATASTORE:
        return {"query_info": _asked(entry), "databucket": {"type_id": 99, "type": "knowledge base"}}
    api = {"operation": entry.action, "request": {"uid": entry.request_id or str(entry.pk)}}
    return {"api": api, "resources": [thing | {"type": entry.object_type or "installation"}]}


def _granted(entry: AuditEntry) -> dict[str, Any]:
    names = ("user_id", "group_id", "api_key_id")
    return next(({"uid": str(entry.details[one])} for one in names if entry.details.get(one) is not None), {"uid": ""})


def _asked(entry: AuditEntry) -> dict[str, Any]:
    """The question by its code: its text is in no entry."""
    digest = entry.details.get("question", {}).get("digest", "")
    return {"uid": entry.object_id or str(entry.pk), "query_string": digest or "not kept"}


def _unmapped(entry: AuditEntry) -> dict[str, Any]:
    return {
        "door": entry.door, "object_type": entry.object_type, "object_id": entry.object_id, "details": entry.details,
        "key_id": entry.key_id, "mac": bytes(entry.mac).hex(),
    }  # fmt: skip


def _message(entry: AuditEntry) -> str:
    return f"{entry.actor_name or 'somebody'}: {entry.action} {entry.object_name or entry.object_id}".rstrip()
