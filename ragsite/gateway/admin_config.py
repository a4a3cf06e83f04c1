"""Django's admin with this project's site."""

from django.contrib.admin.apps import AdminConfig


class RagAdminConfig(AdminConfig):
    default_site = "ragsite.gateway.admin_site.RagAdminSite"
