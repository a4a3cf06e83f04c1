"""`manage.py models`: add models, download and check them, say which are used, remove them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import CommandParser

from apps.models.installed_model import ModelKind
from apps.models.management.shown import (
    held_json,
    held_line,
    task_json,
    task_line,
    version_json,
    version_line,
    version_told,
)
from apps.models.models import ModelTask, ModelVersion, OrderKind, TaskState
from apps.models.selectors import model_tasks_open, model_versions
from apps.models.servers.trial import TRIALS, trials_passed
from apps.models.services.choices import VersionChoices
from apps.models.services.connecting import Connection, connection_try, model_connect, model_test
from apps.models.services.fallbacks import model_fall_back
from apps.models.services.holding import model_order, models_held, order_answers, workers_with_models
from apps.models.services.registry import BUNDLED_WRITER, model_activate, model_make_default, model_register
from apps.models.services.removing import model_remove
from apps.models.services.repositories import HUB_ID
from apps.models.services.tasks import model_pull, model_task_cancel, model_verify, task_follow
from apps.models.services.versions import version_found
from ragsite.core.actors import Actor
from ragsite.core.commands import base
from ragsite.core.commands.base import Options, Told
from ragsite.core.commands.parsers import About
from ragsite.core.commands.progress import bar
from ragsite.core.commands.trying import undone_if
from ragsite.core.errors import PermanentError

ACTOR = Actor.of_command("manage.py models")
ANSWER_SECONDS = 30.0
"""Workers look for orders every five seconds, and a large model takes its time."""
NOTHING_WRITTEN = "Nothing was written."
GOES_ON = "Run it again: it goes on with what is there, and so do the model workers."


class Command(base.Command):
    sentence = "Add models, download and check them, choose which version is used, remove them."

    def arguments_add(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        for name, (about, arguments, _) in DOORS.items():
            arguments(self.action_add(actions, name, about))

    def run(self, options: Options) -> Told:
        return DOORS[options["action"]][2](options)


def _list(options: Options) -> Told:
    versions, tasks, held = list(model_versions()), list(model_tasks_open()), list(models_held())
    lines = [*map(version_line, versions), *map(task_line, tasks), *map(held_line, held)]
    told = {
        "versions": [*map(version_json, versions)],
        "tasks": [*map(task_json, tasks)],
        "held": [*map(held_json, held)],
    }
    return Told(told, "\n".join(lines))


def _add(options: Options) -> Told:
    source = options["source"]
    is_here = source == BUNDLED_WRITER or Path(source).expanduser().exists()
    return _pull(options) if HUB_ID.fullmatch(source) and not is_here else _register(options)


def _pull(options: Options) -> Told:
    chosen = {key: options[key] for key in ("source", "revision", "file", "sha256")}
    with undone_if(options["dry_run"]):
        task = model_pull(name=options["name"] or "", choices=_choices(options), actor=ACTOR, **chosen)
    if options["dry_run"]:
        return _would(f"1 repository would be downloaded: {task.source} at {task.commit}.", task_json(task))
    return _task_told(task) if options["no_wait"] else _of_task(_followed(task))


def _register(options: Options) -> Told:
    chosen = {key: options[key] for key in ("source", "name", "revision")}
    with undone_if(options["dry_run"]):
        version = model_register(**chosen, choices=_choices(options), actor=ACTOR)
    return _changed(version, options, "registered")


def _choices(options: Options) -> VersionChoices:
    return VersionChoices(options["query_prompt"], options["document_prompt"], options["dimensions"])


def _verify(options: Options) -> Told:
    with undone_if(options["dry_run"]):
        task = model_verify(version_id=options["version_id"], actor=ACTOR)
    if not options["dry_run"]:
        return _of_task(_followed(task))
    version = version_found(options["version_id"])
    files = len(version.files)
    return _would(f"{files} files of {version} would be read and compared.", task_json(task) | {"files": files})


def _activate(options: Options) -> Told:
    with undone_if(options["dry_run"]):
        version = model_activate(version_id=options["version_id"], actor=ACTOR)
    return _changed(version, options, "used of its model")


def _default(options: Options) -> Told:
    with undone_if(options["dry_run"]):
        version = model_make_default(version_id=options["version_id"], actor=ACTOR)
    return _changed(version, options, "used where no model is named")


def _fallback(options: Options) -> Told:
    with undone_if(options["dry_run"]):
        version = model_fall_back(version_id=options["version_id"], to=options["to"], actor=ACTOR)
    return _changed(version, options, "given this fallback")


def _remove(options: Options) -> Told:
    about = version_json(version_found(options["version_id"]))
    with undone_if(options["dry_run"]):
        task = model_remove(version_id=options["version_id"], actor=ACTOR)
    if options["dry_run"]:
        size = f", with {about['bytes']:,} bytes of files" if task is not None else ""
        return _would(f"1 version would be removed: {about['model']} {about['revision'][:12]}{size}.", about)
    if task is not None:
        _followed(task)
    return Told(about | {"removed": True}, f"{options['version_id']}  removed")


def _cancel(options: Options) -> Told:
    with undone_if(options["dry_run"]):
        task = model_task_cancel(task_id=options["task_id"], actor=ACTOR)
    return _would(f"1 task would be cancelled: {task}.", task_json(task)) if options["dry_run"] else _task_told(task)


def _order(options: Options) -> Told:
    kind, worker = OrderKind(options["action"]), options["worker"]
    with undone_if(options["dry_run"]):
        order = model_order(version_id=options["version_id"], kind=kind, worker=worker, actor=ACTOR)
    workers = [worker] if worker else workers_with_models()
    if options["dry_run"]:
        return _would(
            f"{len(workers)} model workers would be told to {kind.value} {order.version}.", {"workers": workers}
        )
    answers = order_answers(order, workers=workers, seconds=ANSWER_SECONDS) if workers else {}
    silent = [one for one in workers if one not in answers]
    lines = [f"{one}: {answers[one]}" for one in sorted(answers)] + [f"{one}: no answer yet." for one in silent]
    return Told({"answers": answers, "silent": silent}, "\n".join(lines or ["No model worker is running."]))


def _connect(options: Options) -> Told:
    connection = Connection(
        name=options["name"],
        kind=ModelKind(options["kind"]),
        urls=options["url"],
        model=options["model"],
        key=sys.stdin.readline().strip() if options["key_stdin"] else "",
        key_env=options["key_env"],
        max_tokens=options["max_tokens"],
        query_prompt=options["query_prompt"],
        document_prompt=options["document_prompt"],
    )
    if options["dry_run"]:
        trials = connection_try(connection)
        trials_passed(trials)
        words = [trial.in_words for trial in trials]
        return _would("\n".join([*words, f"1 model would be connected: {connection.name}."]), {"trials": words})
    connected = model_connect(connection, by_default=options["default"], actor=ACTOR)
    return version_told(connected.version, *connected.trials)


def _test(options: Options) -> Told:
    trials = model_test(version_id=options["version_id"])
    trials_passed(trials)
    words = [trial.in_words for trial in trials]
    return Told({"trials": words}, "\n".join(words))


def _followed(task: ModelTask) -> ModelTask:
    """The task at its end.

    Raises:
        PermanentError: it failed, or was cancelled.
    """
    with bar(str(task), None) as progress:
        ended = task_follow(task, told=lambda now: progress.to(0, f"{now}: {now.in_words}"))
    if ended.state != TaskState.DONE:
        raise PermanentError(f"{ended}: {ended.in_words}")
    return ended


def _of_task(task: ModelTask) -> Told:
    return version_told(task.version) if task.version else Told({}, "")


def _task_told(task: ModelTask) -> Told:
    return Told(task_json(task), task_line(task))


def _changed(version: ModelVersion, options: Options, how: str) -> Told:
    if not options["dry_run"]:
        return version_told(version)
    return _would(f"1 version would be {how}: {version_line(version)}.", version_json(version))


def _would(text: str, about: dict[str, Any]) -> Told:
    return Told({"dry_run": True, **about}, f"{text} {NOTHING_WRITTEN}")


def _no_arguments(parser: CommandParser) -> None:
    """Of an action that takes none."""


def _add_source(parser: CommandParser) -> None:
    parser.add_argument("source", help="A folder, a GGUF file, a hub id such as owner/name, or smollm2.")
    parser.add_argument("--name", help="The model's name; else the hub id or the folder's name.")
    parser.add_argument("--revision", help="The version's name; of a hub model its full commit hash.")
    _add_prompts(parser)
    parser.add_argument("--dimensions", type=int, help="Keep the first so many numbers of each vector.")
    parser.add_argument("--file", default="", help="Of a hub: the weights, where a repository has several.")
    parser.add_argument("--sha256", default="", help="Of a hub: what the weights must have.")
    parser.add_argument("--no-wait", action="store_true", help="Of a hub: leave the download to the model workers.")


def _add_prompts(parser: CommandParser) -> None:
    parser.add_argument("--query-prompt", help="What the model reads before a question; '' for nothing.")
    parser.add_argument("--document-prompt", help="What the model reads before a passage; '' for nothing.")


def _add_connection(parser: CommandParser) -> None:
    parser.add_argument("name", help="What the model is called here.")
    parser.add_argument("--url", action="append", required=True, help="http://host:8000/v1; once for each server.")
    parser.add_argument("--model", required=True, help="What its servers call it.")
    parser.add_argument(
        "--kind", choices=[kind.value for kind in TRIALS], default=ModelKind.GENERATION.value, help="What it does."
    )
    parser.add_argument("--max-tokens", type=int, help="What it reads at once, if its servers do not say so.")
    _add_prompts(parser)
    parser.add_argument("--default", action="store_true", help="Use it where no model is named.")
    key = parser.add_mutually_exclusive_group()
    key.add_argument("--key-env", default="", help="The variable that holds the key; its name ends in _API_KEY.")
    key.add_argument("--key-stdin", action="store_true", help="Read the key from the standard input.")


def _add_version(parser: CommandParser) -> None:
    parser.add_argument("version_id", type=UUID, metavar="VERSION_ID", help="The version; `models list` shows it.")


def _add_fallback(parser: CommandParser) -> None:
    _add_version(parser)
    parser.add_argument("to", type=UUID, nargs="?", metavar="TO", help="That version; none to end it.")


def _add_order(parser: CommandParser) -> None:
    _add_version(parser)
    parser.add_argument("--worker", default="", help="Only in this one; `models list` names them.")


def _add_task(parser: CommandParser) -> None:
    parser.add_argument("task_id", type=UUID, metavar="TASK_ID", help="The download or check; `models list` shows it.")


def _about(sentence: str, *examples: tuple[str, str], changes: bool = True, resumed: str = "Run it again.") -> About:
    told = tuple((f"manage.py models {command}", does) for command, does in examples)
    return About(sentence=sentence, examples=told, changes=changes, resumed=resumed)


_PULL = ("pull intfloat/multilingual-e5-small --revision COMMIT", "download that commit, and check it")
_ADD = ("add ./e5 --name intfloat/multilingual-e5-small", "a folder of this machine")

Row = tuple[About, Callable[[CommandParser], None], Callable[[Options], Told]]
DOORS: dict[str, Row] = {
    "list": (
        _about("List all versions, the downloads under way, and what workers hold.", ("list", "all of it"), changes=False),
        _no_arguments, _list,
    ),
    "add": (_about("Add what is here, or download it from a hub.", _ADD, resumed=GOES_ON), _add_source, _add),
    "register": (
        _about("The same as add.", ("register smollm2", "the small language model that comes with it"), resumed=GOES_ON),
        _add_source, _add,
    ),
    "pull": (_about("Download from a hub.", _PULL, resumed=GOES_ON), _add_source, _pull),
    "connect": (
        _about("Use a model that a server runs, such as vLLM or Ollama.",
               ("connect assistant --url http://127.0.0.1:11434/v1 --model llama3.2:3b --default", "one of Ollama")),
        _add_connection, _connect,
    ),
    "test": (
        _about("Ask a connected version at its servers for a little.", ("test VERSION_ID", "at each of them"), changes=False),
        _add_version, _test,
    ),
    "verify": (
        _about("Read a version's files again, and compare them with what they were.",
               ("verify VERSION_ID", "after a disk was repaired"), resumed=GOES_ON),
        _add_version, _verify,
    ),
    "activate": (
        _about("Use this version of its model.", ("activate VERSION_ID", "in place of the one before")),
        _add_version, _activate,
    ),
    "default": (
        _about("Use this version where no model is named.", ("default VERSION_ID", "for new knowledge bases")),
        _add_version, _default,
    ),
    "remove": (
        _about("Forget a version, and remove what was downloaded of it.", ("remove VERSION_ID --dry-run", "what would go"),
               resumed="The model workers remove what is left of its files."),
        _add_version, _remove,
    ),
    "cancel": (_about("Cancel a download or check.", ("cancel TASK_ID", "one under way")), _add_task, _cancel),
    "fallback": (
        _about("Let another version answer where this one does not.", ("fallback LARGE SMALL", "the smaller one"),
               ("fallback LARGE", "none any more")),
        _add_fallback, _fallback,
    ),
    **{
        kind.value: (
            _about(f"{kind.label}, in the model workers.", (f"{kind.value} VERSION_ID", "in each of them")),
            _add_order, _order,
        )
        for kind in OrderKind
    },
}  # fmt: skip
"""What each action says of itself, takes, and does."""
