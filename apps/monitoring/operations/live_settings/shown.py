"""Settings and flags at a place, in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.monitoring.operations.setting_words import SETTING_WORDS, SettingWords
from ragsite.core.actors import actor_text
from ragsite.core.dynamic.flags import FlagRule
from ragsite.core.dynamic.models import SettingChange
from ragsite.core.dynamic.telling import DEFAULT, ENVIRONMENT, FlagThere, SettingThere
from ragsite.core.dynamic.values import Kind

SOURCES: Mapping[str, str | Promise] = {
    DEFAULT: gettext_lazy("Default"),
    ENVIRONMENT: gettext_lazy("Environment"),
    "installation": gettext_lazy("The installation"),
    "tenant": gettext_lazy("The tenant"),
    "knowledge_base": gettext_lazy("The knowledge base"),
}


@dataclass(frozen=True, slots=True)
class SettingShown:
    """A setting with its words, and what a form needs of it."""

    there: SettingThere

    @property
    def words(self) -> SettingWords:
        return SETTING_WORDS[self.there.row.variable]

    @property
    def description(self) -> str:
        return _(self.there.row.description) if self.there.row.description else ""

    @property
    def taken_up(self) -> str:
        return _(self.there.row.taken_up)

    @property
    def value(self) -> str:
        return value_said(self.there.value)

    @property
    def source(self) -> str:
        return str(SOURCES[self.there.source])

    @property
    def choices(self) -> list[tuple[str, str]]:
        """What is chosen from, by what the form sends; empty where something is typed."""
        if self.there.row.kind is Kind.SWITCH:
            return [("true", _("yes")), ("false", _("no"))]
        return [(one, one) for one in self.there.row.values.choices]

    @property
    def typed(self) -> str:
        """The value as the form has it."""
        value = self.there.value
        return value if isinstance(value, str) else json.dumps(value)

    @property
    def is_number(self) -> bool:
        return self.there.row.kind in (Kind.WHOLE, Kind.NUMBER)

    @property
    def step(self) -> str:
        return "1" if self.there.row.kind is Kind.WHOLE else "any"

    @property
    def least(self) -> str:
        return _bound(self.there.row.values.least)

    @property
    def most(self) -> str:
        return _bound(self.there.row.values.most)

    def read(self, said: str) -> Any:
        """What was typed as a value of JSON; a text that is none, as it is, for the service to refuse."""
        kind = self.there.row.kind
        if kind in (Kind.TEXT, Kind.CHOICE):
            return said.strip()
        if kind is Kind.SWITCH:
            return {"true": True, "false": False}.get(said, said)
        try:
            return int(said) if kind is Kind.WHOLE else float(said.replace(",", "."))
        except ValueError:
            return said


@dataclass(frozen=True, slots=True)
class FlagShown:
    """A flag with its words; `people` are those of the rule that holds, as people name them."""

    there: FlagThere
    people: str = ""

    @property
    def title(self) -> str:
        return _(self.there.flag.title)

    @property
    def description(self) -> str:
        return _(self.there.flag.description)

    @property
    def source(self) -> str:
        return str(SOURCES[self.there.source])

    @property
    def rule(self) -> FlagRule:
        return self.there.rule or FlagRule(on=self.there.flag.default)

    @property
    def value(self) -> str:
        return rule_said(self.rule)

    @property
    def state(self) -> str:
        """What the form has chosen."""
        if self.rule.on:
            return "on"
        return "some" if self.rule.percent or self.rule.people else "off"


@dataclass(frozen=True, slots=True)
class ChangeShown:
    """A change in words."""

    row: SettingChange

    @property
    def who(self) -> str:
        return actor_text(self.row.actor)

    @property
    def before(self) -> str:
        return _said(self.row.before)

    @property
    def after(self) -> str:
        return _said(self.row.value)


def value_said(value: Any) -> str:
    """A value for people."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) if value != "" else _("empty")


def rule_said(rule: FlagRule) -> str:
    """For whom a flag is on."""
    if rule.on:
        return _("on for all")
    some = []
    if rule.percent:
        some.append(_("%(percent)s of 100") % {"percent": rule.percent})
    if rule.people:
        some.append(_("%(number)s that are named") % {"number": len(rule.people)})
    return _("on for %(some)s") % {"some": ", ".join(some)} if some else _("off")


def _said(value: Any) -> str:
    if value is None:
        return _("not set")
    return rule_said(FlagRule.from_dict(value)) if isinstance(value, dict) else value_said(value)


def _bound(number: float | None) -> str:
    return "" if number is None else f"{number:.15g}"
