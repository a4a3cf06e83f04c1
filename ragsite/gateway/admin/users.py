"""Users of the admin and their groups, with Django's own rules in this admin's look, and rules of our own on whose they are.

Staff see and make users of the tenants they own, and give nobody what they don't have: see `ragsite.gateway.staff`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import ManyToManyField, Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminSelectWidget

from ragsite.core.admin.base import NamedListAdmin, acting, confirmation, dialog_done, row_url
from ragsite.gateway.members import member_add, tenants_of_user
from ragsite.gateway.models import Tenant
from ragsite.gateway.roles import may_somewhere
from ragsite.gateway.second_factors import has_second_factor, second_factor_remove
from ragsite.gateway.staff import (
    groups_given,
    may_decide_on_members,
    permissions_given,
    tenants_owned,
    user_may_be_edited,
    users_seen,
)

admin.site.unregister(User)
admin.site.unregister(Group)

FOR_SUPERUSERS = "is_superuser"


class MemberCreationForm(UserCreationForm):  # type: ignore[misc]  # unfold has no types
    """A new user, who has to belong somewhere: who is in no tenant of theirs, staff would not see again."""

    tenant = forms.ModelChoiceField(
        Tenant.objects.none(), label=_("Tenant"), empty_label=None, widget=UnfoldAdminSelectWidget
    )


@admin.register(User)
class UserAdmin(DjangoUserAdmin, NamedListAdmin):  # type: ignore[type-arg]  # not generic at run time
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_fullwidth = True
    actions_detail = ("erase", "reset_second_factor")

    def tenants_told(self, obj: Model) -> Iterable[UUID | None]:
        return tenants_of_user(obj.pk)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request) & users_seen(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Users are of no tenant themselves: owners of one see its members, and nobody else, as `users_seen` says."""
        return may_somewhere(request.user, "auth.view_user", "auth.change_user")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may_somewhere(request.user, "auth.add_user") and may_decide_on_members(request.user)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return may_somewhere(request.user, "auth.change_user") and _may(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _may(request, obj)

    def has_reset_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Superusers alone: who can take a second factor away needs nothing but the password."""
        if not request.user.is_superuser or object_id is None:
            return False
        user = self.get_object(request, unquote(object_id))
        return user is not None and (request.method == "POST" or has_second_factor(user))

    @action(
        description=_("Reset the second factor"),
        icon="phonelink_erase",
        permissions=["reset"],
        variant=ActionVariant.DANGER,
        dialog=confirmation(
            title=_("Reset this user's second factor?"),
            text=_(
                "For somebody who has lost the device and the recovery codes; make sure that it is really them who ask. "
                "The password alone signs them in then, or leads to setting up another."
            ),
            button=_("Reset"),
        ),
    )
    def reset_second_factor(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        user = self._user_or_404(request, object_id)
        if second_factor_remove(user=user, actor=acting(request)):
            messages.success(
                request, gettext("%(name)s has no second factor any more.") % {"name": user.get_username()}
            )
        return dialog_done(row_url(user))

    def has_erase_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return object_id is not None and may_somewhere(request.user, "retrieval.add_erasure")

    @action(description=_("Erase data"), icon="person_remove", url_path="erase-data", permissions=["erase"])
    def erase(self, request: HttpRequest, object_id: str) -> HttpResponse:
        user = self._user_or_404(request, object_id)
        return redirect(reverse("erasing", query={"subject": "user", "who": user.get_username()}))

    def _user_or_404(self, request: HttpRequest, object_id: str) -> User:
        user: User | None = self.get_object(request, unquote(object_id))
        if user is None:
            raise Http404(f"There is no user {object_id!r}.")
        return user

    def get_list_filter(self, request: HttpRequest) -> Any:
        mine: tuple[str, ...] = ("is_staff", "is_active")
        return super().get_list_filter(request) if request.user.is_superuser else mine

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if request.user.is_superuser:
            return fieldsets
        added = () if obj else ("tenant",)
        return [(name, options | {"fields": _fields(options, added)}) for name, options in fieldsets]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj or request.user.is_superuser:
            return super().get_form(request, obj, change=change, **kwargs)
        form: Any = super().get_form(request, obj, change=change, **{"form": MemberCreationForm, **kwargs})
        form.base_fields["tenant"] = forms.ModelChoiceField(
            tenants_owned(request.user), label=_("Tenant"), empty_label=None, widget=UnfoldAdminSelectWidget
        )
        return form

    def formfield_for_manytomany(
        self, db_field: ManyToManyField[Any, Any], request: HttpRequest | None = None, **kwargs: Any
    ) -> Any:
        given: dict[str, Any] = {"user_permissions": permissions_given, "groups": groups_given}
        if request is not None and db_field.name in given:
            kwargs["queryset"] = given[db_field.name](request.user)
        return super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[arg-type]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change and "tenant" in form.cleaned_data:
            member_add(user=obj, tenant=form.cleaned_data["tenant"], actor=acting(request))


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, NamedListAdmin):
    """A group is of no tenant: what it may holds in all of them, so superusers alone say it. Others see their own groups."""

    list_fullwidth = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        return super().get_queryset(request) & groups_given(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and request.user.is_superuser


def _may(request: HttpRequest, obj: Any) -> bool:
    return obj is None or user_may_be_edited(obj, by=request.user)


def _fields(options: Any, added: tuple[str, ...]) -> tuple[Any, ...]:
    return (*(field for field in options["fields"] if field != FOR_SUPERUSERS), *added)
