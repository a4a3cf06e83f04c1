"""The Django application that knows which models exist."""

from __future__ import annotations

from django.apps import AppConfig


class ModelsConfig(AppConfig):
    name = "apps.models"
    label = "model_registry"
    verbose_name = "Models"
    default_auto_field = "django.db.models.BigAutoField"
