"""Acts in sentences: who did what, by which door, from an entry of the audit log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.retrieval.doors.showing import SHOWN
from ragsite.core.actors import Actor, ActorKind, Door
from ragsite.core.admin.base import link
from ragsite.core.audit.models import AuditEntry, Outcome

SAME_ACT = timedelta(seconds=10)
"""What is told of one change twice, by the form and by what it did, is no further apart."""

KINDS: Mapping[str, tuple[str | Promise, tuple[str, ...]]] = {
    "documents": (
        gettext_lazy("Documents"),
        (
            "document.created", "document.updated", "document.deleted", "document.failed", "document.downloaded",
            "bulk_job.started", "bulk_job.cancelled",
        ),
    ),
    "knowledge-bases": (
        gettext_lazy("Knowledge bases"),
        (
            "knowledge_base.created", "knowledge_base.updated", "knowledge_base_deletion.resumed", "vector.updated",
            "vector.deleted", "reindex.resumed",
        ),
    ),
    "access": (
        gettext_lazy("Access"),
        (
            "grant.created", "grant.deleted", "rights.tried", "member.added", "user.invited", "api_key.created",
            "api_key.revoked", "tenant.created", "tenant.updated", "sign_in_pass.created",
        ),
    ),
    "accounts": (
        gettext_lazy("Signing in"),
        ("account.signed_in", "account.signed_out", "account.password_changed", "account.password_set"),
    ),
    "shown": (gettext_lazy("Passages that were shown"), ("passages.shown",)),
    "questions": (
        gettext_lazy("Questions"),
        ("query.processed", "answer.rated", "conversation.renamed", "conversation.deleted"),
    ),
    "evaluation": (
        gettext_lazy("Evaluation"),
        (
            "evaluation_set.created", "evaluation_set.updated", "evaluation_set.deleted", "evaluation_set.imported",
            "evaluation_question.added", "evaluation_question.deleted", "evaluation_question.judged",
        ),
    ),
    "models": (
        gettext_lazy("Models"),
        (
            "model.registered", "model.updated", "model.removed", "model.loaded", "model.unloaded", "model_order.given",
            "model_task.asked", "model_task.cancelled",
        ),
    ),
    "log": (
        gettext_lazy("The audit log"),
        ("audit.verified", "audit.exported", "audit.pruned", "audit.erased", "events.sent_again"),
    ),
    "forms": (gettext_lazy("Forms of the admin"), ("form.added", "form.changed", "form.deleted")),
}  # fmt: skip
"""What activity is filtered by, and the actions of each."""

FORMS = KINDS["forms"][1]
OF_ASKING = KINDS["questions"][1]

DOOR_WORDS: Mapping[Door, str | Promise] = {
    Door.ADMIN: gettext_lazy("in the admin"), Door.API: gettext_lazy("over the API"),
    Door.COMMAND: gettext_lazy("by a command"), Door.JOB: gettext_lazy("by itself"),
}  # fmt: skip

ICONS = {
    "document": "description", "knowledge_base": "library_books", "vector": "database", "grant": "lock_person",
    "query": "forum", "answer": "thumbs_up_down", "model": "neurology", "passages": "visibility", "account": "login",
    "api_key": "key", "member": "group", "user": "group", "audit": "verified_user", "form": "edit", "rights": "lock_person",
    "bulk_job": "description", "conversation": "forum", "tenant": "domain", "model_order": "neurology",
    "model_task": "neurology", "evaluation_set": "rule", "evaluation_question": "rule",
}  # fmt: skip

NAMED_BY_RIGHTS = frozenset({
    "document_version", "chunk", "query", "answer", "conversation", "citation", "evaluation_question", "stage_record",
})  # fmt: skip
"""Rows whose names tell what not everybody may read who may read the log."""


@dataclass(frozen=True, slots=True)
class ActSpan:
    """Characters of a version's text that somebody was shown, or a line of it; its page has rights of its own."""

    version: str
    start: int
    end: int
    line: int | None = None

    @property
    def url(self) -> str:
        return reverse("admin:documents_documentversion_change", args=[self.version])


@dataclass(frozen=True, slots=True)
class Act:
    """Something that somebody did. `object_id` is what it was done to, as text."""

    at: datetime
    sentence: SafeString
    door: str
    icon: str
    object_id: str
    user_id: str = ""
    request_id: str = ""
    failed: bool = False
    spans: Sequence[ActSpan] = ()


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


def act_of_entry(entry: AuditEntry, names: Names) -> Act:
    """An entry in words; one whose action has no sentence of its own by its name."""
    actor = actor_of(entry)
    said = SENTENCES.get(entry.action, _otherwise(entry.action))(payload_of(entry), names)
    sentence = format_html("{} {}", _who(actor), said)
    icon = ICONS.get(entry.action.partition(".")[0], "bolt")
    user_id = actor.id if actor.kind is ActorKind.USER else ""
    door = str(DOOR_WORDS.get(actor.door, actor.door))
    failed = entry.outcome == Outcome.FAILURE
    return Act(entry.at, sentence, door, icon, entry.object_id, user_id, entry.request_id, failed, _spans_shown(entry))


def _spans_shown(entry: AuditEntry) -> list[ActSpan]:
    """What was shown; other acts have numbers by the same names."""
    return _spans(entry.details) if entry.action == SHOWN else []


def _spans(details: Mapping[str, Any]) -> list[ActSpan]:
    spans = [ActSpan(one["version"], one["start"], one["end"]) for one in details.get("passages", ())]
    return spans + [ActSpan(one["version"], 0, 0, one["line"]) for one in details.get("lines", ())]


def actor_of(entry: AuditEntry) -> Actor:
    """Who did it."""
    return Actor(
        ActorKind(entry.actor_kind), entry.actor_id, entry.actor_name, Door(entry.door), entry.request_id
    )  # fmt: skip


def payload_of(entry: AuditEntry) -> dict[str, Any]:
    """What is said of the act, with what it was done to by its own name, as events have it."""
    on = {f"{entry.object_type}_id": entry.object_id} if entry.object_type else {}
    own = {"object_type": entry.object_type, "object_name": entry.object_name, "outcome": entry.outcome}
    return {**entry.details, **on, **own}


def _who(actor: Actor) -> SafeString:
    match actor.kind:
        case ActorKind.USER:
            name = actor.name or _("Somebody")
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


def _of_named(words: str | Promise) -> Callable[[Mapping[str, Any], Names], SafeString]:
    return lambda payload, names: format_html(str(words), payload.get("object_name") or "…")


def _plainly(words: str | Promise) -> Callable[[Mapping[str, Any], Names], SafeString]:
    return lambda payload, names: format_html("{}", str(words))


def _otherwise(action: str) -> Callable[[Mapping[str, Any], Names], SafeString]:
    """For what no sentence is written for."""
    return lambda payload, names: format_html("{}: {}", action, payload.get("what") or payload.get("object_name", ""))


def _shown(payload: Mapping[str, Any], names: Names) -> SafeString:
    count = len(_spans(payload))
    words = ngettext("was shown %(count)s passage", "was shown %(count)s passages", count) % {"count": count}
    eyes = payload.get("with_rights_of")
    return format_html(_("{} with the rights of {}"), words, eyes) if eyes else format_html("{}", words)


def _signed_in(payload: Mapping[str, Any], names: Names) -> SafeString:
    words = _("could not sign in") if payload["outcome"] == Outcome.FAILURE else _("signed in")
    address = payload.get("address")
    return format_html(_("{} from {}"), words, address) if address else format_html("{}", words)


def _formed(words: str | Promise) -> Callable[[Mapping[str, Any], Names], SafeString]:
    """What a form did. Rows whose names are not for everybody are told by what they are."""

    def said(payload: Mapping[str, Any], names: Names) -> SafeString:
        kind, name = payload["object_type"], payload["object_name"]
        if kind == "document":
            return format_html(str(words), names.document(payload), "")
        return format_html(str(words), _(kind.replace("_", " ")), "" if kind in NAMED_BY_RIGHTS else name)

    return said


def _verified(payload: Mapping[str, Any], names: Names) -> SafeString:
    if payload["outcome"] == Outcome.FAILURE:
        return format_html(_("verified the audit log, and found it wrong in {} places"), payload.get("findings", ""))
    return format_html(_("verified the audit log, {} entries, and found nothing wrong"), payload.get("entries", ""))


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
    "document.downloaded": lambda payload, names: format_html(_("downloaded the file of {}"), names.document(payload)),
    "bulk_job.started": _plainly(gettext_lazy("did something with many documents at once")),
    "bulk_job.cancelled": _plainly(gettext_lazy("stopped what was done with many documents at once")),
    "knowledge_base.created": lambda payload, names: format_html(_("made {}"), names.base(payload)),
    "knowledge_base_deletion.resumed": _plainly(gettext_lazy("let the deletion of a knowledge base go on")),
    "reindex.resumed": lambda payload, names: format_html(_("let the re-index of {} go on"), names.base(payload)),
    "rights.tried": lambda payload, names: format_html(
        _("asked {} with the rights of {}; no answer was kept"), names.base(payload), payload.get("name", "")
    ),
    "member.added": _of_named(gettext_lazy("added the member {}")),
    "user.invited": _of_named(gettext_lazy("invited {}")),
    "api_key.created": _of_named(gettext_lazy("made the API key {}")),
    "api_key.revoked": _of_named(gettext_lazy("revoked the API key {}")),
    "tenant.created": _of_named(gettext_lazy("made the tenant {}")),
    "tenant.updated": _of_named(gettext_lazy("said how long the audit log of {} is kept")),
    "sign_in_pass.created": _of_named(gettext_lazy("made a pass to sign in for {}")),
    "account.signed_in": _signed_in,
    "account.signed_out": _plainly(gettext_lazy("signed out")),
    "account.password_changed": _plainly(gettext_lazy("changed the own password")),
    "account.password_set": _plainly(gettext_lazy("set the first password")),
    "passages.shown": _shown,
    "conversation.renamed": _plainly(gettext_lazy("renamed a conversation")),
    "conversation.deleted": _plainly(gettext_lazy("deleted a conversation")),
    "evaluation_set.created": _of_named(gettext_lazy("made the evaluation set {}")),
    "evaluation_set.updated": _of_named(gettext_lazy("changed the evaluation set {}")),
    "evaluation_set.deleted": _of_named(gettext_lazy("deleted the evaluation set {}")),
    "evaluation_set.imported": _of_named(gettext_lazy("imported questions into the evaluation set {}")),
    "evaluation_question.added": _plainly(gettext_lazy("added a question to an evaluation set")),
    "evaluation_question.deleted": _plainly(gettext_lazy("deleted a question of an evaluation set")),
    "evaluation_question.judged": _plainly(gettext_lazy("judged a passage")),
    "model_order.given": _of_named(gettext_lazy("told model workers what to do with {}")),
    "model_task.asked": _of_named(gettext_lazy("asked for work on a model: {}")),
    "model_task.cancelled": _of_named(gettext_lazy("cancelled work on a model: {}")),
    "audit.verified": _verified,
    "audit.exported": lambda payload, names: format_html(
        _("exported {} entries of the audit log"), payload.get("entries", "")
    ),
    "audit.pruned": lambda payload, names: format_html(
        _("removed {} old entries of the audit log"), payload.get("entries", "")
    ),
    "audit.erased": lambda payload, names: format_html(
        _("erased words of {} entries of the audit log"), payload.get("entries", "")
    ),
    "events.sent_again": _plainly(gettext_lazy("had events sent again")),
    "form.added": _formed(gettext_lazy("added the {} {}")),
    "form.changed": _formed(gettext_lazy("changed the {} {}")),
    "form.deleted": _formed(gettext_lazy("deleted the {} {}")),
}
"""What was done, without who, by the action."""


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


def merged(events: Sequence[Act], log: Sequence[Act]) -> list[Act]:
    """Both, the newest first. Of the `log` of forms an act is left out that another one tells more of."""
    told: dict[tuple[str, str], list[datetime]] = {}
    for act in events:
        told.setdefault((act.object_id, act.user_id), []).append(act.at)
    own = [act for act in log if all(abs(at - act.at) > SAME_ACT for at in told.get((act.object_id, act.user_id), ()))]
    return sorted([*events, *own], key=lambda act: act.at, reverse=True)
