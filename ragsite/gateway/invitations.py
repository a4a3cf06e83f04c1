"""A new colleague: an account without a password, a membership, and a link by which the colleague sets the password once.

No mail is sent. Who invites hands the link on; it is Django's token for a password, which ends with its first use or after
Django's `PASSWORD_RESET_TIMEOUT`.
"""

from __future__ import annotations

from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from ragsite.core.actors import Actor, change_log
from ragsite.core.bounds import lengths_check
from ragsite.core.errors import ConflictError
from ragsite.gateway.members import member_add
from ragsite.gateway.models import Role, Tenant


def colleague_invite(*, tenant: Tenant, name: str, email: str = "", role: Role = Role.READER, actor: Actor) -> User:
    """The account of a colleague who belongs to the tenant; nobody can sign in to it before its password is set.

    Raises:
        PermanentError: the name or the address is too long.
        ConflictError: the name is taken, in whatever tenant.
    """
    lengths_check(User, username=name, email=email)
    try:
        with transaction.atomic():
            user = User.objects.create_user(name, email=email)
            member_add(user=user, tenant=tenant, role=role, actor=actor)
            what = f"{name} was invited to tenant {tenant.slug}"
            change_log(what, actor=actor, action="user.invited", of=user, tenant_id=tenant.pk)
    except IntegrityError as error:
        raise ConflictError(f"There is already somebody named {name!r}.", action="Choose another name.") from error
    return user


def password_link(user: User) -> str:
    """The path of the page that sets the password of an account that has none."""
    token = default_token_generator.make_token(user)
    return reverse("password-set", args=[urlsafe_base64_encode(force_bytes(user.pk)), token])
