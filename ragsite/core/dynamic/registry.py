"""The settings that can be changed while the system runs, as one table: a new one is a row, and its takers read it as before.

Type, default and bounds are those of the variable of the environment that it goes before; see `ragsite.core.environment`. What
holds: default < environment < installation < tenant < knowledge base. What is read once, when a process starts, has no row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.conf import settings

from ragsite.core.dynamic.places import Level
from ragsite.core.dynamic.values import Kind, Value, Values
from ragsite.core.environment import Environment
from ragsite.core.errors import NotFoundError
from ragsite.core.limits import limits_read
from ragsite.core.marking import marked as _
from ragsite.core.setting_files import is_given

KILOBYTE, MEGABYTE, GIGABYTE = 1024, 1024**2, 1024**3
EVERYWHERE = (Level.INSTALLATION, Level.TENANT, Level.KNOWLEDGE_BASE)
FOR_ALL = (Level.INSTALLATION,)

SEARCH, ANSWER, UPLOAD, REQUEST = (
    _("the next search"),
    _("the next question"),
    _("the next upload"),
    _("the next request"),
)
PARSE, WORK, KEY, TOKEN = _("the next file that is read"), _("the next work"), _("the next key"), _("the next token")
SIGN_IN, JUDGING, DOWNLOAD, INDEX = (
    _("the next sign-in"),
    _("the next look"),
    _("the next download"),
    _("the next index"),
)


def vector_store_read(store: str) -> None:
    """Raises ValueError: there is no such store in this installation."""
    if store == "milvus" and not is_given("RAGSITE_MILVUS_URL"):
        raise ValueError("RAGSITE_MILVUS_URL names no Milvus")


@dataclass(frozen=True)
class DynamicSetting:
    """`variable` is the environment's, as it is called there, and `setting` Django's, which has the same in other `units`.

    It may be set at the `levels`: by an operator for the installation, by owners for their tenant and its knowledge bases. One
    that `narrows` can't be more for these than above them: owners spend what the operator gives. `taken_up` says what is the
    first that goes by a change.
    """

    name: str
    variable: str
    levels: tuple[Level, ...]
    taken_up: str
    setting: str = ""
    units: int = 1
    narrows: bool = False
    most: float | None = None
    reads: Callable[[str], object] | None = None

    @property
    def django_name(self) -> str:
        return self.setting or self.variable

    @cached_property
    def values(self) -> Values:
        return Values.of_field(Environment.model_fields[self.variable.lower()], most=self.most, reads=self.reads)

    @property
    def kind(self) -> Kind:
        return self.values.kind

    @property
    def default(self) -> Value:
        found: Value = Environment.model_fields[self.variable.lower()].default
        return found

    @property
    def description(self) -> str:
        return Environment.model_fields[self.variable.lower()].description or ""

    @property
    def is_given(self) -> bool:
        """Whether the environment of this process says it."""
        return is_given(self.variable)

    @property
    def of_process(self) -> Value:
        """What holds where nobody has changed anything: the environment's, or the default."""
        found: Any = getattr(settings, self.django_name)
        if self.kind is Kind.NUMBER:
            return float(found) / self.units
        value: Value = found // self.units if self.kind is Kind.WHOLE else found
        return value

    def for_django(self, value: Value) -> Any:
        """The value in the units of Django's setting."""
        return value if self.units == 1 else int(value * self.units)  # type: ignore[operator]  # only numbers have units

    def below(self, value: Value, above: Value) -> Value:
        """What holds of a value that was set below another."""
        return min(value, above) if self.narrows else value  # type: ignore[type-var]  # numbers and switches narrow


DYNAMIC_SETTINGS: tuple[DynamicSetting, ...] = (
    DynamicSetting("search.seconds", "RAGSITE_SEARCH_SECONDS", EVERYWHERE, SEARCH, narrows=True, most=600),
    DynamicSetting("search.reranked", "RAGSITE_RERANKED_PASSAGES", EVERYWHERE, SEARCH, narrows=True),
    DynamicSetting("search.candidates", "RAGSITE_SEARCH_CANDIDATES", EVERYWHERE, SEARCH),
    DynamicSetting("search.index_rows", "RAGSITE_HNSW_MIN_ROWS", FOR_ALL, INDEX),
    DynamicSetting("search.vector_store", "RAGSITE_VECTOR_STORE", EVERYWHERE, INDEX, reads=vector_store_read),
    DynamicSetting("search.quantised_rows", "RAGSITE_QUANTISED_MIN_ROWS", EVERYWHERE, INDEX),
    DynamicSetting("search.index_megabytes", "RAGSITE_INDEX_MEMORY_MB", FOR_ALL, INDEX),
    DynamicSetting("answers.kept_seconds", "RAGSITE_ANSWER_CACHE_SECONDS", EVERYWHERE, ANSWER),
    DynamicSetting("answers.stand_in_seconds", "RAGSITE_ANSWER_STAND_IN_SECONDS", EVERYWHERE, ANSWER),
    DynamicSetting(
        "answers.kept_megabytes", "RAGSITE_ANSWER_CACHE_MB", FOR_ALL, ANSWER, "RAGSITE_ANSWER_CACHE_BYTES", MEGABYTE
    ),
    DynamicSetting("answers.heartbeat_seconds", "RAGSITE_STREAM_HEARTBEAT_SECONDS", FOR_ALL, ANSWER),
    DynamicSetting("documents.ocr", "RAGSITE_OCR", EVERYWHERE, PARSE),
    DynamicSetting(
        "documents.metadata_kilobytes", "RAGSITE_MAX_METADATA_KB", FOR_ALL, UPLOAD, "RAGSITE_MAX_METADATA_BYTES", KILOBYTE
    ),
    DynamicSetting(
        "documents.page_megabytes", "RAGSITE_MAX_PAGE_MB", FOR_ALL, REQUEST, "RAGSITE_MAX_PAGE_BYTES", MEGABYTE
    ),
    DynamicSetting("fetching.enabled", "RAGSITE_URL_INGESTION", EVERYWHERE, UPLOAD, narrows=True),
    DynamicSetting("fetching.seconds", "RAGSITE_URL_SECONDS", EVERYWHERE, UPLOAD, narrows=True),
    DynamicSetting("work.attempts", "RAGSITE_MAX_ATTEMPTS", FOR_ALL, WORK, most=20),
    DynamicSetting(
        "models.disk_gigabytes", "RAGSITE_MODELS_QUOTA_GB", FOR_ALL, DOWNLOAD, "RAGSITE_MODELS_QUOTA_BYTES", GIGABYTE,
        most=100_000,
    ),
    DynamicSetting("alerts.queue_seconds", "RAGSITE_ALERT_QUEUE_SECONDS", FOR_ALL, JUDGING),
    DynamicSetting("keys.days", "RAGSITE_KEY_DAYS", FOR_ALL, KEY),
    DynamicSetting("keys.longest_days", "RAGSITE_KEY_LONGEST_DAYS", FOR_ALL, KEY),
    DynamicSetting("keys.grace_hours", "RAGSITE_KEY_GRACE_HOURS", FOR_ALL, KEY),
    DynamicSetting("tokens.seconds", "RAGSITE_TOKEN_SECONDS", FOR_ALL, TOKEN),
    DynamicSetting("tokens.refresh_hours", "RAGSITE_TOKEN_REFRESH_HOURS", FOR_ALL, TOKEN),
    DynamicSetting("sign_in.tries", "RAGSITE_SIGN_IN_TRIES", FOR_ALL, SIGN_IN, most=1_000),
    DynamicSetting("sign_in.address_tries", "RAGSITE_SIGN_IN_ADDRESS_TRIES", FOR_ALL, SIGN_IN, most=100_000),
    DynamicSetting("sign_in.wait_seconds", "RAGSITE_SIGN_IN_WAIT_SECONDS", FOR_ALL, SIGN_IN, most=86_400),
    DynamicSetting("limits.of_key", "RAGSITE_LIMITS_OF_KEY", FOR_ALL, REQUEST, reads=limits_read),
    DynamicSetting("limits.of_user", "RAGSITE_LIMITS_OF_USER", FOR_ALL, REQUEST, reads=limits_read),
    DynamicSetting("limits.of_tenant", "RAGSITE_LIMITS_OF_TENANT", FOR_ALL, REQUEST, reads=limits_read),
    DynamicSetting("limits.of_address", "RAGSITE_LIMITS_OF_ADDRESS", FOR_ALL, REQUEST, reads=limits_read),
    DynamicSetting("limits.without_redis", "RAGSITE_LIMITS_WITHOUT_REDIS", FOR_ALL, REQUEST),
    DynamicSetting("requests.if_match", "RAGSITE_REQUIRE_IF_MATCH", FOR_ALL, REQUEST),
)  # fmt: skip

BY_NAME: Mapping[str, DynamicSetting] = {one.name: one for one in DYNAMIC_SETTINGS}


def setting_named(name: str) -> DynamicSetting:
    """Raises NotFoundError: nothing of that name can be changed while the system runs."""
    if name not in BY_NAME:
        raise NotFoundError(
            f"There is no setting {name[:80]!r} that can be changed while the system runs.",
            action="`manage.py settings list` names those there are.",
        )
    return BY_NAME[name]
