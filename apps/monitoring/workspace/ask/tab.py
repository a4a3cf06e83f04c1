"""The tab where a knowledge base is asked. Its script streams answers; without it, the form gives the finished ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe

from apps.documents.rights.access import versions_readable_by
from apps.monitoring.workspace.ask.asking import Asker, Filled, asking_of, filled
from apps.monitoring.workspace.ask.forms import MOST_NAMED, members_of
from apps.monitoring.workspace.ask.fragments import turn_html
from apps.monitoring.workspace.ask.shown import turn_shown
from apps.monitoring.workspace.place import Place
from apps.retrieval.answers.conversations import ReadTurn, conversations_of, turns_of
from apps.retrieval.doors.telling import answer_made_from
from apps.retrieval.evaluation.sets import PLAYGROUND
from apps.retrieval.models import EvaluationSet
from ragsite.core.admin.base import errors_told
from ragsite.gateway.models import Role

MOST_TURNS_SHOWN = 20
MOST_OWNERS = 5
PAGE, CLOSED = "ragsite/workspace/ask.html", "ragsite/workspace/ask_closed.html"
PARTS = ("stream", "events", "answer", "stop")


@dataclass(frozen=True, slots=True)
class Answered:
    """A finished answer on the page."""

    html: SafeString
    conversation_id: UUID | None
    turn: int | None


def ask_tab(place: Place) -> HttpResponse:
    """Ask on POST; on GET a question, or a conversation to go on with, may be named in the address."""
    asker = Asker(place.request, place.knowledge_base)
    if not asker.may_read:
        may_let_in = asker.may_ask_as
        return place.page(CLOSED, {"owners": _owners(asker), "access_url": place.url("access") if may_let_in else ""})
    forms = _filled(asker)
    answers = _answers(asker, forms) if forms.question.is_bound and forms.is_valid else []
    conversation_id = next((one.conversation_id for one in answers), None) or _named(place.request)
    turns = _earlier(asker, conversation_id, answers)
    now = {"answers": answers, "turns": turns, "conversation_id": conversation_id if turns or answers else ""}
    return place.page(PAGE, {**_context(asker, forms), **now})


def _filled(asker: Asker) -> Filled:
    request = asker.request
    if request.method == "POST":
        return filled(asker, request.POST)
    return filled(asker, initial={"question": request.GET.get("question", "")})


def _named(request: HttpRequest) -> UUID | None:
    try:
        return UUID((request.POST or request.GET).get("conversation", ""))
    except ValueError:
        return None


def _context(asker: Asker, forms: Filled) -> dict[str, Any]:
    base, viewer = asker.knowledge_base, asker.viewer()
    return {
        "forms": forms,
        "sides": list(forms.sides.values()),
        "viewer": viewer,
        "addresses": {name: reverse(f"workspace-ask-{name}", args=[base.pk]) for name in PARTS},
        "members": members_of(base.tenant)[:MOST_NAMED] if asker.may_ask_as else [],
        "sets": EvaluationSet.objects.filter(knowledge_base=base) if viewer.may_mark else [],
        "new_set": PLAYGROUND,
    }


def _answers(asker: Asker, forms: Filled) -> list[Answered]:
    """The finished answers, side by side; what can't be answered is a message."""
    answers: list[Answered] = []
    with errors_told(asker.request):
        for side in forms.asked_sides:
            asking = asking_of(asker, forms, side)
            told, viewer = answer_made_from(asking), asker.viewer_of(asking, side)
            html = turn_html(turn_shown(told.out, told.retrieved, viewer), viewer)
            # A template made it, which escapes what documents say.
            answers.append(Answered(mark_safe(html), told.out.conversation, told.out.turn))  # noqa: S308
    return answers


def _earlier(asker: Asker, conversation_id: UUID | None, answers: list[Answered]) -> list[ReadTurn]:
    """What was said before in the user's own conversation, the latest first."""
    if conversation_id is None:
        return []
    held = conversations_of(asker.principal).filter(pk=conversation_id).first()
    if held is None:
        return []
    now = {one.turn for one in answers}
    turns = turns_of(held, versions=versions_readable_by(asker.request.user))
    return [one for one in reversed(turns) if one.query.turn not in now][:MOST_TURNS_SHOWN]


def _owners(asker: Asker) -> list[str]:
    """Who can let the user in."""
    of_tenant = {"memberships__tenant": asker.knowledge_base.tenant_id, "memberships__role": Role.OWNER}
    owners = User.objects.filter(**of_tenant, is_active=True).order_by("username")
    return list(owners.values_list("username", flat=True)[:MOST_OWNERS])
