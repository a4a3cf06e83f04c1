#!/usr/bin/env python
"""Whether the process of a container answers, for the image's HEALTHCHECK: `health.py PORT PATH`.

Nothing is imported that is not Python's own, as this runs every few seconds. Port 0 stands for a process that was told to listen
nowhere, which nobody can ask.
"""

from __future__ import annotations

import http.client
import sys

SECONDS = 4.0
# The host that is always served, and a proxy's word that the request came by HTTPS: no redirect shall be followed.
HEADERS = {"Host": "localhost", "X-Forwarded-Proto": "https"}


def main(port: str, path: str) -> int:
    if port == "0":
        return 0
    try:
        connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=SECONDS)
        connection.request("GET", path, headers=HEADERS)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return _ill(f"http://127.0.0.1:{port}{path}: {error}")
    return 0 if status == http.client.OK else _ill(f"http://127.0.0.1:{port}{path}: {status}")


def _ill(why: str) -> int:
    sys.stderr.write(f"{why}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
