"""What holds at a place and where that comes from, for doors that show it: as the database has it, in one query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q

from ragsite.core.dynamic.flags import FLAG_LEVELS, FLAGS, Flag, FlagRule, flag_named
from ragsite.core.dynamic.models import SettingChange
from ragsite.core.dynamic.places import INSTALLATION, Place
from ragsite.core.dynamic.registry import DYNAMIC_SETTINGS, DynamicSetting, setting_named
from ragsite.core.dynamic.values import Value

DEFAULT, ENVIRONMENT = "default", "environment"
Set = Mapping[tuple[Place, str], Any]


@dataclass(frozen=True, slots=True)
class SettingThere:
    """A setting at a place: what holds, where that comes from (`default`, `environment`, or a level), what is set at this very
    place (None: nothing), and what would hold if nothing were.
    """

    row: DynamicSetting
    place: Place
    value: Value
    source: str
    own: Value | None
    otherwise: Value

    @property
    def can_be_set(self) -> bool:
        """Whether it may be set at this level."""
        return self.place.level in self.row.levels


@dataclass(frozen=True, slots=True)
class FlagThere:
    """A flag at a place, likewise. Without a rule it is as it is by default."""

    flag: Flag
    place: Place
    rule: FlagRule | None
    source: str
    own: FlagRule | None

    @property
    def can_be_set(self) -> bool:
        """Whether it may be set at this level."""
        return self.place.level in FLAG_LEVELS


def settings_there(place: Place) -> list[SettingThere]:
    """All settings, in the order of their table."""
    found = _set_at(_upwards(place))
    return [_setting(row, place, found) for row in DYNAMIC_SETTINGS]


def setting_there(name: str, place: Place) -> SettingThere:
    """Raises NotFoundError: there is no such setting."""
    return _setting(setting_named(name), place, _set_at(_upwards(place), name=name))


def flags_there(place: Place) -> list[FlagThere]:
    """All flags, in the order of their table."""
    found = _set_at(_upwards(place))
    return [_flag(flag, place, found) for flag in FLAGS]


def flag_there(name: str, place: Place) -> FlagThere:
    """Raises NotFoundError: there is no such flag."""
    return _flag(flag_named(name), place, _set_at(_upwards(place), name=name))


def _setting(row: DynamicSetting, place: Place, found: Set) -> SettingThere:
    value, source = row.of_process, ENVIRONMENT if row.is_given else DEFAULT
    otherwise = value
    for wider in reversed(list(_upwards(place))):
        otherwise = value
        own = found.get((wider, row.name))
        if own is not None:
            held = row.below(own, value) if wider != INSTALLATION else own
            source = wider.level.value if held == own else source
            value = held
    return SettingThere(row, place, value, source, found.get((place, row.name)), otherwise)


def _flag(flag: Flag, place: Place, found: Set) -> FlagThere:
    rule, source = None, DEFAULT
    for wider in reversed(list(_upwards(place))):
        own = found.get((wider, flag.name))
        if own is not None:
            rule, source = FlagRule.from_dict(own), wider.level.value
    here = found.get((place, flag.name))
    return FlagThere(flag, place, rule, source, None if here is None else FlagRule.from_dict(here))


def _set_at(places: Iterator[Place], *, name: str = "") -> Set:
    those = (Q(tenant_id=one.tenant_id, knowledge_base_id=one.knowledge_base_id) for one in places)
    rows = SettingChange.objects.filter(reduce(or_, those), is_current=True, value__isnull=False)
    rows = rows.filter(name=name) if name else rows
    return {(row.place, row.name): row.value for row in rows}


def _upwards(place: Place | None) -> Iterator[Place]:
    """The place, and the wider ones up to the installation."""
    while place is not None:
        yield place
        place = place.above
