"""The page that imports questions into an evaluation set."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.text import format_lazy
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_protect
from unfold.widgets import UnfoldAdminFileFieldWidget

from apps.documents.upload_limits import UploadTooLargeError
from apps.retrieval.evaluation.arrived import MOST_DOCUMENTS, files_import
from apps.retrieval.evaluation.importing import ImportResult
from apps.retrieval.models import EvaluationSet
from ragsite.core.admin.base import Words, acting, errors_told, row_url
from ragsite.core.numbers import number_shown, number_shown_later
from ragsite.core.sentences import said


def _file(label: Words, help_text: Words) -> forms.FileField:
    return forms.FileField(label=label, help_text=help_text, required=False, widget=UnfoldAdminFileFieldWidget)


class ImportForm(forms.Form):
    """Files in the form of BEIR, or one CSV."""

    queries = _file("queries.jsonl", _("A line for each question: _id and text."))
    qrels = _file(
        "qrels.tsv", _("Which document answers which question: query-id, corpus-id and score; 0 where it does not.")
    )
    corpus = _file(
        "corpus.jsonl",
        format_lazy(
            _("Only if the documents are not here yet; at most {most}."), most=number_shown_later(MOST_DOCUMENTS)
        ),
    )
    csv = _file(
        _("CSV file"), _("Columns question and document; perhaps passage, grade (0 for wrong) and reference_answer.")
    )

    def clean(self) -> dict[str, Any]:
        given = {name for name, file in (super().clean() or {}).items() if file}
        if given != {"csv"} and given - {"corpus"} != {"queries", "qrels"}:
            raise ValidationError(gettext("Choose queries.jsonl and qrels.tsv, or a CSV file alone."))
        return {name: self.cleaned_data[name] for name in given}


def evaluation_import_page(request: HttpRequest, *, evaluation_set: EvaluationSet, site: AdminSite) -> HttpResponse:
    """Show the form, or take the files of it.

    The caller must be exempt from the CSRF middleware, for the reason that the page to upload documents gives.
    """
    try:
        request.FILES  # noqa: B018 - reading it is what parses the body
    except UploadTooLargeError as error:
        messages.error(request, said(error.sentence))
        return redirect(request.path)
    page: HttpResponse = csrf_protect(_page)(request, evaluation_set=evaluation_set, site=site)
    return page


def _page(request: HttpRequest, *, evaluation_set: EvaluationSet, site: AdminSite) -> HttpResponse:
    form = ImportForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        with errors_told(request):
            messages.success(request, _told(files_import(evaluation_set, form.cleaned_data, actor=acting(request))))
            return redirect(row_url(evaluation_set))
    context = {
        **site.each_context(request),
        "title": gettext("Import questions into %(evaluation_set)s") % {"evaluation_set": evaluation_set},
        "opts": EvaluationSet._meta,
        "original": evaluation_set,
        "back": row_url(evaluation_set),
        "form": form,
    }
    return TemplateResponse(request, "ragsite/admin/evaluation_import.html", context)


def _told(imported: ImportResult) -> str:
    taken = ngettext("%(count)s question was imported.", "%(count)s questions were imported.", imported.questions)
    taken %= {"count": number_shown(imported.questions)}
    if not imported.left_out:
        return taken
    left_out = gettext("%(count)s had no relevant document in this knowledge base and were left out.")
    return f"{taken} {left_out % {'count': number_shown(imported.left_out)}}"
