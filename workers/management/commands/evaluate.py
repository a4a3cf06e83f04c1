"""`manage.py evaluate DIR`: how good the search is on a data set in the form of BEIR."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import CommandParser
from django.db.models import QuerySet

from apps.documents.chunking.settings import ChunkContext, ChunkingSettings
from apps.documents.models import Document, DocumentVersion, KnowledgeBase, VersionStatus
from apps.models.gateway import using_transport
from apps.retrieval.evaluation.experiments.work import run_log
from apps.retrieval.evaluation.folder import BeirFolder, beir_folder, lines_of
from apps.retrieval.evaluation.importing import beir_import, corpus_document_upload
from apps.retrieval.evaluation.readers import CorpusDocument, corpus_read
from apps.retrieval.evaluation.runs import EVALUATION_RUNS, evaluation_run_start, evaluation_run_turn
from apps.retrieval.evaluation.searching import searching_check
from apps.retrieval.evaluation.selectors import figures_in_order
from apps.retrieval.evaluation.sets import evaluation_set_create
from apps.retrieval.evaluation.temporary import (
    temporary_create,
    temporary_keep,
    temporary_left,
    temporary_remove,
)
from apps.retrieval.models import RUN_ENDED, EvaluationRun, EvaluationSet, RunState
from apps.retrieval.models.modes import Mode, Searching
from ragsite.core.actors import Actor
from ragsite.core.commands import base as commands
from ragsite.core.commands.base import Options, Told
from ragsite.core.commands.exits import json_text
from ragsite.core.commands.parsers import About
from ragsite.core.commands.progress import Bar, bar
from ragsite.core.configuration import ModelSettings
from ragsite.core.database import connections_pooled
from ragsite.core.errors import PermanentError
from ragsite.core.jobs import SilentDoorbell, using_doorbell
from ragsite.core.work import Turn
from workers.inline import documents_load

ACTOR = Actor.of_command("manage.py evaluate")
CONNECTIONS = 4
LOGGING_SECONDS = 60.0
# What is lost when the machine dies within the last moments is a temporary knowledge base.
NOT_WAITING_FOR_THE_DISK = "-c synchronous_commit=off"


@dataclass(slots=True)
class LoadedCorpus:
    """The result of loading a corpus: the document of each corpus id, how many were refused, how long it took."""

    documents: dict[str, UUID] = field(default_factory=dict)
    refused: int = 0
    failed: int = 0
    seconds: float = 0.0


class Command(commands.Command):
    reads_settings = True
    about = About(
        sentence="Measure how good the search is on a data set in the form of BEIR, in a temporary knowledge base.",
        examples=(
            (
                "manage.py evaluate scifact",
                "corpus.jsonl, queries.jsonl and qrels.tsv of that folder, each may be gzipped",
            ),
            ("manage.py evaluate scifact --mode lexical --resume", "by words; kept for a day if it is interrupted"),
            ("manage.py evaluate scifact --dry-run", "how much there is to load and to ask"),
        ),
        notes=(
            "The figures are one JSON object, the last line of standard output. The knowledge base is removed afterwards, and "
            "after an interruption too, unless --resume was given.",
        ),
        changes=True,
        resumed="With --resume what is loaded and measured stays for a day, and the same command goes on; else it was removed.",
    )

    def arguments_add(self, parser: CommandParser) -> None:
        parser.add_argument("directory", type=Path, metavar="DIR", help="The folder.")
        parser.add_argument(
            "--mode",
            choices=[mode.value for mode in Mode],
            default=Mode.HYBRID.value,
            help="How to search (default: hybrid).",
        )
        parser.add_argument("--rerank", action="store_true", help="Rerank what the search found.")
        parser.add_argument("--k", type=int, default=10, help="The cut-off of nDCG and the first recall (10).")
        parser.add_argument("--depth", type=int, default=100, help="How many documents are ranked (100).")
        parser.add_argument("--chunk-size", type=int, help="Tokens of a chunk; the product's default if not given.")
        parser.add_argument("--chunk-overlap", type=int, help="Tokens that a chunk repeats from the previous one.")
        parser.add_argument(
            "--chunk-context",
            choices=[context.value for context in ChunkContext],
            help="What is embedded with a chunk; the product's default if not given.",
        )
        parser.add_argument("--keep", action="store_true", help="Keep the knowledge base, to look at it in the admin.")
        parser.add_argument(
            "--resume", action="store_true", help="Go on with what was interrupted, and keep it if it is again."
        )

    def run(self, options: Options) -> Told:
        folder = beir_folder(options["directory"])
        how = Searching(mode=Mode(options["mode"]), rerank=options["rerank"], depth=options["depth"])
        searching_check(how)
        if options["dry_run"]:
            return _foreseen(folder, options)
        with _prepared(), _knowledge_base(folder, options) as base:
            loaded = _load(base, folder)
            told = _told(folder, _run(_set(base, folder, loaded), how, options["k"]), loaded)
        return Told(told, json_text(told))


@contextmanager
def _prepared() -> Iterator[None]:
    """This process runs the models, and rings nobody."""
    transport = "fake" if ModelSettings.current().transport == "fake" else "local"
    with (
        using_transport(transport),
        using_doorbell(SilentDoorbell()),
        connections_pooled(size=CONNECTIONS, options=NOT_WAITING_FOR_THE_DISK),
    ):
        yield


def _foreseen(folder: BeirFolder, options: Options) -> Told:
    ChunkingSettings.from_dict(_chunking(options))
    documents, queries = _count(folder.corpus), _count(folder.queries)
    text = f"{documents:,} documents would be loaded, and {queries:,} queries put to the search. Nothing was written."
    return Told({"dry_run": True, "dataset": folder.name, "documents": documents, "queries": queries}, text)


@contextmanager
def _knowledge_base(folder: BeirFolder, options: Options) -> Iterator[KnowledgeBase]:
    chunking = _chunking(options)
    base = temporary_left(chunking=chunking, mark=folder.mark) if options["resume"] else None
    if base is None:
        base = temporary_create(name=folder.name, chunking=chunking, mark=folder.mark, actor=ACTOR)
    kept = False
    try:
        yield base
        if options["keep"]:
            temporary_keep(base, actor=ACTOR)
            kept = True
    except KeyboardInterrupt:
        kept = options["resume"]
        raise
    finally:
        if not kept:
            temporary_remove(base, actor=ACTOR)


def _chunking(options: Options) -> dict[str, Any]:
    named = {
        "size": options["chunk_size"], "overlap": options["chunk_overlap"], "context": options["chunk_context"],
    }  # fmt: skip
    return {name: value for name, value in named.items() if value is not None}


def _load(base: KnowledgeBase, folder: BeirFolder) -> LoadedCorpus:
    started = time.monotonic()
    loaded = LoadedCorpus(documents=dict(_documents(base)))
    with lines_of(folder.corpus) as corpus, bar("documents ready", _count(folder.corpus)) as progress:

        def upload(document: CorpusDocument) -> None:
            if document.id in loaded.documents:
                return
            try:
                loaded.documents[document.id] = corpus_document_upload(base, document, actor=ACTOR)
            except PermanentError as error:
                loaded.refused += 1
                progress.line(f"{document.id}: {error.sentence}")

        documents_load(base, corpus_read(corpus), upload=upload, told=progress.to)
        loaded.failed = _failures_tell(base, progress)
    loaded.seconds = time.monotonic() - started
    return loaded


def _documents(base: KnowledgeBase) -> QuerySet[Document, tuple[str, UUID]]:
    """Those that were loaded before an interruption, by their ids in the corpus."""
    return Document.objects.filter(knowledge_base=base, deleted_at=None).values_list("external_id", "pk")


def _count(path: Path) -> int:
    with lines_of(path) as file:
        return sum(bool(line.strip()) for line in file.lines)


def _failures_tell(base: KnowledgeBase, progress: Bar) -> int:
    failed = DocumentVersion.objects.filter(document__knowledge_base=base).exclude(status=VersionStatus.READY)
    for version in failed:
        progress.line(f"{version.filename}: {version.error}")
    return len(failed)


def _set(base: KnowledgeBase, folder: BeirFolder, loaded: LoadedCorpus) -> EvaluationSet:
    made = EvaluationSet.objects.filter(knowledge_base=base, name=folder.name).first()
    if made is not None and made.questions.exists():
        return made
    made = made or evaluation_set_create(knowledge_base=base, name=folder.name, actor=ACTOR)
    with lines_of(folder.queries) as queries, lines_of(folder.qrels) as qrels:
        beir_import(made, queries=queries, qrels=qrels, documents=loaded.documents, actor=ACTOR)
    return made


def _run(evaluation_set: EvaluationSet, how: Searching, k: int) -> EvaluationRun:
    """Start a run, or take up the one that was interrupted, and work on it here until it has ended: a worker of a running system
    may have taken it up first.
    """
    begun = evaluation_set.runs.filter(mode=how.mode, rerank=how.rerank, depth=how.depth, k=k)
    run = begun.exclude(state=RunState.FAILED).first()
    run = run or evaluation_run_start(evaluation_set=evaluation_set, how=how, k=k, actor=ACTOR)
    with bar("queries measured", evaluation_set.questions.count()) as progress:
        while run.state not in RUN_ENDED:
            if not evaluation_run_turn(run, Turn.of(1.0)):
                EVALUATION_RUNS.give_up()
                time.sleep(0.1)
            run.refresh_from_db()
            progress.to(run.results.count())
        progress.line(run_log(run, Turn.of(LOGGING_SECONDS)))
    if run.state == RunState.FAILED:
        raise PermanentError(run.error, action="")
    return run


def _told(folder: BeirFolder, run: EvaluationRun, loaded: LoadedCorpus) -> dict[str, Any]:
    return {
        "dataset": folder.name,
        "mode": run.mode,
        "rerank": run.rerank,
        **{name: run.metrics[name] for name in figures_in_order(run.metrics)},
        "documents": len(loaded.documents),
        "refused": loaded.refused + loaded.failed,
        "chunks": run.parameters["chunks"],
        "load_seconds": round(loaded.seconds, 1),
    }
