"""`manage.py settings`: look at the settings and flags that change while the system runs, and change them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandParser

from apps.documents.intake.ingestion import knowledge_base_named
from ragsite.core.actors import Actor, actor_text
from ragsite.core.commands import base
from ragsite.core.commands.base import Options, Told
from ragsite.core.commands.parsers import About
from ragsite.core.commands.trying import undone_if
from ragsite.core.dynamic.changing import setting_history, setting_put_back, setting_set, setting_unset
from ragsite.core.dynamic.flags import FLAGS_BY_NAME
from ragsite.core.dynamic.models import SettingChange
from ragsite.core.dynamic.places import INSTALLATION, Place
from ragsite.core.dynamic.registry import setting_named
from ragsite.core.dynamic.telling import FlagThere, SettingThere, flags_there, settings_there
from ragsite.core.dynamic.values import Kind
from ragsite.core.errors import ConflictError, NotFoundError
from ragsite.gateway.auditing.retention import tenants_named

ACTOR = Actor.of_command("manage.py settings")
MOST_TOLD = 100
WHERE = "Without --tenant and --knowledge-base the installation is meant."
SECONDS = "Every process goes by a change within seconds; none is started anew."

LIST = About(
    sentence="What holds, where that comes from, and what is set there.",
    examples=(
        ("manage.py settings list", "what holds in the installation"),
        ("manage.py settings list --knowledge-base Handbooks", "what holds in a knowledge base"),
    ),
    notes=(WHERE,),
)
SET = About(
    sentence="Set a setting or a flag.",
    examples=(
        ("manage.py settings set search.seconds 20", "for the installation"),
        ("manage.py settings set documents.ocr true --knowledge-base Handbooks", "for a knowledge base"),
        ("manage.py settings set rewriting 25% --tenant harbour", "a flag, on for 25 of 100 people and keys"),
        ("manage.py settings set stand_in off --dry-run", "whether it could be set"),
    ),
    changes=True,
    notes=(
        WHERE,
        SECONDS,
        'A flag is `on`, `off`, so many `%`, or a rule as JSON: `{"on": false, "percent": 10, "people": ["12"]}`.',
    ),
)
UNSET = About(
    sentence="Unset a setting or a flag: what is set above it holds again.",
    examples=(
        ("manage.py settings unset search.seconds", "what the environment says holds again"),
        ("manage.py settings unset rewriting --tenant harbour", "the installation's rule holds again"),
    ),
    changes=True,
    notes=(WHERE, SECONDS),
)
HISTORY = About(
    sentence="Who set a setting or a flag to what, and when; the last 100 changes, the newest first.",
    examples=(("manage.py settings history search.seconds", "with the numbers that `put-back` takes"),),
    notes=(WHERE,),
)
PUT_BACK = About(
    sentence="Have a setting or a flag as it was before a change.",
    examples=(("manage.py settings put-back search.seconds 12", "as it was before the change of that number"),),
    changes=True,
    notes=(WHERE, SECONDS),
)


class Command(base.Command):
    sentence = "The settings and flags that change while the system runs: look at them, and change them."

    def arguments_add(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        for name, about in (
            ("list", LIST), ("set", SET), ("unset", UNSET), ("history", HISTORY), ("put-back", PUT_BACK),
        ):  # fmt: skip
            action = self.action_add(actions, name, about)
            if name != "list":
                action.add_argument("name", help="The name of the setting or flag.")
            if name == "set":
                action.add_argument("value", help="JSON, or a text as it is.")
            if name == "put-back":
                action.add_argument("change", type=int, help="The number of a change.")
            action.add_argument("--tenant", default="", help="Its name, short name or id.")
            action.add_argument("--knowledge-base", default="", help="Its name or id.")

    def run(self, options: Options) -> Told:
        doors: dict[str, Callable[[Options, Place], Told]] = {
            "list": self._list, "set": self._set, "unset": self._unset, "history": self._history,
            "put-back": self._put_back,
        }  # fmt: skip
        return doors[options["action"]](options, _place(options))

    def _list(self, options: Options, place: Place) -> Told:
        settings, flags = settings_there(place), flags_there(place)
        lines = [_setting_line(one) for one in settings] + [_flag_line(one) for one in flags]
        told = {"settings": [_setting_json(one) for one in settings], "flags": [_flag_json(one) for one in flags]}
        return Told(told, "\n".join(lines))

    def _set(self, options: Options, place: Place) -> Told:
        value = _value(options["name"], options["value"])
        with undone_if(options["dry_run"]):
            value = setting_set(name=options["name"], place=place, value=value, actor=ACTOR)
        return _told(options, place, value)

    def _unset(self, options: Options, place: Place) -> Told:
        with undone_if(options["dry_run"]):
            setting_unset(name=options["name"], place=place, actor=ACTOR)
        return _told(options, place, None)

    def _put_back(self, options: Options, place: Place) -> Told:
        with undone_if(options["dry_run"]):
            value = setting_put_back(name=options["name"], place=place, change=options["change"], actor=ACTOR)
        return _told(options, place, value)

    def _history(self, options: Options, place: Place) -> Told:
        if options["name"] not in FLAGS_BY_NAME:
            setting_named(options["name"])
        changes = list(setting_history(options["name"], place)[:MOST_TOLD])
        return Told([_change_json(one) for one in changes], "\n".join(map(_change_line, changes)) or "No changes.")


def _place(options: Options) -> Place:
    """Raises NotFoundError, ConflictError: there is none of that name, or several."""
    if options["knowledge_base"]:
        return Place.of_base(knowledge_base_named(options["knowledge_base"], tenant=options["tenant"]))
    if not options["tenant"]:
        return INSTALLATION
    found = tenants_named([options["tenant"]])
    if not found:
        raise NotFoundError(f"There is no tenant {options['tenant']!r}.")
    if len(found) > 1:
        raise ConflictError(f"{len(found)} tenants are called {options['tenant']!r}.", action="Give its short name.")
    return Place(found[0])


def _value(name: str, said: str) -> Any:
    if name in FLAGS_BY_NAME:
        if said in ("on", "off"):
            return {"on": said == "on"}
        if said.endswith("%") and said[:-1].isdecimal():
            return {"on": False, "percent": int(said[:-1])}
    elif setting_named(name).kind in (Kind.TEXT, Kind.CHOICE):
        return said
    try:
        return json.loads(said)
    except ValueError:
        return said


def _told(options: Options, place: Place, value: Any) -> Told:
    dry, held = options["dry_run"], "not set" if value is None else json.dumps(value)
    text = f"{options['name']} of the {place.level} {'would be' if dry else 'is'} {held}."
    told = {"dry_run": dry, "name": options["name"], "level": place.level.value, "value": value}
    return Told(told, f"{text} Nothing was written." if dry else text)


def _setting_json(one: SettingThere) -> dict[str, Any]:
    return {
        "name": one.row.name, "variable": one.row.variable, "value": one.value, "source": one.source,
        "default": one.row.default, "set_here": one.own, "levels": [level.value for level in one.row.levels],
    }  # fmt: skip


def _setting_line(one: SettingThere) -> str:
    return f"{one.row.name:28} {json.dumps(one.value):>12}  {one.source:14}  {one.row.description}"


def _flag_json(one: FlagThere) -> dict[str, Any]:
    rule, own = (None if each is None else each.to_dict() for each in (one.rule, one.own))
    return {
        "name": one.flag.name, "rule": rule, "source": one.source, "default": one.flag.default, "set_here": own,
        "owner": one.flag.owner, "removed_on": one.flag.removed_on.isoformat(),
    }  # fmt: skip


def _flag_line(one: FlagThere) -> str:
    rule = {"on": one.flag.default} if one.rule is None else one.rule.to_dict()
    return f"{one.flag.name:28} {json.dumps(rule):>12}  {one.source:14}  {one.flag.title}"


def _change_json(one: SettingChange) -> dict[str, Any]:
    return {"change": one.pk, "at": one.at, "by": actor_text(one.actor), "before": one.before, "value": one.value}


def _change_line(one: SettingChange) -> str:
    before, after = ("not set" if value is None else json.dumps(value) for value in (one.before, one.value))
    return f"{one.pk:>8}  {one.at:%Y-%m-%d %H:%M}  {before} → {after}  by {actor_text(one.actor)}"
