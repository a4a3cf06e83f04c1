"""Pages of tables in the code: the settings, the jobs, the payloads of events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from apps.monitoring.operations.setting_words import SETTING_WORDS
from docs.site.markdown import code, table, target, words
from docs.site.schemas import fields_table
from ragsite.core.dynamic.registry import DYNAMIC_SETTINGS, DynamicSetting
from ragsite.core.environment import PROJECT_DIR, Environment
from ragsite.core.event_schemas import schema_of
from ragsite.core.events import Event, events
from workers.jobs import JOBS, Job

SETTINGS = """# Settings

Every variable of the environment, made of the class that reads them: what the admin calls it, its type, bounds and default,
and what has to be started again when it changes. [Operations](../operations.md#settings) explains them one by one.

"""
CHANGED = """## Changed while the system runs

These go before the variable beside them, for the installation, a tenant or a knowledge base:
[configuration](../configuration.md).

"""
ALL_JOBS = """# All jobs

Everything that runs behind a queue, made of the table in the code. [Jobs](../jobs.md) explains the columns, and how to add one.

"""
PAYLOADS = """# Payloads of events

What each event has as its `data`, made of the classes in the code. Envelope, order and delivery are in [events](../events.md). A
field with a star is always there.

"""
BOUNDS = {"ge": "from {}", "gt": "more than {}", "le": "to {}", "min_length": "{} characters at least"}


def settings_page() -> str:
    """Every setting below its heading."""
    headings = dict.fromkeys(str(told.heading) for told in SETTING_WORDS.values())
    parts = [f"## {heading}\n\n{_settings_of(heading)}" for heading in headings]
    rows = [
        (code(one.name), code(one.variable), ", ".join(_level(one)), "yes" if one.narrows else "", str(one.taken_up))
        for one in DYNAMIC_SETTINGS
    ]
    changed = table(("name", "before the variable", "levels", "narrows", "first goes by a change"), rows)
    return SETTINGS + "\n".join([*parts, CHANGED + changed])


def _level(setting: DynamicSetting) -> Iterator[str]:
    return (level.value.replace("_", " ") for level in setting.levels)


def _settings_of(heading: str) -> str:
    rows = [
        (
            code(name),
            f"**{told.title}.** {words(_field(name).description or '')}",
            _values(_field(name)),
            str(told.affects),
        )
        for name, told in SETTING_WORDS.items()
        if str(told.heading) == heading
    ]
    return table(("variable", "meaning", "value", "read by"), rows)


def _field(variable: str) -> FieldInfo:
    return Environment.model_fields[variable.lower()]


def _values(field: FieldInfo) -> str:
    choices = get_args(field.annotation)
    kind = ", ".join(code(one) for one in choices) if choices else _kind(field.annotation)
    bounds = [
        words_.format(getattr(one, name))
        for one in field.metadata
        for name, words_ in BOUNDS.items()
        if hasattr(one, name)
    ]
    return "; ".join([kind, *bounds, _default(field)])


def _kind(annotation: Any) -> str:
    names = {bool: "`true` or `false`", int: "whole number", float: "number", SecretStr: "secret"}
    return names.get(annotation, "text")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
    text = str(value).replace(str(PROJECT_DIR), "PROJECT")
    shown = text.lower() if isinstance(value, bool) else text
    return f"default {code(shown)}" if shown else "default empty"


def jobs_page() -> str:
    """A row for each job."""
    rows = [
        (
            code(one.name),
            one.queue.value,
            code(one.work),
            str(one.claims) if one.rows else "",
            _limits(one),
            _every(one),
        )
        for one in JOBS
    ]
    return ALL_JOBS + table(("job", "queue", "work", "claims", "limits", "runs"), rows)


def _limits(job: Job) -> str:
    return f"{job.soft} s, {job.hard} s" if job.soft else "each call's deadline"


def _every(job: Job) -> str:
    return f"every {job.every:g} s" if job.every else "when its rows ask"


def events_page() -> str:
    """The fields of each event's payload, and of the objects within."""
    return PAYLOADS + "\n".join(_event(one) for one in sorted(events(), key=lambda one: (one.type, one.version)))


def _event(cls: type[Event]) -> str:
    schema = schema_of(cls)
    within: Mapping[str, Any] = schema.get("$defs", {})
    parts = [f"{target(f'event-{cls.type}-{cls.version}'.replace('.', '-').replace('_', '-'))}"]
    parts.append(f"## {cls.type}" + (f", version {cls.version}" if cls.version > 1 else "") + "\n")
    parts.append(f"{words(schema['description'])} Topic `{schema['x-topic']}`.\n")
    parts.append(fields_table(schema))
    parts += [f"`{name}`: {words(one.get('description', ''))}\n\n{fields_table(one)}" for name, one in within.items()]
    return "\n".join(parts)
