from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "ragsite.core"
    label = "core"
    verbose_name = "Events"
