from django.apps import AppConfig, apps


class CoreConfig(AppConfig):
    name = "ragsite.core"
    label = "core"
    verbose_name = "System"

    def ready(self) -> None:
        from ragsite.core.database import adapters_register
        from ragsite.core.events import events_load
        from ragsite.core.masking.logs import logs_mask
        from ragsite.core.naming import names_translate

        logs_mask()
        adapters_register()
        events_load()
        names_translate(apps.get_models())
