"""A second factor at sign-in: a code of six digits that an app on the user's own device makes of a shared secret and the time,
by RFC 6238, and recovery codes for who has lost the device.

The secret is kept sealed, and of recovery codes, of 80 random bits each, there are only digests: a copy of the database lets
nobody in. A code counts once, also when it comes twice at the same moment.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Iterable
from urllib.parse import quote, urlencode

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F, Func, Value
from django.db.models.functions import Now
from django_otp.oath import TOTP

from ragsite.core.actors import Actor
from ragsite.core.errors import ConflictError, PermanentError
from ragsite.core.sealing import seal, unseal
from ragsite.gateway.accounts import account_log
from ragsite.gateway.models import SecondFactor

ISSUER = "ragsite"
DIGITS, STEP_SECONDS, STEPS_OFF = 6, 30, 1
RECOVERY_CODES, RECOVERY_BYTES = 10, 10
_SECRET_BYTES = 20
_CODE = re.compile(r"[0-9]{6}", re.ASCII)
_IGNORED = re.compile(r"[\s-]")


class WrongCodeError(PermanentError):
    """A code that is not the one, or was used before; seen by who signs in or sets a factor up."""

    action = "Wait for the next code of your app and type that, or a recovery code that you have not used."


def new_secret() -> str:
    """A secret as people type it into an app that can't read pictures: base32, 160 random bits."""
    return base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def secret_address(secret: str, *, name: str) -> str:
    """What the picture says that an app reads."""
    about = {"secret": secret, "issuer": ISSUER, "algorithm": "SHA1", "digits": DIGITS, "period": STEP_SECONDS}
    return f"otpauth://totp/{quote(f'{ISSUER}:{name}', safe='')}?{urlencode(about)}"


def has_second_factor(user: User) -> bool:
    return SecondFactor.objects.filter(user=user).exists()


@transaction.atomic
def second_factor_add(*, user: User, secret: str, code: str, actor: Actor) -> list[str]:
    """The user signs in with a code besides from now on; the recovery codes, which are not kept.

    Raises:
        WrongCodeError: the app does not show this code, so it has another secret.
        ConflictError: the user has a second factor already.
    """
    step = _step(base64.b32decode(secret), code, after=0)
    if step is None:
        raise WrongCodeError("This is not the code that the app should show now.")
    codes = _new_codes()
    try:
        with transaction.atomic():
            SecondFactor.objects.create(
                user=user, sealed_key=seal(secret), last_step=step, recovery_hashes=_hashes(codes)
            )
    except IntegrityError as error:
        raise ConflictError(
            f"{user.get_username()} has a second factor already.", action="Remove it before you set up another."
        ) from error
    account_log(f"{user.get_username()} set up a second factor", "account.second_factor_added", user, actor=actor)
    return codes


def second_factor_check(*, user: User, code: str, actor: Actor) -> None:
    """The code is the user's and was not used before; now it is.

    Raises:
        WrongCodeError: it is neither a code of now nor one of the recovery codes, or was used.
        UnreadableSecretError: the secret can't be read; a recovery code still counts.
    """
    typed = _IGNORED.sub("", code)
    factor = SecondFactor.objects.filter(user=user).first()
    if factor is None:
        raise WrongCodeError("There is no second factor to check.")
    if _CODE.fullmatch(typed):
        step = _step(base64.b32decode(unseal(factor.sealed_key)), typed, after=factor.last_step)
        taken = step is not None and SecondFactor.objects.filter(pk=factor.pk, last_step__lt=step).update(
            last_step=step, last_used_at=Now()
        )
    else:
        taken = _recovery_take(factor, typed, actor=actor)
    if not taken:
        raise WrongCodeError("This code is wrong, or was used before.")


@transaction.atomic
def recovery_codes_renew(*, user: User, actor: Actor) -> list[str]:
    """New recovery codes, which are not kept; those before them are no longer taken."""
    codes = _new_codes()
    if not SecondFactor.objects.filter(user=user).update(recovery_hashes=_hashes(codes)):
        raise ConflictError(f"{user.get_username()} has no second factor.", action="Set one up first.")
    account_log(
        f"{user.get_username()} was given new recovery codes", "account.recovery_codes_renewed", user, actor=actor
    )
    return codes


@transaction.atomic
def second_factor_remove(*, user: User, actor: Actor) -> bool:
    """The user signs in with a password alone again, or sets up another; whether there was one."""
    removed, _ = SecondFactor.objects.filter(user=user).delete()
    if removed:
        what = f"the second factor of {user.get_username()} was removed"
        account_log(what, "account.second_factor_removed", user, actor=actor)
    return bool(removed)


def _step(key: bytes, typed: str, *, after: int) -> int | None:
    """The step of time after `after` whose code it is, of now and its neighbours."""
    if not _CODE.fullmatch(typed):
        return None
    totp = TOTP(key, step=STEP_SECONDS, digits=DIGITS)
    return int(totp.t()) if totp.verify(int(typed), tolerance=STEPS_OFF, min_t=after + 1) else None


@transaction.atomic
def _recovery_take(factor: SecondFactor, typed: str, *, actor: Actor) -> bool:
    digest = _hash(typed)
    without = Func(
        F("recovery_hashes"),
        Value(digest),
        function="array_remove",
        output_field=SecondFactor._meta.get_field("recovery_hashes"),
    )
    holders = SecondFactor.objects.filter(pk=factor.pk, recovery_hashes__contains=[digest])
    taken = bool(holders.update(recovery_hashes=without, last_used_at=Now()))
    if taken:
        what = f"{factor.user.get_username()} used a recovery code"
        account_log(what, "account.recovery_code_used", factor.user, actor=actor)
    return taken


def _new_codes() -> list[str]:
    """16 letters and digits in groups of four, as people copy them."""
    texts = [base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode().lower() for _ in range(RECOVERY_CODES)]
    return ["-".join(text[place : place + 4] for place in range(0, len(text), 4)) for text in texts]


def _hashes(codes: Iterable[str]) -> list[str]:
    return [_hash(_IGNORED.sub("", code)) for code in codes]


def _hash(typed: str) -> str:
    return hashlib.sha256(typed.lower().encode("utf-8", "surrogatepass")).hexdigest()
