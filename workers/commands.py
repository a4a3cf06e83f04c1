"""All commands of the project: those of Django's apps that are ours, and those that start before Django."""

from __future__ import annotations

import argparse

from django.core.management import get_commands, load_command_class

from ragsite.stack import cli, demo, up

PACKAGES = ("ragsite", "apps", "workers")
BEFORE_DJANGO = {"demo": demo.parser, "stack": cli.parser, "up": up.parser}
"""They start the servers whose addresses Django's settings need."""


def commands_all() -> dict[str, argparse.ArgumentParser]:
    """Their parsers, by name."""
    ours = {name: app for name, app in get_commands().items() if str(app).split(".")[0] in PACKAGES}
    found = {name: load_command_class(app, name).create_parser("manage.py", name) for name, app in ours.items()}
    return found | {name: make() for name, make in BEFORE_DJANGO.items()}
