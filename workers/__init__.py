"""The Celery application, its queues, the table of jobs, and the event relay."""

import os

# Before any module of this package reads a setting: `celery -A workers.celery` brings none of its own.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ragsite.settings")
