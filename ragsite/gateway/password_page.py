"""The page behind an invitation's link, where a colleague sets the password of a new account."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.views import PasswordResetConfirmView
from django.db import transaction
from django.http import HttpResponse
from django.urls import reverse_lazy
from unfold.widgets import UnfoldAdminPasswordWidget

from ragsite.gateway.accounts import account_tell, address_of


class FirstPasswordForm(SetPasswordForm):  # type: ignore[type-arg]  # not generic at run time
    """The password, twice."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})


class PasswordSetView(PasswordResetConfirmView):
    """Django's own, in the look of the sign-in. It signs nobody in: that counts tries, and this would go around it."""

    form_class = FirstPasswordForm
    template_name = "ragsite/password_set.html"
    success_url = reverse_lazy("admin:login")

    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            account_tell("account.password_set", form.user, address=address_of(self.request))
            return super().form_valid(form)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | admin.site.each_context(self.request)
