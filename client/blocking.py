"""Makes the blocking client from the asynchronous one, so that both have the same methods: `make client`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent / "src" / "ragsite_client"
MODULES = ("client", "line", "settings", "streaming", "tokens", "webhooks")
HEAD = "# Made from aio/{name}.py by `make client`: change that one.\n"
WORDS = (
    (r"\[(\w+) async for \1 in (.+)\]", r"list(\2)"),
    (r"AsyncGenerator\[(\w+), None\]", r"Generator[\1, None, None]"),
    (r"Async(?=[A-Z])", ""),
    (r"\basync (?=def|for|with)", ""),
    (r"\(await (self\.[\w.]+\((?:[^()]|\([^()]*\))*\))\)(?=\.)", r"\1"),
    (r"\bawait ", ""),
    (r"\basynccontextmanager\b", "contextmanager"),
    (r"\baclosing\b", "closing"),
    (r"\ba(?=(?:close|read|iter_\w+)\()", ""),
    (r"\bdef aclose\b", "def close"),
    (r"__a(?=(?:enter|exit)__)", "__"),
    (r"ragsite_client\.aio\.", "ragsite_client."),
)
"""What is written otherwise, in this order."""


def blocking(name: str) -> str:
    """The text of the blocking module of that name."""
    text = (PACKAGE / "aio" / f"{name}.py").read_text()
    for pattern, instead in WORDS:
        text = re.sub(pattern, instead, text)
    return _formatted(HEAD.format(name=name) + text, PACKAGE / f"{name}.py")


def _formatted(text: str, path: Path) -> str:
    ruff = [sys.executable, "-m", "ruff"]
    for arguments in (["check", "--select", "I,RUF100,UP028", "--fix", "--unsafe-fixes", "--quiet"], ["format"]):
        command = [*ruff, *arguments, "--stdin-filename", str(path), "-"]
        text = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    return text


def main() -> None:
    for name in MODULES:
        (PACKAGE / f"{name}.py").write_text(blocking(name))


if __name__ == "__main__":
    main()
