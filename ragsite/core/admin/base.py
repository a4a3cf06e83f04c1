"""What the admin pages have in common: a service makes every change, and a person reads every error as a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import unquote
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from unfold.admin import ModelAdmin, TabularInline
from unfold.dataclasses import ActionDialog
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from ragsite.core.actors import Actor, Door
from ragsite.core.admin.lists import row_checkbox
from ragsite.core.admin.times import columns_with_times
from ragsite.core.audit.recording import Act, AuditObject, acts_record, tenant_of
from ragsite.core.errors import RagError
from ragsite.core.sentences import said

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

FORM_ADDED, FORM_CHANGED, FORM_DELETED = "form.added", "form.changed", "form.deleted"
"""What is done by a form of the admin."""

Words: TypeAlias = "StrOrPromise"
"""A text, or one that is translated when it is shown."""


def acting(request: HttpRequest) -> Actor:
    """Who uses the admin, as services take it."""
    return Actor.of_user(request.user, door=Door.ADMIN)


@contextmanager
def errors_told(request: HttpRequest) -> Iterator[None]:
    """Leave the block at a RagError and show its sentence as a message."""
    try:
        yield
    except RagError as error:
        messages.error(request, said(error.sentence))


class NamedListAdmin(ModelAdmin):
    """A list is under the name of what is on it, as the way to it is. A row that is not there for the user is not found.

    What a form does is in the audit log, too.
    """

    filtered_by_links: tuple[str, ...] = ()
    """Fields that links narrow the list by, besides those of its filters."""

    def lookup_allowed(self, lookup: str, value: str, request: Any = None) -> bool:
        """Django narrows a list by any field of its rows, also by one that is not shown to who looks: letter by letter the number
        of rows would tell what is in it.
        """
        narrowed = self._is_narrowed_by(lookup.split(LOOKUP_SEP)[0], request)
        return narrowed and bool(super().lookup_allowed(lookup, value, request))

    def _is_narrowed_by(self, name: str, request: HttpRequest) -> bool:
        """Whether it is a filter, an id, or no field, which Django looks at itself."""
        try:
            field = self.opts.get_field(name)
        except FieldDoesNotExist:
            return True
        listed = (one[0] if isinstance(one, tuple | list) else one for one in self.get_list_filter(request))
        filters = (getattr(one, "parameter_name", one) for one in listed)
        return bool(field.is_relation or field.primary_key) or name in {*filters, *self.filtered_by_links}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        named = {"title": capfirst(self.model._meta.verbose_name_plural)}
        page: HttpResponse = super().changelist_view(request, named | (extra_context or {}))
        return page

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> LogEntry:
        self._tell(request, FORM_ADDED, [obj], message)
        entry: LogEntry = super().log_addition(request, obj, message)
        return entry

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> LogEntry:
        self._tell(request, FORM_CHANGED, [obj], message)
        entry: LogEntry = super().log_change(request, obj, message)
        return entry

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        self._tell(request, FORM_DELETED, queryset, [])
        return super().log_deletions(request, queryset)

    def tenants_told(self, obj: Model) -> Iterable[UUID | None]:
        """Whose audit logs tell of a change to a row."""
        return (tenant_of(obj),)

    def _tell(self, request: HttpRequest, action: str, rows: Iterable[Model], message: Any) -> None:
        actor, details = acting(request), {"message": message} if message else {}
        told = ((AuditObject.of(row, tenant_id=tenant), actor) for row in rows for tenant in self.tenants_told(row))
        acts_record((Act(action, on, details), actor) for on, actor in told)

    def row_or_404(self, request: HttpRequest, object_id: str) -> Any:
        """The row an action was called on; an invalid id is not found either."""
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise self._not_found(object_id)
        return row

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Of a row that is there for the user."""
        self.row_or_404(request, object_id)
        page: HttpResponse = super().history_view(request, object_id, extra_context)
        return page

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        """Django leads home with a message. Another tenant's row is not there, as everywhere else."""
        raise self._not_found(object_id)

    def _not_found(self, object_id: str) -> Http404:
        return Http404(f"There is no {self.model._meta.verbose_name} {object_id!r}.")


class RagAdmin(NamedListAdmin):
    """The base of every admin. A service that refuses a form is a message on that form's page, not an error page."""

    list_fullwidth = True
    list_per_page = 50

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        return columns_with_times(self.model, super().get_list_display(request))

    @display(description=ModelAdmin.action_checkbox.short_description)
    def action_checkbox(self, obj: Model) -> SafeString:
        return row_checkbox(str(obj.pk))

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.is_permitted(request, "view", obj) or self.is_permitted(request, "change", obj)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.is_permitted(request, "change", obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.is_permitted(request, "delete", obj)

    def is_permitted(self, request: HttpRequest, verb: str, obj: Model | None = None) -> bool:
        """Whether the user may do it to a row of this model; Django's own pages do not say to which."""
        permission = f"{self.opts.app_label}.{verb}_{self.opts.model_name}"
        return bool(request.user.has_perm(permission, self.permission_row(obj)))

    def permission_row(self, obj: Model | None) -> Any:
        """What stands for a row where permissions are asked for."""
        return obj

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            page: HttpResponse = super().changeform_view(request, *args, **kwargs)
        except RagError as error:
            messages.error(request, said(error.sentence))
            return redirect(request.get_full_path())
        return page


class ReadOnlyAdmin(RagAdmin):
    """Rows that people look at and only services write."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class LargeListMixin:
    """A list that grows without bound: nothing on it counts rows or reads all of them to offer a filter."""

    paginator = InfinitePaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER


class LargeTableAdmin(LargeListMixin, ReadOnlyAdmin):
    """Rows without bound that people look at and only services write."""


class ReadOnlyInline(TabularInline):
    """Rows that belong to the one above, to look at."""

    extra = 0
    can_delete = False

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[Any, ...]:
        return columns_with_times(self.model, self.fields)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[Any, ...]:
        return self.get_fields(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ServiceDeleteMixin:
    """Deleting calls `service_delete`. The page that asks for confirmation names the rows only: a service takes the
    rest out of every search, and a walk over all that hangs on them could be long.
    """

    def service_delete(self, row: Any, *, actor: Actor) -> None:
        raise NotImplementedError

    def named_for_deletion(self, row: Any) -> str:
        """The row, and in words what goes with it."""
        return str(row)

    def get_deleted_objects(
        self, rows: Iterable[Any], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[str]]:
        named: list[Any] = [self.named_for_deletion(row) for row in rows]
        return named, {str(self.model._meta.verbose_name_plural): len(named)}, set(), []  # type: ignore[attr-defined]

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.service_delete(obj, actor=acting(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            self.service_delete(row, actor=acting(request))


def confirmation(*, title: Words, text: Words, button: Words) -> ActionDialog:
    """The dialog an action asks with; its answer is a POST, so no link can set the action off."""
    return ActionDialog(title=title, description=text, form_class=None, form_submit_text=button)


def dialog_done(url: str) -> HttpResponse:
    """The answer to a confirmed dialog: the page that opened it goes to `url`."""
    return HttpResponse(headers={"HX-Redirect": url})


def row_url(row: Model) -> str:
    """The admin page of a row."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def row_link(row: Model) -> SafeString:
    """A link to the admin page of a row, by its name."""
    return link(row_url(row), str(row))


def link(url: str, text: str) -> SafeString:
    return format_html('<a href="{}" class="text-link">{}</a>', url, text)


def badge(text: Words, tone: str | None) -> SafeString:
    """A coloured label. Tones: info, success, warning, danger; None is neutral."""
    return _label(str(text), tone)


@lru_cache(1_000)
def _label(text: str, tone: str | None) -> SafeString:
    """Kept, as a list shows the same few on each of its rows."""
    return render_to_string("unfold/helpers/label.html", {"text": capfirst(text), "type": tone})
