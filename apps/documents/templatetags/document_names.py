"""What documents are called, in templates. Imports nothing of the admin, which loads it."""

from __future__ import annotations

from typing import Protocol

from django import template
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString

register = template.Library()


class Named(Protocol):
    """A document, or a place in one: what people call it, and the title that it has."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...


@register.filter
def called(one: Named) -> SafeString:
    """What a document is called; where its title is another one, that appears over it."""
    if one.name == one.title:
        return conditional_escape(one.name)
    return format_html('<span title="{}">{}</span>', one.title, one.name)
