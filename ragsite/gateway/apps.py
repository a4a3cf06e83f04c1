import unfold.fields
from django.apps import AppConfig

from ragsite.gateway.theme import json_shown


class GatewayConfig(AppConfig):
    name = "ragsite.gateway"
    label = "gateway"
    verbose_name = "Access"

    def ready(self) -> None:
        """Show JSON without styles in the page: the theme has no other seam for it."""
        unfold.fields.prettify_json = json_shown
