"""The page of the configuration in force: every setting in words, where it comes from, and what a change takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from apps.monitoring.operations.frame import operations_page, tab_required
from apps.monitoring.operations.setting_words import SETTING_WORDS, SettingWords
from ragsite.core.settings_told import SettingInForce, settings_in_force

LONGEST = 100


@dataclass(frozen=True, slots=True)
class SettingShown:
    """A setting with its words."""

    setting: SettingInForce
    words: SettingWords

    @property
    def value(self) -> str:
        if self.setting.is_secret:
            return _("set") if self.setting.is_given else _("not set")
        return _said(self.setting.value)

    @property
    def default(self) -> str:
        return _("none is shown") if self.setting.is_secret else _said(self.setting.default)

    @property
    def source(self) -> str:
        return _("Environment") if self.setting.is_given else _("Default")

    @property
    def description(self) -> str:
        return _(self.setting.description) if self.setting.description else ""

    def is_meant(self, wanted: str) -> bool:
        """Whether its names or what is said of it have these words."""
        said = f"{self.setting.variable} {self.description} {self.words.title} {self.words.heading}".lower()
        return all(word in said for word in wanted.lower().split())


def _said(value: str) -> str:
    return {"True": _("yes"), "False": _("no"), "": _("empty")}.get(value, value)


@admin.site.admin_view
def settings_view(request: HttpRequest) -> HttpResponse:
    """All settings, or those that some words are about.

    Raises:
        PermissionDenied: the user is no superuser.
    """
    tab_required(request, "settings")
    wanted = request.GET.get("q", "").strip()[:LONGEST]
    given_only = request.GET.get("given") == "1"
    shown = [one for one in _shown() if one.is_meant(wanted) and (one.setting.is_given or not given_only)]
    context: dict[str, Any] = {"wanted": wanted, "given_only": given_only, "groups": _grouped(shown)}
    return operations_page(request, "settings", context)


def _shown() -> list[SettingShown]:
    return [SettingShown(one, SETTING_WORDS[one.variable]) for one in settings_in_force()]


def _grouped(shown: Iterable[SettingShown]) -> list[tuple[str, list[SettingShown]]]:
    """Under their headings, in the order of the table."""
    groups: dict[str, list[SettingShown]] = {str(words.heading): [] for words in SETTING_WORDS.values()}
    for one in shown:
        groups[str(one.words.heading)].append(one)
    return [(heading, rows) for heading, rows in groups.items() if rows]
