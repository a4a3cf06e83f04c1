"""Builds the site: `make docs`, or `python -m docs.site [--output FOLDER]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import django

OUTPUT = Path(__file__).resolve().parents[1] / "_build"


def main() -> int:
    """The exit code of Sphinx: warnings fail it."""
    parser = argparse.ArgumentParser(prog="python -m docs.site", description="Build the manual as a site.")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the folder that it is built in (docs/_build)")
    output = parser.parse_args().output.resolve()
    django.setup()
    # The pages are made of the apps' models, which have to be loaded before their modules are imported.
    from docs.site.building import build

    return build(output)


if __name__ == "__main__":
    sys.exit(main())
