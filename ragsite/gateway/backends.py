"""How somebody signed in, as the session remembers it: each way is a backend of Django's, which says at every request whether its
sessions still count.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import BaseBackend, ModelBackend
from django.contrib.auth.models import User
from django.http import HttpRequest

from ragsite.core.configuration import SignInSettings


class PasswordBackend(ModelBackend):
    """With a password alone. Such a session ends with the request after a second factor became required."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> Any:
        settings = SignInSettings.current()
        if not settings.passwords and (not username or username != settings.emergency_account):
            return None
        return super().authenticate(request, username=username, password=password, **kwargs)

    def get_user(self, user_id: Any) -> Any:
        return None if SignInSettings.current().second_factor == "required" else super().get_user(user_id)


class TwoStepsBackend(BaseBackend):
    """With a password and a second factor. It signs nobody in by itself."""

    def get_user(self, user_id: Any) -> User | None:
        user: User | None = ModelBackend().get_user(user_id)  # type: ignore[assignment]  # the project has one class of users
        return user


PASSWORD, TWO_STEPS = (f"{backend.__module__}.{backend.__qualname__}" for backend in (PasswordBackend, TwoStepsBackend))
