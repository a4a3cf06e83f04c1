"""Acts in sentences: who did what, by which door, from an entry of the audit log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.monitoring.operations.act_sentences import SENTENCES, Names, otherwise, payload_of
from apps.retrieval.doors.showing import SHOWN
from ragsite.core.actors import Actor, ActorKind, Door
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
            "vector.deleted", "reindex.resumed", "masking.changed", "masking.resumed",
        ),
    ),
    "access": (
        gettext_lazy("Access"),
        (
            "grant.created", "grant.deleted", "rights.tried", "member.added", "user.invited", "api_key.created",
            "api_key.revoked", "api_key.rotated", "api_key.former_ended", "api_key.tokens_begun", "api_key.tokens_ended",
            "member.updated", "member.removed", "limits.updated", "tenant.created", "tenant.updated", "sign_in_pass.created",
        ),
    ),
    "accounts": (
        gettext_lazy("Signing in"),
        (
            "account.signed_in", "account.signed_out", "account.password_changed", "account.password_set", "account.created",
            "account.linked", "account.second_factor_added", "account.second_factor_removed",
            "account.recovery_codes_renewed", "account.recovery_code_used",
        ),
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
        (
            "audit.verified", "audit.exported", "audit.pruned", "audit.erased", "erasure.asked", "erasure.done",
            "events.sent_again", "alert.acknowledged", "analytics.filled", "purge.asked",
            "backup.created", "backup.removed", "backup.restored", "export.created", "export.imported",
            "webhook.created", "webhook.updated", "webhook.deleted", "webhook.paused", "webhook.tried", "webhook.sent_again",
            "webhook.secret_shown", "webhook.secret_renewed",
        ),
    ),
    "settings": (gettext_lazy("Settings"), ("setting.changed",)),
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
    "api_key": "key", "limits": "speed", "masking": "visibility_off", "erasure": "ink_eraser",
    "member": "group", "user": "group", "audit": "verified_user", "form": "edit", "rights": "lock_person",
    "bulk_job": "description", "conversation": "forum", "tenant": "domain", "model_order": "neurology",
    "model_task": "neurology", "evaluation_set": "rule", "evaluation_question": "rule",
    "analytics": "monitoring", "purge": "delete_sweep",
    "backup": "backup", "export": "drive_file_move",
    "setting": "tune",
}  # fmt: skip


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


def act_of_entry(entry: AuditEntry, names: Names) -> Act:
    """An entry in words; one whose action has no sentence of its own by its name."""
    actor = actor_of(entry)
    said = SENTENCES.get(entry.action, otherwise(entry.action))(payload_of(entry), names)
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
