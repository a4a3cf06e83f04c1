"""What is done with several documents at once: asked first, with their number, and then through the services, one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.documents.lifecycle.versions import version_retry
from apps.documents.models import Document
from apps.documents.services.documents import document_delete, document_update
from apps.documents.tags import tags_cleaned, tags_read
from apps.monitoring.workspace.documents.rows import Row, rows_of
from ragsite.core.actors import Actor
from ragsite.core.errors import PermanentError, RagError

MOST_AT_ONCE = 300
"""Each is a service's call of some milliseconds in one request; beyond, the list is to be narrowed."""

Words = str | Promise


@dataclass(frozen=True, slots=True)
class Bulk:
    """Something that is done with documents: to which it applies, what is said of it, and the service that does it."""

    slug: str
    label: Words
    icon: str
    permission: str
    question: Callable[[int], str]
    consequence: Words
    done: Callable[[int], str]
    applies: Callable[[Row, Sequence[str]], bool]
    do: Callable[[Row, Sequence[str], Actor], object]
    needs_tags: bool = False
    is_dangerous: bool = False


def _delete(row: Row, _tags: Sequence[str], actor: Actor) -> None:
    document_delete(document=row.document, actor=actor)


def _retry(row: Row, _tags: Sequence[str], actor: Actor) -> None:
    version_retry(version=row.version, actor=actor)


def _tag(row: Row, tags: Sequence[str], actor: Actor) -> None:
    document_update(document=row.document, tags=tags_cleaned([*row.document.tags, *tags]), actor=actor)


def _untag(row: Row, tags: Sequence[str], actor: Actor) -> None:
    document_update(document=row.document, tags=[tag for tag in row.document.tags if tag not in tags], actor=actor)


def _restrict(row: Row, _tags: Sequence[str], actor: Actor) -> None:
    document_update(document=row.document, restricted=True, actor=actor)


def _lift(row: Row, _tags: Sequence[str], actor: Actor) -> None:
    document_update(document=row.document, restricted=False, actor=actor)


BULKS: tuple[Bulk, ...] = (
    Bulk(
        slug="retry",
        label=gettext_lazy("Retry"),
        icon="replay",
        permission="documents.change_documentversion",
        question=lambda n: ngettext("Retry %(n)d document?", "Retry %(n)d documents?", n) % {"n": n},
        consequence=gettext_lazy("Each is taken up where it stopped. Mend the cause first, or it fails again."),
        done=lambda n: ngettext("%(n)d document is retried.", "%(n)d documents are retried.", n) % {"n": n},
        applies=lambda row, _tags: row.is_stopped,
        do=_retry,
    ),
    Bulk(
        slug="tag",
        label=gettext_lazy("Add tag"),
        icon="new_label",
        permission="documents.change_document",
        question=lambda n: ngettext("Tag %(n)d document?", "Tag %(n)d documents?", n) % {"n": n},
        consequence=gettext_lazy("Questions can be narrowed to documents with a tag."),
        done=lambda n: ngettext("%(n)d document is tagged.", "%(n)d documents are tagged.", n) % {"n": n},
        applies=lambda row, tags: not set(tags) <= set(row.document.tags),
        do=_tag,
        needs_tags=True,
    ),
    Bulk(
        slug="untag",
        label=gettext_lazy("Remove tag"),
        icon="label_off",
        permission="documents.change_document",
        question=lambda n: (
            ngettext("Remove the tag from %(n)d document?", "Remove the tag from %(n)d documents?", n) % {"n": n}
        ),
        consequence=gettext_lazy("The documents stay as they are otherwise."),
        done=lambda n: (
            ngettext("The tag is gone from %(n)d document.", "The tag is gone from %(n)d documents.", n) % {"n": n}
        ),
        applies=lambda row, tags: bool(set(tags) & set(row.document.tags)),
        do=_untag,
        needs_tags=True,
    ),
    Bulk(
        slug="restrict",
        label=gettext_lazy("Restrict"),
        icon="lock",
        permission="documents.add_grant",
        question=lambda n: ngettext("Restrict %(n)d document?", "Restrict %(n)d documents?", n) % {"n": n},
        consequence=gettext_lazy(
            "From now on only people who were given access to a document itself can read it, find it, or see answers that"
            " quote it."
        ),
        done=lambda n: ngettext("%(n)d document is restricted.", "%(n)d documents are restricted.", n) % {"n": n},
        applies=lambda row, _tags: not row.document.restricted,
        do=_restrict,
    ),
    Bulk(
        slug="lift",
        label=gettext_lazy("Lift restriction"),
        icon="lock_open",
        permission="documents.add_grant",
        question=lambda n: (
            ngettext("Lift the restriction of %(n)d document?", "Lift the restriction of %(n)d documents?", n)
            % {"n": n}
        ),
        consequence=gettext_lazy("From now on all who may read the knowledge base can read them."),
        done=lambda n: (
            ngettext("%(n)d document is no longer restricted.", "%(n)d documents are no longer restricted.", n)
            % {"n": n}
        ),
        applies=lambda row, _tags: row.document.restricted,
        do=_lift,
    ),
    Bulk(
        slug="delete",
        label=gettext_lazy("Delete"),
        icon="delete",
        permission="documents.delete_document",
        question=lambda n: ngettext("Delete %(n)d document?", "Delete %(n)d documents?", n) % {"n": n},
        consequence=gettext_lazy("No question finds them any more, at once. This can't be undone."),
        done=lambda n: ngettext("%(n)d document is deleted.", "%(n)d documents are deleted.", n) % {"n": n},
        applies=lambda _row, _tags: True,
        do=_delete,
        is_dangerous=True,
    ),
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The documents that a bulk applies to, how many were chosen in all, and the tags it is about."""

    rows: list[Row]
    total: int
    tags: list[str]


def bulk_named(slug: str) -> Bulk | None:
    return next((bulk for bulk in BULKS if bulk.slug == slug), None)


def chosen_by(said: QueryDict, *, shown: QuerySet[Document], bulk: Bulk) -> Chosen:
    """What a form chose among the documents that the user is shown: by id, or with `everything` all of them.

    Raises:
        PermanentError: too many, or none that the bulk applies to; or the tags are invalid.
    """
    tags = _tags_of(said) if bulk.needs_tags else []
    found = shown if said.get("everything") else shown.filter(pk__in=_ids(said.getlist("documents")))
    documents = list(found.select_related("current_version")[: MOST_AT_ONCE + 1])
    if len(documents) > MOST_AT_ONCE:
        raise PermanentError(
            _("More than %(most)d documents at once are too many.") % {"most": MOST_AT_ONCE},
            action=_("Narrow the list by a filter, and do it in parts."),
        )
    rows = [row for row in rows_of(documents) if bulk.applies(row, tags)]
    if not rows:
        raise PermanentError(_none(bulk, len(documents)))
    return Chosen(rows, len(documents), tags)


def bulk_do(chosen: Chosen, *, bulk: Bulk, actor: Actor) -> tuple[int, list[str]]:
    """Do it with each; with how many it was done, and why not with the others."""
    done, refused = 0, []
    for row in chosen.rows:
        try:
            bulk.do(row, chosen.tags, actor)
            done += 1
        except RagError as error:
            refused.append(f"{row.document.title}: {error.sentence}")
    return done, refused


def _ids(texts: Sequence[str]) -> list[UUID]:
    """Those that are ids; a form of ours sends no others."""
    ids = []
    for text in texts[: MOST_AT_ONCE + 1]:
        try:
            ids.append(UUID(text))
        except ValueError:
            continue
    return ids


def _tags_of(said: QueryDict) -> list[str]:
    tags = tags_read(said.get("with_tag", ""))
    if not tags:
        raise PermanentError(_("No tag is named."), action=_("Write one into the field beside the button."))
    return tags


def _none(bulk: Bulk, total: int) -> str:
    if not total:
        return _("No document is chosen.")
    if bulk.slug == "retry":
        return _("None of the chosen documents has failed or was cancelled.")
    return _("Nothing would change: the chosen documents are so already.")
