"""What is done on a document's page: each by the service that every other door calls, and told in a message."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models.functions import Substr
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from apps.documents.lifecycle.editing import document_edit, document_edits_undo
from apps.documents.lifecycle.edits import Edit
from apps.documents.lifecycle.versions import document_rollback, version_cancel, version_retry
from apps.documents.models import DocumentVersion, ParsedText
from apps.documents.services.documents import document_delete, document_update
from apps.monitoring.workspace.document.opened import Opened, number_in
from ragsite.core.actors import Actor
from ragsite.core.admin.base import acting, errors_told
from ragsite.core.errors import PermanentError


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that is done with a document: who may, and what does it and says so. It may lead elsewhere."""

    permission: str
    do: Callable[[Opened, Actor], str]
    leaves: bool = False


def document_do(opened: Opened) -> HttpResponse:
    """Do what the form asks for, and go back to the page.

    Raises:
        Http404: there is nothing of that name to do.
        PermissionDenied: the user may not.
    """
    deed = DEEDS.get(opened.place.request.POST.get("do", ""))
    if deed is None:
        raise Http404("There is nothing of that name to do.")
    if not opened.place.may(deed.permission):
        raise PermissionDenied
    with errors_told(opened.place.request):
        messages.success(opened.place.request, deed.do(opened, acting(opened.place.request)))
        if deed.leaves:
            return redirect(opened.place.url("documents"))
    return redirect(_back(opened))


def _back(opened: Opened) -> str:
    """To the page; after an edit about there in whichever version answers then."""
    start = number_in(opened.place.request.POST, "start")
    return opened.url if start is None else f"{opened.url}?at={start}"


def _retry(opened: Opened, actor: Actor) -> str:
    version_retry(version=opened.shown, actor=actor)
    return _("Version %(number)d is taken up again.") % {"number": opened.shown.number}


def _cancel(opened: Opened, actor: Actor) -> str:
    version_cancel(version=opened.shown, actor=actor)
    return _("The work on version %(number)d is cancelled.") % {"number": opened.shown.number}


def _answer(opened: Opened, actor: Actor) -> str:
    document_rollback(document=opened.document, version=opened.shown, actor=actor)
    return _("Version %(number)d answers now.") % {"number": opened.shown.number}


def _restrict(opened: Opened, actor: Actor) -> str:
    document_update(document=opened.document, restricted=True, actor=actor)
    return _("From now on only people who were given access to the document itself can read it.")


def _lift(opened: Opened, actor: Actor) -> str:
    document_update(document=opened.document, restricted=False, actor=actor)
    return _("From now on all who may read the knowledge base can read it.")


def _delete(opened: Opened, actor: Actor) -> str:
    document_delete(document=opened.document, actor=actor)
    return _("“%(title)s” is deleted.") % {"title": opened.document.name_and_title}


def _edit(opened: Opened, actor: Actor) -> str:
    """A span reads otherwise; without a text it is left out."""
    start, end = _span(opened)
    return _made(opened, Edit(start, end, opened.place.request.POST.get("text", "")), actor)


def _leave_out(opened: Opened, actor: Actor) -> str:
    return _made(opened, Edit(*_span(opened), ""), actor)


def _add(opened: Opened, actor: Actor) -> str:
    """A paragraph of its own after a span."""
    _start, end = _span(opened)
    said = opened.place.request.POST.get("text", "").strip()
    if not said:
        raise PermanentError(_("No text is given."), action=_("Write what is to be added."))
    following = ParsedText.objects.filter(version=opened.shown).values_list(Substr("text", end + 1, 1), flat=True)
    past = "" if following.first() in ("", "\n", None) else "\n\n"
    return _made(opened, Edit(end, end, f"\n\n{said}{past}"), actor)


def _undo(opened: Opened, actor: Actor) -> str:
    edit_id = number_in(opened.place.request.POST, "edit") or 0
    made = document_edits_undo(document=opened.document, version=opened.shown, edit_ids={edit_id}, actor=actor)
    return _told(made)


def _made(opened: Opened, edit: Edit, actor: Actor) -> str:
    return _told(document_edit(document=opened.document, version=opened.shown, edits=[edit], actor=actor))


def _told(made: DocumentVersion) -> str:
    return _("Version %(number)d is made of it. It answers once it is ready, and the present one until then.") % {
        "number": made.number
    }


def _span(opened: Opened) -> tuple[int, int]:
    start, end = number_in(opened.place.request.POST, "start"), number_in(opened.place.request.POST, "end")
    if start is None or end is None:
        raise PermanentError(_("No passage is named."), action=_("Load the page again."))
    return start, end


CHANGE = "documents.change_document"
DEEDS: dict[str, Deed] = {
    "retry": Deed("documents.change_documentversion", _retry),
    "cancel": Deed("documents.change_documentversion", _cancel),
    "answer": Deed(CHANGE, _answer),
    "restrict": Deed("documents.add_grant", _restrict),
    "lift": Deed("documents.add_grant", _lift),
    "delete": Deed("documents.delete_document", _delete, leaves=True),
    "edit": Deed(CHANGE, _edit),
    "leave_out": Deed(CHANGE, _leave_out),
    "add": Deed(CHANGE, _add),
    "undo": Deed(CHANGE, _undo),
}
