"""`manage.py models`: add models, download and check them, say which are used, remove them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.models.installed_model import ModelKind
from apps.models.models import ModelCache, ModelTask, ModelVersion, OrderKind, TaskState
from apps.models.selectors import model_tasks_open, model_versions, prompts_shown
from apps.models.servers.trial import TRIALS, trials_passed
from apps.models.services.choices import VersionChoices
from apps.models.services.connecting import Connection, model_connect, model_test
from apps.models.services.fallbacks import model_fall_back
from apps.models.services.holding import model_order, models_held, order_answers, workers_with_models
from apps.models.services.registry import BUNDLED_WRITER, model_activate, model_make_default, model_register
from apps.models.services.removing import model_remove
from apps.models.services.repositories import HUB_ID
from apps.models.services.tasks import model_pull, model_task_cancel, model_verify, task_follow
from ragsite.core.actors import Actor
from ragsite.core.errors import RagError

ACTOR = Actor.of_command("manage.py models")
MEGABYTE = 1024 * 1024
ANSWER_SECONDS = 30.0
"""Workers look for orders every five seconds, and a large model takes its time."""
Lines = Iterable[str]


class Command(BaseCommand):
    help = "Add models, download and check them, choose which version is used, remove them."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="List all versions, and the downloads under way.")
        for name, told in ADDING.items():
            adding = actions.add_parser(name, help=told)
            _add_source(adding)
            _add_choices(adding)
            _add_download(adding)
        _add_connection(actions.add_parser("connect", help="Use a model that a server runs, such as vLLM or Ollama."))
        for name, told in BY_VERSION.items():
            actions.add_parser(name, help=told).add_argument("version_id", type=UUID)
        for kind in OrderKind:
            order = actions.add_parser(kind.value, help=f"{kind.label}, in the model workers.")
            order.add_argument("version_id", type=UUID)
            order.add_argument("--worker", default="", help="Only in this one; `list` names them.")
        fallback = actions.add_parser("fallback", help="Let another version answer where this one does not.")
        fallback.add_argument("version_id", type=UUID)
        fallback.add_argument("to", type=UUID, nargs="?", help="That version; none to end it.")
        cancel = actions.add_parser("cancel", help="Cancel a download or check.")
        cancel.add_argument("task_id", type=UUID)

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        try:
            for line in DOORS[action](self, {**options, "action": action}):
                self.stdout.write(line)
        except RagError as error:
            raise CommandError(error.sentence) from error

    def followed(self, task: ModelTask) -> ModelTask:
        """The task at its end, with a line for each part of the way.

        Raises:
            CommandError: it failed, or was cancelled.
        """
        said: list[str] = []

        def tell(now: ModelTask) -> None:
            if (line := _task_line(now)) not in said[-1:]:
                said.append(line)
                self.stdout.write(line)

        ended = task_follow(task, told=tell)
        if ended.state != TaskState.DONE:
            raise CommandError(f"{ended}: {ended.in_words}")
        return ended


def _list(command: Command, options: dict[str, Any]) -> Lines:
    return [*map(_line, model_versions()), *map(_task_line, model_tasks_open()), *map(_held_line, models_held())]


def _add(command: Command, options: dict[str, Any]) -> Lines:
    source = options["source"]
    is_here = source == BUNDLED_WRITER or Path(source).expanduser().exists()
    return _pull(command, options) if HUB_ID.fullmatch(source) and not is_here else _register(command, options)


def _pull(command: Command, options: dict[str, Any]) -> Lines:
    chosen = {key: options[key] for key in ("source", "revision", "file", "sha256")}
    task = model_pull(name=options["name"] or "", choices=_choices(options), actor=ACTOR, **chosen)
    if options["no_wait"]:
        return [_task_line(task)]
    return _of_task(command.followed(task))


def _register(command: Command, options: dict[str, Any]) -> Lines:
    chosen = {key: options[key] for key in ("source", "name", "revision")}
    return [_line(model_register(**chosen, choices=_choices(options), actor=ACTOR))]


def _choices(options: dict[str, Any]) -> VersionChoices:
    return VersionChoices(options["query_prompt"], options["document_prompt"], options["dimensions"])


def _verify(command: Command, options: dict[str, Any]) -> Lines:
    return _of_task(command.followed(model_verify(version_id=options["version_id"], actor=ACTOR)))


def _activate(command: Command, options: dict[str, Any]) -> Lines:
    return [_line(model_activate(version_id=options["version_id"], actor=ACTOR))]


def _default(command: Command, options: dict[str, Any]) -> Lines:
    return [_line(model_make_default(version_id=options["version_id"], actor=ACTOR))]


def _remove(command: Command, options: dict[str, Any]) -> Lines:
    task = model_remove(version_id=options["version_id"], actor=ACTOR)
    if task is not None:
        command.followed(task)
    return [f"{options['version_id']}  removed"]


def _cancel(command: Command, options: dict[str, Any]) -> Lines:
    return [_task_line(model_task_cancel(task_id=options["task_id"], actor=ACTOR))]


def _order(command: Command, options: dict[str, Any]) -> Lines:
    worker = options["worker"]
    order = model_order(version_id=options["version_id"], kind=OrderKind(options["action"]), worker=worker, actor=ACTOR)
    workers = [worker] if worker else workers_with_models()
    answers = order_answers(order, workers=workers, seconds=ANSWER_SECONDS) if workers else {}
    silent = [one for one in workers if one not in answers]
    lines = [f"{one}: {answers[one]}" for one in sorted(answers)] + [f"{one}: no answer yet." for one in silent]
    return lines or ["No model worker is running."]


def _fallback(command: Command, options: dict[str, Any]) -> Lines:
    return [_line(model_fall_back(version_id=options["version_id"], to=options["to"], actor=ACTOR))]


def _connect(command: Command, options: dict[str, Any]) -> Lines:
    connected = model_connect(
        Connection(
            name=options["name"],
            kind=ModelKind(options["kind"]),
            urls=options["url"],
            model=options["model"],
            key=sys.stdin.readline().strip() if options["key_stdin"] else "",
            key_env=options["key_env"],
            max_tokens=options["max_tokens"],
            query_prompt=options["query_prompt"],
            document_prompt=options["document_prompt"],
        ),
        by_default=options["default"],
        actor=ACTOR,
    )
    return [*(trial.in_words for trial in connected.trials), _line(connected.version)]


def _test(command: Command, options: dict[str, Any]) -> Lines:
    tried = model_test(version_id=options["version_id"])
    for trial in tried:
        command.stdout.write(trial.in_words)
    trials_passed(tried)
    return []


DOORS: dict[str, Callable[[Command, dict[str, Any]], Lines]] = {
    "list": _list, "add": _add, "register": _add, "pull": _pull, "connect": _connect, "test": _test, "verify": _verify,
    "activate": _activate, "default": _default, "remove": _remove, "cancel": _cancel, "fallback": _fallback,
    **dict.fromkeys(OrderKind.values, _order),
}  # fmt: skip

ADDING = {
    "add": "Add what is here, or download it from a hub.",
    "register": "The same as add.",
    "pull": "Download from a hub.",
}
BY_VERSION = {
    "test": "Ask a connected version at its servers for a little.",
    "verify": "Read a version's files again, and compare them with what they were.",
    "activate": "Use this version of its model.",
    "default": "Use this version where no model is named.",
    "remove": "Forget a version, and remove what was downloaded of it.",
}


def _add_source(parser: CommandParser) -> None:
    parser.add_argument("source", help="A folder, a GGUF file, a hub id such as owner/name, or smollm2.")
    parser.add_argument("--name", help="The model's name; else the hub id or the folder's name.")
    parser.add_argument("--revision", help="The version's name; of a hub model its full commit hash.")


def _add_prompts(parser: CommandParser) -> None:
    parser.add_argument("--query-prompt", help="What the model reads before a question; '' for nothing.")
    parser.add_argument("--document-prompt", help="What the model reads before a passage; '' for nothing.")


def _add_choices(parser: CommandParser) -> None:
    _add_prompts(parser)
    parser.add_argument("--dimensions", type=int, help="Keep the first so many numbers of each vector.")


def _add_download(parser: CommandParser) -> None:
    parser.add_argument("--file", default="", help="Of a hub: the weights, where a repository has several.")
    parser.add_argument("--sha256", default="", help="Of a hub: what the weights must have.")
    parser.add_argument("--no-wait", action="store_true", help="Of a hub: leave the download to the model workers.")


def _add_connection(parser: CommandParser) -> None:
    parser.add_argument("name", help="What the model is called here.")
    parser.add_argument("--url", action="append", required=True, help="http://host:8000/v1; once for each server.")
    parser.add_argument("--model", required=True, help="What its servers call it.")
    parser.add_argument("--kind", choices=[kind.value for kind in TRIALS], default=ModelKind.GENERATION.value)
    parser.add_argument("--max-tokens", type=int, help="What it reads at once, if its servers do not say so.")
    _add_prompts(parser)
    parser.add_argument("--default", action="store_true", help="Use it where no model is named.")
    key = parser.add_mutually_exclusive_group()
    key.add_argument("--key-env", default="", help="The variable that holds the key; its name ends in _API_KEY.")
    key.add_argument("--key-stdin", action="store_true", help="Read the key from the standard input.")


def _of_task(task: ModelTask) -> Lines:
    return [_line(task.version)] if task.version else []


def _line(version: ModelVersion) -> str:
    default = " (default)" if version.model.is_default else ""
    does = f"{version.dimensions} dimensions" if version.dimensions else version.kind
    tokens = f"{version.max_tokens} tokens  " if version.max_tokens else ""
    where = f"  at {', '.join(version.urls)}" if version.urls else ""
    size = f"  {version.bytes / MEGABYTE:,.1f} MB" if version.bytes else ""
    prompts = f"  prompts: {shown}" if (shown := prompts_shown(version)) else ""
    why = f"  {version.error}" if version.error else ""
    why += f"  falls back to {version.fallback_id}" if version.fallback_id else ""
    return (
        f"{version.pk}  {version.model.name}{default}  {version.get_status_display().lower()}  "
        f"{does}  {tokens}{version.revision[:12]}{where}{size}{prompts}{why}"
    )


def _task_line(task: ModelTask) -> str:
    return f"{task.pk}  {task}: {task.in_words}"


def _held_line(held: ModelCache) -> str:
    pinned = ", stays loaded" if held.pinned else ""
    return (
        f"{held.worker}  holds {held.version}  {held.device}  {held.bytes / MEGABYTE:,.1f} MB  {held.uses} uses{pinned}"
    )
