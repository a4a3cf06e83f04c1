from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from ragsite.gateway.keys import principal_of_key
from ragsite.gateway.models import ApiKey, Tenant

pytestmark = pytest.mark.django_db


def test_the_command_prints_a_key_that_works_and_nothing_else() -> None:
    printed = StringIO()
    call_command("apikey", "ci", "--tenant", "Harbour", "--permissions", "read", "query", stdout=printed)
    principal = principal_of_key(printed.getvalue().strip())
    assert (principal.name, principal.tenant_id) == ("ci", Tenant.objects.get(slug="harbour").pk)
    assert principal.permissions == {"read", "query"}


def test_a_permission_that_does_not_exist_is_refused_and_no_key_is_made() -> None:
    with pytest.raises(CommandError, match="'fly'"):
        call_command("apikey", "ci", "--permissions", "fly")
    assert not ApiKey.objects.exists()
