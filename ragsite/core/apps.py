from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "ragsite.core"
    label = "core"
    verbose_name = "System"

    def ready(self) -> None:
        from ragsite.core.database import adapters_register
        from ragsite.core.events import events_load

        adapters_register()
        events_load()
