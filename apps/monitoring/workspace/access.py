"""Who reads a knowledge base and why: said, looked up for one person, and changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.documents.models import LIVING, Document, Grant, Visibility
from apps.documents.rights.explaining import (
    KINDS,
    SHOWN_GRANTS,
    Capped,
    Readers,
    members_found,
    readable_ids,
    readers_of,
    reading_explained,
    restricted_documents,
    role_of,
    subject_of_tenant,
    subjects_found,
)
from apps.documents.rights.grants import GrantRequest, Resource, grant_create, grant_delete
from apps.documents.rights.readers import readers_explained, readers_of_resource
from apps.documents.services.knowledge_bases import knowledge_base_update
from apps.monitoring.workspace.place import Place
from ragsite.core.admin.base import acting, errors_told
from ragsite.core.errors import NotFoundError
from ragsite.gateway.admin.memberships import ROLE_NAMES
from ragsite.gateway.models import Role
from ragsite.gateway.roles import GRANTED_ROLES

LONGEST_TEXT = 100
PAGE = 25
PAGE_FIELD = "page"
RESTRICTED_PAGE_FIELD = "restricted"
READERS_PAGE_FIELD = "readers"
MAY_GRANT, MAY_REVOKE = "documents.add_grant", "documents.delete_grant"


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody a search found, as a row: what a button sends, and whether there is nothing left to give."""

    kind: str
    id: str
    name: str
    more: str
    has_grant: bool


@dataclass(frozen=True, slots=True)
class RestrictedRow:
    """A restricted document and who reads it; without a title where the user may not read it."""

    id: str
    title: str
    grants: list[Grant]
    has_more: bool


def access_tab(place: Place) -> HttpResponse:
    """The page, a piece of it that a search asked for, or what a button of it does."""
    request = place.request
    if request.method == "POST":
        return _do(place)
    part = PARTS.get(request.GET.get("part", ""))
    return part(place) if part else place.page("ragsite/workspace/access.html", _context(place))


def _context(place: Place) -> dict[str, Any]:
    request, base = place.request, place.knowledge_base
    readers = readers_of(base)
    grants = base.grants.select_related("user", "group", "api_key").order_by("-id")
    return {
        "is_open": base.visibility == Visibility.TENANT,
        "everybody": _everybody(readers),
        "granted": _granted(readers),
        "change": _change_in_words(place, readers),
        "grants": Paginator(grants, PAGE).get_page(request.GET.get(PAGE_FIELD)),
        "restricted": _restricted(place),
        "may_grant": place.may(MAY_GRANT),
        "may_revoke": place.may(MAY_REVOKE),
        "may_turn": place.may(MAY_GRANT) and place.may("documents.change_knowledgebase"),
        "readers": _readers(place),
        **_adding(place),
        **_checking(place),
    }


def _readers(place: Place) -> dict[str, Any]:
    """A page of who can see the knowledge base or the document that is looked at, and why."""
    resource: Resource = _document(place, place.request.GET.get("document", "")) or place.knowledge_base
    page = Paginator(readers_of_resource(resource), PAGE).get_page(place.request.GET.get(READERS_PAGE_FIELD))
    return {"page": page, "rows": readers_explained(resource, page.object_list)}


def _change_in_words(place: Place, readers: Readers) -> str:
    """What turning the visibility does, to how many."""
    said = {
        "everybody": _everybody(readers),
        "tenant": place.knowledge_base.tenant,
        "granted": _granted(readers),
    }
    if place.knowledge_base.visibility == Visibility.TENANT:
        return _("Today %(everybody)s of %(tenant)s can read it. Then only those with a grant can: %(granted)s.") % said
    return _("Then %(everybody)s of %(tenant)s can read it. Today only those with a grant can: %(granted)s.") % said


def _everybody(readers: Readers) -> str:
    return _people_and_keys(readers.members, readers.keys)


def _granted(readers: Readers) -> str:
    return _people_and_keys(readers.granted, readers.granted_keys)


def _people_and_keys(people: Capped, keys: Capped) -> str:
    """`3 people and 1 API key`."""
    told = {
        "people": ngettext("%s person", "%s people", people.number) % people,
        "keys": ngettext("%s API key", "%s API keys", keys.number) % keys,
    }
    return _("%(people)s and %(keys)s") % told


def _restricted(place: Place) -> dict[str, Any]:
    """A page of restricted documents, with titles only of those that the user may read."""
    paginator = Paginator(restricted_documents(place.knowledge_base), PAGE)
    page = paginator.get_page(place.request.GET.get(RESTRICTED_PAGE_FIELD))
    documents = list(page.object_list)
    shown = readable_ids(place.request.user, documents)
    return {"page": page, "rows": [_row(document, is_shown=document.pk in shown) for document in documents]}


def _row(document: Any, *, is_shown: bool) -> RestrictedRow:
    grants = document.first_grants
    title = document.name if is_shown else ""
    return RestrictedRow(str(document.pk), title, grants[:SHOWN_GRANTS], len(grants) > SHOWN_GRANTS)


def _adding(place: Place) -> dict[str, Any]:
    """What the search for somebody to let in shows, for the knowledge base or one document of it."""
    document = _document(place, place.request.GET.get("document", ""))
    text = _text(place.request, "q")
    found = subjects_found(place.knowledge_base.tenant_id, text) if place.may(MAY_GRANT) else {}
    taken = _taken(place, document, found)
    return {
        "q": text,
        "document": document,
        "document_title": document.name if document and readable_ids(place.request.user, [document]) else "",
        "roles": () if document else [(role, _(ROLE_NAMES[role])) for role in GRANTED_ROLES],
        "candidates": [_candidate(kind, one, taken) for kind, some in found.items() for one in some],
    }


def _taken(place: Place, document: Document | None, found: dict[str, list[Any]]) -> set[tuple[str, str]]:
    on = Q(document=document) if document else Q(knowledge_base=place.knowledge_base)
    to = Q(pk=None)
    for kind, some in found.items():
        to |= Q(**{f"{kind}__in": [one.pk for one in some]})
    rows = Grant.objects.filter(on & to).values_list("user", "group", "api_key")
    return {(kind, str(id_)) for row in rows for kind, id_ in zip(KINDS, row, strict=True) if id_ is not None}


def _candidate(kind: str, one: Any, taken: set[tuple[str, str]]) -> Candidate:
    more = " ".join(filter(None, (one.get_full_name(), one.email))) if kind == "user" else ""
    return Candidate(kind, str(one.pk), str(one), more, (kind, str(one.pk)) in taken)


def _checking(place: Place) -> dict[str, Any]:
    """Whom a search for "can this person read it?" finds, and the answer for the one who was picked."""
    text, picked = _text(place.request, "who"), place.request.GET.get("person", "")
    tenant_id = place.knowledge_base.tenant_id
    person = subject_of_tenant(tenant_id, "user", picked) if picked else None
    context: dict[str, Any] = {"who": text, "people": members_found(tenant_id, text) if text else []}
    if not isinstance(person, User):
        return context | {"person": None, "is_unknown": bool(picked)}
    explained = reading_explained(person, place.knowledge_base, asked_by=place.request.user)
    return context | {"person": person, "explained": explained, "role": role_of(person, place.knowledge_base)}


def _text(request: HttpRequest, name: str) -> str:
    return request.GET.get(name, "").replace("\x00", "").strip()[:LONGEST_TEXT]


def _document(place: Place, id_: str) -> Document | None:
    """The document of that id, if it is of this knowledge base."""
    try:
        return Document.objects.filter(LIVING, knowledge_base=place.knowledge_base, pk=id_).first() if id_ else None
    except ValidationError:
        return None


def _adding_part(place: Place) -> HttpResponse:
    return _fragment(place, "ragsite/workspace/access_found.html", _adding(place) | {"may_grant": place.may(MAY_GRANT)})


def _checking_part(place: Place) -> HttpResponse:
    return _fragment(place, "ragsite/workspace/access_checked.html", _checking(place))


def _fragment(place: Place, template: str, context: dict[str, Any]) -> HttpResponse:
    return TemplateResponse(place.request, template, {"knowledge_base": place.knowledge_base, **context})


PARTS: dict[str, Callable[[Place], HttpResponse]] = {"found": _adding_part, "checked": _checking_part}


def _do(place: Place) -> HttpResponse:
    """Do what a button says, and show the page again."""
    door = DOORS.get(place.request.POST.get("do", ""))
    with errors_told(place.request):
        if door is None:
            raise NotFoundError(_("There is no such button on this page. Reload it."))
        if not all(map(place.may, door.permissions)):
            raise PermissionDenied
        messages.success(place.request, door.do(place))
    return redirect(place.url("access"))


def _grant(place: Place) -> str:
    sent = place.request.POST
    subject = subject_of_tenant(place.knowledge_base.tenant_id, sent.get("kind", ""), sent.get("id", ""))
    if subject is None:
        raise NotFoundError(_("There is nobody of that name in %s any more.") % place.knowledge_base.tenant)
    role = sent.get("role", "") or Role.READER
    grant_create(GrantRequest(_resource(place), subject, role), actor=acting(place.request))
    return _("%s may read it now.") % subject


def _resource(place: Place) -> Resource:
    wanted = place.request.POST.get("document", "")
    document = _document(place, wanted)
    if wanted and document is None:
        raise NotFoundError(_("The document was deleted a moment ago."))
    return document or place.knowledge_base


def _revoke(place: Place) -> str:
    mine = Q(knowledge_base=place.knowledge_base) | Q(document__knowledge_base=place.knowledge_base)
    grants = Grant.objects.filter(mine).select_related("user", "group", "api_key", "knowledge_base", "document")
    try:
        grant = grants.filter(pk=place.request.POST.get("grant", "")).first()
    except ValidationError:
        grant = None
    if grant is None:
        return _("That grant was taken back already.")
    grant_delete(grant=grant, actor=acting(place.request))
    return _("The grant to %s is taken back.") % grant.subject_text


def _turn(place: Place) -> str:
    wanted = place.request.POST.get("visibility", "")
    if wanted not in Visibility.values:
        raise NotFoundError(_("Choose who may read it: everybody, or only people with a grant."))
    changed = knowledge_base_update(
        knowledge_base=place.knowledge_base, visibility=wanted, actor=acting(place.request)
    )  # fmt: skip
    if changed.visibility == Visibility.TENANT:
        return _("Everybody of %s may read it now.") % place.knowledge_base.tenant
    return _("Only people, groups and API keys with a grant may read it now.")


@dataclass(frozen=True, slots=True)
class Door:
    """What a button does, and who may press it."""

    do: Callable[[Place], str]
    permissions: tuple[str, ...]


DOORS = {
    "grant": Door(_grant, (MAY_GRANT,)),
    "revoke": Door(_revoke, (MAY_REVOKE,)),
    "visibility": Door(_turn, (MAY_GRANT, "documents.change_knowledgebase")),
}
