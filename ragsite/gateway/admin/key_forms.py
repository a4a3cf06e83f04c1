"""What people fill in about API keys."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectMultipleWidget,
    UnfoldAdminSplitDateTimeWidget,
)

from ragsite.core.configuration import KeySettings
from ragsite.core.errors import PermanentError
from ragsite.core.limits import Limits
from ragsite.core.sentences import said
from ragsite.gateway.admin.limits import LimitFields
from ragsite.gateway.keys import expiry_of
from ragsite.gateway.members import principal_of_user
from ragsite.gateway.models import ApiKey, Permission, Tenant
from ragsite.gateway.narrowing import knowledge_bases_offered
from ragsite.gateway.roles import tenants_where

LONGEST_GRACE = 720
"""Hours that a former secret may go on."""


class ApiKeyForm(LimitFields, forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """What a new key is for, what it may do, how much and until when. It may no more than the `maker` may in its tenant."""

    maker: ClassVar[Any] = None
    usual_limits: ClassVar[Limits | None] = None

    permissions = forms.MultipleChoiceField(
        choices=Permission.choices, label=_("May"), widget=UnfoldAdminCheckboxSelectMultipleWidget
    )
    knowledge_bases = forms.TypedMultipleChoiceField(
        coerce=UUID,
        required=False,
        label=_("Knowledge bases"),
        widget=UnfoldAdminSelectMultipleWidget,
        help_text=_(
            "The key sees these and no others. With none chosen it sees all that are for everybody of the tenant."
        ),
    )
    expires_at = forms.SplitDateTimeField(required=False, label=_("Expires"), widget=UnfoldAdminSplitDateTimeWidget)

    class Meta:
        model = ApiKey
        fields: ClassVar = ("tenant", "name", "permissions", "expires_at")
        help_texts: ClassVar = {"name": _("Which application calls with it.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "expires_at" in self.fields:  # else it is a page to read
            self._fields_for_maker()
        if self.usual_limits is not None:
            self.usual(self.usual_limits)

    def clean_permissions(self) -> list[Permission]:
        return [Permission(value) for value in self.cleaned_data["permissions"]]

    def clean_expires_at(self) -> Any:
        expires_at = self.cleaned_data["expires_at"]
        if expires_at and expires_at <= timezone.now():
            raise forms.ValidationError(
                gettext("%(expires_at)s is past. Choose a later time, or leave it empty.")
                % {"expires_at": f"{expires_at:%Y-%m-%d %H:%M}"}
            )
        try:
            expiry_of(expires_at)
        except PermanentError as error:
            raise forms.ValidationError(said(error.sentence)) from error
        return expires_at

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        tenant = cleaned.get("tenant")
        if tenant is not None and (lacking := self._lacking(tenant, cleaned.get("permissions", []))):
            told = gettext("You don't have %(join)s in %(tenant)s yourself. Ask an owner of it to make this key.") % {
                "join": ", ".join(lacking),
                "tenant": tenant,
            }
            self.add_error("permissions", told)
        elsewhere = [
            base.name for pk in cleaned.get("knowledge_bases", []) if (base := self.offered[pk]).tenant != tenant
        ]
        if tenant is not None and elsewhere:
            told = gettext("%(names)s: not of %(tenant)s. Choose knowledge bases of the key's own tenant.")
            self.add_error("knowledge_bases", told % {"names": ", ".join(elsewhere), "tenant": tenant})
        return cleaned

    def _fields_for_maker(self) -> None:
        tenants = tenants_where(self.maker, "gateway.add_apikey")
        rows = knowledge_bases_offered(self.maker, tenants=tenants)
        self.offered = {row.pk: row for row in rows}
        field: Any = self.fields["knowledge_bases"]
        field.choices = [(row.pk, f"{row.name} · {row.tenant}" if len(tenants) > 1 else row.name) for row in rows]
        self.fields["expires_at"].help_text = _ends_usually()

    def _lacking(self, tenant: Tenant, wanted: list[Permission]) -> list[str]:
        mine = principal_of_user(self.maker, tenant_id=tenant.pk).permissions
        return [permission.value for permission in wanted if permission.value not in mine]


class RotateForm(BaseDialogForm):  # type: ignore[misc]  # unfold has no types
    """How long the former secret goes on."""

    grace_hours = forms.IntegerField(
        label=_("Hours that the former secret still works"),
        min_value=0,
        max_value=LONGEST_GRACE,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("0 ends it at once. What is left of an earlier rotation ends in any case."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["grace_hours"].initial = KeySettings.current().grace_hours


def _ends_usually() -> str:
    """What follows if nothing is said of a new key's end."""
    if (end := expiry_of(None)) is None:
        return gettext("UTC. Left empty, the key is valid until it is revoked.")
    return gettext("UTC. Left empty, the key is valid until %(end)s.") % {"end": f"{end:%Y-%m-%d %H:%M}"}
