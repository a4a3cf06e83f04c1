"""What plans of `manage.py capacity` are worth: loads on a real system, and what the simulation says of them beforehand.

    python -m benchmarks.capacity [--documents 150] [--json]

A whole system is started in a temporary folder. A burst of `documents` tells the times of its stages; then come another burst,
one of twice as many, and groups of a fifth with pauses, each simulated with those times and with the workers that Procfile
starts.
"""

from __future__ import annotations

import argparse
import json
import os
from typing import Any

from benchmarks.place import folder, measured, say
from ragsite.stack.local import local_environment
from ragsite.stack.system import system


def main() -> None:
    parser = argparse.ArgumentParser(description="What plans of capacity are worth.")
    parser.add_argument("--documents", type=int, default=150)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with folder() as place, local_environment(), system(place, os.environ, say=say) as running:
        found: dict[str, Any] = measured("benchmarks.capacity_measured", "measure", running, options.documents)
    print(json.dumps(found) if options.json else found["table"])


if __name__ == "__main__":
    main()
