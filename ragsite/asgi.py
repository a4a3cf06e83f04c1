"""The web process. Started as such, it pools its database connections and imports no model library."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ragsite.settings")
os.environ["RAGSITE_PROCESS"] = "web"

import django

from ragsite.gateway.one_thread import OneThreadHandler

django.setup(set_prefix=False)
application = OneThreadHandler()
