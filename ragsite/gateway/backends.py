"""How somebody signed in, as the session remembers it: each way is a backend of Django's, which says at every request whether its
sessions still count.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import BaseBackend, ModelBackend
from django.http import HttpRequest

from ragsite.core.configuration import OidcSettings, SignInSettings


class PasswordBackend(ModelBackend):
    """With a password alone. Such a session ends when a second factor becomes required, or passwords are no longer taken."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> Any:
        if not username or not passwords_are_taken_of(username):
            return None
        return super().authenticate(request, username=username, password=password, **kwargs)

    def get_user(self, user_id: Any) -> Any:
        return None if SignInSettings.current().second_factor == "required" else _by_password(super().get_user(user_id))


class TwoStepsBackend(BaseBackend):
    """With a password and a second factor. It signs nobody in by itself."""

    def get_user(self, user_id: Any) -> Any:
        return _by_password(ModelBackend().get_user(user_id))


class ProviderBackend(BaseBackend):
    """By an OpenID Connect provider, which asks for as many factors as it wants. It signs nobody in by itself."""

    def get_user(self, user_id: Any) -> Any:
        return ModelBackend().get_user(user_id) if OidcSettings.current().issuer else None


def passwords_are_taken_of(name: str) -> bool:
    """Whether the account of that name signs in with its password."""
    settings = SignInSettings.current()
    return settings.passwords or (bool(name) and name == settings.emergency_account)


def _by_password(user: Any) -> Any:
    return user if user is not None and passwords_are_taken_of(user.get_username()) else None


PASSWORD, TWO_STEPS, PROVIDER = (
    f"{backend.__module__}.{backend.__qualname__}" for backend in (PasswordBackend, TwoStepsBackend, ProviderBackend)
)
