from __future__ import annotations

import pytest

from ragsite.core.errors import ConflictError
from ragsite.gateway.models import Tenant
from ragsite.gateway.tenants import tenant_get_or_create
from tests import factories as make
from tests.acting import ACTOR

pytestmark = pytest.mark.django_db


def test_a_tenant_is_made_once() -> None:
    first = tenant_get_or_create(name="Grauhorn Observatory", actor=ACTOR)
    assert tenant_get_or_create(name="Grauhorn Observatory", actor=ACTOR) == first
    assert (first.name, first.slug) == ("Grauhorn Observatory", "grauhorn-observatory")


@pytest.mark.parametrize("name", ["", "   ", "!!!", "天文台"])
def test_a_name_that_gives_no_short_name_is_refused_and_nothing_is_made(name: str) -> None:
    with pytest.raises(ConflictError) as caught:
        tenant_get_or_create(name=name, actor=ACTOR)
    assert repr(name) in caught.value.message
    assert not Tenant.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_tenant_asked_for_by_many_at_once_is_made_once() -> None:
    made = make.in_parallel(6, lambda: tenant_get_or_create(name="Harbour", actor=ACTOR).pk)
    assert set(made) == {Tenant.objects.get().pk}
