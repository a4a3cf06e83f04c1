"""Times as people say them: `3 minutes ago`, with the exact one for who points at it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.template.defaultfilters import date as date_shown
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import npgettext_lazy

AT_ONCE = timedelta(minutes=1)
AFTER_A_PREPOSITION: dict[str, Any] = {
    "year": npgettext_lazy("ago", "%(num)d year", "%(num)d years", "num"),
    "month": npgettext_lazy("ago", "%(num)d month", "%(num)d months", "num"),
    "week": npgettext_lazy("ago", "%(num)d week", "%(num)d weeks", "num"),
    "day": npgettext_lazy("ago", "%(num)d day", "%(num)d days", "num"),
    "hour": npgettext_lazy("ago", "%(num)d hour", "%(num)d hours", "num"),
    "minute": npgettext_lazy("ago", "%(num)d minute", "%(num)d minutes", "num"),
}
"""Languages with cases say `1 Tag`, and `vor 1 Tag`, but `2 Tage`, and `vor 2 Tagen`."""


def time_in_words(moment: datetime, now: datetime) -> str:
    """How long ago it was, or in how long it will be, in its largest unit."""
    if abs(now - moment) < AT_ONCE:
        return _("just now")
    if moment > now:
        return _("in %(time)s") % {"time": timesince(now, moment, time_strings=AFTER_A_PREPOSITION, depth=1)}
    return _("%(time)s ago") % {"time": timesince(moment, now, time_strings=AFTER_A_PREPOSITION, depth=1)}


def time_shown(moment: datetime | None) -> SafeString:
    """The time in words, with the exact one as its title; nothing for none."""
    if moment is None:
        return SafeString()
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(),
        date_shown(timezone.localtime(moment), "DATETIME_FORMAT"),
        time_in_words(moment, timezone.now()),
    )
