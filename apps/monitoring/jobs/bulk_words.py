"""What is done with many documents, in words: a row for each kind of bulk job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.documents.models import BulkJob, BulkState
from apps.documents.services.bulk.kinds import BulkKind, bulk_kind
from ragsite.core.numbers import number_shown
from ragsite.core.sentences import said

Words = str | Promise


@dataclass(frozen=True, slots=True)
class Bulk:
    """A kind of bulk job, and what is said of it: on its button, when it is asked for, while and after it is done."""

    kind: BulkKind
    label: Words
    icon: str
    question: Callable[[int], str]
    consequence: Words
    doing: Words
    done: Callable[[int], str]
    is_dangerous: bool = False

    @property
    def slug(self) -> str:
        return self.kind.slug

    @property
    def needs_tags(self) -> bool:
        return self.kind.needs_tags


BULKS: tuple[Bulk, ...] = (
    Bulk(
        bulk_kind("retry"),
        label=gettext_lazy("Retry"),
        icon="replay",
        question=lambda n: ngettext("Retry %(n)s document?", "Retry %(n)s documents?", n) % {"n": number_shown(n)},
        consequence=gettext_lazy("Each is taken up where it stopped. Mend the cause first, or it fails again."),
        doing=gettext_lazy("Retrying documents"),
        done=lambda n: (
            ngettext("%(n)s document is retried.", "%(n)s documents are retried.", n) % {"n": number_shown(n)}
        ),
    ),
    Bulk(
        bulk_kind("tag"),
        label=gettext_lazy("Add tag"),
        icon="new_label",
        question=lambda n: ngettext("Tag %(n)s document?", "Tag %(n)s documents?", n) % {"n": number_shown(n)},
        consequence=gettext_lazy("Questions can be narrowed to documents with a tag."),
        doing=gettext_lazy("Tagging documents"),
        done=lambda n: ngettext("%(n)s document is tagged.", "%(n)s documents are tagged.", n) % {"n": number_shown(n)},
    ),
    Bulk(
        bulk_kind("untag"),
        label=gettext_lazy("Remove tag"),
        icon="label_off",
        question=lambda n: (
            ngettext("Remove the tag from %(n)s document?", "Remove the tag from %(n)s documents?", n)
            % {"n": number_shown(n)}
        ),
        consequence=gettext_lazy("The documents stay as they are otherwise."),
        doing=gettext_lazy("Removing a tag from documents"),
        done=lambda n: (
            ngettext("The tag is gone from %(n)s document.", "The tag is gone from %(n)s documents.", n)
            % {"n": number_shown(n)}
        ),
    ),
    Bulk(
        bulk_kind("restrict"),
        label=gettext_lazy("Restrict"),
        icon="lock",
        question=lambda n: (
            ngettext("Restrict %(n)s document?", "Restrict %(n)s documents?", n) % {"n": number_shown(n)}
        ),
        consequence=gettext_lazy(
            "From now on only people who were given access to a document itself can read it, find it, or see answers that"
            " quote it."
        ),
        doing=gettext_lazy("Restricting documents"),
        done=lambda n: (
            ngettext("%(n)s document is restricted.", "%(n)s documents are restricted.", n) % {"n": number_shown(n)}
        ),
    ),
    Bulk(
        bulk_kind("lift"),
        label=gettext_lazy("Lift restriction"),
        icon="lock_open",
        question=lambda n: (
            ngettext("Lift the restriction of %(n)s document?", "Lift the restriction of %(n)s documents?", n)
            % {"n": number_shown(n)}
        ),
        consequence=gettext_lazy("From now on all who may read the knowledge base can read them."),
        doing=gettext_lazy("Lifting the restriction of documents"),
        done=lambda n: (
            ngettext("%(n)s document is no longer restricted.", "%(n)s documents are no longer restricted.", n)
            % {"n": number_shown(n)}
        ),
    ),
    Bulk(
        bulk_kind("delete"),
        label=gettext_lazy("Delete"),
        icon="delete",
        question=lambda n: ngettext("Delete %(n)s document?", "Delete %(n)s documents?", n) % {"n": number_shown(n)},
        consequence=gettext_lazy("No question finds them any more, at once. This can't be undone."),
        doing=gettext_lazy("Deleting documents"),
        done=lambda n: (
            ngettext("%(n)s document is deleted.", "%(n)s documents are deleted.", n) % {"n": number_shown(n)}
        ),
        is_dangerous=True,
    ),
)


def bulk_named(slug: str) -> Bulk | None:
    return next((bulk for bulk in BULKS if bulk.slug == slug), None)


def bulk_of(job: BulkJob) -> Bulk:
    """The row of a job's kind."""
    return next(bulk for bulk in BULKS if bulk.slug == job.kind)


def result_of(job: BulkJob) -> str:
    """What became of a job, in a sentence or two."""
    done = bulk_of(job).done(job.done) if job.done or job.state == BulkState.DONE else ""
    refused = _refused(job.refused) if job.refused else ""
    match job.state:
        case BulkState.CANCELLED:
            ended = _("It was cancelled after %(n)s of %(total)s.") % _counted(job)
        case BulkState.FAILED:
            ended = _("It stopped after %(n)s of %(total)s.") % _counted(job) + f" {said(job.error)}"
        case _:
            ended = ""
    return " ".join(part for part in (done, refused, ended) if part)


def _refused(n: int) -> str:
    return ngettext("%(n)s was refused.", "%(n)s were refused.", n) % {"n": number_shown(n)}


def _counted(job: BulkJob) -> dict[str, str]:
    return {"n": number_shown(job.behind), "total": number_shown(job.total)}
