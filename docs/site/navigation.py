"""Where each page stands in the site, by what people want. A page that no section names stands at the end of "Run"."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Section:
    """Pages by their path below `docs/`, without the ending, in the order of the navigation."""

    title: str
    pages: tuple[str, ...]


RUN = "Run"
SECTIONS: tuple[Section, ...] = (
    Section("Start", ("tutorial", "others", "benchmarks")),
    Section(
        "Use",
        (
            "api", "client", "openai", "mcp", "how-to/rights", "webhooks", "evaluation", "analytics", "privacy",
            "injection",
        ),
    ),
    Section(
        RUN,
        (
            "operations", "reliability", "configuration", "models", "how-to/bring-your-model", "how-to/gpu-worker", "how-to/vllm",
            "how-to/grafana", "how-to/upgrade", "images", "kubernetes", "backup", "how-to/move-a-knowledge-base",
            "observability", "scaling", "vector-stores", "security", "batch",
        ),
    ),
    Section("Extend", ("architecture", "extending", "jobs", "events", "how-to/kafka-consumer", "contributing")),
    Section(
        "Reference",
        (
            "reference/api/index", "reference/objects", "reference/problems", "reference/settings",
            "metrics", "reference/events", "reference/jobs", "commands", "api-changes", "changelog",
        ),
    ),
    Section("Decisions", ("adr/index",)),
)  # fmt: skip
WITHIN = ("index", "adr/", "reference/")
"""The page of the site itself, and what lists of a section's own lead to."""


def navigation(pages: Iterable[str]) -> str:
    """The navigation of the site as it stands on its first page, in MyST."""
    return "\n".join(_toctree(section) for section in _placed(set(pages)))


def _placed(pages: set[str]) -> Iterator[Section]:
    named = {page for section in SECTIONS for page in section.pages}
    others = sorted(page for page in pages - named if not page.startswith(WITHIN))
    for section in SECTIONS:
        yield Section(section.title, (*section.pages, *others)) if section.title == RUN else section


def _toctree(section: Section) -> str:
    return "\n".join(["```{toctree}", ":hidden:", f":caption: {section.title}", "", *section.pages, "```", ""])
