from django.apps import AppConfig, apps


class CoreConfig(AppConfig):
    name = "ragsite.core"
    label = "core"
    verbose_name = "System"

    def ready(self) -> None:
        import ragsite.core.audit.events
        import ragsite.core.dynamic.events
        import ragsite.core.error_events  # noqa: F401 - they register their events
        from ragsite.core.database import adapters_register
        from ragsite.core.events import events_load
        from ragsite.core.masking.logs import logs_mask
        from ragsite.core.naming import names_translate
        from ragsite.core.tracing.starting import tracing_start

        logs_mask()
        tracing_start()
        adapters_register()
        events_load()
        names_translate(apps.get_models())
