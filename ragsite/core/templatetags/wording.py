"""Filters for words in templates."""

from __future__ import annotations

from django import template

from ragsite.core.sentences import said

register = template.Library()
register.filter("said", said)
