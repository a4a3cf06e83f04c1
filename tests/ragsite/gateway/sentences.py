"""What the source says with which code: the sentences of its errors, with a gap where it puts in a value."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

GAP = ".+"
ANY = "*"
"""The code of what is said with one that only the running program knows."""


@dataclass(frozen=True, slots=True)
class ErrorClass:
    """A class as its body has it: what it says by default, and what it is one of."""

    said: dict[str, str]
    bases: list[str]


@dataclass(frozen=True, slots=True)
class Sentences:
    """By code the patterns of what is said with it."""

    classes: dict[str, ErrorClass] = field(default_factory=dict)
    patterns: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    @classmethod
    def of_source(cls, trees: Sequence[ast.Module]) -> Sentences:
        found = cls()
        for tree in trees:
            found._classes_add(tree)
        for tree in trees:
            constants = {name: text for node in tree.body for name, text in _assigned(node)}
            for code, message, action in found._said_by(tree, "", constants):
                found.patterns[code].add(f"{message} {action}".strip())
        return found

    def has(self, code: str, told: str) -> bool:
        """Whether something says it with that code."""
        return any(re.fullmatch(one, told) for one in self.patterns[code] | self.patterns[ANY])

    def _classes_add(self, tree: ast.Module) -> None:
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                said = {name: text for one in node.body for name, text in _assigned(one)}
                self.classes[node.name] = ErrorClass(said, [_name(one) for one in node.bases])

    def _default(self, name: str, what: str) -> str | None:
        """What a class says by itself, or the first of its bases that does; None of what is no error."""
        seen = set[str]()
        while name in self.classes and name not in seen:
            seen.add(name)
            one = self.classes[name]
            if what in one.said:
                return one.said[what]
            name = one.bases[0] if one.bases else ""
        return None

    def _said_by(self, node: ast.AST, inside: str, constants: dict[str, str]) -> Iterator[tuple[str, str, str]]:
        inside = node.name if isinstance(node, ast.ClassDef) else inside
        if isinstance(node, ast.FunctionDef):
            own = {name: text for one in ast.walk(node) if isinstance(one, ast.stmt) for name, text in _assigned(one)}
            constants = constants | own
        if isinstance(node, ast.Call) and node.args:
            yield from self._said_in(node, inside, constants)
        for child in ast.iter_child_nodes(node):
            yield from self._said_by(child, inside, constants)

    def _said_in(self, call: ast.Call, inside: str, constants: dict[str, str]) -> Iterator[tuple[str, str, str]]:
        name = inside if _name(call.func) == "cls" else _name(call.func)
        default = self._default(name, "code")
        named = {one.arg: one.value for one in call.keywords}
        message = _patterns(call.args[0], constants)
        if name == "Refusal" and len(call.args) > 2:
            code, said, action = (_patterns(one, constants)[0] for one in call.args[:3])
            yield code.replace("\\", ""), said, action
        elif (default is not None or "code" in named) and message[0].strip(GAP):
            codes = _patterns(named["code"], constants) if "code" in named else [default or ""]
            actions = (
                _patterns(named["action"], constants) if "action" in named else [self._default(name, "action") or ""]
            )
            yield from (
                (ANY if code == GAP else code.replace("\\", ""), one, action)
                for code in codes
                for one in message
                for action in actions
            )


def _assigned(node: ast.stmt) -> Iterator[tuple[str, str]]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    value = getattr(node, "value", None)
    if len(targets) == 1 and isinstance(targets[0], ast.Name) and isinstance(value, ast.Constant | ast.JoinedStr):
        (pattern,) = _patterns(value, {})
        yield targets[0].id, pattern


def _patterns(node: ast.expr, constants: dict[str, str]) -> list[str]:
    """What the expression may be, as regular expressions."""
    if isinstance(node, ast.IfExp):
        return [*_patterns(node.body, constants), *_patterns(node.orelse, constants)]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [re.escape(node.value)]
    if isinstance(node, ast.JoinedStr):
        return ["".join(_patterns(one, constants)[0] for one in node.values)]
    if isinstance(node, ast.Name):
        return [constants.get(node.id, GAP)]
    return [GAP]


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
