"""The page that tries a version of a model on what somebody types: what it answers, and how long that takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from django import forms
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextareaWidget

from apps.models.gateway import Deadline, Purpose, embed, generate, read, rerank
from apps.models.generation import GeneratedText, GenerationEnd, GenerationOptions, Message, Role
from apps.models.installed_model import EmbeddingModel, InstalledModel, ModelKind
from apps.models.models import Model, ModelVersion
from apps.models.prompts import TextRole
from apps.models.selectors import model_version
from ragsite.core.admin.base import row_url
from ragsite.core.database import connection_release
from ragsite.core.errors import RagError

SECONDS = 60.0
"""A model that is not loaded yet must be."""

MOST_PASSAGES = 20
MOST_TOKENS = 200
NUMBERS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Said:
    """What came of one text or passage: a figure where there is one, and words."""

    text: str
    figure: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the model answered, in a sentence and line by line, after so many milliseconds; or why it did not."""

    sentence: str = ""
    lines: Sequence[Said] = ()
    milliseconds: float = 0.0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Trying:
    """How a kind is tried: what its two fields are for, what stands there at first, and what is done with them."""

    text_label: str | Promise
    passages_label: str | Promise
    text: str | Promise
    passages: str | Promise
    run: Callable[[InstalledModel, str, Sequence[str], Deadline], Outcome]


class TryForm(forms.Form):
    """A text, and for most kinds passages beside it, a line each."""

    text = forms.CharField(max_length=4_000, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}))
    passages = forms.CharField(max_length=20_000, required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}))

    def lines(self) -> list[str]:
        """The passages that are no blank lines."""
        given = [line.strip() for line in self.cleaned_data.get("passages", "").splitlines()]
        return [line for line in given if line][:MOST_PASSAGES]


def try_page(request: HttpRequest, version: ModelVersion, *, site: AdminSite) -> HttpResponse:
    """Show the form, or what came of it.

    Raises:
        PermissionDenied: the user may not change versions of models.
    """
    if not request.user.has_perm("model_registry.change_modelversion"):
        raise PermissionDenied
    how = TRYING[ModelKind(version.kind)]
    if request.method == "POST":
        form = TryForm(request.POST)
        outcome = _outcome(version, how, form) if form.is_valid() else Outcome(error=_("Type something first."))
        return TemplateResponse(request, "ragsite/admin/model_tried.html", {"outcome": outcome})
    title = _("Try %(version)s") % {"version": version}
    context = {
        **site.each_context(request),
        "title": title,
        "content_title": title,
        "opts": Model._meta,
        "form": TryForm(initial={"text": how.text, "passages": how.passages}),
        "how": how,
        "back": row_url(version),
    }
    return TemplateResponse(request, "ragsite/admin/model_try.html", context)


def _outcome(version: ModelVersion, how: Trying, form: TryForm) -> Outcome:
    deadline = Deadline.after(SECONDS)
    begun = time.perf_counter()
    try:
        model = model_version(version.pk, kind=ModelKind(version.kind))
        connection_release()
        found = how.run(model, form.cleaned_data["text"], form.lines(), deadline)
    except RagError as error:
        return Outcome(error=error.sentence, milliseconds=1000 * (time.perf_counter() - begun))
    return Outcome(found.sentence, found.lines, 1000 * (time.perf_counter() - begun))


def _embedded(model: InstalledModel, text: str, passages: Sequence[str], deadline: Deadline) -> Outcome:
    """How near each passage is to the text."""
    embedding = cast(EmbeddingModel, model)
    asked = embed([text], role=TextRole.QUERY, model=embedding, purpose=Purpose.QUERY, deadline=deadline)[0]
    rows = embed(passages, role=TextRole.DOCUMENT, model=embedding, purpose=Purpose.QUERY, deadline=deadline)
    numbers = ", ".join(f"{number:.3f}" for number in asked[:NUMBERS_SHOWN])
    sentence = _("A vector of %(n)d numbers: %(numbers)s …") % {"n": len(asked), "numbers": numbers}
    return Outcome(sentence, _ranked(passages, rows @ asked))


def _reranked(model: InstalledModel, text: str, passages: Sequence[str], deadline: Deadline) -> Outcome:
    scores = rerank(text, passages, model=model, purpose=Purpose.QUERY, deadline=deadline)
    return Outcome(_("The passages, the one that answers best first:"), _ranked(passages, scores))


def _read(model: InstalledModel, text: str, passages: Sequence[str], deadline: Deadline) -> Outcome:
    readings = read(text, passages, model=model, purpose=Purpose.ANSWER, deadline=deadline)
    lines = [
        Said(passage[one.start : one.end] or _("no answer"), f"{one.margin:.2f}")
        for passage, one in zip(passages, readings, strict=True)
    ]
    return Outcome(_("Where each passage answers, and how much speaks for it:"), lines)


def _written(model: InstalledModel, text: str, passages: Sequence[str], deadline: Deadline) -> Outcome:
    pieces = generate(
        [Message(Role.USER, text)], model=model, purpose=Purpose.ANSWER, deadline=deadline,
        options=GenerationOptions(max_tokens=MOST_TOKENS),
    )  # fmt: skip
    written: list[str] = []
    end: GenerationEnd | None = None
    for piece in pieces:
        if isinstance(piece, GeneratedText):
            written.append(piece.text)
        else:
            end = piece
    counted = {"read": end.prompt_tokens if end else 0, "written": end.completion_tokens if end else 0}
    sentence = _("It read %(read)d tokens and wrote %(written)d, of at most 200.") % counted
    return Outcome(sentence, [Said("".join(written).strip() or _("(nothing)"))])


def _ranked(passages: Sequence[str], scores: np.ndarray) -> list[Said]:
    order: list[int] = np.argsort(-scores, kind="stable").tolist()
    return [Said(passages[place], f"{scores[place]:.3f}") for place in order]


BERTH = gettext_lazy("What does a berth cost?")
PASSAGES = gettext_lazy("A berth costs 31 euros a night.\nThe office opens at 07:30.")
TRYING: Mapping[ModelKind, Trying] = {
    ModelKind.EMBEDDING: Trying(
        gettext_lazy("A question"), gettext_lazy("Passages to compare it with, a line each"), BERTH, PASSAGES, _embedded
    ),
    ModelKind.RERANKING: Trying(
        gettext_lazy("A question"), gettext_lazy("Passages, a line each"), BERTH, PASSAGES, _reranked
    ),
    ModelKind.READING: Trying(gettext_lazy("A question"), gettext_lazy("Passages, a line each"), BERTH, PASSAGES, _read),
    ModelKind.GENERATION: Trying(
        gettext_lazy("What to say to it"), "", gettext_lazy("Say in one short sentence what a harbour is for."), "", _written
    ),
}  # fmt: skip
