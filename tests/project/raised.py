"""The sentences that services raise, as patterns: read from the code, for the catalogues of translations."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

READ = (
    "apps/documents/chunking",
    "apps/documents/intake",
    "apps/documents/lifecycle",
    "apps/documents/metadata.py",
    "apps/documents/parsing",
    "apps/documents/pictures",
    "apps/documents/retrieval_settings.py",
    "apps/documents/rights",
    "apps/documents/services",
    "apps/documents/tags.py",
    "apps/documents/upload_limits.py",
    "apps/models/engine",
    "apps/models/errors.py",
    "apps/models/gateway",
    "apps/models/judging.py",
    "apps/models/selectors.py",
    "apps/models/servers",
    "apps/models/services",
    "apps/monitoring/alerts",
    "apps/monitoring/analytics",
    "apps/monitoring/deep",
    "apps/monitoring/health.py",
    "apps/retrieval/answers",
    "apps/retrieval/evaluation",
    "apps/retrieval/index",
    "apps/retrieval/reindexing",
    "apps/retrieval/search",
    "ragsite/core/bounds.py",
    "ragsite/core/dynamic",
    "ragsite/core/errors.py",
    "ragsite/core/sealing.py",
    "ragsite/core/work.py",
    "ragsite/gateway/admission.py",
    "ragsite/gateway/errors.py",
    "ragsite/gateway/invitations.py",
    "ragsite/gateway/keys.py",
    "ragsite/gateway/limits",
    "ragsite/gateway/members.py",
    "ragsite/gateway/oidc",
    "ragsite/gateway/problems.py",
    "ragsite/gateway/second_factors.py",
    "ragsite/gateway/sign_ins.py",
    "ragsite/gateway/staff.py",
    "ragsite/gateway/tenants.py",
    "ragsite/transfers/arriving.py",
)
"""Where sentences are raised that people meet in the admin. Those of the API's own fields stay in English, and what a foreign
library says is a value within ours.
"""
FEWEST_LETTERS = 12
"""Of a pattern's own words: one with fewer would fit any sentence."""


def sentences(project: Path) -> Iterator[tuple[str, Path]]:
    """Each pattern, and the file it is raised in."""
    for name in READ:
        path = project / name
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            for pattern in _patterns(ast.parse(file.read_text())):
                yield pattern, file


def _patterns(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        for value in _said(node):
            pattern, own = _pattern(value)
            if sum(letter.isalpha() for letter in own) >= FEWEST_LETTERS:
                yield pattern


def _said(node: ast.AST) -> Iterator[ast.Constant | ast.JoinedStr]:
    """The texts of an error: its message, and what is to be done; and sentences that have a name, for several errors."""
    if isinstance(node, ast.Call) and _named(node.func).endswith("Error"):
        yield from _texts([*node.args[:1], *(one.value for one in node.keywords if one.arg in {"message", "action"})])
    elif isinstance(node, ast.Assign):
        yield from (one for one in _texts([node.value]) if _is_sentence(one))
    elif isinstance(node, ast.ClassDef) and node.name.endswith("Error"):
        yield from _texts(
            [one.value for one in node.body if isinstance(one, ast.Assign) and _named(one.targets[0]) == "action"]
        )


def _is_sentence(node: ast.Constant | ast.JoinedStr) -> bool:
    last = node if isinstance(node, ast.Constant) else node.values[-1]
    text = str(last.value) if isinstance(last, ast.Constant) else ""
    return text.endswith(".") and " " in text and not text.isupper()


def _texts(nodes: list[ast.expr]) -> Iterator[ast.Constant | ast.JoinedStr]:
    for node in nodes:
        if isinstance(node, ast.IfExp):
            yield from _texts([node.body, node.orelse])
        elif isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            yield node


def _named(node: ast.expr) -> str:
    return getattr(node, "attr", "") or getattr(node, "id", "")


def _pattern(node: ast.Constant | ast.JoinedStr) -> tuple[str, str]:
    """The pattern, and its own words."""
    parts = [node] if isinstance(node, ast.Constant) else node.values
    texts: list[str] = []
    values = 0
    for part in parts:
        if isinstance(part, ast.Constant):
            texts.append(str(part.value).replace("%", "%%"))
        else:
            values += 1
            texts.append(f"%(value{values})s")
    own = "".join(str(part.value) for part in parts if isinstance(part, ast.Constant))
    return "".join(texts), own
