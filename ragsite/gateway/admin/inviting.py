"""The page that invites a colleague, and shows the link to hand on."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin import AdminSite
from django.contrib.auth.models import User
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from ragsite.core.admin.base import acting
from ragsite.core.errors import RagError
from ragsite.core.sentences import said
from ragsite.gateway.invitations import colleague_invite, password_link
from ragsite.gateway.models import Membership, Role, Tenant
from ragsite.gateway.roles import tenants_where
from ragsite.gateway.staff import tenants_owned

NEEDED = ("gateway.add_membership", "auth.add_user")


class InvitationForm(forms.Form):
    """Who is invited, to one of the tenants whose members the user decides on, and as what."""

    tenant = forms.ModelChoiceField(
        Tenant.objects.none(), label=gettext_lazy("Tenant"), empty_label=None, widget=UnfoldAdminSelectWidget
    )
    name = forms.CharField(
        label=gettext_lazy("Name to sign in with"),
        max_length=150,
        validators=[UnicodeUsernameValidator()],
        widget=UnfoldAdminTextInputWidget,
    )
    email = forms.EmailField(
        label=gettext_lazy("E-mail address"),
        required=False,
        widget=UnfoldAdminEmailInputWidget,
        help_text=gettext_lazy("To find the person by. Nothing is sent there."),
    )
    role = forms.ChoiceField(
        choices=Role.choices, initial=Role.READER, label=gettext_lazy("Role"), widget=UnfoldAdminSelectWidget
    )

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tenants: Any = self.fields["tenant"]
        tenants.queryset = tenants_invited_to(user)


def tenants_invited_to(user: Any) -> Any:
    """Those whose members the user decides on and may add, with new accounts."""
    return tenants_owned(user).filter(pk__in=frozenset.intersection(*(tenants_where(user, one) for one in NEEDED)))


def may_invite(user: Any) -> bool:
    """Whether there is any such tenant."""
    return bool(tenants_invited_to(user).exists())


@never_cache
def invite_page(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    """Invite on POST, and show the link, which is not shown again.

    Raises:
        PermissionDenied: the user may add no members anywhere.
    """
    if not may_invite(request.user):
        raise PermissionDenied
    form = InvitationForm(request.POST or None, user=request.user)
    invited = _invite(request, form) if request.method == "POST" and form.is_valid() else None
    context = {
        **site.each_context(request),
        "title": _("Invite a colleague"),
        "opts": Membership._meta,
        "form": form,
        "invited": invited,
        "link": request.build_absolute_uri(password_link(invited)) if invited else "",
    }
    return TemplateResponse(request, "ragsite/admin/invite.html", context)


def _invite(request: HttpRequest, form: InvitationForm) -> User | None:
    fields = form.cleaned_data
    try:
        return colleague_invite(
            tenant=fields["tenant"], name=fields["name"], email=fields["email"], role=Role(fields["role"]),
            actor=acting(request),
        )  # fmt: skip
    except RagError as error:
        form.add_error("name", said(error.sentence))
        return None
