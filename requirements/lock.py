"""Pins every package of all layers together, in lock.txt: `make lock`.

The file says versions and nothing else. It names no index and no build of one machine (such as torch's `+cpu`), so that
it serves wherever packages come from.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
LAYERS = ("web.in", "parsing.in", "chunking.in", "models.in", "embedded.in", "dev.in")
OPTIONS = (
    "--quiet",
    "--no-config",
    "--upgrade",
    "--strip-extras",
    "--allow-unsafe",
    "--no-header",
    "--no-annotate",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-emit-trusted-host",
    "--no-emit-options",
)
LOCAL_BUILD = re.compile(r"\+\S+$", re.MULTILINE)


def main() -> int:
    lock = FOLDER / "lock.txt"
    command = [sys.executable, "-m", "piptools", "compile", *OPTIONS, "--output-file", lock.name, *LAYERS]
    done = subprocess.run(command, cwd=FOLDER, check=False)
    if done.returncode == 0:
        lock.write_text(LOCAL_BUILD.sub("", lock.read_text()))
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
