"""The web process. Started as such, it pools its database connections and imports no model library."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ragsite.settings")
os.environ["RAGSITE_PROCESS"] = "web"

from django.core.asgi import get_asgi_application

application = get_asgi_application()
