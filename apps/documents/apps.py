from importlib import import_module

from django.apps import AppConfig


class DocumentsConfig(AppConfig):
    name = "apps.documents"
    label = "documents"
    verbose_name = "Knowledge"

    def ready(self) -> None:
        import_module("apps.documents.checks")
        import_module("apps.documents.rights.by_role").rules_register()
