"""Where an import goes: the tenant, the ids, the names, and whether there is room for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from uuid import UUID

from django.utils.text import slugify

from apps.documents.models import DocumentVersion, KnowledgeBase
from apps.retrieval.models import LexicalVersion
from ragsite.core.actors import Actor, change_log
from ragsite.core.bounds import lengths_check
from ragsite.core.configuration import AuditSettings
from ragsite.core.errors import ConfigurationError, ConflictError, NotFoundError, PermanentError
from ragsite.core.ids import new_id
from ragsite.core.limits import LimitKind, Per, Work
from ragsite.gateway.limits.buckets import Bucket, Party, PartyKind
from ragsite.gateway.limits.limiter import Limiter
from ragsite.gateway.limits.parties import tenant_limits
from ragsite.gateway.limits.rows import limits_of
from ragsite.gateway.limits.usage import limits_used
from ragsite.gateway.models import Tenant
from ragsite.transfers.ids import Ids, derived, is_id
from ragsite.transfers.manifest import DamagedExportError, Manifest
from ragsite.transfers.reading import Census

AT_ONCE = 5_000
QUOTAS = (LimitKind(Work.UPLOAD_BYTES, Per.DAY), LimitKind(Work.UPLOAD_BYTES, Per.MONTH))


@dataclass(frozen=True, slots=True)
class Destination:
    """What an operator asks for: a tenant that is there, or the name of a new one; neither for the tenant as it was called there.
    `renamed` are knowledge bases by their names there.
    """

    into: str = ""
    new_tenant: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Landing:
    """The tenant: the one that is there, or what a new one is called."""

    tenant_id: UUID
    name: str
    slug: str
    there: Tenant | None = None

    @property
    def is_new(self) -> bool:
        return self.there is None

    def tenant_made(self, actor: Actor) -> Tenant:
        """The tenant, in the import's transaction."""
        if self.there is not None:
            return self.there
        days = AuditSettings.current().days
        made = Tenant.objects.create(pk=self.tenant_id, name=self.name, slug=self.slug, audit_days=days)
        change_log(f"tenant {made.slug} was made", actor=actor, action="tenant.created", of=made)
        return made


def landing_found(manifest: Manifest, to: Destination) -> Landing:
    """Where it goes.

    Raises:
        NotFoundError: there is no such tenant.
        ConflictError: a tenant that is to be made is there already, or its name makes no short name.
        ConfigurationError: nobody said into which tenant a knowledge base goes.
    """
    if to.into:
        there = Tenant.objects.filter(slug=to.into).first()
        if there is None:
            raise NotFoundError(f"There is no tenant {to.into!r}.", action="Give its short name, or --new-tenant NAME.")
        return Landing(there.pk, there.name, there.slug, there)
    if not to.new_tenant and not manifest.is_whole:
        raise ConfigurationError(
            "The export is of a knowledge base, and nobody said of which tenant it shall be.",
            action="Give --into TENANT, or --new-tenant NAME.",
        )
    return _new(manifest, to.new_tenant)


def _new(manifest: Manifest, name: str) -> Landing:
    slug = slugify(name) if name else manifest.slug
    if not slug or slug != slugify(slug) or not is_id(manifest.tenant_id):
        raise ConflictError(f"{name or manifest.slug!r} makes no short name of a tenant.", action="Give another one.")
    lengths_check(Tenant, name=name or manifest.tenant, slug=slug)
    if Tenant.objects.filter(slug=slug).exists():
        raise ConflictError(
            f"There is a tenant {slug!r} already.",
            action=f"Give --into {slug} to import into it, or --new-tenant NAME to make one of another name.",
        )
    old = UUID(manifest.tenant_id)
    is_free = not name and not Tenant.objects.filter(pk=old).exists()
    return Landing(old if is_free else new_id(), name or manifest.tenant, slug)


def ids_chosen(landing: Landing, census: Census) -> Ids:
    """The ids that rows have here: their own, unless one of them is taken.

    Raises:
        ConflictError: a knowledge base of the export is in the tenant already.
    """
    kept = not any(_taken(census))
    ids = Ids(landing.tenant_id, kept=kept, known=frozenset(census.known))
    if kept:
        return ids
    bases = census.ids[KnowledgeBase]
    candidates = bases | {derived(one, tenant_id=landing.tenant_id) for one in bases}
    there = KnowledgeBase.objects.filter(pk__in=candidates, tenant=landing.tenant_id).order_by("pk").first()
    if there is not None:
        raise ConflictError(
            f"Tenant {landing.slug!r} has the knowledge base {there.name!r} of this export already ({there.pk}).",
            action="Nothing needs to be done if it was imported before; else import into another tenant.",
        )
    return ids


def _taken(census: Census) -> Iterator[bool]:
    for model, known in census.ids.items():
        for some in _batches(known):
            yield model._default_manager.filter(pk__in=some).exists()
    # What was removed a moment ago may still stand in the index.
    for some in _batches(census.ids[DocumentVersion]):
        yield LexicalVersion.objects.filter(version_id__in=some).exists()


def _batches(ids: Iterable[str]) -> Iterator[list[str]]:
    left = iter(ids)
    while some := list(islice(left, AT_ONCE)):
        yield some


def names_chosen(manifest: Manifest, landing: Landing, census: Census, to: Destination) -> dict[str, str]:
    """The names of the knowledge bases here, by their ids there.

    Raises:
        NotFoundError: one that shall be renamed is not in the export.
        ConflictError: the tenant has one of such a name.
    """
    if manifest.knowledge_bases.keys() != census.ids[KnowledgeBase]:
        raise DamagedExportError("manifest.json of the export is damaged: it names other knowledge bases.")
    if unknown := sorted(set(to.renamed) - set(manifest.knowledge_bases.values())):
        raise NotFoundError(f"The export has no knowledge base {unknown[0]!r}.")
    names = {pk: to.renamed.get(name, name) for pk, name in manifest.knowledge_bases.items()}
    for name in names.values():
        lengths_check(KnowledgeBase, name=name)
    taken = KnowledgeBase.objects.filter(tenant=landing.tenant_id, name__in=names.values(), deleted_at=None)
    if found := sorted(taken.values_list("name", flat=True)):
        raise ConflictError(
            f"Tenant {landing.slug!r} has another knowledge base {found[0]!r}.",
            action=f"Give --rename '{found[0]}=OTHER NAME'.",
        )
    if len(set(names.values())) < len(names):
        raise ConflictError("Two knowledge bases would have the same name.", action="Give them different ones.")
    return names


def quota_check(landing: Landing, size: int) -> None:
    """Raises PermanentError: the tenant may not upload so many bytes more today, or this month."""
    for one in limits_used([_party(landing)]):
        if one.kind in QUOTAS and one.left is not None and one.left < size:
            raise PermanentError(
                f"The export has {size:,} bytes of files, and tenant {landing.slug!r} may upload {one.left:,} more "
                f"this {one.kind.per}.",
                code="quota_exceeded",
                action="Raise its limit of upload_bytes, or wait until it begins anew.",
            )


def quota_use(landing: Landing, size: int) -> None:
    """Count the bytes as uploaded."""
    party, now = _party(landing), datetime.now(UTC)
    limiter = Limiter()
    limiter.change([(Bucket.of(party, kind, now), size) for kind in QUOTAS if kind in party.limits])
    limiter.uses_write()


def _party(landing: Landing) -> Party:
    own: Any = limits_of(landing.there) if landing.there is not None else {}
    return Party(PartyKind.TENANT, "", str(landing.tenant_id), tenant_limits(own))
