"""Settings and flags as things that happen: set, unset, put back. Who may is asked by the doors.

Changes are made one after another, so that their numbers are in the order in which they commit.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from ragsite.core.actors import Actor, change_log
from ragsite.core.audit.recording import AuditObject
from ragsite.core.dynamic.events import SettingChanged
from ragsite.core.dynamic.flags import FLAG_LEVELS, FLAGS_BY_NAME, FlagRule, flag_named
from ragsite.core.dynamic.following import CHANNEL
from ragsite.core.dynamic.held import SetValue, hold_one
from ragsite.core.dynamic.models import SettingChange
from ragsite.core.dynamic.places import INSTALLATION, Level, Place
from ragsite.core.dynamic.registry import DynamicSetting, setting_named
from ragsite.core.dynamic.telling import setting_there
from ragsite.core.dynamic.values import InvalidSettingError, Value
from ragsite.core.errors import NotFoundError
from ragsite.core.outbox import emit

LOCK = 7_302_114
"""The advisory lock of who changes one."""

Check = Callable[[Any], None]
"""Called with what is set at the place, or None, before anything is done; it raises to refuse."""


def _unchecked(value: Any) -> None:
    """Nobody asked for anything."""


def setting_set(*, name: str, place: Place, value: object, actor: Actor, check: Check = _unchecked) -> Any:
    """From now on it has this value there, and below where nothing else is set; the value.

    Raises:
        NotFoundError: there is no setting or flag of that name.
        InvalidSettingError: it can't have the value, can't be set at that level, or may be no more there than above.
    """
    return _change(name, place, _valid(name, place, value), actor, check)


def setting_unset(*, name: str, place: Place, actor: Actor, check: Check = _unchecked) -> None:
    """From now on what is set above holds there. Nothing where nothing is set.

    Raises:
        NotFoundError: there is no setting or flag of that name.
    """
    if name not in FLAGS_BY_NAME:
        setting_named(name)
    _change(name, place, None, actor, check)


def setting_put_back(*, name: str, place: Place, change: int, actor: Actor) -> Any:
    """Have it there again as it was before a change; None where nothing was set then.

    Raises:
        NotFoundError: there was no such change of it there.
        InvalidSettingError: it may not be so any more.
    """
    found = setting_history(name, place).filter(pk=change).first()
    if found is None:
        raise NotFoundError(f"There is no change {change} of {name} there.")
    if found.before is None:
        setting_unset(name=name, place=place, actor=actor)
        return None
    return setting_set(name=name, place=place, value=found.before, actor=actor)


def settings_forget(place: Place) -> int:
    """Remove what was ever set at a place that is no more; how many changes there were."""
    rows = SettingChange.objects.filter(tenant_id=place.tenant_id, knowledge_base_id=place.knowledge_base_id)
    return rows.delete()[0]


def setting_history(name: str, place: Place) -> QuerySet[SettingChange]:
    """What was changed of it at a place, the newest first."""
    return SettingChange.objects.filter(
        name=name, tenant_id=place.tenant_id, knowledge_base_id=place.knowledge_base_id
    ).order_by("-id")


def _valid(name: str, place: Place, value: object) -> Any:
    if name in FLAGS_BY_NAME:
        _check_level(name, place, FLAG_LEVELS)
        return FlagRule.read(flag_named(name).name, value).to_dict()
    row = setting_named(name)
    _check_level(name, place, row.levels)
    valid = row.values.checked(name, value)
    if row.narrows and place != INSTALLATION:
        _check_narrows(row, valid, above=setting_there(name, place).otherwise)
    return valid


def _check_level(name: str, place: Place, levels: tuple[Level, ...]) -> None:
    if place.level not in levels:
        raise InvalidSettingError(
            f"{name} can't be set at the level {place.level}.", action=f"It can at: {', '.join(levels)}."
        )


def _check_narrows(row: DynamicSetting, value: Value, *, above: Value) -> None:
    if row.below(value, above) != value:
        raise InvalidSettingError(
            f"{row.name} can't be {json.dumps(value)} there, where it is {json.dumps(above)} above.",
            action="Set no more than that, or ask who may change it above.",
        )


@transaction.atomic
def _change(name: str, place: Place, value: Any, actor: Actor, check: Check) -> Any:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    current = setting_history(name, place).filter(is_current=True)
    before = next(iter(current.values_list("value", flat=True)), None)
    check(before)
    if before == value and type(before) is type(value):
        return value
    current.update(is_current=False)
    row = SettingChange.objects.create(
        name=name, tenant_id=place.tenant_id, knowledge_base_id=place.knowledge_base_id,
        value=value, before=before, actor=actor.as_dict(),
    )  # fmt: skip
    _tell(row, actor)
    return value


def _tell(row: SettingChange, actor: Actor) -> None:
    """Processes by a notification, others by an event, and the audit log."""
    place = row.place
    before, after = (None if one is None else json.dumps(one) for one in (row.before, row.value))
    emit(
        SettingChanged(
            tenant_id=place.tenant_id,
            place_id=place.id,
            level=place.level,
            setting=row.name,
            before=before,
            after=after,
        ),
        actor=actor,
    )
    details = {
        "level": place.level.value,
        "knowledge_base_id": place.knowledge_base_id,
        "before": before,
        "after": after,
    }
    change_log(
        f"{row.name} of the {place.level} {place.id} is {after or 'not set any more'}",
        actor=actor, action="setting.changed", of=AuditObject("setting", row.name, row.name, place.tenant_id),
        details={name: value for name, value in details.items() if value is not None},
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])
    changed = SetValue(row.pk, row.name, place, row.value)
    transaction.on_commit(lambda: hold_one(changed))
