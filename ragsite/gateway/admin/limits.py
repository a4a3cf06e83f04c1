"""Limits in the admin: fields for each, on the form of a new key and on a page of each key, member and tenant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from ragsite.core.admin.base import acting, row_url
from ragsite.core.configuration import MEGABYTE
from ragsite.core.limits import LIMIT_KINDS, MOST, LimitKind, Limits, Per, Work
from ragsite.gateway.limits.parties import key_limits, member_limits, tenant_limits
from ragsite.gateway.limits.rows import Limited, limits_of, limits_set
from ragsite.gateway.models import ApiKey, Membership, Tenant

LABELS: Mapping[LimitKind, Any] = {
    LimitKind(Work.SEARCHES, Per.MINUTE): _("Searches a minute"),
    LimitKind(Work.SEARCHES, Per.DAY): _("Searches a day"),
    LimitKind(Work.SEARCHES, Per.MONTH): _("Searches a month"),
    LimitKind(Work.ANSWERS, Per.MINUTE): _("Answers a minute"),
    LimitKind(Work.ANSWERS, Per.DAY): _("Answers a day"),
    LimitKind(Work.ANSWERS, Per.MONTH): _("Answers a month"),
    LimitKind(Work.UPLOAD_BYTES, Per.MINUTE): _("Uploads a minute, in MB"),
    LimitKind(Work.UPLOAD_BYTES, Per.DAY): _("Uploads a day, in MB"),
    LimitKind(Work.UPLOAD_BYTES, Per.MONTH): _("Uploads a month, in MB"),
    LimitKind(Work.TOKENS, Per.MINUTE): _("Tokens written a minute"),
    LimitKind(Work.TOKENS, Per.DAY): _("Tokens written a day"),
    LimitKind(Work.TOKENS, Per.MONTH): _("Tokens written a month"),
    LimitKind(Work.STREAMS, Per.ONCE): _("Streamed answers at once"),
    LimitKind(Work.REQUESTS, Per.MINUTE): _("Other requests a minute"),
}
"""What each limit is called, in the language of who reads it; uploads are told in MB."""

FIELDS = tuple(kind.name for kind in LIMIT_KINDS)

INTRODUCTIONS: Mapping[type[Limited], Any] = {
    ApiKey: _("How much may be asked for with this key. The limits of its tenant hold, too: the smaller one counts."),
    Membership: _(
        "How much this person may ask for in this tenant. The limits of the tenant hold, too: the smaller one counts."
    ),
    Tenant: _("How much may be asked for in this tenant, with all its keys and by all its people together."),
}
_USUAL: Mapping[type[Limited], Callable[[Limits], Limits]] = {
    ApiKey: key_limits, Membership: member_limits, Tenant: tenant_limits,
}  # fmt: skip


def _unit(kind: LimitKind) -> int:
    return MEGABYTE if kind.work is Work.UPLOAD_BYTES else 1


class LimitFields(forms.Form):
    """A field for each kind of limit; one that is empty leaves it to the installation."""

    def limits(self) -> Limits:
        """What was filled in, of a form that is valid."""
        given = {kind: self.cleaned_data.get(kind.name) for kind in LIMIT_KINDS}
        return MappingProxyType({kind: value * _unit(kind) for kind, value in given.items() if value is not None})

    def usual(self, limits: Limits) -> None:
        """Show in the empty fields what holds where nothing is filled in."""
        for kind in LIMIT_KINDS:
            told = f"{limits[kind] / _unit(kind):g}" if kind in limits else gettext("No limit")
            self.fields[kind.name].widget.attrs["placeholder"] = told


LimitFields.declared_fields.update(  # type: ignore[attr-defined]  # of the metaclass
    {
        kind.name: forms.IntegerField(
            required=False,
            min_value=0,
            max_value=MOST // _unit(kind),
            label=LABELS[kind],
            widget=UnfoldAdminIntegerFieldWidget(),
        )
        for kind in LIMIT_KINDS
    }
)


class LimitsPageMixin:
    """Gives each row of an admin a page with its limits; goes before the admin's own base."""

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.limits_page)  # type: ignore[attr-defined]
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc]
        return [path("<path:object_id>/limits/", page, name=self._page_name), *urls]

    def has_limits_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Whether the user may say how much the row's callers may ask for."""
        opts: Any = self.opts  # type: ignore[attr-defined]
        needed = f"{opts.app_label}.change_{opts.model_name}"
        allowed: bool = self.is_permitted_on(request, needed, object_id)  # type: ignore[attr-defined]
        return allowed

    @action(description=_("Limits"), icon="speed", permissions=["limits"])
    def limits(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect(reverse(f"admin:{self._page_name}", args=[object_id]))

    def limits_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the limits of one, or set them.

        Raises:
            PermissionDenied: the user may not.
        """
        row = self.row_or_404(request, object_id)  # type: ignore[attr-defined]
        if not self.has_limits_permission(request, object_id):
            raise PermissionDenied
        form = LimitFields(request.POST if request.method == "POST" else None, initial=_initial(row))
        form.usual(_USUAL[type(row)]({}))
        if request.method == "POST" and form.is_valid():
            limits_set(of=row, limits=form.limits(), actor=acting(request))
            messages.success(request, gettext("The limits are set. They hold within seconds."))
            return redirect(row_url(row))
        title = gettext("Limits of %(name)s") % {
            "name": row.user.get_username() if isinstance(row, Membership) else row.name
        }
        opts: Any = self.opts  # type: ignore[attr-defined]
        context = {
            **self.admin_site.each_context(request),  # type: ignore[attr-defined]
            "title": title,
            "content_title": title,
            "opts": opts,
            "row_url": row_url(row),
            "form": form,
            "introduction": INTRODUCTIONS[type(row)],
        }
        return TemplateResponse(request, "ragsite/admin/limits.html", context)

    @property
    def _page_name(self) -> str:
        opts: Any = self.opts  # type: ignore[attr-defined]
        return f"{opts.app_label}_{opts.model_name}_limits"


def _initial(row: Limited) -> dict[str, int]:
    return {kind.name: amount // _unit(kind) for kind, amount in limits_of(row).items()}
