"""`manage.py reindex`: another model or other chunking for a knowledge base, while its searches go on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser
from django.db.models import Q

from apps.documents.intake.ingestion import knowledge_base_named
from apps.documents.lifecycle.stages import EMBED
from apps.documents.models import KnowledgeBase, PartsBy
from apps.models.gateway import using_transport
from apps.retrieval.models import REINDEX_WORKED_ON, GenerationState, IndexGeneration, Reindex, ReindexState, SwitchMode
from apps.retrieval.reindexing.asking import MARGIN, reindex_request, request_plan
from apps.retrieval.reindexing.dropping import generation_drop
from apps.retrieval.reindexing.planning import ReindexPlan
from apps.retrieval.reindexing.progress import duration_in_words, reindex_progress
from apps.retrieval.reindexing.services import (
    reindex_cancel,
    reindex_foreseen,
    reindex_open,
    reindex_resume,
    reindex_rollback,
    reindex_start,
    reindex_switch,
    rollback_foreseen,
)
from apps.retrieval.reindexing.waiting import REINDEX, REINDEXES
from ragsite.core.actors import Actor
from ragsite.core.commands import base as commands
from ragsite.core.commands.base import Options, Told
from ragsite.core.commands.exits import ExitCode
from ragsite.core.commands.parsers import About
from ragsite.core.commands.progress import bar
from ragsite.core.configuration import ModelSettings
from ragsite.core.errors import PermanentError
from ragsite.core.presence import workers_listening
from ragsite.core.work import Turn
from workers.jobs import job_named
from workers.running import job_run

ACTOR = Actor.of_command("manage.py reindex")
NOW = "now"
POLL_SECONDS = 0.5
TURN_SECONDS = 2.0
NOT_SWITCHED = frozenset({ReindexState.FAILED, ReindexState.REFUSED, ReindexState.CANCELLED})
NOTHING_WRITTEN = "Nothing was written."


class Command(commands.Command):
    reads_settings = True
    about = About(
        sentence="Build an index generation beside the live one, compare the two on the evaluation sets, and switch.",
        examples=(
            ("manage.py reindex --knowledge-base Handbooks --model other --dry-run", "what it would take"),
            (
                "manage.py reindex --knowledge-base Handbooks --chunking size=400,overlap=40",
                "other chunking, and the switch",
            ),
            ("manage.py reindex --knowledge-base Handbooks --status", "the generations, and how far it is"),
            ("manage.py reindex --knowledge-base Handbooks --rollback", "back to the generation before"),
            ("manage.py reindex --knowledge-base Handbooks --drop", "remove the generations that are kept"),
        ),
        notes=(
            "Searches go on meanwhile. The workers do the work, or this command if none runs. Started again with the same model "
            "and chunking, it goes on with what has not ended.",
        ),
        changes=True,
        resumed="The workers go on with it; the same command, or --resume, does too.",
    )

    def arguments_add(self, parser: CommandParser) -> None:
        parser.add_argument("--knowledge-base", required=True, metavar="NAME_OR_ID", help="What is re-indexed.")
        parser.add_argument("--tenant", default="", help="Its tenant, if several have one of that name.")
        parser.add_argument(
            "--model", default="", metavar="NAME_OR_ID", help="The embedding model; the current one if not given."
        )
        parser.add_argument(
            "--chunking", default="", metavar="size=400,overlap=40", help="Chunking settings that change, or JSON."
        )
        parser.add_argument(
            "--switch", choices=[*SwitchMode.values, NOW], default=SwitchMode.AUTO.value,
            help="auto: when the quality did not fall; manual: when you say so; now: switch to one that is ready or was refused.",
        )  # fmt: skip
        parser.add_argument(
            "--parts",
            choices=PartsBy.values,
            default="",
            help="By what vectors are kept in parts; as before if not given.",
        )
        parser.add_argument("--margin", type=float, default=MARGIN, help="How far nDCG@10 may fall (0.02).")
        instead = parser.add_mutually_exclusive_group()
        instead.add_argument("--resume", action="store_true", help="Continue the one that has not ended.")
        instead.add_argument("--status", action="store_true", help="List the generations and the current re-index.")
        instead.add_argument("--rollback", action="store_true", help="Switch back to the previous generation.")
        instead.add_argument("--cancel", action="store_true", help="Cancel the one that has not switched.")
        instead.add_argument("--drop", nargs="?", const=0, type=int, metavar="GENERATION",
                             help="Remove a generation that is kept; without a number all of them.")  # fmt: skip

    def run(self, options: Options) -> Told:
        base = knowledge_base_named(options["knowledge_base"], tenant=options["tenant"])
        told = _chosen(options)(base, options)
        not_switched = told.get("state") in NOT_SWITCHED and not options["cancel"] and not options["dry_run"]
        return Told(told, str(told["text"]), ExitCode.FAILED if not_switched else ExitCode.DONE)


Door = Callable[[KnowledgeBase, Options], dict[str, Any]]


def _chosen(options: Mapping[str, Any]) -> Door:
    doors: dict[str, Door] = {"status": _status, "resume": _resume, "rollback": _rollback, "cancel": _cancel}
    if options["drop"] is not None:
        return _drop
    if options["switch"] == NOW:
        return _switch
    return next((door for name, door in doors.items() if options[name]), _plan if options["dry_run"] else _start)


def _start(base: KnowledgeBase, options: Options) -> dict[str, Any]:
    """One that was interrupted and asks for the same is gone on with."""
    request = _request(base, options)
    generation = under_way.generation if (under_way := reindex_open(base)) else None
    asked = (request.model.version_id, request.chunking.key)
    same_parts = generation is not None and request.parts in (None, generation.parts)
    if generation and same_parts and (generation.model_version_id, generation.chunking_key) == asked:
        return _resume(base, options)
    return _watched(reindex_start(base, request, actor=ACTOR))


def _resume(base: KnowledgeBase, options: Options) -> dict[str, Any]:
    if options["dry_run"]:
        return _foreseen(reindex_foreseen(base, *ReindexState), "gone on with")
    return _watched(reindex_resume(base, actor=ACTOR))


def _switch(base: KnowledgeBase, options: Options) -> dict[str, Any]:
    if options["dry_run"]:
        return _foreseen(reindex_foreseen(base, ReindexState.READY, ReindexState.REFUSED), "switched to")
    return _watched(reindex_switch(base, actor=ACTOR))


def _rollback(base: KnowledgeBase, options: Options) -> dict[str, Any]:
    if not options["dry_run"]:
        return _watched(reindex_rollback(base, actor=ACTOR))
    target = rollback_foreseen(base)
    vectors = target.embeddings.count()
    about = {"generation_id": target.pk, "vectors": vectors}
    return _would(f"Generation {target.pk} with {vectors:,} vectors would be switched back to.", about)


def _cancel(base: KnowledgeBase, options: Options) -> dict[str, Any]:
    if options["dry_run"]:
        return _foreseen(reindex_foreseen(base, *ReindexState), "cancelled")
    return _told(reindex_cancel(base, actor=ACTOR))


def _foreseen(reindex: Reindex, how: str) -> dict[str, Any]:
    text = f"1 re-index would be {how}: of {reindex.chunk_total:,} chunks, with {reindex.embedded:,} vectors made."
    return _would(text, _told(reindex))


def _would(text: str, about: Mapping[str, Any]) -> dict[str, Any]:
    return {**about, "dry_run": True, "text": f"{text} {NOTHING_WRITTEN}"}


def _plan(base: KnowledgeBase, options: Options) -> dict[str, Any]:
    with _models_here():
        plan = request_plan(base, _request(base, options))
    return {"dry_run": True, **asdict(plan), "text": _plan_in_words(plan)}


def _status(base: KnowledgeBase, options: Options) -> dict[str, Any]:
    generations = [_generation(one) for one in _generations(base)]
    newest = Reindex.objects.filter(knowledge_base=base).first()
    lines = [f"{one['id']}: {one['state']}, {one['model']}, chunks of {one['size']} tokens" for one in generations]
    lines += [reindex_progress(newest).text] if newest else []
    about: dict[str, Any] = {"reindex": _told(newest) if newest else None, "generations": generations}
    return about | {"text": "\n".join(lines)}


def _drop(base: KnowledgeBase, options: Options) -> dict[str, Any]:
    wanted = [
        one
        for one in _generations(base)
        if (one.pk == options["drop"] if options["drop"] else one.state == GenerationState.RETIRED)
    ]
    if not wanted:
        raise PermanentError(
            f"{base.name!r} keeps no generation{' ' + str(options['drop']) if options['drop'] else ''} to drop.",
            action="See --status.",
        )
    if options["dry_run"]:
        vectors = sum(one.embeddings.count() for one in wanted)
        about = {"dropped": [one.pk for one in wanted], "vectors": vectors}
        return _would(f"{len(wanted)} generations would be dropped, with {vectors:,} vectors.", about)
    for generation in wanted:
        generation_drop(generation, actor=ACTOR)
    dropped = [one.pk for one in wanted]
    return {"dropped": dropped, "text": f"Dropped: {', '.join(map(str, dropped))}."}


def _watched(reindex: Reindex) -> dict[str, Any]:
    """What became of the re-index, after it has come to rest; without a worker it is worked on here."""
    with bar("Re-index", 1.0, share=True) as progress:
        while reindex.state in REINDEX_WORKED_ON:
            if not workers_listening(EMBED):
                _work_here(reindex)
            else:
                time.sleep(POLL_SECONDS)
            reindex = Reindex.objects.select_related("knowledge_base").get(pk=reindex.pk)
            now = reindex_progress(reindex)
            progress.to(now.share, now.text[:100])
    return _told(reindex)


def _work_here(reindex: Reindex) -> None:
    """A turn; a worker that was killed may still hold its lease."""
    with _models_here():
        if not job_run(job_named(REINDEX), turn=Turn.of(TURN_SECONDS), among=Q(pk=reindex.pk)):
            REINDEXES.give_up()
            time.sleep(POLL_SECONDS)


@contextmanager
def _models_here() -> Iterator[None]:
    with using_transport("fake" if ModelSettings.current().transport == "fake" else "local"):
        yield


def _request(base: KnowledgeBase, options: Options) -> Any:
    return reindex_request(
        base,
        model=options["model"],
        chunking=_chunking(options["chunking"]),
        switch=options["switch"],
        margin=options["margin"],
        parts=options["parts"],
    )


def _chunking(text: str) -> dict[str, Any]:
    """`size=400,overlap=40` or a JSON object, as settings."""
    if text.startswith("{"):
        try:
            return dict(json.loads(text))
        except ValueError as error:
            raise PermanentError(f"--chunking {text!r} is not JSON: {error}.", action="Mend it.") from error
    pairs = [part.partition("=") for part in text.split(",") if part]
    return {name.strip(): int(value) if value.strip().isdecimal() else value.strip() for name, _, value in pairs}


def _generations(base: KnowledgeBase) -> list[IndexGeneration]:
    rows = IndexGeneration.objects.filter(knowledge_base=base).exclude(state=GenerationState.DROPPED)
    return list(rows.select_related("model_version__model"))


def _generation(generation: IndexGeneration) -> dict[str, Any]:
    return {
        "id": generation.pk,
        "state": generation.state,
        "model": str(generation.model_version),
        "size": generation.chunking["size"],
        "vectors": generation.embeddings.count(),
    }


def _told(reindex: Reindex) -> dict[str, Any]:
    names = ("state", "generation_id", "previous_id", "embedded", "reused", "comparison", "note", "error")
    return {name: getattr(reindex, name) for name in names} | {"text": reindex_progress(reindex).text}


def _plan_in_words(plan: ReindexPlan) -> str:
    about = "about " if plan.is_estimate else ""
    took = "unknown, no model answered" if plan.seconds is None else f"about {duration_in_words(plan.seconds)}"
    return (
        f"{plan.documents:,} documents in {plan.versions:,} versions, {about}{plan.chunks:,} chunks: {plan.reused:,} vectors "
        f"are reused, {plan.vectors:,} are made by {plan.model} ({plan.dimensions} dimensions). Time: {took}. "
        f"Disk: about {plan.megabytes:,.1f} MB for vectors. Nothing was written."
    )
