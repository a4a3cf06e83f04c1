"""The services that change something, found by reading the code: `python -m tests.project.services` lists them.

A function writes if it calls what writes rows or events, or SQL that does, or another function that writes. One that
others may call is a service, and takes an `Actor`. Not services are the work of jobs, which is given what was claimed and
finds who asked for it there, and what is named below with a reason.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PLACES = ("apps", "ragsite/gateway")

DOORS = {
    "admin",
    "api",
    "doors",
    "management",
    "admin.py",
    "api.py",
    "failures",
    "filling_api.py",
    "home",
    "jobs",
    "operations",
    "page.py",
    "pages.py",
    "second_factor_pages.py",
    "tokens_api.py",
    "workspace",
}
"""Parts of paths of what parses and answers. A door writes through services alone, and has an actor to give."""

BY_KEYWORDS = {"save", "create", "get_or_create", "update_or_create", "update", "delete"}
"""Methods of rows and query sets that are given keywords alone; others of these names, such as a dictionary's, are not meant."""

ALWAYS = {"bulk_create", "bulk_update", "emit", "emit_each", "rows_insert", "rows_remove", "rows_update", "rows_bite"}
SQL_WRITES = re.compile(r"\b(INSERT INTO|DELETE FROM|COPY)\b|\bUPDATE \w+( (AS )?\w+)?\s+SET\b")
CLAIMED = re.compile(r"\b(Claim|Step|Turn)\b")
ROWS_OF_JOBS = {"LeasedRows", "VersionsOfStage"}

INDEX = "apps.retrieval.index"
OF_STAGES = "activation, repair and re-index give a generation or an index what it lacks"
OF_STORES = "a part of telling a store of vectors what it is to have"
PARTS: dict[str, str] = {
    "apps.documents.lifecycle.contents.document_hold": "a part of an upload, a retry and a roll-back",
    "apps.documents.lifecycle.steps.versions_move": "the one statement by which a version changes its status",
    "apps.models.services.holding.order_answer": "what became of an order, which keeps who gave it",
    "apps.models.services.versions.model_hold": "a part of registering a model and of downloading one",
    "apps.documents.masking.keeping.maskables_save": "a part of the parse stage",
    "apps.documents.masking.keeping.originals_replace": "a part of the parse stage, and a bite of a change of masking",
    "apps.documents.services.purging.documents_remove": "a bite of the purge, and of a deletion",
    f"{INDEX}.embeddings.embeddings_copy": OF_STAGES,
    f"{INDEX}.embeddings.embeddings_reuse": OF_STAGES,
    f"{INDEX}.embeddings.embeddings_write": OF_STAGES,
    f"{INDEX}.generations.generation_delete": "the end of dropping one",
    f"{INDEX}.generations.generation_index_if_large": "the end of a build, and a bite of the job that looks for large ones",
    f"{INDEX}.generations.generations_drop": "a bite of a deletion",
    f"{INDEX}.partitions.part_drop_empty": "a bite of the purge of parts",
    f"{INDEX}.partitions.partition_drop": "a part of dropping a generation, and of a deletion",
    f"{INDEX}.parts.parts_ensure": OF_STAGES,
    f"{INDEX}.stores.following.collection_forsake": "the end of dropping a generation",
    f"{INDEX}.stores.following.generation_follow": "a bite of the job by which stores follow",
    f"{INDEX}.stores.ledger.ledger_drop": "a bite of the same",
    f"{INDEX}.stores.ledger.stored_again": OF_STORES,
    f"{INDEX}.stores.ledger.stored_all_again": OF_STORES,
    f"{INDEX}.stores.ledger.stored_intend": OF_STORES,
    f"{INDEX}.stores.ledger.stored_note": "a part of writing vectors",
    f"{INDEX}.stores.ledger.stored_settle": OF_STORES,
    f"{INDEX}.stores.rebuilding.stores_rebuild": "a part of restoring a backup, which keeps who asked for it",
    f"{INDEX}.lexical.held.segments_delete": "a part of writing what they hold into another segment",
    f"{INDEX}.lexical.merges.lexical_drop": "a bite of a deletion",
    f"{INDEX}.lexical.merges.lexical_drop_unused": "a bite of what follows a dropped generation",
    f"{INDEX}.lexical.reanalysing.lexical_reanalyse": "a bite of the repair",
    f"{INDEX}.lexical.returning.version_index_again": "a part of going back to a version",
    f"{INDEX}.lexical.writing.lexical_build": OF_STAGES,
    f"{INDEX}.lexical.writing.lexical_build_missing": OF_STAGES,
    f"{INDEX}.lexical.writing.segment_write": OF_STAGES,
    f"{INDEX}.lexical.writing.versions_write": OF_STAGES,
    "apps.retrieval.evaluation.experiments.noting.experiments_retry": "a bite of the job that looks for what to log",
    "apps.retrieval.evaluation.experiments.noting.reindex_note": "a part of comparing and switching",
    "apps.retrieval.evaluation.experiments.noting.run_note": "the end of an evaluation run",
    "apps.retrieval.erasing.steps.rows_step": "makes a step of an erasure, which keeps who asked for it",
    "apps.retrieval.erasing.names.names_erase": "a bite of an erasure, which keeps who asked for it",
    "apps.retrieval.reindexing.building.vectors_keep": "a part of the work on a re-index, and on a smaller model's index",
    "apps.retrieval.reindexing.comparing.comparison_end": "a part of cancelling a re-index",
}
"""Parts of services that several of them share: the caller is a service, or is given what was claimed."""

OF_ITS_OWN: dict[str, str] = {
    "apps.monitoring.alerts.judging.alerts_follow": "opens and closes alerts as what was measured says",
    "apps.monitoring.webhooks.taking.WebhookTaker.take": "notes who is told of an event, which says who acted",
    "apps.monitoring.deep.checks.check_run": "keeps how a part of the installation was found",
    "apps.monitoring.deep.checks.found_keep": "the same, of one",
    f"{INDEX}.generations.generation_ensure": "the first generation of a knowledge base is made when a stage needs it",
    "apps.documents.paired_blobs.copies_remove": "forgets the copies of blobs that a service, or the sweep, removes",
    "apps.documents.services.second_copies.copy_is_whole": "notes that a copy is not what it should be, so that it is made anew",
    "apps.documents.pictures.rows.page_picture_of": "a page is drawn because somebody looks at it",
    "apps.documents.pictures.rows.page_picture_open": "a page whose picture is gone is drawn anew",
    "ragsite.gateway.idempotency.idempotent": "keeps the answer of a request; what the request changes is a service's",
    "ragsite.gateway.idempotency.idempotent_operation": "the same, for the other framework",
    "ragsite.gateway.sign_ins.sign_in_begin": "counts the sign-ins that fail",
    "ragsite.gateway.sign_ins.sign_in_succeeded": "forgets the failed ones",
    "ragsite.gateway.limits.quotas.quota_uses_add": "counts what requests take from quotas",
    "ragsite.gateway.keys.key_used": "notes that a key was used",
}
"""What ragsite does by itself while somebody does something else; nobody asked for it."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function, or a method as `Class.method`, with what it calls by full names."""

    name: str
    takes_actor: bool
    is_work_of_job: bool
    writes: bool
    calls: frozenset[str]

    @property
    def is_public(self) -> bool:
        return not any(part.startswith("_") for part in self.name.split("."))


def modules(*, doors: bool = False) -> dict[str, str]:
    """The sources of all that is no door, or of all doors, by the modules' names."""
    paths = sorted(path for place in PLACES for path in (PROJECT / place).rglob("*.py"))
    inner = [path.relative_to(PROJECT) for path in paths if "migrations" not in path.parts]
    return {_dotted(path): (PROJECT / path).read_text() for path in inner if bool(DOORS & set(path.parts)) is doors}


def functions(sources: Mapping[str, str]) -> dict[str, Function]:
    """All functions of the modules by their full names."""
    return {one.name: one for module, text in sources.items() for one in _functions(module, ast.parse(text))}


def writing(found: Mapping[str, Function]) -> set[str]:
    """The names of those that write, by themselves or by what they call."""
    names = {name for name, one in found.items() if one.writes and name not in OF_ITS_OWN}
    while True:
        callers = {name for name, one in found.items() if one.calls & names and name not in OF_ITS_OWN}
        if callers <= names:
            return names
        names |= callers


def services(found: Mapping[str, Function]) -> list[Function]:
    """Those that change something for somebody, in the order of their names."""
    names = (name for name in writing(found) if found[name].is_public and name not in PARTS)
    return sorted((found[name] for name in names if not found[name].is_work_of_job), key=lambda one: one.name)


def without_actor(found: Mapping[str, Function]) -> list[str]:
    """The services that do not ask who acts."""
    return [one.name for one in services(found) if not one.takes_actor]


def _dotted(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _functions(module: str, tree: ast.Module) -> Iterator[Function]:
    known, texts = _names(module, tree), _texts(tree)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield _function(f"{module}.{node.name}", node, known, texts, is_of_job=False)
        elif isinstance(node, ast.ClassDef):
            bases = {ast.unparse(base) for base in node.bases}
            is_of_job = node.name == "Step" or bool(bases & ROWS_OF_JOBS)
            own = {f"self.{one.name}": f"{module}.{node.name}.{one.name}" for one in _methods(node)}
            for one in _methods(node):
                yield _function(f"{module}.{node.name}.{one.name}", one, known | own, texts, is_of_job=is_of_job)


def _methods(node: ast.ClassDef) -> Iterable[ast.FunctionDef]:
    return [one for one in node.body if isinstance(one, ast.FunctionDef)]


def _names(module: str, tree: ast.Module) -> dict[str, str]:
    """What names of the module's functions, and those it imports, stand for."""
    known = {
        node.name: f"{module}.{node.name}" for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            known |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
    return known


def _texts(tree: ast.Module) -> dict[str, str]:
    """The module's own names, such as those of its SQL, with the text of what they stand for."""
    texts: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            parts = [texts[name] for name in _used(node.value) if name in texts]
            text = " ".join([ast.unparse(node.value), *parts])
            texts |= {target.id: text for target in node.targets if isinstance(target, ast.Name)}
    return texts


def _used(node: ast.AST) -> set[str]:
    """The names in it, with what is asked of them: `registry.model_register`."""
    return {ast.unparse(one) for one in ast.walk(node) if isinstance(one, ast.Name | ast.Attribute)}


def _function(
    name: str, node: ast.FunctionDef, known: Mapping[str, str], texts: Mapping[str, str], *, is_of_job: bool
) -> Function:
    calls = [one for one in ast.walk(node) if isinstance(one, ast.Call)]
    used = _used(node)
    told = [ast.unparse(one.annotation) for one in _arguments(node) if one.annotation is not None]
    return Function(
        name=name,
        takes_actor=_takes_actor(node),
        is_work_of_job=is_of_job or any(CLAIMED.search(kind) for kind in told),
        writes=any(_is_write(call) for call in calls) or _runs_writing_sql(node, calls, used, texts),
        calls=frozenset(full for short in used if (full := _full(short, known)) is not None),
    )


def _full(short: str, known: Mapping[str, str]) -> str | None:
    """`registry.model_register` by what `registry` is, and a method of the own class by `self`."""
    if short in known:
        return known[short]
    first, _, rest = short.partition(".")
    return f"{known[first]}.{rest}" if rest and first in known else None


def _arguments(node: ast.FunctionDef) -> list[ast.arg]:
    return [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]


def _takes_actor(node: ast.FunctionDef) -> bool:
    """By keyword alone, as an Actor, and without a default."""
    return any(
        one.arg == "actor" and one.annotation is not None and ast.unparse(one.annotation) == "Actor" and default is None
        for one, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    )


def _is_write(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    by_keywords = isinstance(call.func, ast.Attribute) and name in BY_KEYWORDS and not call.args
    return by_keywords or name in ALWAYS


def _runs_writing_sql(
    node: ast.FunctionDef, calls: Iterable[ast.Call], used: Iterable[str], texts: Mapping[str, str]
) -> bool:
    """SQL that has a name counts wherever it is named, as it may be run by another function."""
    runs = any(isinstance(call.func, ast.Attribute) and call.func.attr in {"execute", "copy"} for call in calls)
    own = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    named = [texts[name] for name in used if name in texts]
    return any(SQL_WRITES.search(text) for text in [*named, *(own if runs else [])])


def main() -> None:
    for one in services(functions(modules())):
        print(f"{'actor' if one.takes_actor else '-----'}  {one.name}")  # noqa: T201 - it is what it is for


if __name__ == "__main__":
    main()
