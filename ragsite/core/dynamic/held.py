"""What this process knows of the settings that were changed while the system runs: one object, replaced as a whole.

Reading asks nobody: it is a look into dictionaries, for it happens many times a request, on the event loop too, and within
transactions that may read nothing else. `ragsite.core.dynamic.following` keeps the object fresh.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from ragsite.core.dynamic.flags import FLAGS_BY_NAME, FlagRule
from ragsite.core.dynamic.places import INSTALLATION, Place
from ragsite.core.dynamic.registry import BY_NAME
from ragsite.core.errors import PermanentError

logger = logging.getLogger(__name__)
NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class SetValue:
    """A value that is set at a place, by the name of a setting or flag, and the number of the change that set it."""

    change: int
    name: str
    place: Place
    value: Any


@dataclass(frozen=True, slots=True)
class Held:
    """`newest` is the number of the newest change that was read. `settings` has for each place where something is set all that
    holds there and was set, by the names of Django's settings; `flags` the rules at each place, by the names of flags.
    """

    newest: int = 0
    set_values: tuple[SetValue, ...] = ()
    settings: Mapping[Place, Mapping[str, Any]] = field(default_factory=dict)
    flags: Mapping[Place, Mapping[str, FlagRule]] = field(default_factory=dict)


_state: dict[str, Held] = {"held": Held()}
_locks = {"changing": Lock()}
# A process that is forked while a thread of its parent changes something would wait for that thread, which it has not.
os.register_at_fork(after_in_child=lambda: _locks.update(changing=Lock()))


def held() -> Held:
    """As it is now."""
    return _state["held"]


def hold(values: Iterable[SetValue], *, newest: int) -> None:
    """From now on these values hold, and no others; of these none that this release does not know, or would not take."""
    with _locks["changing"]:
        _state["held"] = _made([one for one in values if _is_known(one)], newest)


def hold_one(changed: SetValue) -> None:
    """Take up a change of this process at once, unless it was read already. The next reading decides in any case."""
    with _locks["changing"]:
        before = held()
        if changed.change > before.newest:
            others = [one for one in before.set_values if (one.name, one.place) != (changed.name, changed.place)]
            _state["held"] = _made([*others, changed] if changed.value is not None else others, before.newest)


def forget() -> None:
    """As in a process that has read nothing."""
    with _locks["changing"]:
        _state["held"] = Held()


def values_changed(at: Place = INSTALLATION) -> Mapping[str, Any]:
    """What was set and holds at a place, by the names of Django's settings."""
    return _nearest(held().settings, at)


def rules_at(at: Place) -> Mapping[str, FlagRule]:
    """The rules of flags that are set at this very place."""
    return held().flags.get(at, NOTHING)


def _nearest(found: Mapping[Place, Mapping[str, Any]], at: Place | None) -> Mapping[str, Any]:
    if not found:
        return NOTHING
    while at is not None:
        if at in found:
            return found[at]
        at = at.above
    return NOTHING


def _is_known(one: SetValue) -> bool:
    if one.name in FLAGS_BY_NAME:
        return FlagRule.is_rule(one.value)
    try:
        return one.name in BY_NAME and BY_NAME[one.name].values.checked(one.name, one.value) is not None
    except PermanentError as error:
        logger.warning("a value that was set does not hold: %s", error.message)
        return False


def _made(values: Iterable[SetValue], newest: int) -> Held:
    """The widest places first, as what holds at one goes on below it."""
    kept = sorted(values, key=lambda one: (one.place.tenant_id is not None, one.place.knowledge_base_id is not None))
    places: dict[Place, dict[str, Any]] = {}
    flags: dict[Place, dict[str, FlagRule]] = {}
    for one in kept:
        if one.name in FLAGS_BY_NAME:
            flags.setdefault(one.place, {})[one.name] = FlagRule.from_dict(one.value)
        else:
            _lay(one, places)
    return Held(newest, tuple(kept), places, flags)


def _lay(one: SetValue, places: dict[Place, dict[str, Any]]) -> None:
    row = BY_NAME[one.name]
    above = dict(_nearest(places, one.place.above))
    there = places.setdefault(one.place, above)
    value = row.for_django(one.value)
    if one.place != INSTALLATION:
        value = row.below(value, above.get(row.django_name, row.for_django(row.of_process)))
    there[row.django_name] = value
