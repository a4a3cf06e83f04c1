"""Acts in sentences: who did what, by which door, from an event of the outbox or a line of the admin's own log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ragsite.core.actors import Actor, ActorKind, Door
from ragsite.core.admin.base import link

SAME_ACT = timedelta(seconds=10)
"""The admin's log and an event of one change are no further apart."""

KINDS: Mapping[str, tuple[str | Promise, tuple[str, ...]]] = {
    "documents": (
        gettext_lazy("Documents"), ("document.created", "document.updated", "document.deleted", "document.failed")
    ),
    "knowledge-bases": (
        gettext_lazy("Knowledge bases"), ("knowledge_base.updated", "vector.updated", "vector.deleted")
    ),
    "access": (gettext_lazy("Access"), ("grant.created", "grant.deleted")),
    "questions": (gettext_lazy("Questions"), ("query.processed", "answer.rated")),
    "models": (
        gettext_lazy("Models"), ("model.registered", "model.updated", "model.removed", "model.loaded", "model.unloaded")
    ),
    "forms": (gettext_lazy("Forms of the admin"), ()),
}  # fmt: skip
"""What activity is filtered by, and the events of each. Forms of the admin have a log of their own."""

DOOR_WORDS: Mapping[Door, str | Promise] = {
    Door.ADMIN: gettext_lazy("in the admin"), Door.API: gettext_lazy("over the API"),
    Door.COMMAND: gettext_lazy("by a command"), Door.JOB: gettext_lazy("by itself"),
}  # fmt: skip

ICONS = {
    "document": "description", "knowledge_base": "library_books", "vector": "database", "grant": "lock_person",
    "query": "forum", "answer": "thumbs_up_down", "model": "neurology",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Act:
    """Something that somebody did. `object_id` is what it was done to, as text."""

    at: datetime
    sentence: SafeString
    door: str
    icon: str
    object_id: str
    user_id: str = ""


@dataclass(frozen=True, slots=True)
class Names:
    """What things are called that the viewer may see, by their ids as text: a name and a page."""

    documents: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    knowledge_bases: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    query_url: Callable[[str], str] = lambda query_id: ""

    def document(self, payload: Mapping[str, Any]) -> SafeString:
        """Such as `the document contract.pdf`; of one that the viewer may not read no more than that it is one."""
        found = self.documents.get(str(payload.get("document_id")))
        return format_html(_("the document {}"), _linked(found, "")) if found else format_html("{}", _("a document"))

    def base(self, payload: Mapping[str, Any]) -> SafeString:
        return _linked(self.knowledge_bases.get(str(payload.get("knowledge_base_id"))), _("a knowledge base"))

    def subject(self, payload: Mapping[str, Any]) -> str:
        """Who was given something to read."""
        if (user := payload.get("user_id")) is not None:
            return self.users.get(str(user), _("somebody"))
        if (group := payload.get("group_id")) is not None:
            return _("the group %(name)s") % {"name": self.groups.get(str(group), str(group))}
        return _("the API key %(name)s") % {"name": self.keys.get(str(payload.get("api_key_id")), "…")}


def _linked(found: tuple[str, str] | None, otherwise: str) -> SafeString:
    """By its name, with a link where it has a page."""
    name, url = found or (otherwise, "")
    return link(url, name) if url else format_html("{}", name)


def act_of_event(event: Any, names: Names) -> Act:
    """An event of a type in KINDS, in words."""
    actor = Actor.from_dict(event.actor)
    said = SENTENCES[event.type](event.payload, names)
    sentence = format_html("{} {}", _who(actor), said)
    icon = ICONS.get(event.type.partition(".")[0], "bolt")
    user_id = actor.id if actor.kind is ActorKind.USER else ""
    return Act(event.created_at, sentence, str(DOOR_WORDS[actor.door]), icon, event.key, user_id)


def _who(actor: Actor) -> SafeString:
    match actor.kind:
        case ActorKind.USER:
            name = actor.name
        case ActorKind.KEY:
            name = _("The API key %(name)s") % {"name": actor.name}
        case ActorKind.SERVICE:
            name = actor.name
        case ActorKind.SYSTEM:
            name = _("ragsite")
    return format_html("<strong>{}</strong>", name)


def _updated(payload: Mapping[str, Any], names: Names) -> SafeString:
    changed = payload.get("changed") or ()
    if "version" not in changed:
        return format_html(_("changed {} of {}"), _listed(changed), names.document(payload))
    if payload.get("version_number") is None:
        return format_html(_("took {} out of answers"), names.document(payload))
    words = _("made version {} of {} the one that answers")
    return format_html(words, payload["version_number"], names.document(payload))


def _granted(payload: Mapping[str, Any], names: Names) -> SafeString:
    return format_html(_("let {} read {}"), names.subject(payload), _granted_on(payload, names))


def _revoked(payload: Mapping[str, Any], names: Names) -> SafeString:
    return format_html(_("no longer lets {} read {}"), names.subject(payload), _granted_on(payload, names))


def _granted_on(payload: Mapping[str, Any], names: Names) -> SafeString:
    if payload.get("document_id"):
        return format_html(_("{} in {}"), names.document(payload), names.base(payload))
    return names.base(payload)


def _switched(payload: Mapping[str, Any], names: Names) -> SafeString:
    words = _("rolled {} back to an earlier index") if payload.get("is_rollback") else _("switched {} to another index")
    return format_html(words, names.base(payload))


def _asked(payload: Mapping[str, Any], names: Names) -> SafeString:
    question = link(names.query_url(str(payload["query_id"])), _("a question"))
    words = _("asked {}, and got an answer") if payload.get("found") else _("asked {}, and no answer was found")
    return format_html(words, question)


def _rated(payload: Mapping[str, Any], names: Names) -> SafeString:
    question = link(names.query_url(str(payload["query_id"])), _("a question"))
    words = {"up": _("found the answer to {} good"), "down": _("found the answer to {} bad")}
    return format_html(
        words.get(payload.get("rating") or "", _("took back what was said of the answer to {}")), question
    )


def _in_base(words: str | Promise) -> Callable[[Mapping[str, Any], Names], SafeString]:
    return lambda payload, names: format_html(str(words), names.document(payload), names.base(payload))


def _of_model(words: str | Promise) -> Callable[[Mapping[str, Any], Names], SafeString]:
    return lambda payload, names: format_html(str(words), payload.get("model", ""))


SENTENCES: Mapping[str, Callable[[Mapping[str, Any], Names], SafeString]] = {
    "document.created": _in_base(gettext_lazy("added {} to {}")),
    "document.updated": _updated,
    "document.deleted": _in_base(gettext_lazy("deleted {} in {}")),
    "document.failed": _in_base(gettext_lazy("wanted {} in {}, which could not be read")),
    "knowledge_base.updated": lambda payload, names: format_html(
        _("changed {} of {}"), _listed(payload.get("changed") or ()), names.base(payload)
    ),
    "vector.updated": _switched,
    "vector.deleted": lambda payload, names: format_html(_("removed an index of {}"), names.base(payload)),
    "grant.created": _granted,
    "grant.deleted": _revoked,
    "query.processed": _asked,
    "answer.rated": _rated,
    "model.registered": _of_model(gettext_lazy("added the model {}")),
    "model.updated": _of_model(gettext_lazy("changed the model {}")),
    "model.removed": _of_model(gettext_lazy("removed the model {}")),
    "model.loaded": _of_model(gettext_lazy("loaded the model {}")),
    "model.unloaded": _of_model(gettext_lazy("unloaded the model {}")),
}
"""What was done, without who, by the type of the event."""


def _listed(changed: Iterable[str]) -> str:
    return ", ".join(_(one.replace("_", " ")) for one in changed)


def act_of_version(version: Any, kept: Mapping[str, Any] | None) -> Act:
    """An upload, or a document cut anew, as its version keeps it; by somebody, where nobody was noted."""
    actor = Actor.from_dict(kept) if kept else None
    words = _("had its text cut anew as version {}: {}") if version.rechunk_of_id else _("uploaded version {}: {}")
    who = _who(actor) if actor else format_html("<strong>{}</strong>", _("Somebody"))
    sentence = format_html("{} {}", who, format_html(words, version.number, version.filename))
    door = str(DOOR_WORDS[actor.door]) if actor else ""
    return Act(version.created_at, sentence, door, "upload_file", str(version.pk))


def act_of_log(entry: Any, *, url: str = "") -> Act:
    """A line of the admin's own log."""
    words = {ADDITION: _("added the {} {}"), CHANGE: _("changed the {} {}")}
    name = link(url, entry.object_repr) if url else format_html("{}", entry.object_repr)
    said = format_html(words.get(entry.action_flag, _("deleted the {} {}")), entry.content_type.name, name)
    details = entry.get_change_message() if entry.action_flag == CHANGE else ""
    more = format_html(' <span class="rag-muted">{}</span>', capfirst(details)) if details else ""
    sentence = format_html("<strong>{}</strong> {}{}", entry.user.get_username(), said, more)
    door, object_id = str(DOOR_WORDS[Door.ADMIN]), entry.object_id or ""
    return Act(entry.action_time, sentence, door, "edit_note", object_id, str(entry.user_id))


def merged(events: Sequence[Act], log: Sequence[Act]) -> list[Act]:
    """Both, the newest first. A line of the log that an event tells more of is left out."""
    told: dict[tuple[str, str], list[datetime]] = {}
    for act in events:
        told.setdefault((act.object_id, act.user_id), []).append(act.at)
    own = [act for act in log if all(abs(at - act.at) > SAME_ACT for at in told.get((act.object_id, act.user_id), ()))]
    return sorted([*events, *own], key=lambda act: act.at, reverse=True)
