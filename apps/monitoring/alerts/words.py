"""An alert in words."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext

from apps.monitoring.alerts.rules import Rule, rule_named
from apps.monitoring.models import Alert
from ragsite.core.numbers import number_shown


def alert_title(alert: Alert) -> str:
    """What is wrong; the bare names where the rule is no more."""
    rule = rule_named(alert.rule)
    return _filled(rule, alert) if rule else str(alert)


def alert_advice(alert: Alert) -> str:
    """What mends it."""
    rule = rule_named(alert.rule)
    return gettext(rule.advice) if rule else ""


def alert_url(alert: Alert) -> str:
    """The page where it is mended."""
    rule = rule_named(alert.rule)
    return reverse(rule.page if rule else "alerts")


def _filled(rule: Rule, alert: Alert) -> str:
    return gettext(rule.title) % {
        "subject": alert.subject,
        "value": number_shown(alert.value),
        "minutes": number_shown(alert.value / 60),
    }
