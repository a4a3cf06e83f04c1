"""What ragsite does by the clock, in words: a row for each such job of `workers/jobs.py`."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

TITLES: Mapping[str, str | Promise] = {
    "sweep": _("Finds work that waits and that nobody was told of"),
    "lexical-merge": _("Joins small parts of the index of words"),
    "lexical-repair": _("Mends the index of words"),
    "documents-purge": _("Removes deleted documents"),
    "blobs-purge": _("Removes files that no document needs"),
    "blobs-copy": _("Copies uploaded files to the second storage"),
    "pictures-purge": _("Removes pictures of pages that nobody looked at for long"),
    "cut-previews-purge": _("Removes old previews of how documents are cut"),
    "bulk-jobs-purge": _("Forgets changes that nobody confirmed"),
    "generations-purge": _("Ends the indexes of deleted knowledge bases"),
    "parts-purge": _("Removes parts of indexes in which nothing is left"),
    "generations-discard": _("Removes what is left of dropped indexes"),
    "stores-follow": _("Tells vector stores beside PostgreSQL what has changed"),
    "stores-repair": _("Compares vector stores with PostgreSQL, and mends them"),
    "models-follow": _("Re-indexes where a model has another version now"),
    "standbys-follow": _("Keeps the indexes of smaller models up to date"),
    "experiments-follow": _("Notes for MLflow which versions of models came into use"),
    "generations-index": _("Makes searches of large indexes fast"),
    "idempotency-purge": _("Forgets answers that were kept for repeated requests"),
    "quota-uses-purge": _("Forgets what was used of limits more than a year ago"),
    "tokens-purge": _("Forgets tokens that have ended"),
    "sign-ins-purge": _("Forgets sign-ins that failed long ago"),
    "changes-compact": _("Puts notes together of what kept answers rest on"),
    "health-check": _("Checks whether all parts work"),
    "alerts-judge": _("Opens and closes alerts"),
    "webhook-deliveries-purge": _("Forgets what webhooks were told more than 30 days ago"),
    "alerts-purge": _("Forgets alerts that were over long ago"),
    "analytics-fill": _("Fills in reports from the record, where somebody asked for it"),
    "presence-purge": _("Forgets workers that are gone"),
    "queues-sample": _("Notes how much waits for workers"),
    "models-expire": _("Notes which models are loaded no more"),
    "audit-seal": _("Seals new entries of the audit log"),
    "audit-prune": _("Removes entries of the audit log that are too old"),
    "events-purge": _("Removes events that were delivered"),
    "inbox-purge": _("Forgets which events consumers have seen, after a month"),
}


def scheduled_title(name: str) -> str:
    """What a job by the clock does; its name, if there are no words for it."""
    return str(TITLES.get(name, name))
