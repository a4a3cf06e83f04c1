"""Where something is in MLflow, for the pages about it."""

from __future__ import annotations

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.retrieval.evaluation.experiments.mlflow import run_url
from apps.retrieval.models import ExperimentEntry, ExperimentState
from ragsite.core.sentences import said


def experiment_in_words(entry: ExperimentEntry | None) -> SafeString:
    """A link to it, or why it is not there yet; "" where nothing was to be logged."""
    if entry is None:
        return SafeString("")
    if entry.state != ExperimentState.LOGGED:
        why = said(entry.error) if entry.error else ""
        return format_html("{} {}", _("Not yet logged to MLflow."), why)
    url = run_url(entry.mlflow_experiment, entry.mlflow_run)
    if not url:
        return format_html("{}", _("Logged to MLflow as run %(run)s.") % {"run": entry.mlflow_run})
    return format_html('<a class="text-link" href="{}" rel="noopener">{}</a>', url, _("Open it in MLflow"))
