from importlib import import_module

from django.apps import AppConfig


class RetrievalConfig(AppConfig):
    name = "apps.retrieval"
    label = "retrieval"
    verbose_name = "Retrieval"

    def ready(self) -> None:
        import_module("apps.retrieval.index.lexical.returning")
        import_module("apps.retrieval.answers.by_role").rules_register()
