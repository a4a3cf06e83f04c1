"""API keys: made here, shown once, given new secrets and revoked here."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.dataclasses import ActionDialog
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from ragsite.core.admin.base import ReadOnlyAdmin, acting, badge, confirmation, dialog_done, errors_told, row_url
from ragsite.core.times import time_shown
from ragsite.gateway.admin.key_forms import ApiKeyForm, RotateForm
from ragsite.gateway.admin.limits import FIELDS, LimitsPageMixin
from ragsite.gateway.admin.rows import TenantFilter, TenantRowsMixin
from ragsite.gateway.keys import api_key_create, api_key_former_end, api_key_revoke, api_key_rotate
from ragsite.gateway.limits.parties import key_limits
from ragsite.gateway.limits.rows import limits_set
from ragsite.gateway.models import ApiKey, Permission
from ragsite.gateway.narrowing import names_seen
from ragsite.gateway.roles import may_somewhere
from ragsite.gateway.staff import may_rotate
from ragsite.gateway.uses import use_text


@admin.register(ApiKey)
class ApiKeyAdmin(LimitsPageMixin, TenantRowsMixin, ReadOnlyAdmin):
    form = ApiKeyForm

    class Media:
        js: ClassVar = ("ragsite/copy.js",)

    list_display: ClassVar = (
        "name",
        "tenant",
        "beginning",
        "permitted",
        "sees",
        "state",
        "last_used_at",
        "expires_at",
        "created_at",
    )
    list_filter: ClassVar = (("tenant", TenantFilter),)
    list_select_related: ClassVar = ("tenant",)
    search_fields: ClassVar = ("name", "prefix")
    actions: ClassVar = ("revoke_selected",)
    actions_detail: ClassVar = ("limits", "rotate", "end_former", "revoke")
    fields: ClassVar = (
        "name", "tenant", "beginning", "permitted_in_words", "for_knowledge_bases", "state", "last_used_at", "last_used",
        "created_at", "rotated_at", "former_secret", "expires_at", "revoked_at",
    )  # fmt: skip
    add_fieldsets: ClassVar = (
        (
            None,
            {
                "fields": ("tenant", "name", "permissions", "knowledge_bases", "expires_at"),
                "description": _("The key is shown once, after it is made. Only a digest of it is kept."),
            },
        ),
        (
            _("Limits"),
            {
                "fields": FIELDS,
                "classes": ("collapse",),
                "description": _(
                    "How much may be asked for with it. An empty field leaves it at what it shows in grey."
                ),
            },
        ),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return tuple(self.fields) if obj else ()

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """With the names of its knowledge bases, as far as the user may read them."""
        key: Any = super().get_object(request, object_id, from_field)
        if key is not None and key.knowledge_base_ids is not None:
            key.names_seen = names_seen(key.knowledge_base_ids, by=request.user)
        return key

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.maker = request.user
        if obj is None:
            form.usual_limits = key_limits({})
        return form

    def has_add_permission(self, request: HttpRequest) -> bool:
        """In which tenants is for the form: it offers only those."""
        return may_somewhere(request.user, "gateway.add_apikey")

    def has_revoke_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Whether the user may; on a key's page also whether it is still to be revoked."""
        allowed = self.is_permitted_on(request, "gateway.change_apikey", object_id)
        return allowed and (object_id is None or request.method == "POST" or self._is_standing(request, object_id))

    def has_rotate_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Who may rotate a key may call with it, so this asks for more than who may revoke one."""
        if object_id is None or not self.has_revoke_permission(request, object_id):
            return False
        key = self.get_object(request, unquote(object_id))
        return key is not None and may_rotate(request.user, key)

    def has_end_former_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """As for revoking, where there is a former secret; a second click finds nothing to end and is no error."""
        if object_id is None or not self.has_revoke_permission(request, object_id):
            return False
        key = self.get_object(request, unquote(object_id))
        return key is not None and (request.method == "POST" or _has_former(key))

    def _is_standing(self, request: HttpRequest, object_id: str) -> bool:
        key = self.get_object(request, object_id)
        return key is not None and key.revoked_at is None

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        """A key is made one at a time, and there is nothing to go on editing."""
        plain = {"show_save_and_add_another": False, "show_save_and_continue": False}
        page: HttpResponse = super().render_change_form(request, context | plain, **kwargs)
        return page

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        key, text = api_key_create(
            tenant=obj.tenant,
            name=obj.name,
            permissions=obj.permissions,
            expires_at=obj.expires_at,
            knowledge_base_ids=form.cleaned_data["knowledge_bases"] or None,
            actor=acting(request),
        )
        if limits := form.limits():
            limits_set(of=key, limits=limits, actor=acting(request))
        obj.pk, obj.prefix = key.pk, key.prefix
        told = gettext("The key for %(name)s was made. Copy it now, it is not shown again:") % {"name": key.name}
        messages.success(request, _shown_once(told, text))

    def response_add(self, request: HttpRequest, obj: Model, post_url_continue: str | None = None) -> HttpResponse:
        return redirect(reverse("admin:gateway_apikey_changelist"))

    @action(
        description=_("New secret"),
        icon="autorenew",
        permissions=["rotate"],
        dialog=ActionDialog(
            title=_("Give this key a new secret?"),
            description=_("It is shown once. Applications change over while the former secret still works."),
            form_class=RotateForm,
            form_submit_text=_("Make a new secret"),
        ),
    )
    def rotate(self, request: HttpRequest, form: RotateForm, object_id: str) -> HttpResponse:
        key = self.row_or_404(request, object_id)
        with errors_told(request):
            grace = timedelta(hours=form.cleaned_data["grace_hours"])
            text = api_key_rotate(key=key, grace=grace, actor=acting(request))
            told = gettext("%(name)s has a new secret. Copy it now, it is not shown again:") % {"name": key.name}
            messages.success(request, _shown_once(told, text))
        return dialog_done(row_url(key))

    @action(
        description=_("End the former secret"),
        icon="key_off",
        permissions=["end_former"],
        dialog=confirmation(
            title=_("End the former secret now?"),
            text=_("Applications that still call with it are refused from now on. The new secret goes on."),
            button=_("End it"),
        ),
    )
    def end_former(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        key = self.row_or_404(request, object_id)
        api_key_former_end(key=key, actor=acting(request))
        messages.success(request, gettext("The former secret of %(key)s is ended.") % {"key": key})
        return dialog_done(row_url(key))

    @action(
        description=_("Revoke"),
        icon="block",
        permissions=["revoke"],
        variant=ActionVariant.DANGER,
        dialog=confirmation(
            title=_("Revoke this key?"),
            text=_("Applications that call with it are refused from now on. This cannot be undone."),
            button=_("Revoke"),
        ),
    )
    def revoke(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        key = self.row_or_404(request, object_id)
        _revoke(request, key)
        return dialog_done(row_url(key))

    @action(description=_("Revoke the selected keys"), permissions=["revoke"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        for key in queryset:
            _revoke(request, key)

    @display(description=_("Begins with"))
    def beginning(self, key: ApiKey) -> str:
        return f"rag_{key.prefix}…"

    @display(description=_("May"))
    def permitted(self, key: ApiKey) -> str:
        return ", ".join(key.permissions)

    @display(description=_("May"))
    def permitted_in_words(self, key: ApiKey) -> SafeString:
        """A line for each, with its name for programs."""
        lines = ((Permission(one).label, one) for one in key.permissions if one in Permission.values)
        return format_html_join("", '<div>{} <code class="rag-muted">{}</code></div>', lines)

    @display(description=_("Sees"))
    def sees(self, key: ApiKey) -> str:
        if key.knowledge_base_ids is None:
            return gettext("all of the tenant")
        number = len(key.knowledge_base_ids)
        return ngettext("%(number)s knowledge base", "%(number)s knowledge bases", number) % {"number": number}

    @display(description=_("Knowledge bases"))
    def for_knowledge_bases(self, key: ApiKey) -> str:
        """Those that the reader of the page may read are named."""
        named: list[str] = getattr(key, "names_seen", [])
        if key.knowledge_base_ids is None or not named:
            return str(self.sees(key))
        others = len(key.knowledge_base_ids) - len(named)
        more = [ngettext("%(number)s other", "%(number)s others", others) % {"number": others}] if others else []
        return ", ".join([*named, *more])

    @display(description=_("Last used by"))
    def last_used(self, key: ApiKey) -> str:
        return use_text(key.last_used_by)

    @display(description=_("Former secret"))
    def former_secret(self, key: ApiKey) -> SafeString | str:
        if not _has_former(key):
            return gettext("none")
        ends, used = time_shown(key.former_until), time_shown(key.former_used_at)
        return format_html(
            gettext("works until {}, last used {}") if used else gettext("works until {}, not used since"), ends, used
        )

    @display(description=_("State"))
    def state(self, key: ApiKey) -> SafeString:
        if key.revoked_at:
            return badge(gettext("Revoked"), "danger")
        expired = key.expires_at is not None and key.expires_at <= timezone.now()
        return badge(gettext("Expired"), "warning") if expired else badge(gettext("Valid"), "success")


def _revoke(request: HttpRequest, key: ApiKey) -> None:
    api_key_revoke(key=key, actor=acting(request))
    messages.success(request, gettext("%(key)s is revoked.") % {"key": key})


def _has_former(key: ApiKey) -> bool:
    """Whether there is a former secret that still works."""
    return key.former_until is not None and key.former_until > timezone.now()


def _shown_once(told: str, text: str) -> SafeString:
    return format_html("{} {}", told, render_to_string("ragsite/admin/made_key.html", {"text": text}))
