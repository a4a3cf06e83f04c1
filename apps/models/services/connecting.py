"""Models that servers of their own run: asked first, then registered, so that what is connected answers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.db import transaction

from apps.models.installed_model import ModelKind
from apps.models.models import Model, ModelStatus, ModelVersion
from apps.models.prompts import Prompts, prompt_room, prompts_checked, prompts_of_family
from apps.models.selectors import endpoint_of
from apps.models.servers.endpoint import Endpoint
from apps.models.servers.trial import Trial, names_offered, trials, trials_passed
from apps.models.services.versions import (
    model_hold,
    model_make_default_of_kind,
    version_change,
    version_found,
    version_hold,
    version_registered,
    version_use,
    version_use_if_first,
)
from ragsite.core.actors import Actor, change_log
from ragsite.core.bounds import lengths_check
from ragsite.core.configuration import ServerSettings
from ragsite.core.database import connection_release
from ragsite.core.environment import key_named
from ragsite.core.errors import ConflictError, PermanentError
from ragsite.core.sealing import seal
from ragsite.core.server_urls import server_urls
from ragsite.core.transport import is_open

REVISION_CHARACTERS = 64
IDENTITY = ("query_prompt", "document_prompt", "dimensions")
SERVERS = ("source", "urls", "key_sealed", "key_env")
"""Columns that all versions have alike that are one model there."""

LONGEST_KEY = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What is connected: a model's name here, its servers and what it is called there, and a key or the variable that holds one.

    Without either the key stays that was given before, as long as the servers do. `max_tokens` is what the model reads at once;
    None leaves it to the server to say. The prompts are an embedding model's; None leaves them as they were, or to its family.
    """

    name: str
    kind: ModelKind
    urls: Sequence[str]
    model: str
    key: str = field(default="", repr=False)
    key_env: str = ""
    max_tokens: int | None = None
    query_prompt: str | None = None
    document_prompt: str | None = None


@dataclass(frozen=True, slots=True)
class Connected:
    """The version, and what came of asking each of its servers."""

    version: ModelVersion
    trials: list[Trial]


def model_connect(connection: Connection, *, by_default: bool = False, actor: Actor) -> Connected:
    """Ask a model at its servers, and use it from then on: it becomes its name's active version, and `by_default` the model that
    is used where none is named. Connected again under its name it is the same version, with the new servers and key.

    Raises:
        PermanentError: an address, a name or a key cannot be; or a server refused.
        ModelUnavailableError, DeadlineExceededError: a server did not answer. Nothing is registered then.
        ConflictError: the name belongs to another kind of model.
    """
    endpoint = connection_checked(connection)
    connection_release()
    tried = trials(endpoint, connection.kind)
    trials_passed(tried)
    columns = _columns(connection, endpoint, tried) | _of_vectors(connection, tried)
    _check_room(connection, columns)
    with transaction.atomic():
        model = model_hold(connection.name, connection.kind)
        version = _version(model, columns, actor=actor)
        _servers_change(version, actor=actor)
        if version.status != ModelStatus.ACTIVE:
            version_use(version, actor=actor)
        version_use_if_first(version, actor=actor)
        if by_default:
            model_make_default_of_kind(version, actor=actor)
    change_log(f"model version {version.pk} was connected", actor=actor, action=None)
    return Connected(version, tried)


def model_test(*, version_id: UUID) -> list[Trial]:
    """Ask a connected version at each of its servers for a little.

    Raises:
        ModelNotFoundError: there is no such version.
        ConflictError: no server runs it.
        ModelKeyError: its key cannot be had.
    """
    version = version_found(version_id)
    endpoint = endpoint_of(version)
    if endpoint is None:
        raise ConflictError(
            f"{version} is run by model workers.", action="Check its files by `manage.py models verify`."
        )
    connection_release()
    return trials(endpoint, ModelKind(version.kind))


def connection_try(connection: Connection) -> list[Trial]:
    """Ask a model at each of its servers for a little, and write nothing.

    Raises:
        PermanentError: an address, a name or a key cannot be.
    """
    endpoint = connection_checked(connection)
    connection_release()
    return trials(endpoint, connection.kind)


def connection_offers(connection: Connection) -> tuple[str, ...]:
    """The names of the models at the first server; none where it does not say.

    Raises:
        PermanentError: an address or a key cannot be, or the server refused.
        ModelUnavailableError, DeadlineExceededError: it did not answer.
    """
    endpoint = connection_checked(replace(connection, name=connection.name or "-", model=connection.model or "-"))
    connection_release()
    return names_offered(endpoint)


def connection_checked(connection: Connection) -> Endpoint:
    """Where the model is, and the key for it, before anything is asked.

    Raises:
        PermanentError: an address, a name or a key cannot be.
    """
    try:
        urls = server_urls(list(connection.urls))
        if ServerSettings.current().requires_tls and any(map(is_open, urls)):
            raise ValueError("RAGSITE_REQUIRE_TLS asks for addresses that begin with https://")
        if connection.key_env:
            key_named(connection.key_env)
    except ValueError as error:
        raise PermanentError(f"The model cannot be connected: {error}.", action="Give another.") from None
    lengths_check(ModelVersion, server_model=connection.model, key_env=connection.key_env)
    lengths_check(Model, name=connection.name)
    _check_texts(connection)
    if connection.key or connection.key_env:
        return Endpoint(urls, connection.model, _sealed(connection.key), "" if connection.key else connection.key_env)
    return _with_known_key(connection, urls)


def _check_texts(connection: Connection) -> None:
    if not connection.name.strip() or not connection.model.strip():
        raise PermanentError("A name here and the model's name at its server are due.", action="Give both.")
    key = connection.key
    if len(key) > LONGEST_KEY or not key.isascii() or (key and not key.isprintable()):
        raise PermanentError(f"The key is none of up to {LONGEST_KEY} plain characters.", action="Give it once more.")


def _sealed(key: str) -> str:
    return seal(key) if key else ""


def _with_known_key(connection: Connection, urls: tuple[str, ...]) -> Endpoint:
    """With the key that was given before, which goes to no other server than those it was given for."""
    known = _known(connection)
    endpoint = endpoint_of(known) if known else None
    if endpoint is None or not _hosts(urls) <= _hosts(endpoint.urls):
        return Endpoint(urls, connection.model)
    return Endpoint(urls, connection.model, endpoint.key_sealed, endpoint.key_env)


def _known(connection: Connection) -> ModelVersion | None:
    versions = ModelVersion.objects.select_related("model").exclude(server_model="")
    named = versions.filter(model__name=connection.name, revision=_revision(connection.model))
    return named.filter(status=ModelStatus.ACTIVE).first() or named.first()


def _hosts(urls: Sequence[str]) -> set[tuple[str, str]]:
    return {(parts.scheme, parts.netloc.lower()) for parts in map(urlsplit, urls)}


def _revision(model: str) -> str:
    """A version is what its servers call it: where they are may change."""
    return model if len(model) <= REVISION_CHARACTERS else hashlib.sha256(model.encode()).hexdigest()


def _columns(connection: Connection, endpoint: Endpoint, tried: Sequence[Trial]) -> dict[str, Any]:
    stated = [trial.max_tokens for trial in tried if trial.max_tokens is not None]
    return {
        "revision": _revision(connection.model),
        "source": endpoint.urls[0],
        "urls": list(endpoint.urls),
        "server_model": endpoint.model,
        "key_sealed": endpoint.key_sealed,
        "key_env": endpoint.key_env,
        "max_tokens": connection.max_tokens or min(stated, default=None),
    }


def _version(model: Model, columns: dict[str, Any], *, actor: Actor) -> ModelVersion:
    same = {name: columns[name] for name in ("revision", *IDENTITY)}
    known = ModelVersion.objects.filter(model=model, **same).exclude(server_model="").first()
    if known is None:
        version = ModelVersion.objects.create(model=model, kind=model.kind, status=ModelStatus.READY, **columns)
        version_registered(version, actor=actor)
        return version
    version = version_hold(known)
    version_change(version, "urls", actor=actor, **columns)
    return version


def _servers_change(version: ModelVersion, *, actor: Actor) -> None:
    """Versions of the same model with other prompts are at the same servers: indexes may still need them."""
    columns = {name: getattr(version, name) for name in SERVERS}
    others = ModelVersion.objects.select_related("model").filter(model=version.model_id, revision=version.revision)
    for other in others.exclude(pk=version.pk).exclude(server_model=""):
        version_change(other, "urls", actor=actor, **columns)


def _of_vectors(connection: Connection, tried: Sequence[Trial]) -> dict[str, Any]:
    """What tells versions of an embedding model apart.

    Raises:
        ConflictError: its servers answer vectors of several widths.
    """
    if connection.kind != ModelKind.EMBEDDING:
        if connection.query_prompt or connection.document_prompt:
            raise PermanentError("Only embedding models read prompts.", action="Connect it without them.")
        return {"query_prompt": "", "document_prompt": "", "dimensions": None}
    widths = {trial.dimensions for trial in tried}
    if len(widths) != 1:
        raise ConflictError(
            f"The servers answer vectors of {sorted(map(str, widths))} numbers: they run several models."
        )
    prompts = _prompts(connection)
    return {"query_prompt": prompts.query, "document_prompt": prompts.document, "dimensions": widths.pop()}


def _prompts(connection: Connection) -> Prompts:
    known = _known(connection)
    if known is not None:
        usual = Prompts(known.query_prompt, known.document_prompt)
    else:
        usual = prompts_of_family([connection.name, connection.model], model_type=None)
    query, document = connection.query_prompt, connection.document_prompt
    return prompts_checked(
        Prompts(usual.query if query is None else query, usual.document if document is None else document)
    )


def _check_room(connection: Connection, columns: dict[str, Any]) -> None:
    """Documents are cut to what an embedding model reads, so that must be known."""
    if connection.kind != ModelKind.EMBEDDING:
        return
    longest = columns["max_tokens"]
    if longest is None:
        raise PermanentError(
            f"The server does not say how many tokens {connection.model!r} reads at once.",
            action="Give it with --max-tokens, as its card says; a server may have been started with less.",
        )
    if max(map(prompt_room, (columns["query_prompt"], columns["document_prompt"]))) >= longest:
        raise PermanentError(
            f"The prompts leave no room in the {longest} tokens that it reads.", action="Shorten them."
        )
