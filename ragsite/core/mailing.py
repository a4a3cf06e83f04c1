"""Mail goes to its server as everything else does: one with TLS is checked by the authorities that the operator names."""

from __future__ import annotations

import ssl

from django.core.mail.backends.smtp import EmailBackend
from django.utils.functional import cached_property

from ragsite.core.configuration import ServerSettings


class MailBackend(EmailBackend):
    """Django's own, which knows the system's authorities alone."""

    @cached_property
    def ssl_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=ServerSettings.current().ca_file or None)
