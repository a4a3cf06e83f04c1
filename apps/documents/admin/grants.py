"""Who may read a knowledge base or a document: shown on its page, given there in a dialog, and revoked."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group, User
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminSelectWidget

from apps.documents.models import Document, Grant, KnowledgeBase
from apps.documents.rights.grants import GrantRequest, Subject, grant_create, grant_delete
from ragsite.core.actors import Actor
from ragsite.core.admin.base import (
    LargeTableAdmin,
    ReadOnlyInline,
    ServiceDeleteMixin,
    Words,
    acting,
    badge,
    dialog_done,
    errors_told,
    link,
    row_link,
    row_url,
)
from ragsite.gateway.admin.memberships import ROLE_NAMES, ROLE_TONES
from ragsite.gateway.admin.rows import TenantFilter, TenantRowsMixin
from ragsite.gateway.models import ApiKey, Role
from ragsite.gateway.roles import GRANTED_ROLES

KINDS = {"user": _("User"), "group": _("Group"), "api_key": _("API key")}


def _choice(label: Words) -> forms.ModelChoiceField[Any]:
    return forms.ModelChoiceField(
        User.objects.none(), label=label, required=False, empty_label=gettext("Nobody"), widget=UnfoldAdminSelectWidget
    )


class GrantForm(BaseDialogForm):
    """To whom: one of the tenant's users, groups or API keys."""

    model: ClassVar[type[Model]]
    user = _choice("A user")
    group = _choice(_("All users of a group"))
    api_key = _choice(_("An API key"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        resource: Any = self.model._default_manager.get(pk=self.object_id)
        tenant_id = resource.tenant_id
        choices: dict[str, QuerySet[Any]] = {
            "user": User.objects.filter(memberships__tenant_id=tenant_id),
            "group": Group.objects.filter(user__memberships__tenant_id=tenant_id).distinct(),
            "api_key": ApiKey.objects.filter(tenant_id=tenant_id, revoked_at=None),
        }
        for name, queryset in choices.items():
            field: Any = self.fields[name]
            field.queryset = queryset

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if sum(cleaned.get(name) is not None for name in KINDS) != 1:
            self.add_error(
                "user", gettext("Choose one: a user, a group or an API key.")
            )  # the dialog shows fields' errors only
        return cleaned

    def subject(self) -> Subject:
        """Whom the form names."""
        chosen: Subject = next(self.cleaned_data[name] for name in KINDS if self.cleaned_data[name] is not None)
        return chosen


class KnowledgeBaseGrantForm(GrantForm):
    model = KnowledgeBase
    role = forms.ChoiceField(
        label=_("As"), choices=[(role, role.label) for role in GRANTED_ROLES], initial=Role.READER, required=False,
        widget=UnfoldAdminSelectWidget,
    )  # fmt: skip


class DocumentGrantForm(GrantForm):
    model = Document


def grant_action(form: type[GrantForm]) -> Any:
    """The button that gives a grant, for the page of the form's model."""

    @action(
        description=gettext("Share"),
        icon="person_add",
        permissions=["give_grant"],
        dialog={
            "title": gettext("Who should be able to read it?"),
            "description": gettext("It takes effect at once. Nothing is re-indexed."),
            "form_class": form,
            "form_submit_text": gettext("Share"),
        },
    )
    def give_grant(admin_: Any, request: HttpRequest, form: GrantForm, object_id: str) -> HttpResponse:
        resource = admin_.row_or_404(request, object_id)
        with errors_told(request):
            role = form.cleaned_data.get("role") or Role.READER
            grant = grant_create(GrantRequest(resource, form.subject(), role), actor=acting(request))
            messages.success(
                request,
                capfirst(gettext("%(subject)s may read it now.") % {"subject": grant.subject_text}),
            )
        return dialog_done(row_url(resource))

    return give_grant


class GivesGrantsMixin:
    """Who may use the button of `grant_action`: on a row that the user sees."""

    def has_give_grant_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        allowed: bool = self.is_permitted_on(request, "documents.add_grant", object_id)  # type: ignore[attr-defined]
        return allowed and (object_id is None or self.get_object(request, object_id) is not None)  # type: ignore[attr-defined]


class GrantColumns:
    """How a grant is shown, under what it is on and in the list of all."""

    @display(description=_("Who"))
    def who(self, grant: Grant) -> SafeString:
        kind = next(name for name in KINDS if getattr(grant, f"{name}_id") is not None)
        return format_html("{} {}", badge(KINDS[kind], "info"), getattr(grant, kind))

    @display(description=_("Role"), ordering="role")
    def shown_role(self, grant: Grant) -> SafeString:
        return badge(gettext(ROLE_NAMES[grant.role]), ROLE_TONES[grant.role])


class GrantInline(GrantColumns, ReadOnlyInline):
    model = Grant
    verbose_name_plural = _("Who may read it")
    hide_title = True
    per_page = 20
    fields: ClassVar = ("who", "shown_role", "granted_by", "created_at", "end")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Grant]:
        grants: QuerySet[Grant] = super().get_queryset(request)
        return grants.select_related("user", "group", "api_key")

    @display(description="")
    def end(self, grant: Grant) -> SafeString:
        return link(reverse("admin:documents_grant_delete", args=[grant.pk]), gettext("Take back"))


@admin.register(Grant)
class GrantAdmin(GrantColumns, ServiceDeleteMixin, TenantRowsMixin, LargeTableAdmin):
    list_display: ClassVar = ("who", "what", "shown_role", "granted_by", "created_at")
    list_filter: ClassVar = (("tenant", TenantFilter),)
    list_select_related: ClassVar = ("user", "group", "api_key", "knowledge_base", "document")
    search_fields: ClassVar = ("user__username", "group__name", "api_key__name")
    fields: ClassVar = ("who", "what", "shown_role", "granted_by", "created_at")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.is_permitted(request, "delete", obj)

    def service_delete(self, row: Grant, *, actor: Actor) -> None:
        grant_delete(grant=row, actor=actor)

    @display(description=_("May read"))
    def what(self, grant: Grant) -> SafeString:
        resource = grant.document or grant.knowledge_base
        return row_link(resource) if resource else SafeString()
