"""What the Ask tab's script asks the server for: an answer as it comes, again from where it was cut, finished, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, TypeAlias
from uuid import UUID

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from apps.monitoring.workspace.ask.asking import Asker, asking_of, filled
from apps.monitoring.workspace.ask.forms import SIDES
from apps.monitoring.workspace.ask.fragments import failed_html, fragments, turn_html
from apps.monitoring.workspace.ask.shown import turn_shown
from apps.monitoring.workspace.pages import place_of
from apps.retrieval.answers.feedback import answer_rate, answer_unrate
from apps.retrieval.answers.services import answer_visible
from apps.retrieval.doors.answer_shapes import answer_out
from apps.retrieval.doors.streaming import EventStream, answer_stop, events_again, stream_response
from apps.retrieval.doors.telling import answer_start
from apps.retrieval.models import Rating
from apps.retrieval.streaming.log import MOST_EVENTS
from ragsite.core.admin.base import acting
from ragsite.core.configuration import StreamSettings
from ragsite.core.errors import PermanentError, RagError
from ragsite.core.sentences import said

Part: TypeAlias = Callable[[Asker], HttpResponseBase]
SLUG = "ask"
CONVERSATION, ANSWER = "X-Conversation", "X-Answer"
"""Headers of a stream: the conversation that the question is part of, and the answer that is being made."""


class AnswerForm(forms.Form):
    """Which answer, which of two on the page, and, of a stream that was cut, the last event that has come; `earlier` is one of a
    conversation that is opened again.
    """

    answer = forms.UUIDField()
    side = forms.ChoiceField(choices=[(one, one) for one in SIDES], required=False)
    after = forms.IntegerField(min_value=0, max_value=MOST_EVENTS, required=False)
    rating = forms.ChoiceField(choices=Rating.choices, required=False)
    earlier = forms.BooleanField(required=False)


def _part(view: Part) -> Callable[[HttpRequest, UUID], HttpResponseBase]:
    """A part of the tab, for those who may open it and read the knowledge base; a refusal is a sentence of the page."""

    @wraps(view)
    def part(request: HttpRequest, knowledge_base_id: UUID) -> HttpResponseBase:
        asker = Asker(request, place_of(request, knowledge_base_id, SLUG)[0].knowledge_base)
        if not asker.may_read:
            raise PermissionDenied
        try:
            return view(asker)
        except RagError as error:
            again = not isinstance(error, PermanentError)
            return HttpResponse(failed_html(said(error.sentence), again=again), status=error.http_status)

    return part


@admin.site.admin_view
@require_POST
@_part
def stream_view(asker: Asker) -> HttpResponseBase:
    """Begin to answer, and tell how it goes. The answer is made to its end unless somebody stops it."""
    side = asker.request.POST.get("side", SIDES[0])
    sent = filled(asker, asker.request.POST)
    if side not in sent.asked_sides or not sent.is_valid:
        page = render(asker.request, "ragsite/workspace/ask_refused.html", {"forms": sent, "side": side})
        page.status_code = HTTPStatus.UNPROCESSABLE_ENTITY
        return page
    asking = asking_of(asker, sent, side)
    run = answer_start(asking)
    events = run.follow(patience=StreamSettings.current().heartbeat_seconds)
    told = EventStream(fragments(events, asker.viewer_of(asking, side)))
    response = stream_response(told, answer_id=run.answer_id)
    response[ANSWER] = str(run.answer_id)
    response[CONVERSATION] = str(asking.turn.conversation_id or "")
    return response


@admin.site.admin_view
@require_GET
@_part
def events_view(asker: Asker) -> HttpResponseBase:
    """The rest of a stream that was cut, of one's own question. What was asked with another's eyes is not told again."""
    sent = _form(asker.request.GET)
    events = events_again(sent["answer"], principal=asker.principal)
    told = EventStream(fragments(events, asker.viewer(side=sent["side"]), after=sent["after"] or 0))
    return stream_response(told, answer_id=sent["answer"])


@admin.site.admin_view
@require_GET
@_part
def answer_view(asker: Asker) -> HttpResponseBase:
    """The finished answer, where no stream comes through, and of what was asked earlier."""
    sent, principal = _form(asker.request.GET), asker.principal
    answer = answer_visible(sent["answer"], principal)
    viewer = asker.viewer(side=sent["side"])
    turn = turn_shown(answer_out(answer, principal=principal), None, viewer)
    feedback = getattr(answer, "feedback", None)
    return HttpResponse(turn_html(turn, viewer, rating=feedback and feedback.rating, folded=sent["earlier"]))


@admin.site.admin_view
@require_POST
@_part
def stop_view(asker: Asker) -> HttpResponseBase:
    """Nobody waits for the answer any more."""
    answer_stop(_form(asker.request.POST)["answer"], principal=asker.principal)
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


@admin.site.admin_view
@require_POST
@_part
def rate_view(asker: Asker) -> HttpResponseBase:
    """Note what who asked thinks of the answer, or take it back; the buttons as they are then."""
    sent = _form(asker.request.POST)
    answer = answer_visible(sent["answer"], asker.principal)
    actor, rating = acting(asker.request), sent["rating"]
    if rating:
        answer_rate(answer=answer, rating=Rating(rating), actor=actor)
    else:
        answer_unrate(answer=answer, actor=actor)
    context = {"answer": answer.pk, "rating": rating, "knowledge_base_id": asker.knowledge_base.pk}
    return render(asker.request, "ragsite/workspace/ask_rating.html", context)


def _form(data: QueryDict) -> dict[str, Any]:
    form = AnswerForm(data)
    if not form.is_valid():
        raise PermissionDenied
    return form.cleaned_data
