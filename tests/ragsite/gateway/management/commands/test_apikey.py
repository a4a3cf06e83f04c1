from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from ragsite.gateway.errors import AuthenticationError
from ragsite.gateway.keys import principal_of_key
from ragsite.gateway.models import ApiKey, Tenant
from tests import factories as make

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


def made(*arguments: str) -> str:
    printed = StringIO()
    call_command("apikey", *arguments, stdout=printed)
    return printed.getvalue().strip()


def test_a_key_is_for_named_knowledge_bases_and_for_a_time() -> None:
    base, other = (make.knowledge_base(of=make.tenant("Harbour")) for _ in range(2))
    text = made("kiosk", "--tenant", "Harbour", "--knowledge-bases", base.name, str(other.pk), "--expires", "90d")
    assert principal_of_key(text).knowledge_base_ids == {base.pk, other.pk}
    expires_at = ApiKey.objects.get().expires_at
    assert expires_at is not None
    assert timedelta(days=89) < expires_at - timezone.now() < timedelta(days=91)
    with pytest.raises(CommandError, match="no knowledge base 'Nowhere'"):
        made("kiosk", "--tenant", "Harbour", "--knowledge-bases", "Nowhere")
    assert ApiKey.objects.count() == 1


@pytest.mark.parametrize("when", ["soon", "2020-01-01", "1999-12-31T10:00:00+00:00", "0d", "2030-13-01"])
def test_a_time_that_is_none_or_past_is_refused(when: str) -> None:
    with pytest.raises(CommandError, match="--expires"):
        made("ci", "--expires", when)
    assert not ApiKey.objects.exists()


def test_a_key_is_rotated_by_its_name_or_beginning_and_by_a_name_of_several_not_at_all() -> None:
    first = made("ci")
    second = made("ci", "--rotate", "--grace-hours", "1")
    assert principal_of_key(first) == principal_of_key(second)
    third = made(second.partition(".")[0], "--rotate", "--grace-hours", "0")
    with pytest.raises(AuthenticationError):
        principal_of_key(second)
    assert principal_of_key(third).name == "ci"
    made("ci", "--rotate", "--dry-run")
    assert principal_of_key(third).name == "ci"
    made("ci")
    with pytest.raises(CommandError, match="the name of several keys"):
        made("ci", "--rotate")
    with pytest.raises(CommandError, match="no valid key 'cd'"):
        made("cd", "--rotate")
