"""Times as people say them: `3 minutes ago`, with the exact one for who points at it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.template.defaultfilters import date as date_shown
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

AT_ONCE = timedelta(minutes=1)


def time_in_words(moment: datetime, now: datetime) -> str:
    """How long ago it was, or in how long it will be, in its largest unit."""
    if abs(now - moment) < AT_ONCE:
        return _("just now")
    if moment > now:
        return _("in %(time)s") % {"time": timesince(now, moment, depth=1)}
    return _("%(time)s ago") % {"time": timesince(moment, now, depth=1)}


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
