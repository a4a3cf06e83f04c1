from django.apps import AppConfig


class GatewayConfig(AppConfig):
    name = "ragsite.gateway"
    label = "gateway"
    verbose_name = "Access"
