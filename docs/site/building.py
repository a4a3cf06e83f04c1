"""From the code and the Markdown to HTML."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from django.core.serializers.json import DjangoJSONEncoder

from docs.site.api_pages import api_pages
from docs.site.code_pages import events_page, jobs_page, settings_page
from docs.site.gathering import SITE, gather
from ragsite.api import openapi

OPTIONS = ("--jobs", "auto", "--quiet", "--fail-on-warning", "--keep-going", "--builder", "html")


def build(output: Path) -> int:
    """Make the site in the folder and say where it is; the exit code of Sphinx, which any warning fails.

    Sphinx runs in a process of its own, where Django's logging does not read each of its lines.
    """
    source, html = output / "source", output / "html"
    gather(source, generated=dict(_generated()))
    places = ("--conf-dir", SITE, "--doctree-dir", output / "doctrees", source, html)
    code = subprocess.run([sys.executable, "-m", "sphinx", *OPTIONS, *map(str, places)], check=False).returncode
    if code == 0:
        sys.stdout.write(f"{len(list(html.rglob('*.html')))} pages: {html / 'index.html'}\n")
    return code


def _generated() -> Iterator[tuple[str, str]]:
    """The pages that are made of the code, by their path in the site."""
    yield from api_pages(json.loads(json.dumps(openapi(), cls=DjangoJSONEncoder)))
    yield "reference/settings.md", settings_page()
    yield "reference/jobs.md", jobs_page()
    yield "reference/events.md", events_page()
