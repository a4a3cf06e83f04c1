"""Filters for times in templates."""

from __future__ import annotations

from django import template

from ragsite.core.times import time_shown

register = template.Library()
register.filter("ago", time_shown)
