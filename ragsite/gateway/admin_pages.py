"""The pages of the admin, which only who serves them imports: a third of what commands and workers would import."""

from __future__ import annotations

import unfold.fields
from django.contrib import admin

from ragsite.core.admin.lists import headers_keep
from ragsite.gateway.theme import json_shown


def pages_discover() -> None:
    """Import the pages of all apps, and change of the theme what it has no other seam for; again, it changes nothing.

    Headers of lists are made once, and JSON is shown without styles in the page.
    """
    headers_keep()
    unfold.fields.prettify_json = json_shown
    admin.autodiscover()
