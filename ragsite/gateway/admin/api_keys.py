"""API keys: made here, shown once, revoked here."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSplitDateTimeWidget

from ragsite.core.admin.base import ReadOnlyAdmin, acting, badge, confirmation, dialog_done, row_url
from ragsite.core.limits import Limits
from ragsite.gateway.admin.limits import FIELDS, LimitFields, LimitsPageMixin
from ragsite.gateway.admin.rows import TenantFilter, TenantRowsMixin
from ragsite.gateway.keys import api_key_create, api_key_revoke
from ragsite.gateway.limits.parties import key_limits
from ragsite.gateway.limits.rows import limits_set
from ragsite.gateway.members import principal_of_user
from ragsite.gateway.models import ApiKey, Permission, Tenant
from ragsite.gateway.roles import may_somewhere


class ApiKeyForm(LimitFields, forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """What a new key is for, what it may do, how much and until when. It may no more than the `maker` may in its tenant."""

    maker: ClassVar[Any] = None
    usual_limits: ClassVar[Limits | None] = None

    permissions = forms.MultipleChoiceField(choices=Permission.choices, widget=UnfoldAdminCheckboxSelectMultipleWidget)
    expires_at = forms.SplitDateTimeField(
        required=False,
        label=_("Expires"),
        widget=UnfoldAdminSplitDateTimeWidget,
        help_text=_("UTC. Left empty, the key is valid until it is revoked."),
    )

    class Meta:
        model = ApiKey
        fields: ClassVar = ("tenant", "name", "permissions", "expires_at")
        help_texts: ClassVar = {"name": _("Which application calls with it.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.usual_limits is not None:
            self.usual(self.usual_limits)

    def clean_permissions(self) -> list[Permission]:
        return [Permission(value) for value in self.cleaned_data["permissions"]]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        tenant = cleaned.get("tenant")
        if tenant is not None and (lacking := self._lacking(tenant, cleaned.get("permissions", []))):
            told = gettext("You don't have %(join)s in %(tenant)s yourself. Ask an owner of it to make this key.") % {
                "join": ", ".join(lacking),
                "tenant": tenant,
            }
            self.add_error("permissions", told)
        return cleaned

    def _lacking(self, tenant: Tenant, wanted: list[Permission]) -> list[str]:
        mine = principal_of_user(self.maker, tenant_id=tenant.pk).permissions
        return [permission.value for permission in wanted if permission.value not in mine]

    def clean_expires_at(self) -> Any:
        expires_at = self.cleaned_data["expires_at"]
        if expires_at and expires_at <= timezone.now():
            raise forms.ValidationError(
                gettext("%(expires_at)s is past. Choose a later time, or leave it empty.")
                % {"expires_at": f"{expires_at:%Y-%m-%d %H:%M}"}
            )
        return expires_at


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
        "state",
        "last_used_at",
        "expires_at",
        "created_at",
    )
    list_filter: ClassVar = (("tenant", TenantFilter),)
    list_select_related: ClassVar = ("tenant",)
    search_fields: ClassVar = ("name", "prefix")
    actions: ClassVar = ("revoke_selected",)
    actions_detail: ClassVar = ("limits", "revoke")
    fields: ClassVar = (
        "name", "tenant", "beginning", "permitted", "state", "last_used_at", "created_at", "expires_at", "revoked_at",
    )  # fmt: skip
    add_fieldsets: ClassVar = (
        (
            None,
            {
                "fields": ("tenant", "name", "permissions", "expires_at"),
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
            actor=acting(request),
        )
        if limits := form.limits():
            limits_set(tenant=key.tenant, api_key=key, limits=limits, actor=acting(request))
        obj.pk, obj.prefix = key.pk, key.prefix
        messages.success(request, _shown_once(key, text))

    def response_add(self, request: HttpRequest, obj: Model, post_url_continue: str | None = None) -> HttpResponse:
        return redirect(reverse("admin:gateway_apikey_changelist"))

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

    @display(description=_("State"))
    def state(self, key: ApiKey) -> SafeString:
        if key.revoked_at:
            return badge(gettext("Revoked"), "danger")
        expired = key.expires_at is not None and key.expires_at <= timezone.now()
        return badge(gettext("Expired"), "warning") if expired else badge(gettext("Valid"), "success")


def _revoke(request: HttpRequest, key: ApiKey) -> None:
    api_key_revoke(key=key, actor=acting(request))
    messages.success(request, gettext("%(key)s is revoked.") % {"key": key})


def _shown_once(key: ApiKey, text: str) -> SafeString:
    return format_html(
        "The key for {} was made. Copy it now, it is not shown again: {}",
        key.name,
        render_to_string("ragsite/admin/made_key.html", {"text": text}),
    )
