"""Flower's own settings file, which it runs when it starts (`--conf`): each name here that is an option of Flower's is its value.

Its metrics ask for the login, as its other pages do. It only shows: who does something does so in the admin, by rights and with
an entry in the audit log. What it knows of tasks outlives it.
"""

from __future__ import annotations

import os

from flower.views.monitor import Metrics  # type: ignore[import-untyped]
from tornado.web import authenticated

from ragsite.core.environment import environment_or_exit, exit_with
from ragsite.core.errors import ConfigurationError
from ragsite.core.setting_files import SUFFIX, in_file
from workers.tasks_shown import task_shown

Metrics.get = authenticated(Metrics.get)
LOGIN = "FLOWER_BASIC_AUTH"

try:
    if login := in_file(LOGIN, os.environ):
        basic_auth = [login]
except ValueError as error:
    exit_with(ConfigurationError(f"{LOGIN}{SUFFIX}: {error}"))

read_only = True
persistent = True
db = str(environment_or_exit().ragsite_data_dir / "flower")
state_save_interval = 60_000
max_tasks = 20_000
purge_offline_workers = 86_400
tasks_columns = "name,uuid,state,received,runtime,worker,retries"
format_task = task_shown
