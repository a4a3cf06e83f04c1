"""What was done, in words: a sentence for each action of the audit log, without who."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ragsite.core.admin.base import link
from ragsite.core.audit.models import AuditEntry, Outcome

NAMED_BY_RIGHTS = frozenset({
    "document_version", "chunk", "query", "answer", "conversation", "citation", "evaluation_question", "stage_record",
})  # fmt: skip
"""Rows whose names tell what not everybody may read who may read the log."""


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


def payload_of(entry: AuditEntry) -> dict[str, Any]:
    """What is said of the act, with what it was done to by its own name, as events have it."""
    on = {f"{entry.object_type}_id": entry.object_id} if entry.object_type else {}
    own = {"object_type": entry.object_type, "object_name": entry.object_name, "outcome": entry.outcome}
    return {**entry.details, **on, **own}


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


def otherwise(action: str) -> Callable[[Mapping[str, Any], Names], SafeString]:
    """For what no sentence is written for."""
    return lambda payload, names: format_html("{}: {}", action, payload.get("what") or payload.get("object_name", ""))


def _shown(payload: Mapping[str, Any], names: Names) -> SafeString:
    count = len(payload.get("passages", ())) + len(payload.get("lines", ()))
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


def _setting_changed(payload: Mapping[str, Any], names: Names) -> SafeString:
    """With what was set before and after; what is not set is a dash."""
    named, before, after = payload.get("object_name", ""), payload.get("before", "–"), payload.get("after", "–")
    if payload.get("knowledge_base_id"):
        return format_html(_("changed the setting {} of {} from {} to {}"), named, names.base(payload), before, after)
    return format_html(_("changed the setting {} from {} to {}"), named, before, after)


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
    "masking.changed": lambda payload, names: format_html(_("changed what is masked in {}"), names.base(payload)),
    "masking.resumed": lambda payload, names: format_html(_("let the masking of {} go on"), names.base(payload)),
    "knowledge_base_deletion.resumed": _plainly(gettext_lazy("let the deletion of a knowledge base go on")),
    "reindex.resumed": lambda payload, names: format_html(_("let the re-index of {} go on"), names.base(payload)),
    "rights.tried": lambda payload, names: format_html(
        _("asked {} with the rights of {}; no answer was kept"), names.base(payload), payload.get("name", "")
    ),
    "member.added": _of_named(gettext_lazy("added the member {}")),
    "member.updated": _of_named(gettext_lazy("gave another role to {}")),
    "member.removed": _of_named(gettext_lazy("removed the member {}")),
    "user.invited": _of_named(gettext_lazy("invited {}")),
    "api_key.created": _of_named(gettext_lazy("made the API key {}")),
    "api_key.revoked": _of_named(gettext_lazy("revoked the API key {}")),
    "api_key.rotated": _of_named(gettext_lazy("gave a new secret to the API key {}")),
    "api_key.former_ended": _of_named(gettext_lazy("ended the former secret of the API key {}")),
    "api_key.tokens_begun": _of_named(gettext_lazy("exchanged the API key {} for tokens")),
    "api_key.tokens_ended": _of_named(gettext_lazy("ended tokens of the API key {}")),
    "limits.updated": _of_named(gettext_lazy("changed the limits of {}")),
    "tenant.created": _of_named(gettext_lazy("made the tenant {}")),
    "tenant.updated": _of_named(gettext_lazy("said how long the audit log of {} is kept")),
    "sign_in_pass.created": _of_named(gettext_lazy("made a pass to sign in for {}")),
    "account.signed_in": _signed_in,
    "account.signed_out": _plainly(gettext_lazy("signed out")),
    "account.password_changed": _plainly(gettext_lazy("changed the own password")),
    "account.password_set": _plainly(gettext_lazy("set the first password")),
    "account.created": _of_named(gettext_lazy("came by the sign-in provider for the first time, as {}")),
    "account.linked": _of_named(gettext_lazy("linked the account {} to one of the sign-in provider")),
    "account.second_factor_added": _plainly(gettext_lazy("set up a second factor")),
    "account.second_factor_removed": _of_named(gettext_lazy("removed the second factor of {}")),
    "account.recovery_codes_renewed": _plainly(gettext_lazy("made new recovery codes")),
    "account.recovery_code_used": _plainly(gettext_lazy("signed in with a recovery code")),
    "analytics.filled": _plainly(gettext_lazy("had reports filled in from the record")),
    "purge.asked": _of_named(gettext_lazy("had the job {} run at once")),
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
    "erasure.asked": _plainly(gettext_lazy("asked for all traces of somebody or something to be erased")),
    "erasure.done": _plainly(gettext_lazy("erased all traces of somebody or something")),
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
    "setting.changed": _setting_changed,
    "alert.acknowledged": _of_named(gettext_lazy("saw to the alert {}")),
    "webhook.created": _of_named(gettext_lazy("made the webhook {}")),
    "webhook.updated": _of_named(gettext_lazy("changed the webhook {}")),
    "webhook.deleted": _of_named(gettext_lazy("deleted the webhook {}")),
    "webhook.paused": _of_named(gettext_lazy("paused the webhook {}, as its receiver does not answer")),
    "webhook.tried": _of_named(gettext_lazy("tried the webhook {}")),
    "webhook.sent_again": _of_named(gettext_lazy("had messages sent again to the webhook {}")),
    "webhook.secret_shown": _of_named(gettext_lazy("looked at the secret of the webhook {}")),
    "webhook.secret_renewed": _of_named(gettext_lazy("gave a new secret to the webhook {}")),
    "backup.created": _plainly(gettext_lazy("made a backup")),
    "backup.removed": _plainly(gettext_lazy("removed a backup")),
    "backup.restored": _plainly(gettext_lazy("restored the installation from a backup")),
    "export.created": _plainly(gettext_lazy("exported knowledge bases")),
    "export.imported": _plainly(gettext_lazy("imported knowledge bases")),
    "events.sent_again": _plainly(gettext_lazy("had events sent again")),
    "form.added": _formed(gettext_lazy("added the {} {}")),
    "form.changed": _formed(gettext_lazy("changed the {} {}")),
    "form.deleted": _formed(gettext_lazy("deleted the {} {}")),
}
"""What was done, without who, by the action."""


def _listed(changed: Iterable[str]) -> str:
    return ", ".join(_(one.replace("_", " ")) for one in changed)
