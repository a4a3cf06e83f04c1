"""The theme's templates, with what they say that no page here may: see `ragsite.gateway.headers`.

Pages may have neither code nor styles in them. `expressions.js` reads what the theme has in attributes: expressions of what an
element has in reach, and no statements, arrow functions or things of the window. The theme has a few of those. Each is a row
here, so that the rest of a template stays the theme's. `theme.js` has the functions that they call.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.template.loaders.app_directories import Loader
from django.utils.html import format_html
from django.utils.safestring import SafeString


@dataclass(frozen=True, slots=True)
class Change:
    """What a template of the theme says, once, and what it says here."""

    said: str
    says: str


CHANGES: dict[str, tuple[Change, ...]] = {
    "unfold/layouts/skeleton.html": (
        Change(
            "(localStorage.getItem('sidebarDesktopOpen') !== null)"
            " ? (localStorage.getItem('sidebarDesktopOpen') == '1') : true",
            "sidebarWasOpen()",
        ),
        Change(
            "activeTab = {% if opts %}getCurrentTab() || '{% tabs_primary_active inline_admin_formsets %}'"
            "{% else %}''{% endif %};",
            "pageBegins({% if opts %}'{% tabs_primary_active inline_admin_formsets %}'{% endif %})",
        ),
        Change(
            "$watch('sidebarDesktopOpen', value => localStorage.setItem('sidebarDesktopOpen', value ? '1' : '0'));", ""
        ),
    ),
    "unfold/helpers/welcomemsg.html": (
        Change(
            "sidebarDesktopOpen = !sidebarDesktopOpen;"
            " localStorage.setItem('sidebarDesktopOpen', sidebarDesktopOpen ? '1' : '0');",
            "sidebarDesktopOpen = !sidebarDesktopOpen",
        ),
    ),
    "unfold/helpers/command.html": (
        Change(
            "if (!$event.metaKey && !$event.ctrlKey) selectItem(", "!$event.metaKey && !$event.ctrlKey && selectItem("
        ),
    ),
    # A text would be written into the attribute, which is a style that stands in the page.
    "admin/actions.html": (Change("\"'width: ' + changeListWidth + 'px'\"", "\"{width: changeListWidth + 'px'}\""),),
}


class ThemeLoader(Loader):
    """Django's loader of the apps' templates, which makes the changes."""

    def get_contents(self, origin: Any) -> str:
        contents: str = super().get_contents(origin)
        for change in CHANGES.get(origin.template_name, ()):
            contents = changed(contents, change, name=origin.template_name)
        return contents


def json_shown(value: Any, encoder: Any) -> SafeString:
    """What is in a field of JSON, to read. The theme's own function gives each word a style."""
    text = json.dumps(value, sort_keys=True, indent=4, ensure_ascii=False, cls=encoder)
    return format_html('<pre class="rag-json">{}</pre>', text)


def changed(contents: str, change: Change, *, name: str) -> str:
    """The template with the change.

    Raises:
        ImproperlyConfigured: another version of the theme, which no longer says it.
    """
    if contents.count(change.said) != 1:
        raise ImproperlyConfigured(f"The template {name} does not say {change.said!r} once; bring CHANGES up to date.")
    return contents.replace(change.said, change.says)
