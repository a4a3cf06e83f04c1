from importlib import import_module

from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    name = "apps.monitoring"
    label = "monitoring"
    verbose_name = "Monitoring"

    def ready(self) -> None:
        import_module("apps.monitoring.webhooks.erasing").webhooks_erase_register()
