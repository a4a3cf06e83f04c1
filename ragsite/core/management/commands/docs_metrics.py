"""`manage.py docs_metrics`: the manual's page of metrics is made of their table."""

from __future__ import annotations

from django.core.management.base import CommandParser

from ragsite.core.commands import base
from ragsite.core.commands.base import Options, Told
from ragsite.core.commands.generating import check_add, files_write
from ragsite.core.commands.parsers import About
from ragsite.core.environment import PROJECT_DIR
from ragsite.core.metrics.page import page

PAGE = PROJECT_DIR / "docs" / "metrics.md"


class Command(base.Command):
    about = About(
        sentence="Write docs/metrics.md, the page of all metrics, of their table.",
        examples=(
            ("manage.py docs_metrics", "after a metric was changed or added"),
            ("manage.py docs_metrics --check", "whether that was forgotten"),
        ),
        changes=True,
    )

    def arguments_add(self, parser: CommandParser) -> None:
        check_add(parser)

    def run(self, options: Options) -> Told:
        is_there = PAGE.exists() and PAGE.read_text() == page()
        return files_write({} if is_there else {PAGE: page()}, options, root=PROJECT_DIR, command="docs_metrics")
