"""An erasure in words: how far it is, what it erased, and what stays."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.monitoring.jobs.lines import Progress
from apps.retrieval.erasing.kept import KEPT as REPORTED
from apps.retrieval.models import Erasure, ErasureState, ErasureSubject
from ragsite.core.numbers import number_shown
from ragsite.core.sentences import said

TITLES: dict[str, str | Promise] = {
    ErasureSubject.DOCUMENT: gettext_lazy("Erasing a document"),
    ErasureSubject.USER: gettext_lazy("Erasing a user"),
    ErasureSubject.TENANT: gettext_lazy("Erasing a tenant"),
}
WHAT: dict[str, str | Promise] = {
    "documents": gettext_lazy("Documents"),
    "knowledge_bases": gettext_lazy("Knowledge bases"),
    "conversations": gettext_lazy("Conversations"),
    "questions": gettext_lazy("Questions with their answers"),
    "evaluation_questions": gettext_lazy("Questions of evaluation sets"),
    "bulk_jobs": gettext_lazy("Changes to documents"),
    "grants": gettext_lazy("Grants"),
    "requests": gettext_lazy("Answers kept for repeated requests"),
    "kept_answers": gettext_lazy("Answers kept to be given again"),
    "names": gettext_lazy("Names in what others keep"),
    "audit_entries": gettext_lazy("Words in entries of the audit log"),
    "events": gettext_lazy("Events"),
    "sign_in_tries": gettext_lazy("Tries to sign in"),
    "api_keys": gettext_lazy("API keys"),
    "memberships_and_accounts": gettext_lazy("Memberships and accounts"),
    "names_of_knowledge_bases": gettext_lazy("Names of knowledge bases"),
    "names_of_the_tenant": gettext_lazy("Names of the tenant"),
}

KEPT: dict[str, str | Promise] = {
    "audit_entries": gettext_lazy(
        "Entries of the audit log, by ids, without the words; it says that they were erased."
    ),
    "backups": gettext_lazy("Backups: delete or replace them as you keep them."),
    "published_events": gettext_lazy("What consumers of events keep, until they act on the event that this has ended."),
    "streams": gettext_lazy("Events of streamed answers, for ten minutes."),
    "copies_in_memory": gettext_lazy("Copies of answers in memory that nobody is given, until they are too old."),
    "index_words": gettext_lazy("Words of removed documents that nothing finds, until the index is merged."),
    "documents": gettext_lazy("What the user uploaded: it is the tenant's."),
    "account": gettext_lazy("The account, where it belongs to another tenant or administers the system."),
    "accounts": gettext_lazy("Accounts that belong to another tenant or administer the system."),
    "rows_without_names": gettext_lazy("Rows without a name that others refer to."),
}
"""What stays, by the words of the report."""

_ABOUT: dict[str, str | Promise] = {
    ErasureSubject.DOCUMENT: gettext_lazy("with the id %(id)s"),
    ErasureSubject.USER: gettext_lazy("number %(id)s"),
    ErasureSubject.TENANT: "%(tenant)s",
}


def erasure_about(erasure: Erasure) -> str:
    """What is erased, by what is kept of it: no name."""
    return str(_ABOUT[erasure.subject]) % {"id": erasure.subject_id, "tenant": erasure.tenant}


def erasure_facts(erasure: Erasure) -> list[tuple[str, str]]:
    """How many of each were erased, of how many that were found."""
    counts = {**dict.fromkeys(erasure.found, 0), **erasure.erased}
    return [
        (str(WHAT.get(what, what)), _counted(number, erasure.found.get(what, 0)))
        for what, number in counts.items()
        if number or erasure.found.get(what)
    ]


def erasure_stays(erasure: Erasure) -> list[str]:
    """What stays, and why."""
    return [str(KEPT.get(one["what"], one["why"])) for one in erasure.kept]


def erasure_progress(erasure: Erasure) -> Progress | None:
    """How much is erased of what was found when it was asked for; nothing to tell once it has ended."""
    if erasure.state != ErasureState.ERASING:
        return None
    total = sum(erasure.found.values())
    done = sum(min(number, erasure.found.get(what, 0)) for what, number in erasure.erased.items())
    said_so = _("%(n)s of %(total)s traces") % {"n": number_shown(done), "total": number_shown(total)}
    return Progress(done, total, said_so)


def counts_in_words(found: Mapping[str, int]) -> list[tuple[str, str]]:
    """What there is to erase, and how many of each."""
    return [(str(WHAT.get(what, what)), number_shown(count)) for what, count in found.items()]


def kept_in_words(subject: str) -> list[str]:
    """What stays of a subject, and why."""
    return [str(KEPT.get(what, why)) for what, why in REPORTED[subject]]


def erasure_result(erasure: Erasure) -> str:
    """Why it is not further, or that it is done."""
    if erasure.state == ErasureState.DONE:
        return _("All that was found is erased. What stays is named below, with the reasons.")
    return said(erasure.error)


def _counted(number: int, found: int) -> str:
    if number >= found:
        return number_shown(number)
    return _("%(n)s of %(total)s") % {"n": number_shown(number), "total": number_shown(found)}
