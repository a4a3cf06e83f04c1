"""The page of settings and flags that change while the system runs: what holds where and why, changes, history, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.monitoring.operations.frame import operations_page, tab_required
from apps.monitoring.operations.live_settings.people import people_named, people_read
from apps.monitoring.operations.live_settings.places import PlaceOffered, place_wanted, places_offered
from apps.monitoring.operations.live_settings.shown import ChangeShown, FlagShown, SettingShown
from apps.monitoring.operations.setting_words import SETTING_WORDS
from ragsite.core.admin.base import acting, errors_told
from ragsite.core.dynamic.changing import setting_history, setting_put_back, setting_set, setting_unset
from ragsite.core.dynamic.flags import FLAGS_BY_NAME
from ragsite.core.dynamic.places import Place
from ragsite.core.dynamic.registry import BY_NAME
from ragsite.core.dynamic.telling import FlagThere, flags_there, setting_there, settings_there

MOST_TOLD = 50


@admin.site.admin_view
def live_settings_view(request: HttpRequest) -> HttpResponse:
    """Show a place's, or change one there.

    Raises:
        PermissionDenied: the user may not change settings there.
    """
    tab_required(request, "live-settings")
    offered = places_offered(request)
    wanted = place_wanted(request, offered)
    if request.method == "POST":
        door = DOORS.get(request.POST.get("do", ""))
        if door is not None:
            with errors_told(request):
                door(request, wanted.place)
                messages.success(request, _("Changed. Every process goes by it within seconds."))
        return redirect(_url(wanted, history=request.GET.get("history", "")))
    return operations_page(request, "live-settings", _context(request, offered, wanted))


def _set(request: HttpRequest, place: Place) -> None:
    name = request.POST.get("name", "")
    value: Any = (
        _rule(request, place)
        if name in FLAGS_BY_NAME
        else SettingShown(setting_there(name, place)).read(request.POST.get("value", ""))
    )
    setting_set(name=name, place=place, value=value, actor=acting(request))


def _rule(request: HttpRequest, place: Place) -> dict[str, Any]:
    state, percent = request.POST.get("state", ""), request.POST.get("percent", "")
    if state != "some":
        return {"on": state == "on"}
    people = people_read(request.POST.get("people", ""), place)
    return {"on": False, "percent": int(percent) if percent.isdecimal() else 0, "people": people}


def _unset(request: HttpRequest, place: Place) -> None:
    setting_unset(name=request.POST.get("name", ""), place=place, actor=acting(request))


def _put_back(request: HttpRequest, place: Place) -> None:
    said = request.POST.get("change", "")
    change = int(said) if said.isdecimal() and len(said) < 19 else 0
    setting_put_back(name=request.POST.get("name", ""), place=place, change=change, actor=acting(request))


DOORS: dict[str, Callable[[HttpRequest, Place], None]] = {"set": _set, "unset": _unset, "put-back": _put_back}


def _context(request: HttpRequest, offered: list[PlaceOffered], wanted: PlaceOffered) -> dict[str, Any]:
    place, name = wanted.place, request.GET.get("history", "")
    settable = [SettingShown(one) for one in settings_there(place) if one.can_be_set]
    flags = [_flag_shown(one) for one in flags_there(place) if one.can_be_set]
    known = name in BY_NAME or name in FLAGS_BY_NAME
    changes = [ChangeShown(row) for row in setting_history(name, place)[:MOST_TOLD]] if known else []
    titles = {one.there.row.name: str(one.words.title) for one in settable} | {
        one.there.flag.name: one.title for one in flags
    }
    return {
        "offered": offered,
        "wanted": wanted,
        "groups": _grouped(settable),
        "flags": flags,
        "history": titles.get(name, ""),
        "history_name": name,
        "changes": changes,
        "here": _url(wanted),
    }


def _flag_shown(there: FlagThere) -> FlagShown:
    people = there.rule.people if there.rule else ()
    return FlagShown(there, people_named(people, there.place))


def _grouped(shown: Iterable[SettingShown]) -> list[tuple[str, list[SettingShown]]]:
    """Under their headings, in the order of the table of words."""
    groups: dict[str, list[SettingShown]] = {str(words.heading): [] for words in SETTING_WORDS.values()}
    for one in shown:
        groups[str(one.words.heading)].append(one)
    return [(heading, rows) for heading, rows in groups.items() if rows]


def _url(wanted: PlaceOffered, *, history: str = "") -> str:
    asked = {"place": wanted.key} | ({"history": history} if history else {})
    return f"{reverse('live-settings')}?{urlencode(asked)}"
