"""Signed messages, posted with care: the address is read strictly, its host is resolved here, and the connection goes to an
address that was checked. Whoever names an address could else make this server speak from inside the operator's network.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from apps.documents.intake.addresses import ForbiddenUrlError, IpAddress, WebAddress, as_ip, is_public, web_address
from apps.documents.intake.fetching import FetchDeadline, Network, UrlUnreachableError, asked
from apps.monitoring.webhooks.signing import signed
from ragsite.core.configuration import ServerSettings, WebhookSettings
from ragsite.core.errors import PermanentError, ServiceUnavailableError

SECONDS = 10.0
"""For all of a message: to resolve, connect, send and be answered."""


class WebhookUrlError(PermanentError):
    """The address is not one that messages are sent to; seen by who names it."""

    code = "url_forbidden"
    action = "Give an https address that everybody can reach, on port 443, without a login in it."


class WebhookSilentError(ServiceUnavailableError):
    """The receiver does not take a message now; seen with the delivery."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message: to where, under which id, and signed by what."""

    url: str
    body: bytes
    message_id: str
    secret: str = field(repr=False)


def address_check(url: str) -> WebAddress:
    """The address, if it is one that a tenant's messages may go to, as far as it says by itself.

    Raises:
        WebhookUrlError: it is not; nothing was connected to.
    """
    own = WebhookSettings.current().own_hosts
    is_own = _is_named(url, own)
    try:
        address = web_address(url, allowed_hosts=own if is_own else ())
    except ForbiddenUrlError as error:
        raise WebhookUrlError(error.message) from error
    literal = as_ip(address.host)
    if not is_own and (address.scheme != "https" or (literal is not None and not is_public(literal))):
        raise WebhookUrlError(f"The address {url[:200]!r} is not an https address that everybody can reach.")
    return address


def letter_send(letter: Letter) -> int:
    """Post to an address that a tenant named; the status of the answer.

    Raises:
        WebhookUrlError: the address is not one to send to, or its host leads to one that is not.
        WebhookSilentError: it does not answer, or not in time.
    """
    address = address_check(letter.url)
    own = _is_named(letter.url, WebhookSettings.current().own_hosts)
    return letter_post(letter, address, Network(allows=_anywhere if own else is_public, trust=_trust()))


def letter_post(letter: Letter, address: WebAddress, network: Network) -> int:
    """Post to this address; the status of the answer, whose body is not read. Raises as `letter_send`."""
    headers = signed(letter.body, message_id=letter.message_id, at=int(time.time()), secret=letter.secret)
    given = (*headers.items(), ("User-Agent", "ragsite"), ("Content-Type", "application/json"), ("Connection", "close"))
    try:
        with asked(address, network, FetchDeadline.within(SECONDS), headers=given, body=letter.body) as answer:
            return answer.status
    except UrlUnreachableError as error:
        raise WebhookSilentError(f"The receiver does not answer: {error.message}") from error
    except ForbiddenUrlError as error:
        raise WebhookUrlError(error.message) from error


def letter_of_operator(letter: Letter) -> int:
    """Post to an address that the operator's settings name, wherever it leads. Raises as `letter_send`."""
    parts = urlsplit(letter.url)
    names = {parts.hostname or "", f"{parts.hostname}:{parts.port}"}
    try:
        address = web_address(letter.url, allowed_hosts=names)
    except ForbiddenUrlError as error:
        raise WebhookUrlError(error.message, action="Correct the address in the settings.") from error
    return letter_post(letter, address, Network(allows=_anywhere, trust=_trust()))


def _anywhere(_: IpAddress) -> bool:
    return True


def _is_named(url: str, hosts: Collection[str]) -> bool:
    """Whether the operator named the host, with its port if that is another than those of the web."""
    try:
        return urlsplit(url).netloc.lower() in hosts
    except ValueError:
        return False


def _trust() -> str:
    return ServerSettings.current().ca_file or Network().trust
